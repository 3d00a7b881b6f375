"""The framing of several regions in one body: multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1.1)."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from streamserver.domain.ranges import ResourceRegion

Body: TypeAlias = tuple[bytes | ResourceRegion, ...]
"""What follows a header on the wire: bytes as they are, and regions to be read from the resource."""


def body_length(body: Body) -> int:
    """Return how many bytes a body has, without touching them."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.count for piece in body)


def content_range(region: ResourceRegion, length: int) -> str:
    """Return the Content-Range of a region of a representation that is `length` bytes long (§14.4)."""
    return f"bytes {region.position}-{region.end - 1}/{length}"


def multipart_type(boundary: str) -> str:
    """Return the Content-Type of a body with this boundary."""
    return f"multipart/byteranges; boundary={boundary}"


def multipart_body(regions: Iterable[ResourceRegion], *, content_type: str, length: int, boundary: str) -> Body:
    """Frame regions as the parts of one body.

    The boundary is a token that does not occur in the bytes: a long random one, new for each answer, since what
    is served was made by strangers.
    """
    return tuple(_frame(regions, content_type, length, boundary))


def _frame(
    regions: Iterable[ResourceRegion], content_type: str, length: int, boundary: str
) -> Iterator[bytes | ResourceRegion]:
    line_break = ""  # belongs to the delimiter; before the first part there is no line to end
    for region in regions:
        yield (
            f"{line_break}--{boundary}\r\n"
            f"Content-Type: {content_type}\r\n"
            f"Content-Range: {content_range(region, length)}\r\n\r\n"
        ).encode("ascii")
        yield region
        line_break = "\r\n"
    yield f"\r\n--{boundary}--\r\n".encode("ascii")
