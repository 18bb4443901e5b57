"""Runs one command and prints what it cost: `python -I -S launcher.py FD COMMAND...`.

A process of its own and a small one, as the system counts a parent's memory into the peak of its children.
Writes to FD: exit code, seconds, seconds of processor time, KiB at the peak.
"""

import _thread
import os
import sys
import time

WANTED = ("VmHWM", "RssFile")
EVERY = 0.2  # seconds between looks at the processes that the command starts


def below(pid: int) -> "list[int]":
    """This process and all that it has started and that are still there."""
    found = [pid]
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in file.read().split():
                    found += below(int(child))
    except OSError:
        pass
    return found


def peak(pids: "list[int]") -> int:
    """KiB, each process at its own peak. What is mapped from files, the second has in common with the first."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as file:
                found = {name: int(value.split()[0]) for name, _, value in map(split, file) if name in WANTED}
        except OSError:
            continue
        total += found.get("VmHWM", 0) - (found.get("RssFile", 0) if total else 0)
    return total


def split(line: str) -> "tuple[str, str, str]":
    """A line of /proc/PID/status."""
    return line.partition(":")


def main() -> None:
    answer, largest = int(sys.argv[1]), [0]
    os.set_inheritable(answer, False)

    def look(pid: int) -> None:
        while True:
            time.sleep(EVERY)
            pids = below(pid)
            if len(pids) > 1:
                largest[0] = max(largest[0], peak(pids))

    began = time.perf_counter()
    child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    _thread.start_new_thread(look, (child,))
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    with open(answer, "w") as out:
        print(code, seconds, used.ru_utime + used.ru_stime, max(used.ru_maxrss, largest[0]), file=out)


main()
