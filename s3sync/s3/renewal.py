"""Credentials that S3 refuses as expired before the client itself has thought so: they are asked for anew, once.

botocore renews what its provider gave an end to, and only when that end is near by our clock. It reads a profile once:
what rewrites `~/.aws/credentials` meanwhile is not noticed.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Any

from botocore.credentials import RefreshableCredentials

from .answers import STALE
from .hooks import Hooks
from .target import Target

_TRIES = 3
"""So many times in all one request is sent with ever newer credentials."""
_PAUSE = 5.0
"""Seconds in which the answer to an earlier question holds."""


class Renewal(Hooks):
    """While it is on the target's client, calls that are refused for stale credentials are tried with fresh ones."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._turn = threading.Lock()
        self._asked = float("-inf")
        self._found = False
        super().__init__(target.client, ("needs-retry.s3", self._needs_retry))

    def _needs_retry(self, response: Any, attempts: int, event_name: str, **_: Any) -> float | None:
        """Botocore's question: in how many seconds to try again, if at all."""
        if response is None or attempts >= _TRIES:
            return None
        http, parsed = response
        code = str(parsed.get("Error", {}).get("Code", ""))
        # An answer to a HEAD has no body, and so no code.
        stale = code in STALE or (event_name.endswith(".HeadObject") and http.status_code == 400)
        return 0.0 if stale and (self._renewed() or (attempts == 1 and self._refreshes)) else None

    @property
    def _refreshes(self) -> bool:
        """Whether botocore itself may have fetched others since the request was signed."""
        return isinstance(self._target.client._get_credentials(), RefreshableCredentials)

    def _renewed(self) -> bool:
        with self._turn:
            if time.monotonic() - self._asked > _PAUSE:
                try:
                    self._found = self._renew(self._target.client._get_credentials())
                except Exception:  # noqa: BLE001  the provider's trouble; S3's own words are told
                    self._found = False
                self._asked = time.monotonic()
            return self._found

    def _renew(self, credentials: Any) -> bool:
        """Whether there are other credentials now."""
        before = credentials.get_frozen_credentials()
        if isinstance(credentials, RefreshableCredentials):
            return bool(self._refreshed(credentials) != before)
        session = self._target.new_session()
        found = session.get_credentials() if session is not None else None
        if found is None or (fresh := found.get_frozen_credentials()) == before:
            return False
        credentials.access_key, credentials.secret_key, credentials.token = fresh[:3]
        return True

    @staticmethod
    def _refreshed(credentials: Any) -> Any:
        """What the provider gives when it is asked as if the end had come."""
        end, credentials._expiry_time = credentials._expiry_time, datetime.now(timezone.utc)
        try:
            return credentials.get_frozen_credentials()
        except Exception:
            credentials._expiry_time = end
            raise
