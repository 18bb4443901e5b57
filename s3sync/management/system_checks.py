"""The system checks of s3sync as diagnoses: what `manage.py check` says, where people look for everything at once."""

from __future__ import annotations

from collections.abc import Iterator

from django.core import checks

from ..core.events import Diagnosis


def system_checks() -> Iterator[Diagnosis]:
    """One diagnosis for each message that is not silenced."""
    for message in checks.run_checks(tags=["s3sync"], databases=[]):
        if not message.is_silenced():
            verdict = "error" if message.level >= checks.ERROR else "warning"
            seen, _, more = message.msg.partition("\n")
            yield Diagnosis(
                message.id or "", verdict, "system-check", seen, more.strip(), message.hint or "",
            )  # fmt: skip
