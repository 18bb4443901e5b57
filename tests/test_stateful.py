"""`s3_push_media` in a world that does not hold still: the disk changes, users change the bucket, the network fails.

After each step that pushes, disk, bucket, report and exit code have to be what the model in `push_model.py` says.
The runs are made in this process, as many of them are needed; `S3SYNC_TEST_SEED` repeats a series.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from storages.backends.s3 import S3Storage

from tests import servers, soak
from tests.project import s3_options
from tests.proxy import Proxy, Request, Response, Rule, Verdict
from tests.push_model import PREFIX, Expected, File, Model, Object, Wish, above, key_of
from tests.servers import ON_MOTO

NAMES = [
    "a", "a/b", "a/b/c", "a-b", "a.b", "a/-", "a\\b", "a b/c d", " a", "a ", "b+c", "b%2Fc", "b%", "~b", "b~/c",
    ".hidden", ".b/c", "..b", "b..", "e\u0301", "\u00e9", "\u00e9/e\u0301", "日本/😀.jpg", "\ufffd", "A",
    "#?&=;'\"<>", ".DS_Store", "b/Thumbs.db", "many",
]  # fmt: skip
MANY = [f"many/{number:02}" for number in range(14)]
CONTENTS = [b"one", b"two", b"three", b"seven", b""]
OUTSIDE = ["other/a", "mediate", "media", "Media/a", "/media/a", "\u00e9"]
FEW = ["a", "a/b", "a\\b", "b", "c"]
"""So that the same ones meet again and again."""
SOME = st.one_of(st.sampled_from(FEW), st.sampled_from(NAMES))
OF_USERS = [PREFIX, "media/a/", "media/b/", "media//a", "media/user's own"]
KEYS = st.one_of(SOME.map(key_of), SOME.map(key_of), st.sampled_from(OF_USERS))
PREFIXES = [*[""] * 8, "a", "a/", "a-", "b", "\u00e9", "e", "many/0", "nothing/"]
GLOBS = ["a", "a/*", "*b", "b*", "[!a]*", "\u00e9", "many", "0?", ".*"]
FASTER = Object.plain(b"a user was faster")
LATER = 3600
OLD = 86_400


@cache
def _session(access_key: str, secret_key: str) -> boto3.session.Session:
    return boto3.session.Session(access_key, secret_key)


class Storage(S3Storage):
    """Django-storages', but with one session for all runs: reading botocore's model takes longer than a run."""

    def _create_session(self) -> Any:
        return _session(self.access_key, self.secret_key)


WISHES = st.builds(
    Wish,
    delete=st.sampled_from([False, False, True]),
    max_delete=st.sampled_from(["", "", "0", "1", "50%", "100%"]),
    prefix=st.sampled_from(PREFIXES),
    ignore=st.one_of(st.just(()), st.just(()), st.tuples(st.sampled_from(GLOBS))),
    engine=st.sampled_from(["auto", "fast", "boto3"]),
)
HANDS = st.sampled_from([{}, {}, {}, {"overwrite_newer": True}, {"no_clobber": True}])
REHEARSALS = st.sampled_from([{}, {}, {}, {}, {"dry_run": True}, {"check": True}])
FAULTS = st.sampled_from([None, None, None, None, "500", "drop", "drop-after", "taken", "refused"])


class Pushes(RuleBasedStateMachine):
    """One project and one bucket."""

    proxy: Proxy
    s3: Any
    folder: Path
    tally: Counter[str]
    """What the series has come to, for those who read the output."""

    @initialize(names=st.sets(SOME, min_size=2, max_size=5), content=st.sampled_from(CONTENTS), pushed=st.booleans())
    def begin(self, names: set[str], content: bytes, pushed: bool) -> None:
        """Some files, which were pushed already or not, and an empty bucket."""
        self.tally["worlds"] += 1
        self.root = self.folder / str(self.tally["worlds"])
        self.media, self.state = self.root / "media", self.root / "state"
        self.media.mkdir(parents=True)
        self.bucket = servers.make_bucket(self.s3, "stateful")
        self.model = Model()
        options = s3_options(self.proxy.server, self.bucket)
        backends = {
            "default": {"BACKEND": "tests.test_stateful.Storage", "OPTIONS": options},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }
        self.overridden = override_settings(
            STORAGES=backends, MEDIA_ROOT=str(self.media), S3SYNC={"STATE_DIR": str(self.state)}
        )
        self.overridden.enable()
        for name in sorted(names):
            self.write(name, content, False)
        if pushed:
            wish = Wish()
            self._run(wish, self.model.expected(wish))

    def teardown(self) -> None:
        """Whatever there was before: a last run, and there is nothing to do."""
        self.proxy.rule = None
        if sys.exc_info()[0] is None:
            self._push_and_compare(Wish(delete=True, max_delete="100%"), None)
        self.overridden.disable()
        shutil.rmtree(self.root)

    # The disk

    @rule(name=SOME, content=st.sampled_from(CONTENTS), is_new=st.booleans())
    def write(self, name: str, content: bytes, is_new: bool) -> None:
        """A file, in place of whatever is in its way."""
        for folder in above(name):
            if folder in self.model.files:
                self._remove(folder)
        for other in [other for other in self.model.files if name in above(other)]:
            self._remove(other)
        path = self._path(name)
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._date(name, File(content, is_new))

    @rule(count=st.integers(1, len(MANY)), content=st.sampled_from(CONTENTS))
    def write_many(self, count: int, content: bytes) -> None:
        """So many that a guard may stand before their deletion."""
        for name in MANY[:count]:
            self.write(name, content, False)

    @rule()
    def remove_many(self) -> None:
        """A folder of files goes."""
        for name in [name for name in self.model.files if name.startswith("many/")]:
            self._remove(name)

    @precondition(lambda self: self.model.files)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """A file goes; its folder stays."""
        self._remove(self._one_of(data, self.model.files))

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), to=SOME)
    def rename(self, data: st.DataObject, to: str) -> None:
        """A file gets another name, and may replace one."""
        name = self._one_of(data, self.model.files)
        file = self.model.files[name]
        self._remove(name)
        self.write(to, *file)

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), is_new=st.booleans())
    def touch(self, data: st.DataObject, is_new: bool) -> None:
        """Another time, the same bytes."""
        name = self._one_of(data, self.model.files)
        self._date(name, self.model.files[name]._replace(is_new=is_new))

    # Users

    @rule(key=KEYS, content=st.sampled_from(CONTENTS))
    def user_uploads(self, key: str, content: bytes) -> None:
        """A new object, or one in place of ours."""
        self._put(key, content)

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), in_parts=st.booleans())
    def other_tool_copies(self, data: st.DataObject, in_parts: bool) -> None:
        """The very bytes of a file, sent by somebody else, who may have another way to send."""
        name = self._one_of(data, self.model.files)
        content = self.model.files[name].content
        if in_parts and content:
            self._put_in_parts(key_of(name), content)
        else:
            self._put(key_of(name), content)

    @precondition(lambda self: self.model.bucket)
    @rule(data=st.data())
    def user_replaces(self, data: st.DataObject) -> None:
        """Other bytes of the same size."""
        key = self._one_of(data, self.model.bucket)
        content = self.model.bucket[key].content
        self._put_in_parts(key, content[::-1] + b"!") if data.draw(st.booleans()) else self._put(key, content[::-1])

    @precondition(lambda self: self.model.bucket)
    @rule(data=st.data())
    def user_deletes(self, data: st.DataObject) -> None:
        """Ours, or his own."""
        key = self._one_of(data, self.model.bucket)
        self.s3.delete_object(Bucket=self.bucket, Key=key)
        del self.model.bucket[key]

    @rule(key=st.sampled_from(OUTSIDE), content=st.sampled_from(CONTENTS))
    def neighbour_uploads(self, key: str, content: bytes) -> None:
        """What is none of our business."""
        self._put(key, content)

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), meanwhile=st.sampled_from(["", "changed", "removed", "touched"]), of_same_size=st.booleans())
    def both_hands(self, data: st.DataObject, meanwhile: str, of_same_size: bool) -> None:
        """A user replaces the object of a file, which changes, too, or does not."""
        name = self._one_of(data, self.model.files)
        file = self.model.files[name]
        self._put(key_of(name), file.content.upper() if of_same_size else b"a user's")
        if meanwhile == "changed":
            self.write(name, file.content + b"!", file.is_new)
        elif meanwhile == "touched":
            self._date(name, file._replace(is_new=not file.is_new))
        elif meanwhile == "removed":
            self._remove(name)

    # The runs

    @rule()
    def lose_state(self) -> None:
        """The state directory goes with the container."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.model.seen.clear()

    @rule(wish=WISHES, hands=HANDS, rehearsal=REHEARSALS, fault=FAULTS, data=st.data())
    def push(
        self, wish: Wish, hands: dict[str, bool], rehearsal: dict[str, bool], fault: str | None, data: st.DataObject
    ) -> None:
        """s3_push_media, with any options"""
        self._push_and_compare(replace(wish, **hands, **rehearsal), fault, data)

    @precondition(lambda self: self.model.files)
    @rule(engine=st.sampled_from(["fast", "boto3"]), fault=FAULTS, data=st.data())
    def push_all(self, engine: str, fault: str | None, data: st.DataObject) -> None:
        """s3_push_media --delete"""
        self._push_and_compare(Wish(delete=True, engine=engine), fault, data)

    def _push_and_compare(self, wish: Wish, fault: str | None, data: Any = None) -> None:
        """A run, whatever breaks in it; and once more, when there must be nothing to do."""
        plan = self.model.expected(wish)
        if fault in ("taken", "refused") and plan.uploads and wish.acts:
            key = self._one_of(data, plan.uploads)
            self.proxy.rule = self._taken(key) if fault == "taken" else self._refused(key)
            self._run(wish, self.model.expected(wish, **{fault: key}), taken=key if fault == "taken" else None)
            return
        self.tally[f"fault {fault}"] += 1
        if fault in BREAKS:
            self.proxy.rule = self._once(data.draw(st.sampled_from(operations(wish, plan))), BREAKS[fault])
        self._run(wish, plan)
        self.proxy.clear()
        plan = self.model.expected(wish)
        self._run(wish, plan)
        assert not (plan.uploads or plan.deletes) or not wish.acts
        assert {"ListObjectsV2": 1} | ({"HeadObject": plan.heads} if plan.heads else {}) == dict(self.proxy.count())

    def _run(self, wish: Wish, told: Expected, taken: str | None = None) -> None:
        before = self._listed()
        code, report = self._command(wish)
        self.proxy.rule = None
        counts = {name: count for name, count in report["counts"].items() if count}
        assert (told.code, dict(told.counts)) == (code, counts), (report["error"], report["items"], report["findings"])
        assert code == report["exit_code"]
        self.tally.update(told.counts)
        self.tally.update(["runs", f"exit {code}", *(["held back"] if told.held_back else [])])
        self.model.carry_out(wish, told)
        if taken is not None:
            self.model.bucket[taken] = FASTER
        after = self._listed()
        expected = {key: obj.etag for key, obj in self.model.bucket.items()}
        assert expected == {key: etag for key, (etag, _) in after.items()}
        written = {*told.uploads, *told.deletes, taken} if wish.acts else set()
        for key in {*before, *after} - written:
            assert before[key] == after[key], f"{key!r} was written, and need not be"

    def _command(self, wish: Wish) -> tuple[int, dict[str, Any]]:
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command("s3_push_media", "--format", "json", *wish.arguments(), stdout=out, stderr=err)
        except CommandError as error:
            code = error.returncode
        return code, json.loads(out.getvalue())

    # What breaks

    def _once(self, operation: str, verdict: Verdict) -> Rule:
        """The first request of this kind meets it."""
        met: list[Request] = []

        def judge(request: Request) -> Verdict:
            if request.operation != operation or met:
                return None
            met.append(request)
            return verdict

        return judge

    def _refused(self, key: str) -> Rule:
        def judge(request: Request) -> Verdict:
            writes = request.operation == "PutObject" and request.key == key
            return Response(403, "AccessDenied") if writes else None

        return judge

    def _taken(self, key: str) -> Rule:
        """A user is faster than the first write of this key."""
        met: list[Request] = []

        def judge(request: Request) -> Verdict:
            if request.operation == "PutObject" and request.key == key and not met:
                met.append(request)
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=FASTER.content)
            return None

        return judge

    # Odds and ends

    def _one_of(self, data: st.DataObject, things: Iterable[str]) -> str:
        return data.draw(st.sampled_from(sorted(things)))

    def _path(self, name: str) -> Path:
        return Path(f"{self.media}/{name}")

    def _remove(self, name: str) -> None:
        self._path(name).unlink()
        del self.model.files[name]

    def _date(self, name: str, file: File) -> None:
        moment = time.time() + (LATER if file.is_new else -OLD)
        os.utime(self._path(name), (moment, moment))
        self.model.files[name] = file

    def _put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        self.model.bucket[key] = Object.plain(content)

    def _put_in_parts(self, key: str, content: bytes) -> None:
        which = {"Bucket": self.bucket, "Key": key}
        which["UploadId"] = self.s3.create_multipart_upload(**which)["UploadId"]
        part = self.s3.upload_part(**which, PartNumber=1, Body=content)
        self.s3.complete_multipart_upload(
            **which, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        )
        self.model.bucket[key] = Object.in_parts(content)

    def _listed(self) -> dict[str, tuple[str, Any]]:
        """Key -> ETag and time."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {entry["Key"]: (entry["ETag"].strip('"'), entry["LastModified"]) for entry in found}


def operations(wish: Wish, plan: Expected) -> list[str]:
    """What a run asks S3 for."""
    uploads, deletes = (plan.uploads, plan.deletes) if wish.acts else ([], [])
    planned = {"PutObject": uploads, "DeleteObject": deletes, "HeadObject": plan.heads}
    return ["ListObjectsV2", *(operation for operation, wanted in planned.items() if wanted)]


BREAKS: dict[str | None, Verdict] = {"500": Response(500, "InternalError"), "drop": "drop", "drop-after": "drop-after"}


@pytest.mark.soak
@ON_MOTO
def test_every_run_does_what_the_model_says(
    proxy: Proxy, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3_push_media, many times, in many worlds"""
    monkeypatch.delenv("S3SYNC_STATE_DIR")

    class Series(Pushes):
        pass

    Series.proxy, Series.s3, Series.folder, Series.tally = proxy, s3, tmp_path, Counter()
    run_state_machine_as_test(
        seed(soak.chosen_seed())(Series),
        settings=settings(
            max_examples=soak.amount(8, 300), stateful_step_count=30 if soak.SOAK else 12, deadline=None,
            database=None, print_blob=False, suppress_health_check=list(HealthCheck),
            # A shorter example takes minutes to find, and the default run has a time limit: `make soak` finds it.
            phases=[Phase.generate, Phase.shrink] if soak.SOAK else [Phase.generate],
        ),
    )  # fmt: skip
    print(dict(sorted(Series.tally.items())))  # noqa: T201
