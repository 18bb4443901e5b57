"""What a run would ask of S3, and what that costs at list price."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .prices import AS_OF, FREE, GB, LISTS, PRICES, REGION, request_price

OUTGOING = "data transfer out, retrieval"
"""What a download costs beside its requests."""
PARTS = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


@dataclass(frozen=True, slots=True)
class Cost:
    """In US dollars."""

    requests: float
    storage_month: float
    """What a month of what is added costs; less than nothing where objects get smaller."""


@dataclass(slots=True)
class Estimate:
    """Adds up; used by one thread."""

    is_amazon: bool
    """Whether Amazon's prices hold."""
    incoming: bool = False
    """Whether the bytes come here: sending them out is paid for by what else the account has sent, so by no list."""
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Operation and storage class ("" where that makes no difference) -> how many."""
    bytes: int = 0
    """To be sent, or to come here."""
    growth: Counter[str] = field(default_factory=Counter)
    """Storage class -> bytes that will lie there in addition."""

    def upload(self, size: int, storage_class: str, *, part_size: int | None = None, replaced: int = 0) -> None:
        """One object of `size` bytes, in parts where `part_size` is given, over one of `replaced` bytes."""
        if part_size is None:
            self.requests["PutObject", storage_class] += 1
        else:
            for operation in PARTS:
                self.requests[operation, storage_class] += 1
            self.requests["UploadPart", storage_class] += max(1, -(-size // part_size)) - 1
        self.bytes += size
        self.growth[storage_class] += size - replaced

    def download(self, size: int, storage_class: str, *, segment: int) -> None:
        """One object of `size` bytes, which comes in segments of at most so many bytes."""
        self.requests["GetObject", storage_class] += max(1, -(-size // segment))
        self.bytes += size

    def ask(self, operation: str, number: int, storage_class: str = "STANDARD") -> None:
        """Other requests."""
        if operation in LISTS | FREE:
            storage_class = ""  # their price does not depend on it
        if number:
            self.requests[operation, storage_class] += number

    @property
    def by_operation(self) -> dict[str, int]:
        """Operation -> how many."""
        found: Counter[str] = Counter()
        for (operation, _), number in self.requests.items():
            found[operation] += number
        return dict(sorted(found.items()))

    @property
    def storage_classes(self) -> list[str]:
        """Those that objects get, or have."""
        return sorted(({name for _, name in self.requests} | set(self.growth)) - {""})

    @property
    def cost(self) -> Cost | None:
        """None where no list price is known."""
        if self.why_no_cost:
            return None
        asked = (number * request_price(*what) for what, number in self.requests.items())
        kept = (size / GB * PRICES[name].storage for name, size in self.growth.items())
        return Cost(sum(asked), sum(kept))

    @property
    def why_no_cost(self) -> str:
        """Empty where there is a cost."""
        if not self.is_amazon:
            return "the endpoint is not Amazon's"
        unknown = [name for name in self.storage_classes if name not in PRICES]
        return f"no list price is known of the storage class {', '.join(unknown)}" if unknown else ""

    def as_dict(self) -> dict[str, Any]:
        """The estimate as the report shows it."""
        cost = self.cost
        return {
            "requests": self.by_operation, "bytes": self.bytes, "storage_classes": self.storage_classes,
            "cost": cost and {
                "currency": "USD", "requests": round(cost.requests, 9), "storage_month": round(cost.storage_month, 9),
                "prices": f"list prices of {REGION}, {AS_OF}",
                **({"without": OUTGOING} if self.incoming else {}),
            },
            "why_no_cost": self.why_no_cost or None,
        }  # fmt: skip
