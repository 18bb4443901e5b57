"""Checks of whose credentials a storage uses, how long they last, and the clock that signs with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ..core.events import Diagnosis
from .facts import Answer, Caller, Examined, StorageSeen

OF_CREDENTIALS: Final = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
    "InvalidSecurity", "NotSignedUp", "AccountProblem", "AllAccessDisabled", "UserSuspended", "InvalidClientTokenId",
    "NoCredentials", "NoCredentialsError", "PartialCredentials", "PartialCredentialsError", "CredentialRetrievalError",
    "UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError",
})  # fmt: skip
"""Codes that say that whoever asks is not accepted, whatever is asked."""
SPELT: Final = "Spelling"
"""Our code for a key with a line break, a space or a quotation mark at one of its ends."""
OF_THE_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})

_WEEK = 7 * 24 * 3600
"""Longer, Signature Version 4 signs no address ("Authenticating Requests: Using Query Parameters", S3 API)."""
_SESSION = 12 * 3600
"""Longer, no session from a role or a sign-in lasts ("AssumeRole", AWS STS API Reference)."""
_WARNING, _ERROR = 300, 900
"""Seconds; from the second on, S3 refuses everything."""

_METHODS: Final[Mapping[str, str]] = {
    "env": "the environment", "OPTIONS": "OPTIONS or the AWS_* settings",
    "shared-credentials-file": "the credentials file", "config-file": "the config file",
    "iam-role": "the machine's role", "container-role": "the task's role", "sso": "a sign-in (SSO)",
    "assume-role": "a role that the profile takes on", "custom-process": "the profile's credential_process",
    "assume-role-with-web-identity": "a role for a web identity",
}  # fmt: skip
_ANYWHERE = (
    "where the site runs: export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...\n"
    "or name a profile of ~/.aws/config by session_profile in OPTIONS, or give the machine a role"
)


def d01(facts: Examined) -> Iterator[Diagnosis]:
    """Credentials: whether there are any, whether S3 accepts them, and whether addresses outlive them."""
    caller = facts.caller
    if caller.trouble is not None:
        yield _unaccepted(facts, caller, caller.trouble)
        return
    lives = [found for storage in facts.storages for found in _lifetime(storage, caller)]
    yield from lives
    if not lives:
        yield Diagnosis("D01", "ok", "credentials", _described(caller), alias=facts.aliases)


def _described(caller: Caller) -> str:
    parts = [f"from {_METHODS.get(caller.method, caller.method) or 'the storage'}", caller.masked]
    parts += ["temporary"] * caller.temporary + [caller.identity] * bool(caller.identity)
    return ", ".join(parts)


def _unaccepted(facts: Examined, caller: Caller, trouble: Answer) -> Diagnosis:
    why = "nothing on S3 can be read or written"
    if trouble.code == "NoCredentials":
        seen = (
            "no credentials were found: not in OPTIONS, the AWS_* settings, the environment, a profile, or the "
            "machine's role"
        )
        return Diagnosis("D01", "error", "no-credentials", seen, why, _ANYWHERE, facts.aliases)
    if trouble.code == "PartialCredentials":
        has = "a session token alone is no key" if "and" in trouble.message else "the other half is there"
        seen = f"there is no {trouble.message}: {has}"
        return Diagnosis("D01", "error", "half-a-key", seen, why, _halves(trouble.message), facts.aliases)
    if not caller.found:
        seen = f"no credentials can be had: {trouble.message}"
        return Diagnosis("D01", "error", "credentials-provider", seen, why, trouble.hint or _ANYWHERE, facts.aliases)
    if trouble.code == SPELT:
        seen = f"{trouble.message} from {_METHODS.get(caller.method, caller.method)} ({caller.masked})"
        return Diagnosis("D01", "error", "credentials-spelling", seen, why, trouble.hint, facts.aliases)
    seen = f"S3 does not accept the credentials from {_METHODS.get(caller.method, caller.method)} ({caller.masked}): "
    return Diagnosis("D01", "error", "credentials-refused", seen + trouble.words, why, trouble.hint, facts.aliases)


def _halves(lacking: str) -> str:
    if "and" in lacking:
        return (
            "remove access_key and secret_key from OPTIONS, where they are None, and give both beside the token\n"
            "or remove the token: security_token, AWS_SESSION_TOKEN and AWS_SECURITY_TOKEN"
        )
    names = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}
    wanted = [option for option in names if option in lacking]
    exports = " ".join(f"{names[option]}=..." for option in wanted)
    options = " and ".join(f'"{option}"' for option in wanted)
    return f"export {exports} where the site runs\nor write {options} beside what is in OPTIONS"


def _lifetime(storage: StorageSeen, caller: Caller) -> Iterator[Diagnosis]:
    """What `url()` gives for longer than the signature or the session lasts."""
    if storage.expire is None or storage.storage.custom_domain_signs:
        return
    fix = f'"querystring_expire": {{}},  # or less, in OPTIONS of STORAGES["{storage.alias}"]'
    seen = f"addresses are signed for {storage.expire:.0f} s"
    if storage.expire > _WEEK and storage.signature_version != "s3":
        yield Diagnosis("D01", "error", "expire-too-long", f"{seen}; Signature Version 4 allows {_WEEK}",
            "S3 refuses each of these addresses: pages show no files", fix.format(_WEEK), storage.alias)  # fmt: skip
    elif caller.temporary and storage.expire > _SESSION:
        yield Diagnosis("D01", "warning", "outlives-session", f"{seen} with temporary credentials ({caller.masked})",
            "an address is good for nothing once the session has ended, which it does within 12 hours, whatever the "
            "address says", fix.format(3600), storage.alias)  # fmt: skip


def d22(facts: Examined) -> Iterator[Diagnosis]:
    """This machine's clock, against the server's."""
    if facts.reach is None:
        return
    skew = facts.reach.skew
    refused = next((each for each in (facts.reach.listing, facts.reach.head) if each.code in OF_THE_CLOCK), None)
    if skew is None and refused is None:
        return
    off = "off" if skew is None else f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    verdict = "error" if refused or abs(skew or 0) > _ERROR else "warning" if abs(skew or 0) > _WARNING else "ok"
    if verdict == "ok":
        yield Diagnosis("D22", "ok", "clock", f"this machine's clock is {off}", alias=facts.aliases)
        return
    said = f", and it says {refused.code}" if refused else ""
    yield Diagnosis(
        "D22", verdict, "clock", f"this machine's clock is {off}{said}",
        f"S3 refuses what is signed more than {_ERROR} s off"
        + ("" if verdict == "error" else ", and signed addresses end too early or too late"),
        "sudo timedatectl set-ntp true\nin a container or a virtual machine, the host's clock", facts.aliases,
    )  # fmt: skip
