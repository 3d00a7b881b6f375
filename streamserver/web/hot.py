"""Deliverables that are asked for again and again: answers ready as bytes, but for their numbers.

What an answer is, is decided in `domain.answers` alone. The texts here are made of its answers once, and every
request that could be answered in another way than by them is left to it.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from aiohttp.hdrs import (
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
)
from multidict import CIMultiDictProxy

from streamserver.domain.answers import Answer, Delivery, answer
from streamserver.domain.conditions import RequestHeaders
from streamserver.domain.multipart import body_length
from streamserver.domain.ranges import ResourceRegion
from streamserver.flows.deliver import Deliver
from streamserver.flows.deliverable import Deliverable
from streamserver.ports import Lease
from streamserver.web.page_cache import WarmPieces

PREFIX = "/media/"
HEADERS = (("Server", "streamserver"), ("X-Content-Type-Options", "nosniff"))
"""Strangers made the bytes: a browser shall not guess what else they could be."""
KEPT_BYTES = 16 * 1024
"""What does not lie in one piece, such as an init segment, is kept in memory up to this size."""

REMEMBERED = 10_000
"""Deliverables that are kept ready."""

_PLAIN_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})").fullmatch
_OF_ONE_ANSWER = {"Content-Length", "Content-Range"}


class Reply(NamedTuple):
    """What one request gets: a header, and bytes of the deliverable."""

    hot: "HotDeliverable"
    """What is sent."""
    status: int
    """HTTP status code."""
    header: bytes
    """All of it."""
    position: int
    """Of the first byte, in the deliverable's blob or content."""
    size: int
    """Bytes behind the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotDeliverable:
    """A deliverable, ready to be sent."""

    deliverable: Deliverable
    """What it was made of."""
    path: str
    """Its address behind `/media/`."""
    lease: Lease | None
    """The blob that its bytes lie in; None where there is none. Ask `is_current` before each use."""
    content: bytes | None
    """Its bytes, where they are kept in memory."""
    skipped: int
    """Bytes at its beginning that lie elsewhere, such as a header; what touches them is not answered from here."""
    position: int
    """Of its first byte in the blob, as if all of it lay where the rest does behind what is skipped."""
    length: int
    """Bytes."""
    most: int
    """How many bytes an answer to a range may carry."""
    etag: str
    """As it is written in a header."""
    whole: bytes
    """The header of a 200, but for its end."""
    part: bytes
    """The header of a 206, to be formatted with its length, its first and its last byte, and its end."""
    same: bytes
    """The header of a 304, but for its end."""
    warm: WarmPieces = field(default_factory=WarmPieces)
    """Which parts of the blob can be sent without waiting for the disk."""

    def reply(self, headers: CIMultiDictProxy[str], end_of_header: bytes) -> Reply | None:
        """Decide on a GET; None where it is not as simple as most are."""
        if IF_NONE_MATCH in headers:
            return self._same(headers, end_of_header)
        if IF_MATCH in headers or IF_UNMODIFIED_SINCE in headers or IF_MODIFIED_SINCE in headers:
            return None
        asked = headers.getall(RANGE, ())
        if not asked:
            if self.skipped:
                return None
            return Reply(self, 200, self.whole + end_of_header, self.position, self.length)
        if len(asked) > 1 or (IF_RANGE in headers and headers.getall(IF_RANGE) != [self.etag]):
            return None
        return self._part(asked[0], end_of_header)

    def _same(self, headers: CIMultiDictProxy[str], end_of_header: bytes) -> Reply | None:
        is_same = headers[IF_NONE_MATCH] == self.etag
        if not is_same or IF_MATCH in headers or IF_UNMODIFIED_SINCE in headers:
            return None
        return Reply(self, 304, self.same + end_of_header, 0, 0)

    def _part(self, asked: str, end_of_header: bytes) -> Reply | None:
        match = _PLAIN_RANGE(asked)
        if match is None:
            return None
        length = self.length
        first_digits, last_digits = match.groups()
        first, end = int(first_digits), int(last_digits) + 1 if last_digits else length
        if first >= end or not self.skipped <= first < length:
            return None
        count = min(end, length, first + self.most) - first
        header = self.part % (count, first, first + count - 1, end_of_header)
        return Reply(self, 206, header, self.position + first, count)


class HotSet:
    """The deliverables that are ready, by what is asked for in a request line."""

    def __init__(self, deliver: Deliver, region_bytes: int) -> None:
        self._deliver = deliver
        self._region_bytes = region_bytes
        self._ready: dict[str, HotDeliverable] = {}

    def reply(self, target: str, headers: CIMultiDictProxy[str], end_of_header: bytes) -> Reply | None:
        """Decide on a GET for what is ready; None for all else, and where anything about it may have changed.

        A reply is good until the next `await`.
        """
        hot = self._ready.get(target)
        if (
            hot is None
            or self._deliver.remembered(hot.path) is not hot.deliverable
            or (hot.lease is not None and not hot.lease.is_current())
        ):
            return None
        return hot.reply(headers, end_of_header)

    def put(self, target: str, path: str, found: Deliverable, lease: Lease | None) -> None:
        """Make a deliverable ready for the next request, if it is one of the plain kind."""
        known = self._ready.get(target)
        if known is not None and known.deliverable is found and known.lease is lease:
            return
        if target != PREFIX + path or (lease is not None and not lease.is_current()):
            return
        hot = make_hot(path, found, lease, self._region_bytes)
        if hot is None:
            return
        self._ready[target] = hot
        while len(self._ready) > REMEMBERED:
            del self._ready[next(iter(self._ready))]


def make_hot(path: str, found: Deliverable, lease: Lease | None, region_bytes: int) -> HotDeliverable | None:
    """Prepare a deliverable; None for one that does not lie in one piece or cannot be told from its successor.

    A header ahead of that piece may lie elsewhere.
    """
    length, etag = found.representation.length, found.representation.etag
    content, rest = _place(found, lease)
    if etag is None or not length or (content is None and rest is None):
        return None
    skipped = length - rest.count if rest else 0

    def of(headers: RequestHeaders) -> Answer:
        return answer("GET", headers, found.representation, boundary="", delivery=found.delivery)

    return HotDeliverable(
        deliverable=found,
        path=path,
        lease=lease,
        content=content,
        skipped=skipped,
        position=rest.position - skipped if rest else 0,
        length=length,
        most=region_bytes if found.delivery is Delivery.REGION else length,
        etag=str(etag),
        whole=_head(of(RequestHeaders())),
        part=_of_a_part(_head(of(RequestHeaders(range="bytes=0-0")), without=_OF_ONE_ANSWER), length),
        same=_head(of(RequestHeaders(if_none_match=str(etag)))),
    )


def _place(found: Deliverable, lease: Lease | None) -> tuple[bytes | None, ResourceRegion | None]:
    """Return the content, or else the piece of the blob that it ends with."""
    match found.parts:
        case (bytes() as content,):
            return content, None
        case (ResourceRegion() as region,):
            return None, region
        case (*_, ResourceRegion() as region) if body_length(found.parts) > KEPT_BYTES:
            return None, region
    if lease is None or body_length(found.parts) > KEPT_BYTES:
        return None, None
    pieces = [part if isinstance(part, bytes) else lease.read(part.position, part.count) for part in found.parts]
    content = b"".join(pieces)
    return (content, None) if len(content) == body_length(found.parts) else (None, None)


def _head(decided: Answer, *, without: frozenset[str] | set[str] = frozenset()) -> bytes:
    lines = [f"HTTP/1.1 {decided.status} {HTTPStatus(decided.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (*decided.headers, *HEADERS) if name not in without]
    return ("\r\n".join(lines) + "\r\n").encode()


def _of_a_part(head: bytes, length: int) -> bytes:
    """Return what the header of a part is formatted from; any % of its texts stands for itself."""
    numbers = b"Content-Length: %%d\r\nContent-Range: bytes %%d-%%d/%d\r\n" % length
    return head.replace(b"%", b"%%") + numbers + b"%b"
