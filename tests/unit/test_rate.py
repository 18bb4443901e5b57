"""A rate is kept, by clocks that only these tests move."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.rate import Bucket
from s3sync.management.options import bytes_per_second, requests_per_second
from s3sync.s3.limits import Limits, Metered
from tests.strategies import QUICK

RESERVED = [
    # rate, burst, [(now, tokens, seconds to wait)]
    ("one at a time", 1, 1, [(0, 1, 0), (0, 1, 0), (0, 1, 1), (0, 1, 2), (3, 1, 0)]),
    ("a rest gives the burst and no more", 10, 5, [(100, 5, 0), (100, 5, 0), (100, 5, 0.5), (200, 15, 0), (200, 1, 1)]),
    ("more than the burst is whole, and is paid for", 10, 1, [(0, 100, 0), (0, 1, 9.9), (5, 1, 5)]),
    ("less than one a second", 0.5, 1, [(0, 1, 0), (0, 1, 0), (0, 1, 2), (0, 1, 4)]),
    ("a clock that stands before zero", 1, 1, [(-50, 2, 0), (-50, 1, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("rate", "burst", "asked"), [row[1:] for row in RESERVED], ids=[row[0] for row in RESERVED])
def test_reserve(rate: float, burst: float, asked: list[tuple[float, float, float]]) -> None:
    """What waits, and for how long."""
    bucket = Bucket(rate, burst)

    assert [wait for _, _, wait in asked] == pytest.approx([bucket.reserve(n, now) for now, n, _ in asked])


@QUICK
@given(
    st.floats(0.1, 1e9), st.floats(0.1, 1e6),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 1e6)), min_size=1, max_size=40),
)  # fmt: skip
def test_no_window_holds_more_than_it_may(rate: float, burst: float, asked: list[tuple[float, float]]) -> None:
    """Between any two moments: rate times seconds, and the burst, and one last grant."""
    bucket, now, usable = Bucket(rate, burst), 0.0, []
    for pause, tokens in asked:
        now += pause
        usable.append((now + bucket.reserve(tokens, now), tokens))

    for first, (begin, _) in enumerate(usable):
        for last in range(first, len(usable)):
            before = sum(tokens for _, tokens in usable[first:last])
            assert before <= (rate * (usable[last][0] - begin) + burst) * (1 + 1e-6)


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limits(clock: Clock, stop: Callable[[], bool] = lambda: False, **of: float) -> Limits:
    return Limits(of.get("bandwidth"), of.get("requests"), stop=stop, now=clock, sleep=clock.sleep)


def test_requests_and_bytes_are_waited_for() -> None:
    """100 requests at 10 a second; 10 MB at 1 MB a second, of which a quarter of a second's worth may come at once."""
    clock = Clock()
    some = limits(clock, requests=10)
    for _ in range(100):
        some.wait(requests=1)
    assert 9.8 == pytest.approx(clock.now)

    clock = Clock()
    body = Metered(io.BytesIO(b"x" * 10_000_000), limits(clock, bandwidth=1_000_000))
    assert 10_000_000 == sum(len(piece) for piece in iter(lambda: body.read(1 << 20), b""))
    assert 9.7 < clock.now < 9.8


def test_a_body_can_be_read_again() -> None:
    """botocore rewinds what it sends once more."""
    body = Metered(io.BytesIO(b"x" * 40_000), limits(Clock(), bandwidth=1e6))

    assert (16_384, 16_384, 7_232, 0) == tuple(len(body.read()) for _ in range(4))
    body.seek(0)
    assert (100, 100) == (len(body.read(100)), body.tell())


def test_nobody_waits_once_the_run_is_to_end() -> None:
    """Ctrl-C at 1K a second."""
    clock = Clock()
    ends = limits(clock, stop=lambda: clock.now >= 1, bandwidth=1000)
    ends.wait(size=1_000_000)
    ends.wait(size=1)

    assert 1 <= clock.now < 1.3


def test_the_fast_engine_pays_afterwards() -> None:
    """It can't wait within its loop: it is told when the next request may go."""
    some = limits(Clock(), bandwidth=1_000_000, requests=1000)

    assert 0.0 == some.sent(200_000)
    assert 0.15 == pytest.approx(some.sent(200_000))


@pytest.mark.parametrize(
    ("bandwidth", "streams", "at_once"),
    [(None, 1 << 16, 1 << 40), (1000, 1, 16_384), (1_000_000, 15, 250_000), (40_000_000, 610, 10_000_000)],
)
def test_what_goes_in_one_piece(bandwidth: float | None, streams: int, at_once: int) -> None:
    """No connection stands still so long that S3 gives it up, and no burst is longer than a quarter of a second."""
    some = Limits(bandwidth)

    assert (min(streams, 3), 1) == (Limits(bandwidth, 3).streams, Limits(bandwidth, 0.5).streams)
    assert (streams, True) == (some.streams, some.at_once(at_once))
    assert bandwidth is None or not some.at_once(at_once + 1)


def test_rates_on_the_command_line() -> None:
    """Powers of 1000; nonsense is told."""
    assert [1000, 500_000, 40e6, 1.5e9, 40e6, 1234] == [
        bytes_per_second(text) for text in ("1000", "500K", "40M", "1.5G", "40m", "1234")
    ]
    assert [100, 0.5] == [requests_per_second(text) for text in ("100", "0.5")]
    for wrong in ("", "0", "-1", "40MB", "1e9", "nan", "inf", "0.5K", "4 M", "٤M"):
        with pytest.raises(argparse.ArgumentTypeError):
            bytes_per_second(wrong)
    for wrong in ("", "0", "0.09", "-1", "ten", "1e3", "inf", "٤"):
        with pytest.raises(argparse.ArgumentTypeError):
            requests_per_second(wrong)
