"""Storages for `STORAGES`: ready-made ones that need only a bucket's name, and one for the time of a move to S3.

They are django-storages' own classes with a few options set, or with a second place to look; every option of
`storages.backends.s3.S3Storage` is an option here. All that is named here is meant for projects (docs/storages.md).
"""

from .counting import Fallbacks, fallbacks, fell_back
from .cutover import CutoverMixin, CutoverStorage, MediaCutoverStorage
from .ready import ManifestStaticS3Storage, MediaS3Storage, StaticS3Storage

__all__ = [
    "CutoverMixin",
    "CutoverStorage",
    "Fallbacks",
    "ManifestStaticS3Storage",
    "MediaCutoverStorage",
    "MediaS3Storage",
    "StaticS3Storage",
    "fallbacks",
    "fell_back",
]
