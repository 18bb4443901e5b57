"""Storages on S3 that need only a bucket's name: what else a new project decides is decided here.

Class attributes win over the `AWS_*` settings, and OPTIONS win over both (`storages.base.BaseStorage.__init__`): so a
setting that is meant for static files, such as `AWS_QUERYSTRING_AUTH = False` or `AWS_DEFAULT_ACL`, cannot publish
uploads. Endpoint, region, credentials and all the rest come from the usual options and settings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3StaticStorage, S3Storage

if TYPE_CHECKING:
    from storages.backends.s3 import S3Storage as _Base
else:
    _Base = object


class _AnyServer(_Base):  # type: ignore[misc]
    """Goes before a storage that other servers than Amazon's are to understand as well."""

    client_config: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Since 1.36 boto3 sends a trailing checksum over https, which Ceph RGW and others answer with 411.
        said = getattr(self.client_config, "request_checksum_calculation", None)
        if self.endpoint_url and not said and "AWS_REQUEST_CHECKSUM_CALCULATION" not in os.environ:
            self.client_config = self.client_config.merge(
                Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
            )

    def get_default_settings(self) -> dict[str, Any]:
        """django-storages' own; but addresses are signed by Signature Version 4, which every S3 server knows."""
        settings: dict[str, Any] = super().get_default_settings()
        return {**settings, "signature_version": settings["signature_version"] or "s3v4"}


@deconstructible(path="s3sync.storages.StaticS3Storage")
class StaticS3Storage(_AnyServer, S3StaticStorage):  # type: ignore[misc]
    """Static files under `static/`, read by everybody: by the bucket's policy, and so without an ACL or a signature."""

    location = "static"
    default_acl = None
    # AWS_S3_FILE_OVERWRITE = False, which is there for uploads, would give each deploy's files other names.
    file_overwrite = True


@deconstructible(path="s3sync.storages.ManifestStaticS3Storage")
class ManifestStaticS3Storage(ManifestFilesMixin, StaticS3Storage):
    """The same with hashed names, as Django's `ManifestStaticFilesStorage` gives them."""


@deconstructible(path="s3sync.storages.MediaS3Storage")
class MediaS3Storage(_AnyServer, S3Storage):  # type: ignore[misc]
    """Uploads under `media/`, private: `url()` signs, no ACL is sent, and no upload takes the name of another."""

    location = "media"
    default_acl = None
    querystring_auth = True
    file_overwrite = False
    # AWS_S3_CUSTOM_DOMAIN, which is mostly there for static files, would have uploads served by a CDN, unsigned.
    custom_domain = None
