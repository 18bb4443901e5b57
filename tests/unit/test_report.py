"""Events become counts, a status, an exit code, and JSON that strict parsers take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.comparison import Action, Reason
from s3sync.core.events import Event, Failure, Finding, Outcome, Result, Stopped
from s3sync.core.report import COUNTS, Report, TargetFacts, belongs_in_items, finding_as_json, item_as_json, printable
from tests.strategies import QUICK, file_system_names

ENVELOPE = {
    "schema", "command", "version", "run_id", "started", "finished", "dry_run", "status", "exit_code", "engine",
    "conditional", "target", "counts", "bytes", "requests", "seconds", "error", "items", "findings",
}  # fmt: skip
"""What programs may rely on: no key less. A key more would need a word in the documentation first."""


def report(**wishes: Any) -> Report:
    return Report(
        command="s3_push_media", version="1.0", run_id="r", started="2026-03-01T12:00:00.000Z",
        target=TargetFacts(alias="default", bucket="b", prefix="media/"), **wishes,
    )  # fmt: skip


def folded(*events: Event, **wishes: Any) -> Report:
    made = report(**wishes)
    for event in events:
        made.fold(event)
    return made


def outcome(action: Action, result: Result = Result.DONE, reason: Reason | None = None, **more: Any) -> Outcome:
    return Outcome("a.png", "media/a.png", action, result, reason, **more)


def as_json(made: Report, *items: str, findings: tuple[Finding, ...] = ()) -> Any:
    """The written report, read by a parser that takes nothing but JSON."""
    text = "".join(made.write_json(items, map(finding_as_json, findings)))
    text.encode()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


UPLOAD = outcome(Action.UPLOAD, size=3)
FAILURE = outcome(Action.UPLOAD, Result.FAILED, error=Failure("AccessDenied", 403))
PENDING = outcome(Action.UPLOAD, Result.PLANNED, size=3)
CONFLICT = outcome(Action.CONFLICT, Result.SKIPPED)
KEPT = outcome(Action.KEEP, Result.SKIPPED, Reason.NEWER)
SECRET = outcome(Action.SKIP, Result.SKIPPED, Reason.SECRET)
SIGINT, SIGTERM = Stopped("signal", "signal 2", 2), Stopped("signal", "signal 15", 15)
BUDGET, ERRORS, GUARD = Stopped("budget", "1 s"), Stopped("errors", "50 alike"), Stopped("guard", "no")

COUNTED = [
    (UPLOAD, {"uploaded": 1}),
    (outcome(Action.DELETE), {"deleted": 1}),
    (outcome(Action.FIX), {"fixed": 1}),
    (KEPT, {"kept": 1}),
    (CONFLICT, {"conflicts": 1}),
    (outcome(Action.ORPHAN, Result.SKIPPED), {"orphans": 1}),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.YOUNG), {"skipped": 1}),
    (SECRET, {"skipped": 1}),
    (outcome(Action.NONE), {"unchanged": 1}),
    (FAILURE, {"failed": 1}),
    (outcome(Action.DELETE, Result.FAILED), {"failed": 1}),
    (outcome(Action.FIX, Result.FAILED), {"failed": 1}),
    (PENDING, {}),
    (outcome(Action.DELETE, Result.PLANNED), {}),
    (Finding("x", "warning", "y"), {}),
    (BUDGET, {}),
]


@pytest.mark.parametrize(("event", "expected"), COUNTED)
def test_counts(event: Event, expected: dict[str, int]) -> None:
    """Each event is counted once, under one name, or under none."""
    counts = folded(event).envelope()["counts"]

    assert {**dict.fromkeys(COUNTS, 0), **expected} == counts


def test_bytes_are_counted_when_sent() -> None:
    """What is planned and what is sent are two numbers; a failure sends nothing."""
    made = folded(UPLOAD, UPLOAD, FAILURE, PENDING)
    made.decided(existed=False, size=3)
    made.decided(existed=True, size=4)

    assert {"planned": 7, "sent": 6} == made.envelope()["bytes"]
    assert (1, 1) == (made.counts["new"], made.counts["changed"])


EXITS = [
    # events, wishes, exit code, status
    ((), {}, 0, "ok"),
    ((UPLOAD, KEPT, outcome(Action.ORPHAN, Result.SKIPPED)), {}, 0, "ok"),
    ((outcome(Action.SKIP, Result.SKIPPED, Reason.LINK),), {}, 0, "ok"),
    ((Finding("x", "error", "y"),), {}, 0, "ok"),
    ((PENDING,), {}, 0, "ok"),
    ((PENDING,), {"dry_run": True}, 0, "ok"),
    ((PENDING,), {"check": True}, 3, "differences"),
    ((UPLOAD,), {"check": True}, 0, "ok"),
    ((CONFLICT,), {}, 3, "differences"),
    ((), {"differences": True}, 3, "differences"),
    ((FAILURE,), {}, 4, "failed"),
    ((ERRORS,), {}, 4, "failed"),
    ((SECRET,), {}, 5, "refused"),
    ((GUARD,), {}, 5, "refused"),
    ((), {"held_back": True}, 5, "refused"),
    ((BUDGET,), {}, 7, "budget"),
    ((SIGINT,), {}, 130, "interrupted"),
    ((SIGTERM,), {}, 143, "interrupted"),
    ((), {"error_exit": 1}, 1, "error"),
    ((), {"error_exit": 2}, 2, "error"),
    ((), {"error_exit": 5}, 5, "refused"),
    ((), {"error_exit": 6}, 6, "locked"),
    ((), {"error_exit": 8}, 8, "undecided"),
]


@pytest.mark.parametrize(("events", "wishes", "code", "status"), EXITS)
def test_exit_codes(events: tuple[Event, ...], wishes: dict[str, Any], code: int, status: str) -> None:
    """Each exit code, and its word."""
    made = folded(*events, **wishes)

    assert (code, status) == (made.exit_code, made.status)


STRONGEST_FIRST: list[tuple[int, tuple[Event, ...], dict[str, Any]]] = [
    (2, (), {"error_exit": 2}),
    (1, (), {"error_exit": 1}),
    (6, (), {"error_exit": 6}),
    (143, (SIGTERM,), {}),
    (5, (SECRET,), {}),
    (5, (), {"error_exit": 5}),
    (4, (FAILURE,), {}),
    (7, (BUDGET,), {}),
    (3, (CONFLICT,), {}),
    (8, (), {"error_exit": 8}),
    (0, (UPLOAD,), {}),
]
PAIRS = [
    (stronger, weaker)
    for place, stronger in enumerate(STRONGEST_FIRST)
    for weaker in STRONGEST_FIRST[place + 1 :]
    # one run ends with one error, and stops once
    if not (stronger[2] and weaker[2]) and not (SIGTERM in stronger[1] and BUDGET in weaker[1])
]


@pytest.mark.parametrize(("stronger", "weaker"), PAIRS, ids=lambda each: str(each[0]))
def test_precedence(stronger: Any, weaker: Any) -> None:
    """Of two reasons for an exit code the stronger wins, whichever came first."""
    wishes = {**stronger[2], **weaker[2]}
    codes = [
        folded(*events, **wishes).exit_code for events in (stronger[1] + weaker[1], weaker[1] + stronger[1])
    ]

    assert [stronger[0], stronger[0]] == codes


def test_the_first_cause_of_a_stop_stays() -> None:
    """A signal while a run that ran out of time draws to its end makes no difference."""
    assert 7 == folded(BUDGET, SIGINT).exit_code


def test_envelope_has_the_keys_of_the_contract() -> None:
    """A program finds each key in each report, whatever happened."""
    for made in (report(), folded(FAILURE, SECRET, BUDGET, dry_run=True, error=Failure("X"), error_exit=1)):
        assert ENVELOPE == set(as_json(made))


def test_envelope_of_a_run() -> None:
    """The whole report, word for word."""
    finding = Finding("names-nfd", "info", "1 name", "é")
    made = folded(UPLOAD, FAILURE, finding)
    made.decided(existed=False, size=3)
    made.requests.update(PutObject=2, ListObjectsV2=1)
    made.seconds["total"] = 1.23456
    made.finished, made.engine, made.conditional = "2026-03-01T12:00:01.235Z", "fast", "enforced"

    assert {
        "schema": "s3sync.report/1", "command": "s3_push_media", "version": "1.0", "run_id": "r",
        "started": "2026-03-01T12:00:00.000Z", "finished": "2026-03-01T12:00:01.235Z", "dry_run": False,
        "status": "failed", "exit_code": 4, "engine": "fast", "conditional": "enforced",
        "target": {"alias": "default", "bucket": "b", "prefix": "media/", "endpoint": None, "region": None},
        "counts": {**dict.fromkeys(COUNTS, 0), "uploaded": 1, "failed": 1, "new": 1},
        "bytes": {"planned": 3, "sent": 3}, "requests": {"ListObjectsV2": 1, "PutObject": 2},
        "seconds": {"total": 1.235, "plan": 0.0, "transfer": 0.0}, "error": None, "items": [],
        "findings": [{"id": "names-nfd", "level": "info", "name": "é", "line": None, "col": None, "detail": "1 name"}],
    } == as_json(made, findings=(finding,))  # fmt: skip
    assert {"info": 1} == made.levels


def test_item() -> None:
    """One name's outcome, word for word."""
    failed = outcome(
        Action.UPLOAD, Result.FAILED, Reason.NEW, size=1,
        error=Failure("AccessDenied", 403, "needs s3:PutObject on b/media/*", "Access Denied"),
    )  # fmt: skip

    assert {
        "name": "a.png", "key": "media/a.png", "action": "upload", "reason": "new", "size": 1, "result": "failed",
        "error": {
            "code": "AccessDenied", "http": 403, "hint": "needs s3:PutObject on b/media/*", "message": "Access Denied",
        },
    } == json.loads(item_as_json(failed))  # fmt: skip


