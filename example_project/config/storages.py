"""Where files live on S3: one bucket, two locations, two audiences.

Everything else about the bucket (name, region, endpoint, credentials) comes from ``STORAGES`` in the settings. What
makes the two *different* is written here once, so that the site, ``collectstatic`` and ``s3_push_media`` agree.

Neither class sets an ACL: buckets made since April 2023 have ACLs disabled and refuse them. A bucket policy makes
``static/`` public, see README.md.
"""

from typing import ClassVar

from storages.backends.s3 import S3StaticStorage, S3Storage


class StaticStorage(S3StaticStorage):
    """Stylesheets and scripts: anybody may read them, at plain addresses that caches like."""

    location = "static"
    signature_version = "s3v4"
    object_parameters: ClassVar = {"CacheControl": "public, max-age=3600"}


class MediaStorage(S3Storage):
    """What people upload: private, read through presigned addresses that expire.

    Two people may both upload ``beach.jpg``, so the site never overwrites: the second one gets another name.
    """

    location = "media"
    signature_version = "s3v4"
    querystring_auth = True
    querystring_expire = 3600
    file_overwrite = False
    object_parameters: ClassVar = {"CacheControl": "private, max-age=3600"}
