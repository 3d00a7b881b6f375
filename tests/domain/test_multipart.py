"""The framing of several regions in one body."""

from email import message_from_bytes
from email.policy import HTTP

from hypothesis import given, strategies as st

from streamserver.domain.multipart import body_length, content_range, multipart_body, multipart_type
from streamserver.domain.ranges import ResourceRegion
from tests.facts.parts import read_partial

CONTENT = bytes(range(256)) * 4
BOUNDARY = "3d6b6a416f9b5"

REGIONS = st.lists(
    st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(1, 300)).map(
        lambda pair: ResourceRegion(position=pair[0], count=min(pair[1], len(CONTENT) - pair[0]))
    ),
    min_size=2,
    max_size=10,
)


def test_two_regions_on_the_wire() -> None:
    """Two parts look like the example of RFC 9110 §15.3.7.2, byte for byte."""
    regions = [ResourceRegion(position=500, count=500), ResourceRegion(position=7000, count=1000)]
    assert multipart_body(regions, content_type="application/pdf", length=8000, boundary="THIS") == (
        b"--THIS\r\nContent-Type: application/pdf\r\nContent-Range: bytes 500-999/8000\r\n\r\n",
        regions[0],
        b"\r\n--THIS\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/8000\r\n\r\n",
        regions[1],
        b"\r\n--THIS--\r\n",
    )


def rendered(regions: list[ResourceRegion]) -> tuple[int, bytes]:
    body = multipart_body(regions, content_type="video/mp4", length=len(CONTENT), boundary=BOUNDARY)
    return body_length(body), b"".join(
        piece if isinstance(piece, bytes) else CONTENT[piece.position : piece.end] for piece in body
    )


@given(REGIONS)
def test_parts_are_read_back_and_the_length_is_exact(regions: list[ResourceRegion]) -> None:
    """What is framed is what a strict reader finds, and its length is known before a byte is read."""
    length, wire = rendered(regions)
    assert length == len(wire)
    parts = read_partial(multipart_type(BOUNDARY), None, wire)
    assert [(part.start, part.end) for part in parts] == [(found.position, found.end) for found in regions]
    assert all(part.content == CONTENT[part.start : part.end] for part in parts)
    assert {(part.length, part.content_type) for part in parts} == {(len(CONTENT), "video/mp4")}


def test_a_mail_reader_finds_the_same_parts() -> None:
    """Python's own MIME parser agrees on parts and bytes, line ends at their edges included."""
    content = b"first\r\n\r\nsecond\nthird\r\n"
    regions = [ResourceRegion(position=0, count=7), ResourceRegion(position=9, count=14)]
    body = multipart_body(regions, content_type="text/plain", length=len(content), boundary=BOUNDARY)
    wire = b"".join(piece if isinstance(piece, bytes) else content[piece.position : piece.end] for piece in body)
    message = message_from_bytes(f"Content-Type: {multipart_type(BOUNDARY)}\r\n\r\n".encode() + wire, policy=HTTP)
    assert not message.defects
    parts = list(message.iter_parts())
    assert [part["Content-Range"] for part in parts] == ["bytes 0-6/23", "bytes 9-22/23"]
    assert [part.get_payload(decode=True) for part in parts] == [b"first\r\n", b"second\nthird\r\n"]


def test_a_content_range_names_the_last_byte() -> None:
    """Content-Range counts from the first to the last byte, both included (RFC 9110 §14.4)."""
    assert content_range(ResourceRegion(position=0, count=1), 1) == "bytes 0-0/1"