def test_item_says_more_where_there_is_more() -> None:
    """A detail and what a line of JSON lines needs come in addition."""
    item = json.loads(item_as_json(outcome(Action.FIX, detail="ContentType: a -> b"), type="item"))

    assert ("item", "ContentType: a -> b", None) == (item["type"], item["detail"], item["error"])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_items_are_spliced_in(number: int) -> None:
    """Items come as JSON texts, of whatever number."""
    items = [item_as_json(UPLOAD)] * number

    assert [json.loads(item) for item in items] == as_json(report(), *items)["items"]


PRINTED = [
    ("a.png", "a.png"),
    ("é😀\u0301", "é😀\u0301"),
    ("a\udcff.png", "a\\xff.png"),
    ("é\udcc3\udca9\udcff", "éé\\xff"),
    ("a\nb\x00", "a\nb\x00"),
    ("", ""),
    (None, None),
]


@pytest.mark.parametrize(("name", "expected"), PRINTED)
def test_printable(name: str | None, expected: str | None) -> None:
    """Bytes that are not UTF-8 become escapes, the rest stays as it is."""
    assert expected == printable(name)


@QUICK
@given(file_system_names(), st.text())
def test_any_name_makes_json(name: str, text: str) -> None:
    """Whatever a file is called, and whatever the system said of it: UTF-8, and no lone surrogate in any field."""
    failure = Failure("Unreadable", None, f"rename {name}", f"{name}: {text}")
    failed = Outcome(name, name, Action.UPLOAD, Result.FAILED, error=failure, detail=name)
    finding = Finding("x", "warning", f"found {name}", name)
    made = folded(failed, finding, error=failure)
    read = as_json(made, item_as_json(failed), findings=(finding, finding))

    json.dumps(read, ensure_ascii=False).encode()
    assert printable(name) == read["items"][0]["name"] == read["findings"][0]["name"]


