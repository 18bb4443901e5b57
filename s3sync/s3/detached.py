"""A client that signs, retries and calls hooks like another one, but sends through an HTTP session of ours."""

from __future__ import annotations

import copy
from typing import Any


def with_session(client: Any, session: Any) -> Any:
    """A shallow copy of a boto3 client that sends through `session`; the client itself is untouched.

    A `before-send` hook on a shared client would not do: botocore caches its handler lists without a lock, so one that
    comes and goes may be missed, or outlive its removal, in another thread.
    """
    endpoint = copy.copy(client._endpoint)
    endpoint.http_session = session
    # Not copy.copy(): a client's __getattr__ recurses while it is still empty.
    detached = object.__new__(type(client))
    detached.__dict__.update(client.__dict__, _endpoint=endpoint)
    return detached
