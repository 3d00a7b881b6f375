"""What a request for a representation is answered with: status, header fields and body, before any byte is read.

Covers RFC 9110 §13 (conditional requests), §14 (range requests) and §15.3.7, §15.4.5, §15.5.13, §15.5.17.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from streamserver.domain.conditions import EntityTag, RequestHeaders, Verdict, format_http_date, judge
from streamserver.domain.multipart import Body, body_length, content_range, multipart_body, multipart_type
from streamserver.domain.ranges import DEFAULT_REGION_BYTES, ResourceRegion, bounded, parse_range, resolve


class Delivery(Enum):
    """How much of what is asked for comes in one answer."""

    RANGE = auto()
    """All of it."""
    REGION = auto()
    """The beginning of it, at most one region; the client asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What a URL stands for at the moment. It does not depend on any field of the request, so it needs no Vary."""

    length: int
    """Bytes."""
    content_type: str
    """Its Content-Type."""
    etag: EntityTag | None = None
    """Names these bytes."""
    last_modified: datetime | None = None
    """When the bytes were finished; given only where they did not change twice within that second."""
    cache_control: str | None = None
    """Its Cache-Control."""
    disposition: str | None = None
    """Its Content-Disposition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response in all but its bytes."""

    status: int
    """HTTP status code."""
    headers: tuple[tuple[str, str], ...]
    """Names and values for the wire; Date and what concerns the connection are left to the server."""
    body: Body = ()
    """Regions are of the representation. Empty for HEAD, whatever Content-Length says."""

    @property
    def body_length(self) -> int:
        """How many bytes follow the header."""
        return body_length(self.body)


def answer(
    method: str,
    headers: RequestHeaders,
    representation: Representation,
    *,
    boundary: str,
    delivery: Delivery = Delivery.RANGE,
    region_bytes: int = DEFAULT_REGION_BYTES,
) -> Answer:
    """Answer a GET or HEAD. `boundary` delimits the parts if there are several, see `multipart_body`."""
    verdict = judge(method, headers, etag=representation.etag, last_modified=representation.last_modified)
    if verdict is Verdict.PRECONDITION_FAILED:
        return Answer(status=412, headers=(("Content-Length", "0"),))
    if verdict is Verdict.NOT_MODIFIED:
        return Answer(status=304, headers=tuple(_cache_fields(representation)))
    regions = None
    if verdict is Verdict.RANGE:
        regions = _selected(headers, representation.length, delivery, region_bytes)
    if regions is None:
        return _whole(method, representation)
    if not regions:
        return _unsatisfiable(representation)
    if len(regions) == 1:
        return _one_part(representation, regions[0])
    return _several_parts(representation, regions, boundary)


def _selected(
    headers: RequestHeaders, length: int, delivery: Delivery, region_bytes: int
) -> tuple[ResourceRegion, ...] | None:
    """Return the regions to send, none if that is unsatisfiable; None where Range is to be ignored."""
    ranges = parse_range(headers.range or "")
    if ranges is None or length == 0:
        # §14.2 lets Range be ignored where there is no content, which no Content-Range could describe.
        return None
    if delivery is Delivery.REGION:
        return bounded(ranges, length, region_bytes)
    regions = resolve(ranges, length)
    if len(ranges) > 1 and regions == (ResourceRegion(position=0, count=length),):
        # Several ranges that come to the whole are the mark of a broken or a hostile client (§14.2).
        return None
    return regions


def _whole(method: str, representation: Representation) -> Answer:
    body: Body = ()
    if method == "GET" and representation.length:
        body = (ResourceRegion(position=0, count=representation.length),)
    return Answer(
        status=200,
        headers=(
            ("Content-Type", representation.content_type),
            ("Content-Length", str(representation.length)),
            *_fields(representation),
        ),
        body=body,
    )


def _unsatisfiable(representation: Representation) -> Answer:
    # Without Cache-Control: that of the representation would let caches keep the error as long as the video.
    return Answer(
        status=416,
        headers=(
            ("Content-Length", "0"),
            ("Content-Range", f"bytes */{representation.length}"),
            ("Accept-Ranges", "bytes"),
        ),
    )


def _one_part(representation: Representation, region: ResourceRegion) -> Answer:
    return Answer(
        status=206,
        headers=(
            ("Content-Type", representation.content_type),
            ("Content-Length", str(region.count)),
            ("Content-Range", content_range(region, representation.length)),
            *_fields(representation),
        ),
        body=(region,),
    )


def _several_parts(representation: Representation, regions: tuple[ResourceRegion, ...], boundary: str) -> Answer:
    framed = multipart_body(
        regions, content_type=representation.content_type, length=representation.length, boundary=boundary
    )
    return Answer(
        status=206,
        headers=(
            # Content-Range stands in the parts and must not stand here (§15.3.7.2).
            ("Content-Type", multipart_type(boundary)),
            ("Content-Length", str(body_length(framed))),
            *_fields(representation),
        ),
        body=framed,
    )


def _fields(representation: Representation) -> Iterator[tuple[str, str]]:
    """Yield the fields that a 200 and a 206 share.

    After If-Range a 206 could do without most of them (§15.3.7), but a client that resumes a download holds what
    it is told now against what it was told before.
    """
    yield "Accept-Ranges", "bytes"
    yield from _cache_fields(representation)
    if representation.etag is not None and representation.last_modified is not None:
        yield "Last-Modified", format_http_date(representation.last_modified)
    if representation.disposition is not None:
        yield "Content-Disposition", representation.disposition


def _cache_fields(representation: Representation) -> Iterator[tuple[str, str]]:
    """Yield what a 304 has to repeat, and no more: a date only in place of a missing tag (§15.4.5)."""
    if representation.etag is not None:
        yield "ETag", str(representation.etag)
    elif representation.last_modified is not None:
        yield "Last-Modified", format_http_date(representation.last_modified)
    if representation.cache_control is not None:
        yield "Cache-Control", representation.cache_control