ALWAYS, FROM_2, FROM_3 = (True, True, True, True), (False, False, True, True), (False, False, False, True)
SHOWN = [
    (FAILURE, ALWAYS),
    (CONFLICT, ALWAYS),
    (KEPT, ALWAYS),
    (outcome(Action.DELETE), ALWAYS),
    (outcome(Action.DELETE, Result.PLANNED), ALWAYS),
    (outcome(Action.ORPHAN, Result.SKIPPED), ALWAYS),
    (outcome(Action.FIX), ALWAYS),
    (SECRET, ALWAYS),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.LINK), ALWAYS),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.YOUNG), ALWAYS),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.SPECIAL), ALWAYS),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.VANISHED), ALWAYS),
    (UPLOAD, FROM_2),
    (PENDING, FROM_2),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.IGNORED), FROM_2),
    (outcome(Action.SKIP, Result.SKIPPED, Reason.JUNK), FROM_2),
    (outcome(Action.NONE), FROM_3),
    (outcome(Action.SKIP, Result.SKIPPED), FROM_3),
]


@pytest.mark.parametrize(("event", "expected"), SHOWN)
def test_items_by_verbosity(event: Outcome, expected: tuple[bool, ...]) -> None:
    """Trouble and choices always, uploads from -v 2, the unchanged from -v 3."""
    assert expected == tuple(belongs_in_items(event, verbosity) for verbosity in range(4))
