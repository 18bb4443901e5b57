"""What Amazon S3 lists for requests and storage, for an estimate: nobody's bill.

"Amazon S3 pricing", US East (N. Virginia), first 50 TB a month. Other regions cost up to twice as much; discounts, free
tiers, transfer out, retrieval, minimum sizes and minimum durations are not in it. DELETE and the abort of an upload in
parts are free; a LIST costs as much as in Standard, whatever the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

AS_OF: Final = "2025-11"
REGION: Final = "us-east-1"
GB: Final = 2**30
"""Bytes, as storage is billed."""


class Price(NamedTuple):
    """US dollars."""

    write: float
    """For 1,000 PUT, COPY and POST requests."""
    read: float
    """For 1,000 GET, HEAD and all other requests."""
    storage: float
    """For a GB and a month."""


STANDARD: Final = Price(0.005, 0.0004, 0.023)
PRICES: Final[Mapping[str, Price]] = MappingProxyType({
    "STANDARD": STANDARD,
    "INTELLIGENT_TIERING": Price(0.005, 0.0004, 0.023),
    "STANDARD_IA": Price(0.01, 0.001, 0.0125),
    "ONEZONE_IA": Price(0.01, 0.001, 0.01),
    "GLACIER_IR": Price(0.02, 0.01, 0.004),
    "GLACIER": Price(0.03, 0.0004, 0.0036),
    "DEEP_ARCHIVE": Price(0.05, 0.0004, 0.00099),
})  # fmt: skip

WRITES: Final = frozenset({
    "PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObjectAcl",
})  # fmt: skip
LISTS: Final = frozenset({"ListObjectsV2", "ListMultipartUploads"})
FREE: Final = frozenset({"DeleteObject", "AbortMultipartUpload"})


def request_price(operation: str, storage_class: str) -> float:
    """Dollars for one request. Raises KeyError for a class whose prices are not known here."""
    if operation in FREE:
        return 0.0
    if operation in LISTS:
        return STANDARD.write / 1000
    price = PRICES[storage_class]
    return (price.write if operation in WRITES else price.read) / 1000
