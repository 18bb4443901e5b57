"""Times the reading of many objects' ACLs, ours and a plain boto3 thread pool in turn, and prints ratios.

    python -m benchmarks.acls [--objects 10000] [--rounds 5] [--different]

Each run is a process of its own; given are the whole process and, within it, the reading alone, which grows with
the number of objects. `--different`: no two objects have the same ACL document, so that none is read from a cache.
Loopback and two cores measure the client's own cost, not a network. Figures are medians; quote the ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .peers import ROOT
from .servers import null_server

BUCKET = "bench"
THREADS = 32


def keys(count: int, *, different: bool) -> Iterator[str]:
    """Keys as of a media folder; the null server knows any."""
    folder = "different" if different else "media"
    return (f"{folder}/{number // 25:05}/{number:07}.png" for number in range(count))


def boto3_pool(endpoint: str, count: int, *, different: bool) -> tuple[int, float]:
    """`get_object_acl` by a plain boto3 client in 32 threads; gives the grants that were read, and seconds."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3", endpoint_url=endpoint, config=Config(max_pool_connections=THREADS, s3={"addressing_style": "path"})
    )
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(lambda key: client.get_object_acl(Bucket=BUCKET, Key=key), keys(count, different=different))
        return sum(len(answer["Grants"]) for answer in answers), time.perf_counter() - began


def ours(endpoint: str, count: int, *, different: bool) -> tuple[int, float]:
    """The same by `AclReader`, its proof included; it ends the benchmark if it does not go the fast way."""
    from django.conf import settings

    settings.configure()
    from storages.backends.s3 import S3Storage

    from s3sync.s3.acls import AclReader
    from s3sync.s3.calls import CallCounter
    from s3sync.s3.target import Target

    target = Target.of("bench", S3Storage(bucket_name=BUCKET, endpoint_url=endpoint, addressing_style="path"))
    calls = CallCounter(target.client)
    began = time.perf_counter()
    with AclReader(target, workers=None, calls=calls) as reader:
        grants = sum(len(acl.grants or ()) for acl in reader.read(keys(count, different=different)))
        assert (count, {}) == (reader.requests, calls.counts), (reader.why_not_fast, calls.counts)
    return grants, time.perf_counter() - began


def one(way: str, endpoint: str, count: int, *, different: bool) -> None:
    """One run: prints the seconds that the reading took."""
    grants, seconds = {"boto3": boto3_pool, "ours": ours}[way](endpoint, count, different=different)
    assert grants == 2 * count
    print(seconds)


def run(way: str, endpoint: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds of a whole process, of what it says that the reading took, and of processor time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DJANGO_"))}
    environment = {
        **kept, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.acls", "--one", way, "--endpoint", endpoint]
    command += ["--objects", str(options.objects), *(["--different"] if options.different else [])]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    whole, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return whole, float(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(options: argparse.Namespace) -> None:
    """Both ways in turn, each time against the same server."""
    seconds: dict[str, list[tuple[float, float, float]]] = {"ours": [], "boto3": []}
    with null_server(ROOT / ".venv-bench", python=True) as server:
        for _ in range(options.rounds):
            for way, found in seconds.items():
                found.append(run(way, server.endpoint(), options))
    title = f"{options.objects:,} ACLs"
    print(f"{title:24}{'process s':>12}{'min':>8}{'max':>8}{'reading s':>12}{'per s':>9}{'CPU s':>9}")
    middles = {}
    for way, found in seconds.items():
        columns = list(zip(*found, strict=True))
        whole, reading, processor = middles[way] = [statistics.median(column) for column in columns]
        name = "AclReader" if way == "ours" else f"boto3, {THREADS} threads"
        print(
            f"{name:24}{whole:12.2f}{min(columns[0]):8.2f}{max(columns[0]):8.2f}{reading:12.2f}"
            f"{options.objects / reading:9,.0f}{processor:9.2f}"
        )
    ratios = [theirs / own for theirs, own in zip(middles["boto3"], middles["ours"], strict=True)]
    print("ratio: {:.1f} for the whole process, {:.1f} for the reading, {:.1f} in processor time".format(*ratios))


def main() -> None:
    """Reads the options and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--different", action="store_true")
    parser.add_argument("--one", choices=["ours", "boto3"], help=argparse.SUPPRESS)
    parser.add_argument("--endpoint", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one, options.endpoint, options.objects, different=options.different)
    else:
        compare(options)


if __name__ == "__main__":
    main()
