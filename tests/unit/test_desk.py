"""The desk on which workers leave their results for the run's own thread."""

from __future__ import annotations

import threading
from typing import Any

from s3sync.sync.desk import Desk


def test_what_lies_in_a_tray_is_taken_together() -> None:
    """One call for all of it, in its order; nothing is taken twice, and no call is made for nothing."""
    desk, taken = Desk(), []
    tray = desk.tray(taken.append)
    for number in range(3):
        tray.add(number)

    assert (True, False) == (desk.work(), desk.work())
    tray.add(3)
    assert desk.work()
    assert [[0, 1, 2], [3]] == taken


def test_results_of_all_kinds_are_gathered() -> None:
    """Waiting for so many counts those in trays too, or it would take all of its patience."""
    desk, seen = Desk(), []
    first, second = desk.tray(seen.extend), desk.tray(seen.extend)
    first.add("a")
    first.add("b")
    second.add("c")
    desk.post(seen.append, "d")

    gathered = threading.Thread(target=desk.gather, args=(4, 60.0), daemon=True)
    gathered.start()
    gathered.join(10.0)
    assert not gathered.is_alive()
    desk.work()
    assert ["a", "b", "c", "d"] == sorted(seen)


def test_a_tray_filled_while_it_is_emptied() -> None:
    """Not one result stays behind, however threads and the working thread get in each other's way."""
    desk, taken = Desk(), list[Any]()
    tray = desk.tray(taken.extend)

    def add(worker: int) -> None:
        for number in range(5000):
            tray.add((worker, number))

    workers = [threading.Thread(target=add, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    while len(taken) < 15000 and desk.work(5.0):
        pass
    for worker in workers:
        worker.join()

    assert 15000 == len(taken)
    for worker in range(3):
        assert list(range(5000)) == [number for by, number in taken if by == worker]
