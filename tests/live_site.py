"""A site that is in use: processes that serve it, deploys that replace them, and visitors who never stop uploading."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from random import Random

from tests.project import Project
from tests.servers import Server, free_port

MODELS = """\
from django.db import models

class Photo(models.Model):
    image = models.FileField(upload_to="photos/%Y")
"""
URLS = """\
from django.conf import settings
from django.core.files.base import ContentFile
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.static import serve
from photos.models import Photo

@csrf_exempt
def photos(request, name):
    photo = Photo()
    photo.image.save(name, ContentFile(request.body))
    return JsonResponse({"id": photo.pk, "name": photo.image.name})

@csrf_exempt
def photo(request, pk):
    photo = Photo.objects.get(pk=pk)
    if request.method == "DELETE":
        photo.delete()
        photo.image.delete(save=False)
        return HttpResponse()
    with photo.image.open("rb") as opened:
        return HttpResponse(opened.read(), headers={"X-Address": photo.image.url})

urlpatterns = [
    path("new/<name>", photos),
    path("photo/<int:pk>", photo),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
]
"""
SERVE = """\
import os, signal, sys, threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.wsgi import get_wsgi_application

class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = False
    request_queue_size = 64

class Silent(WSGIRequestHandler):
    def log_message(self, *args):
        pass

server = make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), Threads, Silent)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""
SETTINGS = """\
INSTALLED_APPS += ["photos"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "photos.urls"
DATA_UPLOAD_MAX_MEMORY_SIZE = None
ALLOWED_HOSTS = ["www.example.com", "127.0.0.1"]
DATABASES["default"]["OPTIONS"] = {"timeout": 60, "transaction_mode": "IMMEDIATE"}
"""


def found(project: Project, urls: str = URLS) -> None:
    """The site's app."""
    folder = project.root / "photos"
    folder.mkdir(exist_ok=True)
    for name, text in {"__init__": "", "models": MODELS, "urls": urls}.items():
        (folder / f"{name}.py").write_text(text)
    (project.root / "serve.py").write_text(SERVE)


def rows(project: Project) -> None:
    """A table, and a row for each file that is there."""
    names = [path.relative_to(project.media).as_posix() for path in sorted(project.media.rglob("*.jpg"))]
    code = (
        "from django.db import connection\nfrom photos.models import Photo\n"
        "with connection.schema_editor() as editor: editor.create_model(Photo)\n"
        f"Photo.objects.bulk_create(Photo(image=name) for name in {names!r})"
    )
    result = project.run("shell", "-v", "0", "-c", code)
    assert 0 == result.code, result


class Front:
    """What stands before the site's processes, as a load balancer does: it sends to none that is about to end."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._guard = threading.Condition()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._busy: Counter[int] = Counter()

    def deploy(self, together: float = 0.3) -> None:
        """A process with the settings of this moment replaces the others, after some seconds together with them."""
        before = list(self._processes)
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "serve.py", str(port)], cwd=self._project.root, env=self._project._environment({}),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        while True:
            assert process.poll() is None, "the site does not start"
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
                break
            time.sleep(0.05)
        with self._guard:
            self._processes[port] = process
        time.sleep(together)
        for old in before:
            self._end(old)

    def _end(self, port: int) -> None:
        with self._guard:
            process = self._processes.pop(port)
            self._guard.wait_for(lambda: not self._busy[port], timeout=60)
        process.terminate()
        assert 0 == process.wait(60)

    def close(self) -> None:
        """The site is closed."""
        for port in list(self._processes):
            self._end(port)

    @contextmanager
    def port(self, rng: Random) -> Iterator[int]:
        """One of the processes, which stays for the length of the block."""
        with self._guard:
            port = rng.choice(list(self._processes))
            self._busy[port] += 1
        try:
            yield port
        finally:
            with self._guard:
                self._busy[port] -= 1
                self._guard.notify_all()


class Visitors:
    """Upload, look at what they have uploaded, and delete some of it. `trouble` is all that was not as it should be."""

    def __init__(self, front: Front, server: Server, count: int, seed: int) -> None:
        self.trouble: list[str] = []
        self.kept: dict[str, str] = {}
        """Name -> SHA-256, of each upload that nobody has deleted."""
        self.done: Counter[str] = Counter()
        self._front = front
        self._tls = ssl.create_default_context(cafile=str(server.ca)) if server.ca else None
        self._going = threading.Event()
        self._going.set()
        self._threads = [
            threading.Thread(target=self._visit, args=(number, Random(seed * 1000 + number))) for number in range(count)
        ]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going.clear()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int, rng: Random) -> None:
        mine: dict[int, tuple[str, str]] = {}
        turn = 0
        while self._going.is_set():
            turn += 1
            try:
                self._turn(number, turn, rng, mine)
            except Exception as error:  # noqa: BLE001  whatever a visitor sees is the site's failure
                self.trouble.append(f"{type(error).__name__}: {error}")
            time.sleep(0.02)

    def _turn(self, number: int, turn: int, rng: Random, mine: dict[int, tuple[str, str]]) -> None:
        size = 9_000_000 if turn == 5 and number == 0 else rng.randint(1, 60_000)
        body = rng.randbytes(size)
        answer = json.loads(self._ask("POST", f"/new/{number}-{turn % 4}.jpg", rng, body)[0])
        digest = hashlib.sha256(body).hexdigest()
        mine[answer["id"]] = answer["name"], digest
        self.kept[answer["name"]] = digest
        self.done["uploads"] += 1
        for pk in rng.sample(sorted(mine), min(len(mine), 2)):
            self._look(pk, *mine[pk], rng)
        if len(mine) > 6 and rng.random() < 0.3:
            pk = rng.choice(sorted(mine))
            name, _ = mine.pop(pk)
            del self.kept[name]
            self._ask("DELETE", f"/photo/{pk}", rng)
            self.done["deletes"] += 1

    def _look(self, pk: int, name: str, digest: str, rng: Random) -> None:
        body, address = self._ask("GET", f"/photo/{pk}", rng)
        if digest != hashlib.sha256(body).hexdigest():
            self.trouble.append(f"{name} has other content")
        if address.startswith("/"):
            body, _ = self._ask("GET", address, rng)
        else:
            with urllib.request.urlopen(address, timeout=60, context=self._tls) as answer:
                body = answer.read()
        if digest != hashlib.sha256(body).hexdigest():
            self.trouble.append(f"{name} has other content under {address.partition('?')[0]}")
        self.done["looks"] += 1

    def _ask(self, method: str, path: str, rng: Random, body: bytes | None = None) -> tuple[bytes, str]:
        with self._front.port(rng) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request(method, path, body)
                response = connection.getresponse()
                content = response.read()
            finally:
                connection.close()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:200]!r}")
        return content, response.headers.get("X-Address", "")


