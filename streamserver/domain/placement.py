"""What a representation is made of: bytes in memory and regions of a file, in a row.

A whole file is one region, an init segment two, a playlist bytes alone.
"""

from collections.abc import Iterator

from streamserver.domain.multipart import Body, body_length
from streamserver.domain.ranges import ResourceRegion


def place(body: Body, parts: Body) -> Body:
    """Turn the regions of a representation into what they are in the file, or in memory, that it is made of."""
    return tuple(placed for piece in body for placed in _cut(piece, parts))


def _cut(piece: bytes | ResourceRegion, parts: Body) -> Iterator[bytes | ResourceRegion]:
    if isinstance(piece, bytes):
        yield piece
        return
    start = 0
    for part in parts:
        count = body_length((part,))
        first, end = max(piece.position - start, 0), min(piece.end - start, count)
        if first < end:
            if isinstance(part, bytes):
                yield part[first:end]
            else:
                yield ResourceRegion(position=part.position + first, count=end - first)
        start += count
