"""What a run would cost, by Amazon's price list."""

from __future__ import annotations

import pytest

from s3sync.core.estimate import Estimate
from s3sync.core.prices import GB, PRICES, request_price
from s3sync.wording import estimate_line

MIB = 1024 * 1024


def test_a_thousand_of_each() -> None:
    """The figures of the price list, as Amazon writes them."""
    assert 0.005 == pytest.approx(1000 * request_price("PutObject", "STANDARD"))
    assert 0.0004 == pytest.approx(1000 * request_price("HeadObject", "STANDARD"))
    assert 0.005 == pytest.approx(1000 * request_price("ListObjectsV2", "GLACIER_IR"))
    assert 0.02 == pytest.approx(1000 * request_price("UploadPart", "GLACIER_IR"))
    assert 0.0 == request_price("DeleteObject", "whatever")


UPLOADS = [
    # size, part size, replaced -> requests, growth
    (0, None, 0, {"PutObject": 1}, 0),
    (5 * MIB, None, 7 * MIB, {"PutObject": 1}, -2 * MIB),
    (16 * MIB, 8 * MIB, 0, {"CreateMultipartUpload": 1, "UploadPart": 2, "CompleteMultipartUpload": 1}, 16 * MIB),
    (16 * MIB + 1, 8 * MIB, 1, {"CreateMultipartUpload": 1, "UploadPart": 3, "CompleteMultipartUpload": 1}, 16 * MIB),
]


@pytest.mark.parametrize(("size", "part_size", "replaced", "requests", "growth"), UPLOADS)
def test_one_upload(size: int, part_size: int | None, replaced: int, requests: dict[str, int], growth: int) -> None:
    """Whole or in parts; new or over another."""
    estimate = Estimate(True)
    estimate.upload(size, "STANDARD", part_size=part_size, replaced=replaced)

    assert (requests, size, growth) == (estimate.by_operation, estimate.bytes, estimate.growth["STANDARD"])


def filled(is_amazon: bool, storage_class: str = "STANDARD") -> Estimate:
    estimate = Estimate(is_amazon)
    for _ in range(10_000):
        estimate.upload(GB // 100, storage_class)
    estimate.ask("ListObjectsV2", 1000)
    estimate.ask("HeadObject", 10_000, storage_class)
    return estimate


@pytest.mark.parametrize(
    ("storage_class", "requests", "month"),
    [("STANDARD", 0.059, 2.3), ("STANDARD_IA", 0.115, 1.25), ("DEEP_ARCHIVE", 0.509, 0.099)],
)
def test_the_cost_goes_by_storage_class(storage_class: str, requests: float, month: float) -> None:
    """10,000 PUTs and HEADs, 1,000 LISTs, 100 GB."""
    cost = filled(True, storage_class).cost

    assert cost is not None
    assert (requests, month) == (pytest.approx(cost.requests), pytest.approx(cost.storage_month, rel=1e-3))


def test_no_cost_is_made_up() -> None:
    """Another provider, or a class of which no price is known."""
    ours, new = filled(False), filled(True, "EXPRESS_ONEZONE")

    assert (None, "the endpoint is not Amazon's") == (ours.as_dict()["cost"], ours.as_dict()["why_no_cost"])
    assert (None, "EXPRESS_ONEZONE") == (new.cost, new.why_no_cost.rpartition(" ")[2])
    assert "EXPRESS_ONEZONE" not in PRICES


def test_in_words() -> None:
    """One line; cents are not made of nothing, and no minus stands before nothing."""
    assert (
        "  would take 10,000 HeadObject, 1,000 ListObjectsV2, 10,000 PutObject; 107.4 GB to send; $0.06 for the "
        "requests, $2.30 a month for the storage (list prices: STANDARD, us-east-1, 2025-11; regions and classes "
        "differ)"
    ) == estimate_line(filled(True))
    assert estimate_line(filled(False)).endswith("; 107.4 GB to send")
    assert estimate_line(filled(True, "NEW")).endswith("no list price is known of the storage class NEW")
    smaller = Estimate(True)
    smaller.upload(1, "STANDARD", replaced=100)
    assert "less than $0.01 for the requests, $0.00 a month" in estimate_line(smaller)
    smaller.upload(1, "STANDARD", replaced=GB * 1000)
    assert "-$23.00 a month" in estimate_line(smaller)
