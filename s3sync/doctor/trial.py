"""What a small object went through (`s3_doctor --write`), and what that says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ..core.events import Diagnosis
from .facts import Answer, Examined, StorageSeen
from .trial_address import Address, of_address
from .trial_words import checksums_fix, delete_command, id_of, mending, role_fix

Known = Collection[str]
"""Ids that a check has called an error already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one way of writing went."""

    name: str
    """`boto3` and `fast` are our engines; `site` is the storage's own `save`."""
    put: Answer | None = None
    """None: this way is not open to this storage."""
    why_closed: str = ""
    get: Answer | None = None
    differences: Sequence[str] = ()
    """What came back otherwise than it was sent, in words."""

    @property
    def well(self) -> bool:
        """Whether all that was sent came back."""
        return self.put is not None and self.put.well and (self.get is None or self.get.well) and not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the server does with conditions: `enforced`, `ignored`, `refused`, `unproven`; empty: not asked."""

    new: str = ""
    """PutObject, If-None-Match."""
    match: str = ""
    """PutObject, If-Match with an ETag that the object never had."""
    form: str = ""
    """How the ETag that the object has is to be written: `quoted`, `bare`; `none`: it is refused in any form."""
    complete: str = ""
    """CompleteMultipartUpload, If-None-Match."""
    complete_http: int | None = None
    delete: str = ""
    """DeleteObject, If-Match with an ETag that the object never had."""
    delete_form: str = ""
    """As `form`."""
    why_not: str = ""
    """Why nothing was asked."""
    remembered: bool = False
    """Whether pushes from this machine will know."""

    @property
    def enforcement(self) -> str:
        """What a push is to take for granted: where one condition can't be used, none is, and a HEAD looks instead."""
        unusable = "none" in (self.form, self.delete_form) or self.complete_http == 400 or self.match == "refused"
        return "ignored" if self.new == "enforced" and (unusable or self.match == "ignored") else self.new

    @property
    def breaks(self) -> bool:
        """Whether a push that does not know all this would fail."""
        return self.new == "enforced" and ("none" in (self.form, self.delete_form) or self.complete_http == 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What could not be taken away again."""

    key: str
    answer: Answer
    version: str = ""
    upload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """All that was tried with one storage."""

    bucket: str
    pattern: str
    """Which keys were used, with a `*`."""
    refused: Answer | None = None
    """Why nothing was written."""
    own_code: str = ""
    """What the storage's own code raised, so that there is nothing to write."""
    ways: Sequence[Way] = ()
    without_acl: Answer | None = None
    """How it went without the ACL, where it was refused with it."""
    when_required: Answer | None = None
    """How the site's own upload went without boto3's new checksums, where it failed with them."""
    config: str = ""
    """What to write into `client_config` for that."""
    others: Sequence[str] = ()
    """Keys of others that the storage's `save` has written besides."""
    asked: Asked | None = None
    address: Address | None = None
    deleted: Answer | None = None
    removed: int = 0
    """Objects of earlier runs that were taken away."""
    versioned: bool = False
    left: Sequence[Left] = field(default=())


def of_trial(trial: Trial, seen: StorageSeen, facts: Examined, known: Known) -> Iterator[Diagnosis]:
    """What it says. An error that is `known` by its id is not repeated."""
    found = list(_found(trial, seen, facts, known))
    yield from (each for each in found if not (each.verdict == "error" and each.id in known))


def _found(trial: Trial, seen: StorageSeen, facts: Examined, known: Known) -> Iterator[Diagnosis]:
    if trial.refused is not None:
        yield _not_tried(trial, seen, trial.refused)
        return
    if trial.own_code:
        yield Diagnosis(
            "D27", "error", "own-code", f"{seen.class_name}: {trial.own_code}",
            "the storage's own code fails for an object that is put, so uploads fail",
            f"correct {seen.class_name}", seen.alias,
        )  # fmt: skip
        return
    yield from _of_ways(trial, seen, facts)
    yield from _of_checksums(trial, seen)
    if trial.asked is not None:
        yield of_conditions(trial.asked, seen)
    if trial.address is not None and not any(way.differences for way in trial.ways):
        yield from of_address(trial.address, seen, facts, known)


def _not_tried(trial: Trial, seen: StorageSeen, answer: Answer) -> Diagnosis:
    action = "s3:DeleteObjectVersion" if trial.versioned else "s3:DeleteObject"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    if trial.versioned:
        actions += ["s3:DeleteObjectVersion"]
    if answer.http == 403:
        return Diagnosis(
            "D21", "unknown", "delete-refused",
            f"nothing was written, as it could not be deleted again: needs {action} on {trial.bucket}/{trial.pattern} "
            f"({answer.words})",
            "storage.delete() and --delete may be refused likewise, and whether uploads work was not tried",
            role_fix(seen, trial.pattern, sorted(actions)), seen.alias,
        )  # fmt: skip
    return Diagnosis(
        "D27", "unknown", "not-tried", f"nothing was written: {answer.hint or answer.words}",
        "what is written might stay", "run s3_doctor without --write, or on a bucket that lets objects go", seen.alias,
    )  # fmt: skip


def _of_ways(trial: Trial, seen: StorageSeen, facts: Examined) -> Iterator[Diagnosis]:
    """The first refusal stands for all: one trouble, one diagnosis."""
    ours = [way for way in trial.ways if way.name != "site" and way.put is not None]
    for way in ours:
        for answer in (way.put, way.get):
            if answer is not None and not answer.well:
                yield _refusal(trial, seen, facts, answer)
                return
    damaged = [way for way in trial.ways if way.differences]
    if damaged:
        told = "; ".join(f"{_label(way)}: {', '.join(way.differences)}" for way in damaged)
        yield Diagnosis(
            "D27", "error", "damaged", f"what came back is not what was sent: {told}",
            "files arrive damaged, or browsers are told wrong things about them",
            "look at what stands between here and the bucket (a proxy, a gateway, a transformation) and at the "
            f"endpoint {seen.endpoint}", seen.alias,
        )  # fmt: skip
    elif trial.deleted is not None and not trial.deleted.well:
        yield _refusal(trial, seen, facts, trial.deleted)
    elif trial.ways:
        yield Diagnosis("D27", "ok", "round-trip", _round_trip(trial), alias=seen.alias)
    if trial.others:
        yield Diagnosis(
            "D27", "warning", "more-keys", f"save() also wrote {', '.join(trial.others)}",
            "they stay: whose they are, only the storage's code can tell",
            "\n".join(delete_command(seen, trial.bucket, key) + "  # if they are of no use" for key in trial.others),
            seen.alias,
        )  # fmt: skip


def _round_trip(trial: Trial) -> str:
    came = [_label(way) for way in trial.ways if way.well]
    closed = [f"{_label(way)} is not used: {way.why_closed}" for way in trial.ways if way.why_closed]
    words = f"put, got back byte for byte and deleted: {', '.join(came)}"
    removed = f"{trial.removed} of an earlier run removed" if trial.removed else ""
    return "; ".join(filter(None, (words, *closed, removed)))


def _label(way: Way) -> str:
    return "the site's own save()" if way.name == "site" else f"engine {way.name}"


def _refusal(trial: Trial, seen: StorageSeen, facts: Examined, answer: Answer) -> Diagnosis:
    """What a call was refused for, under the id of that trouble."""
    id_, title = id_of(answer)
    said = f"{answer.words}" + (f" ({answer.message})" if answer.message and answer.message != "None" else "")
    hint = answer.hint
    if id_ == "D21" and trial.without_acl is not None and trial.without_acl.well and answer.operation == "PutObject":
        if seen.storage.acl_is_public and _blocks_acls(facts):
            id_, title, hint = "D05", "acl-blocked", "Block Public Access refuses its public ACL; without it, it works"
        else:
            hint = f"needs s3:PutObjectAcl on {trial.bucket}/{seen.prefix}*; without its ACL, it works"
    why, fix = mending(id_, answer, seen, trial.bucket, hint, acl_only="PutObjectAcl" in hint)
    return Diagnosis(id_, "error", title, f"{said}: {hint}" if hint else said, why, fix, seen.alias)


def _blocks_acls(facts: Examined) -> bool:
    block = facts.bucket.facts.bucket_block if facts.bucket is not None else None
    account = facts.bucket.facts.account_block if facts.bucket is not None else None
    return any((each or {}).get("BlockPublicAcls") for each in (block, account))


def _of_checksums(trial: Trial, seen: StorageSeen) -> Iterator[Diagnosis]:
    site = next((way for way in trial.ways if way.name == "site"), None)
    ours = next((way for way in trial.ways if way.name == "boto3"), None)
    if site is None or site.put is None or ours is None or not ours.well:
        return
    failed = next((each for each in (site.put, site.get) if each is not None and not each.well), None)
    default = "boto3's default checksums" if seen.checksums is None else f"checksums {seen.checksums}"
    if failed is None:
        yield Diagnosis("D26", "ok", "checksums", f"the site's own upload works, with {default}", alias=seen.alias)
    elif (trial.when_required is not None and trial.when_required.well) or id_of(failed)[0] == "D26":
        yield Diagnosis(
            "D26", "error", "checksums-refused",
            f"the site's own upload, with {default}, fails ({failed.words}); with when_required it works",
            "each upload of the site's users fails; s3_push_media and collectstatic --s3 leave these checksums out",
            checksums_fix(seen, trial.config), seen.alias,
        )  # fmt: skip
    else:
        said = f"{failed.code}: {failed.message}" if failed.message else failed.words
        yield Diagnosis(
            "D27", "error", "site-upload",
            f"{seen.class_name}.{'save' if failed is site.put else 'open'}() fails ({said}), where our engines work",
            "the site's own uploads go this way", failed.hint or f"correct {seen.class_name}", seen.alias,
        )  # fmt: skip


_LABELS = (
    ("new", "PutObject If-None-Match"), ("match", "PutObject If-Match"),
    ("complete", "CompleteMultipartUpload"), ("delete", "DeleteObject If-Match"),
)  # fmt: skip


def of_conditions(asked: Asked, seen: StorageSeen) -> Diagnosis:
    """How conditional writes are kept, operation by operation; what the server does not do, a HEAD does."""
    if asked.why_not:
        return Diagnosis(
            "D28", "ok", "conditions", f"a HEAD looks before each write: {asked.why_not}", alias=seen.alias
        )
    told = [f"{label} {getattr(asked, name)}" for name, label in _LABELS if getattr(asked, name)]
    if "bare" in (asked.form, asked.delete_form):
        told.append("ETags without quotes")
    if any(getattr(asked, name) in ("ignored", "refused") for name, _ in _LABELS) or asked.enforcement == "ignored":
        told.append("for what is not enforced, a HEAD looks before a push writes or deletes")
    if asked.remembered:
        told.append("pushes from here know it now")
    if asked.breaks:
        refused = [
            label for broken, label in (
                (asked.form == "none", "PutObject"), (asked.complete_http == 400, "CompleteMultipartUpload"),
                (asked.delete_form == "none", "DeleteObject"),
            ) if broken
        ]  # fmt: skip
        return Diagnosis(
            "D28", "warning" if asked.remembered else "error", "conditions-refused",
            f"{' and '.join(refused)} with a condition that holds is refused; " + "; ".join(told),
            "a push that has not been told takes the server at its word, and what it replaces or deletes fails",
            "run `python manage.py s3_doctor --write` on each machine that pushes, with a state directory "
            "(S3SYNC_STATE_DIR) that stays", seen.alias,
        )  # fmt: skip
    return Diagnosis("D28", "ok", "conditions", "; ".join(told), alias=seen.alias)


def of_left(left: Sequence[Left], seen: StorageSeen, bucket: str) -> Iterator[Diagnosis]:
    """What stayed, with the commands that take it away."""
    if left:
        told = ", ".join(dict.fromkeys(f"{each.key} ({each.answer.words})" for each in left))
        commands = [delete_command(seen, bucket, each.key, version=each.version, upload=each.upload) for each in left]
        yield Diagnosis(
            "D27", "warning", "left-behind", f"left behind in {bucket}: {told}",
            "it is small, harmless and hidden from all commands, but it is there and paid for", "\n".join(commands),
            seen.alias,
        )  # fmt: skip
