"""A large bucket's listing is done in ranges, by what the last one has left: with as many requests, and at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import canned
from tests.canned import Canned, Page, refusal, whole
from tests.project import Project

OBJECTS = 16_500
PAGES = 17


@pytest.fixture
def server() -> Iterator[Canned]:
    with Canned(objects=OBJECTS) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: Canned) -> Project:
    return Project(tmp_path / "project", server.server, "canned")


def listed(project: Project) -> tuple[int, int, int]:
    """How many objects were listed, were met without a file, and how many requests that took."""
    result = project.push("-v", "0")
    assert 0 == result.code, result
    return result.counts["listed"], result.counts["orphans"], result.report["requests"]["ListObjectsV2"]


def test_pages_are_asked_for_at_once(project: Project, server: Canned) -> None:
    """s3_push_media, twice: the second time no page is given out before one of another range was asked for"""
    assert (OBJECTS, OBJECTS, PAGES) == listed(project)
    first, server.pages[:] = sorted(page.start for page in server.pages), []
    elsewhere = threading.Event()

    def answer(page: Page, _: bytes) -> None:
        if page.start_after is not None:
            elsewhere.set()
        elif page.token is not None and page.start < 3000:
            assert elsewhere.wait(20)

    server.break_page = answer
    assert (OBJECTS, OBJECTS, PAGES) == listed(project)
    assert first == sorted(page.start for page in server.pages)
    assert 5 == sum(page.start_after is not None for page in server.pages)


def test_a_server_that_begins_at_the_start(project: Project, server: Canned) -> None:
    """s3_push_media: where `start-after` counts for nothing, no object comes twice, and none is missed"""
    listed(project)
    server.knows_start_after = False

    objects, orphans, requests = listed(project)
    assert (OBJECTS, OBJECTS) == (objects, orphans)
    assert requests <= PAGES + 3


TRIPS = {
    "the key is echoed, and no XML": whole(b"<ListBucketResult><StartAfter>\x01</StartAfter></ListBucketResult>"),
    "the signature is computed otherwise": refusal(403, "SignatureDoesNotMatch"),
    "it is not made for that": refusal(501, "NotImplemented"),
}


@pytest.mark.parametrize("how", TRIPS)
def test_a_server_that_trips_over_where_to_begin(project: Project, server: Canned, how: str) -> None:
    """s3_push_media: who would not have asked for it would have had the whole listing"""
    listed(project)
    server.break_page = lambda page, _: None if page.start_after is None else TRIPS[how]

    assert (OBJECTS, OBJECTS) == listed(project)[:2]


def test_objects_come_and_go(project: Project, server: Canned) -> None:
    """s3_push_media: the next listing begins where this one has found it best"""
    listed(project)
    server.objects = OBJECTS + 2000
    assert (OBJECTS + 2000,) * 2 == listed(project)[:2]
    server.objects = 1
    assert (1, 1, 1) == listed(project)
    server.pages.clear()
    server.objects = 2000
    assert (2000, 2000, 2) == listed(project)
    assert [None, None] == [page.start_after for page in server.pages]


def test_a_listing_without_order_leaves_no_marks(project: Project, server: Canned) -> None:
    """s3_push_media: where keys do not ascend, nobody knows what comes after one of them"""

    def swap(page: Page, answer: bytes) -> bytes | None:
        first, second = (quote(server.key(page.start + place)).encode() for place in (0, 1))
        if page.start != 3000:
            return None
        body = answer.partition(b"\r\n\r\n")[2]
        return canned.whole(body.replace(first, b"?").replace(second, first).replace(b"?<", second + b"<"))

    server.break_page = swap
    assert (OBJECTS, OBJECTS) == listed(project)[:2]
    server.break_page = lambda page, answer: None
    server.pages.clear()

    assert (OBJECTS, OBJECTS, PAGES) == listed(project)
    assert {None} == {page.start_after for page in server.pages}
