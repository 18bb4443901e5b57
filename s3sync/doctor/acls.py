"""Checks of ACLs that storages send, against what the bucket takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from ..access import derive
from ..access.logic import UNREAD, YES
from ..core.events import Diagnosis
from .facts import Examined, StorageSeen
from .mending import guard_steps, update_steps
from .places import settled
from .remedies import refused_acl, unknown, update
from .servers import NO_ACLS

NO_PUBLIC_ACLS: Final = "BlockPublicAcls"


def d04(examined: Examined) -> Iterator[Diagnosis]:
    """ACLs that a bucket without ACLs refuses."""
    if examined.bucket is None:
        return
    if examined.bucket.provider in NO_ACLS:  # what is sent there is D25's to say
        yield Diagnosis("D04", "ok", "acl-refused", "the server has no ACLs of objects", alias=examined.aliases)
        return
    facts = settled(examined.bucket)
    sending = [storage for storage in examined.storages if refused_acl(storage)]
    untold = [storage for storage in examined.storages if not storage.storage.acl_is_told]
    if facts.enforced is UNREAD and (sending or untold) and facts.closed is not YES:
        aliases = ", ".join(storage.alias for storage in (*sending, *untold))
        what = "whether the bucket accepts the ACLs that are sent"
        yield unknown(examined, "D04", "acl-refused", what, ["GetBucketOwnershipControls"], aliases)
    elif facts.enforced is YES and sending:
        acls = " and ".join(f"{storage.alias} sends {_acl_of(storage)}" for storage in sending)
        yield Diagnosis(
            "D04", "error", "acl-refused",
            f"{acls} with each object, and {examined.name} accepts none (BucketOwnerEnforced)",
            "every upload fails: 400 AccessControlListNotSupported", without_acl(examined, sending),
            ", ".join(storage.alias for storage in sending),
        )  # fmt: skip
    elif facts.enforced is YES and untold:
        aliases = ", ".join(storage.alias for storage in untold)
        yield Diagnosis(
            "D04", "unknown", "acl-untold",
            f"{untold[0].class_name} tells only for a file which ACL it sends, and {examined.name} accepts none "
            "(BucketOwnerEnforced)", "an upload with an ACL fails: 400 AccessControlListNotSupported",
            "python manage.py s3_doctor --write tries an upload", aliases,
        )  # fmt: skip
    else:
        how = "no ACL is sent" if not sending and not untold else "the bucket accepts ACLs"
        yield Diagnosis("D04", "ok", "acl-refused", how, alias=examined.aliases)


def d05(examined: Examined) -> Iterator[Diagnosis]:
    """Public ACLs that the public access block refuses."""
    if examined.bucket is None or settled(examined.bucket).enforced is YES:
        return
    facts, ceph = settled(examined.bucket), examined.bucket.provider == "ceph"
    sending = [storage for storage in examined.storages if sends_public(storage)]
    levels = facts.levels(NO_PUBLIC_ACLS)
    if ceph and levels:
        yield Diagnosis(
            "D05", "error", "acl-blocked", f"{NO_PUBLIC_ACLS} is on for {examined.name}",
            "Ceph RGW refuses every upload with it, also without an ACL: 403 AccessDenied",
            "\n".join(update_steps(examined, examined.storages[0].alias)), examined.aliases,
        )  # fmt: skip
    elif levels and sending:
        acls = " and ".join(f"{storage.alias} sends {_acl_of(storage)}" for storage in sending)
        yield Diagnosis(
            "D05", "error", "acl-blocked",
            f"{acls} with each object, and {NO_PUBLIC_ACLS} ({' and '.join(levels)}) refuses it for {examined.name}",
            "every upload fails: 403 AccessDenied", without_acl(examined, sending),
            ", ".join(storage.alias for storage in sending),
        )  # fmt: skip
    elif sending and (unread := facts.levels(NO_PUBLIC_ACLS, UNREAD)):
        operations = [READ_AT[level] for level in unread]
        aliases = ", ".join(storage.alias for storage in sending)
        yield unknown(examined, "D05", "acl-blocked", "whether public ACLs are refused", operations, aliases)
    else:
        how = "no public ACL is sent" if not sending else "public ACLs are accepted"
        yield Diagnosis("D05", "ok", "acl-blocked", how, alias=examined.aliases)


READ_AT: Final = {"bucket": "GetPublicAccessBlock", "account": "GetAccountPublicAccessBlock"}


def acl_trouble(examined: Examined) -> set[str]:
    """Aliases whose uploads D04 or D05 says to be refused; their remedies publish by policy, too."""
    found = [each for check in (d04, d05) for each in check(examined)]
    return {alias for each in found if each.verdict == "error" for alias in each.alias.split(", ")}


def sends_public(storage: StorageSeen) -> bool:
    return storage.storage.acl_is_told and storage.storage.acl_is_public


def _acl_of(storage: StorageSeen) -> str:
    return f"the ACL {storage.storage.acl}" if storage.storage.acl else "Grant* headers"


def without_acl(examined: Examined, sending: Sequence[StorageSeen]) -> str:
    """The lines to take out; then the policy has to say what the ACL was to say."""
    steps = [line for storage in sending for line in _lines_out(storage)]
    publishing = [storage for storage in sending if sends_public(storage)]
    steps += [line for storage in publishing for line in _intent_lines(storage)]
    if publishing:
        steps += [*guard_steps(examined), update(examined, publishing[0].alias, acls=False)]
    return "\n".join(steps)


def _lines_out(storage: StorageSeen) -> list[str]:
    options, acl = f'OPTIONS of STORAGES["{storage.alias}"]', storage.storage.acl
    if storage.acl_option == "default_acl":
        return [f'write "default_acl": None into {options}, instead of "{acl}" there or in AWS_DEFAULT_ACL']
    sent = {name: value for name, value in storage.parameters.items() if name == "ACL" or name.startswith("Grant")}
    written = ", ".join(f'"{name}": "{value}"' for name, value in sent.items()) or f'"ACL": "{acl}"'
    if storage.acl_option == "object_parameters":
        return [f"remove {written} from object_parameters in {options}, or from AWS_S3_OBJECT_PARAMETERS"]
    return [f'let {storage.class_name} (STORAGES["{storage.alias}"]) send no {written}']


def _intent_lines(storage: StorageSeen) -> list[str]:
    """What else to write, so that without the ACL the same is meant as with it."""
    then = derive(replace(storage.storage, acl=None, grants=(), acl_is_told=True)).intent
    intents = {intent for _, intent in storage.rules}
    if "undeclared" in intents:
        return [(
            "if everybody may read them, also write "
            f'"querystring_auth": False into OPTIONS of STORAGES["{storage.alias}"]; if only who has a signed address '
            "may, write nothing more"
        )]  # fmt: skip
    if "public" in intents and then != "public" and storage.rules[-1][0] not in dict(storage.declared):
        return [f'write S3SYNC = {{"INTENT": {{"{storage.alias}": "public"}}}} into the settings']
    return []
