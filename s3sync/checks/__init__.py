"""System checks, tag `s3sync`: what stops newcomers and can be seen without network or credentials.

Each id means one thing and is explained in docs/checks.md. Errors are for what cannot work, or works on another disk
than its author believes; warnings for what works, but hardly as meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from s3sync.checks.backends import check_backends
from s3sync.checks.cutover import check_cutover
from s3sync.checks.folders import check_folders
from s3sync.checks.ignored import check_ignored_settings
from s3sync.checks.keys import check_keys
from s3sync.checks.media import check_media
from s3sync.checks.own import check_own_settings
from s3sync.checks.removed import check_removed_settings
from s3sync.checks.signed import check_signed_static
from s3sync.checks.sites import sites_of
from s3sync.checks.static import check_static
from s3sync.checks.targets import check_targets
from s3sync.checks.transport import check_transport
from s3sync.conf import conf
from s3sync.s3.options import find_backends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig
    from django.core.checks import CheckMessage


def check_project(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Everything that this project's settings give reason to say."""
    storages = conf.storages
    backends = find_backends(storages)
    sites = sites_of(storages, backends)
    return [
        *check_ignored_settings(storages),
        *check_own_settings(),
        *check_backends(backends),
        *check_targets(storages, backends, sites),
        *check_removed_settings(sites),
        *check_transport(sites),
        *check_static(),
        *check_signed_static(sites),
        *check_cutover(sites),
        *check_folders(),
        *check_media(sites),
        *check_keys(sites),
    ]
