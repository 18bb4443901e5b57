"""The fast engine: heads signed from templates, keep-alive connections, one loop; and, for many objects, a second
process that has another such loop to itself.

It only ever confirms. A 200 is final, and so is a plain AccessDenied; everything else goes back as `HandedOver`, for
the boto3 engine, which knows redirects, retries, clock skew and error models.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from ..bare import processors
from .answers import DENIED
from .capture import capture, credentials_of, refuse_answering_hooks
from .far import Far
from .lanes import Near
from .origin import Origin
from .pace import Pace
from .request_loop import ENOUGH, INTERNAL
from .send_loop import Told
from .sending_process import SendingProcess
from .session_origin import is_for, origin_of
from .signing import NotFast, Template, kind_of
from .transfer import Condition, Deliver, HandedOver, Put, Refused, Stored, WriteParameters

__all__ = ["ENOUGH", "INTERNAL", "FastEngine"]

MOST_PARAMETERS = 64
"""So many sets of write parameters are proven. Whoever has more has some for each key, and proving costs more than it
saves."""
FAR_FROM = 64
"""Objects after which a second process may be worth its start ..."""
BACKLOG = 32
"""... if so many wait: whoever sends one now and then needs none."""
NEAR_FROM = 128 * 1024
"""Bytes; larger bodies stay in this process: to pass them on costs more than the lock that they would wait for."""

NEAR_SHARE = 32
"""Connections, at most, that larger bodies keep for themselves: a few fill any line."""


class FastEngine:
    """Sends small prepared objects as fast as one thread can; see `transfer.Engine`.

    `prepare`, `submit` and `close` belong to one thread, `cancel` to any (a signal handler's too); `deliver` is called
    from the engine's own. The caller asks `prepare` first and submits only shapes that it took.
    """

    name = "fast"

    def __init__(
        self, client: Any, bucket: str, *, deliver: Deliver, start: int, ceiling: int,
        probing: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        rest: Callable[[int], float] | None = None, far_from: int | None = FAR_FROM,
        standby: SendingProcess | None = None,
    ) -> None:  # fmt: skip
        """`client` is the storage's own; `start` and `ceiling` are numbers of connections.

        `probing` is entered while requests are built that are not sent. `rest` is told the bytes of each request and
        gives the seconds until the next one may go. `far_from`: see `FAR_FROM`; None keeps all in this process.
        `standby` waits to be the second process, and is made it at the first object.
        """
        self.quote_etags = True
        """False for servers that want the ETag of `If-Match` bare (Ceph RGW 16)."""
        self.signs_payload = False
        """Whether requests were seen that name the SHA-256 of their body."""
        self._client, self._bucket, self._deliver_to, self._probing = client, bucket, deliver, probing
        self._templates: dict[tuple[WriteParameters, str, bool], Template | str] = {}
        self._parameters: set[WriteParameters] = set()
        self._origin: Origin | None = None
        self._ceiling, self._share = ceiling, min(NEAR_SHARE, ceiling // 4)
        self._until_far = far_from if rest is None and processors() > 1 else None
        self._credentials = partial(credentials_of, client)
        self._near = Near(Pace(start, ceiling), credentials=self._credentials, deliver=self._completed, rest=rest)
        self._far: Far | None = None
        self._is_shared = False
        self._standby = standby

    @property
    def degraded(self) -> str | None:
        """Why everything is handed over from now on; the caller may stop using the engine."""
        return self._near.degraded or (self._far.degraded if self._far else None)

    @property
    def requests(self) -> int:
        """PutObject requests put on the wire, those included that were handed over afterwards."""
        return self._near.loop.requests + (self._far.requests if self._far else 0)

    # For the caller

    def prepare(
        self, parameters: WriteParameters, keys: tuple[str, ...], condition: Condition | None = None,
        *, carries_md5: bool = False,
    ) -> str | None:  # fmt: skip
        """None if objects with these parameters and this kind of condition can go the fast way, else why not.

        `keys` are some of those to be sent. Some milliseconds the first time; each shape is asked about once.
        """
        template = self._template(parameters, condition, keys, carries_md5)
        return template if isinstance(template, str) else None

    def submit(self, put: Put) -> None:
        """Queues one object whose body is in memory; hands it over if its shape can't go the fast way."""
        if self.take(put) is not None:
            self._near.submit(put, None, self.quote_etags)

    def take(self, put: Put) -> str | None:
        """Queues one object whose body is in memory, if it can go the fast way: None; else leaves it, and says why."""
        template = self._template(put.parameters, put.condition, (put.key,), put.carries_md5)
        if isinstance(template, str):
            return template
        far = self._far_for(put.size)
        if far is None:
            self._near.submit(put, template, self.quote_etags)
        else:
            far.submit(put, template, self.quote_etags)
        return None

    def get_ready(self, put: Put) -> None:
        """Does what can be done before objects like this one are submitted; `put` may be another engine's."""
        self._template(put.parameters, put.condition, (put.key,), put.carries_md5)
        if self._far is None and self._until_far is not None and self._stands_by:
            self._start_far()

    def cancel(self) -> None:
        """Hands over what is not on the wire; asked a second time, what is on the wire too."""
        self._near.cancel()
        if self._far is not None:
            self._far.cancel()

    def close(self) -> None:
        """Ends threads, connections and the process; whatever is still under way is handed over as `cancelled`."""
        self._near.close()
        if self._far is not None:
            self._far.close()

    def _far_for(self, size: int) -> Far | None:
        """The other process, if this object is for it."""
        if self._until_far is None:
            return None
        far = self._far
        if far is None:
            self._until_far -= 1
            if self._stands_by or (self._until_far < 0 and self._near.waiting >= BACKLOG):
                self._start_far()
            return None
        if far.gone:
            if far.ended:
                self._until_far = None
                self._near.carry_on(self._ceiling)
            return None
        if not far.ready or (size > NEAR_FROM and self._share):
            return None
        if not self._is_shared:
            self._is_shared = True
            self._near.retire(self._share)
        return far

    @property
    def _stands_by(self) -> bool:
        return self._standby is not None and not self._standby.ended

    def _start_far(self) -> None:
        pace = self._near.loop.pace
        origin = self._origin
        if origin is None:
            return
        try:
            self._far = Far(
                origin, max(1, int(pace.limit)), max(1, self._ceiling - self._share), credentials=self._credentials,
                deliver=self._completed, may_send=self._near.leaves_the_rest,
                standby=self._standby,
            )  # fmt: skip
        except (OSError, RuntimeError):  # none can be had here; one is enough
            self._until_far = None

    def _completed(self, put: Put, told: Told) -> None:
        _, code, text, encryption, _ = told
        if not code:
            self._deliver_to(Stored(put, text, encryption))
        elif code == DENIED:
            self._deliver_to(Refused(put, DENIED, 403, text))
        else:
            self._deliver_to(HandedOver(put, code))

    def _template(
        self, parameters: WriteParameters, condition: Condition | None, keys: tuple[str, ...], carries_md5: bool
    ) -> Template | str:
        shape = parameters, kind_of(condition), carries_md5
        known = self._templates.get(shape)
        if known is None:
            if parameters not in self._parameters and len(self._parameters) >= MOST_PARAMETERS:
                return "parameters differ from key to key"
            self._parameters.add(parameters)
            known = self._templates[shape] = self._proven(parameters, condition, keys, carries_md5)
        return known

    def _proven(
        self, parameters: WriteParameters, condition: Condition | None, keys: tuple[str, ...], carries_md5: bool
    ) -> Template | str:
        try:
            with self._probing():
                if self._origin is None:
                    refuse_answering_hooks(self._client, self._bucket)
                template = capture(self._client, self._bucket, parameters, condition, keys, carries_md5=carries_md5)
            if self._origin is None:
                self._near.loop.pool.origin = self._origin = origin_of(self._client, template.url)
        except NotFast as reason:
            return str(reason)
        self.signs_payload = self.signs_payload or template.signs_payload
        return template if is_for(self._origin, template.url) else "its requests go to another server"
