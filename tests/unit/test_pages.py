"""Pages of a listing: what the fast reader makes of them is what XML says."""

from __future__ import annotations

from urllib.parse import quote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.core.objects import RemoteObject
from s3sync.s3 import pages
from s3sync.s3.pages import parse_page

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b-1</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>"
    "<EncodingType>url</EncodingType>"
)
MODIFIED = "2026-01-02T03:04:05.000Z"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def contents(key: str, *, etag: str = f"&quot;{MD5}&quot;", before: str = "", after: str = "", size: str = "7") -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{MODIFIED}</LastModified><ETag>{etag}</ETag>{before}"
        f"<Size>{size}</Size>{after}</Contents>"
    )


def page(*objects: str) -> bytes:
    return (HEAD + "".join(objects) + "</ListBucketResult>").encode()


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(0, 10**14)), min_size=1, max_size=5))
def test_keys_of_every_kind(found: list[tuple[str, int]]) -> None:
    """Url-encoded, as they come: decoded, in their order, with name and token of the page."""
    found = [(key.encode("utf-8", "replace").decode(), size) for key, size in found]
    read = parse_page(page(*(contents(escape(quote_plus(key, safe="/")), size=str(size)) for key, size in found)))

    assert [RemoteObject(key, size, MD5, MODIFIED) for key, size in found] == list(read.objects)
    assert ("b-1", "t&1") == (read.bucket, read.next_token)


FORMS = {
    "AWS": contents("a", after="<StorageClass>STANDARD</StorageClass>"),
    "AWS, with a checksum": contents(
        "a", before="<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    ),
    "Ceph": contents("a", after=(
        "<StorageClass>STANDARD</StorageClass><Owner><ID>u</ID><DisplayName>U</DisplayName></Owner><Type>Normal</Type>"
    )),
    "MinIO": contents("a", etag=f"&#34;{MD5}&#34;", after="<Owner><ID></ID><DisplayName/></Owner>"),
    "on lines of its own": contents("a").replace("><", ">\n  <"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_usual_forms(form: str) -> None:
    """The fast reader takes them, beside one another."""
    body = page(FORMS[form], FORMS[form])
    usual = pages._usual_page(body)

    assert usual is not None
    assert [RemoteObject("a", 7, MD5, MODIFIED)] * 2 == list(usual.objects) == list(pages._any_page(body).objects)


OTHER = {
    "an element more": contents("a", after="<New>1</New>"),
    "an escaped key": contents("a&amp;b"),
    "an ETag of another form": contents("a", etag="W/x"),
    "no size": contents("a").replace("<Size>7</Size>", "") + contents("b"),
    "a comment": "<!--" + contents("a") + "-->" + contents("b"),
}


@pytest.mark.parametrize("form", OTHER)
def test_other_forms_are_xmls(form: str) -> None:
    """Nothing is left out, or taken that does not count: the reader of XML reads the page."""
    body = page(contents("0"), OTHER[form])

    assert pages._usual_page(body) is None
    if form == "no size":
        with pytest.raises(KeyError):
            parse_page(body)
    else:
        assert list(pages._any_page(body).objects) == list(parse_page(body).objects)


@pytest.mark.parametrize("lost", [40, 100, len(page(contents("a"))) // 2, 1])
def test_half_a_page_is_none(lost: int) -> None:
    """Whatever it breaks off in."""
    body = page(contents("a"), contents("b"))
    with pytest.raises((ElementTree.ParseError, ValueError)):
        parse_page(body[:-lost])
