"""The ids of the checks, each used for one thing; a number is never given twice, whatever its letter."""

from __future__ import annotations

from typing import Final

IGNORED_S3_SETTING: Final = "s3sync.E001"
IGNORED_SETTING: Final = "s3sync.W002"
MISSPELT_BACKEND: Final = "s3sync.E003"
BROKEN_BACKEND: Final = "s3sync.W004"
BAD_VALUE: Final = "s3sync.E005"
UNKNOWN_KEY: Final = "s3sync.W006"
UNKNOWN_ALIAS: Final = "s3sync.W007"
NO_BUCKET: Final = "s3sync.E008"
LEADING_SLASH: Final = "s3sync.E009"
BAD_OPTIONS: Final = "s3sync.E010"
NOT_CONSTRUCTED: Final = "s3sync.W011"
OVERLAP: Final = "s3sync.W012"
BUCKET_IN_ENDPOINT: Final = "s3sync.W013"
DOMAIN_WITH_SCHEME: Final = "s3sync.E014"
DOMAIN_WITH_SLASH: Final = "s3sync.W015"
SHADOWED_COMMAND: Final = "s3sync.W016"
VIEW_NOT_MOUNTED: Final = "s3sync.W017"
