"""The fast engine alone: reads, hashes and sends a folder, and prints the seconds of processor time that this took.

    python -m benchmarks.engine ENDPOINT BUCKET FOLDER

Without listing, planning, state and Django's start: what it does is what floor.c does.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from hashlib import md5
from pathlib import Path

WINDOW = 256
CONNECTIONS = 16


def push(endpoint: str, bucket: str, folder: str) -> tuple[int, float]:
    """How many objects the server has confirmed, and the seconds of processor time."""
    import django

    django.setup()
    from storages.backends.s3 import S3Storage

    from s3sync.s3.engine_fast import FastEngine
    from s3sync.s3.target import Target
    from s3sync.s3.transfer import Completion, Put, Stored, WriteParameters

    target = Target.of("bench", S3Storage(bucket_name=bucket, endpoint_url=endpoint, access_key="a", secret_key="b",
                                          region_name="us-east-1", addressing_style="path"))  # fmt: skip
    room, stored = threading.Semaphore(WINDOW), []

    def deliver(completion: Completion) -> None:
        stored.append(isinstance(completion, Stored))
        room.release()

    files = [str(path) for path in Path(folder).rglob("*") if path.is_file()]
    keys = ["media/" + os.path.relpath(path, folder) for path in files]
    parameters = WriteParameters({"ContentType": "application/octet-stream"})
    engine = FastEngine(target.client, bucket, deliver=deliver, start=CONNECTIONS, ceiling=CONNECTIONS)
    why_not = engine.prepare(parameters, tuple(keys[:3]))
    if why_not:
        raise SystemExit(f"not the fast way: {why_not}")
    began = time.process_time()
    for path, key in zip(files, keys, strict=True):
        with open(path, "rb", buffering=0) as file:
            body = file.read()
        digest = md5(body, usedforsecurity=False).hexdigest()
        room.acquire()
        engine.submit(Put(key, parameters, len(body), digest, body, path, None, key))
    for _ in range(WINDOW):
        room.acquire()
    engine.close()  # its own process is counted once it has ended
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(stored), time.process_time() - began + children.ru_utime + children.ru_stime


def main() -> None:
    """Standard error gets the seconds, as `measure` keeps that."""
    count, seconds = push(*sys.argv[1:4])
    print(f"{count} {seconds}", file=sys.stderr)


if __name__ == "__main__":
    main()
