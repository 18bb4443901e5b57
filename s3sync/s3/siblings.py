"""Clients of other AWS services that go the same way as a given one: credentials, region, proxies, certificates."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

_SHARED = (
    "connect_timeout", "read_timeout", "retries", "proxies", "proxies_config", "client_cert", "user_agent_extra",
    "use_fips_endpoint", "use_dualstack_endpoint",
)  # fmt: skip


def sibling(client: Any, service: str) -> Any:
    """A client of another service, with the credentials of this moment. Raises what botocore raises."""
    config = client.meta.config
    shared = {name: getattr(config, name, None) for name in _SHARED}
    source = client._get_credentials()
    if source is None:
        raise NoCredentialsError
    credentials = source.get_frozen_credentials()
    return botocore.session.Session().create_client(
        service,
        region_name=client.meta.region_name or "us-east-1",
        verify=getattr(client._endpoint.http_session, "_verify", None),
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(**{name: value for name, value in shared.items() if value is not None}),
    )
