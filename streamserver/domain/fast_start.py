"""A finished MP4, presented with its `moov` ahead of the media (fast start), though the file has it at its end.

Not a byte of the file moves. What is presented is made of regions of it, with the tables of chunk offsets written
anew between them: `stco` and `co64` (ISO/IEC 14496-12 §8.7.5) count from the start of what the player is given.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from streamserver.domain.mp4 import Box, Malformed, box_at
from streamserver.domain.multipart import Body, body_length
from streamserver.domain.ranges import ResourceRegion
from streamserver.domain.scanning import MAX_HEADER_BYTES, Reader

KEPT_BYTES = 4 * 1024
"""Stretches of the `moov` up to this size are read into memory, so that few pieces are to be sent."""

_WAY = frozenset({"trak", "mdia", "minf", "stbl"})
"""The boxes between a `moov` and its tables of chunk offsets."""
_ENTRY = {"stco": "I", "co64": "Q"}
_LARGEST = 0xFFFFFFFF
"""What an entry of `stco` can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One track's chunk offsets."""

    box: Box
    """Where they lie."""
    inside: tuple[Box, ...]
    """The boxes around it, the `moov` first."""
    offsets: tuple[int, ...]
    """Of the chunks, from the start of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patch:
    """Bytes that are presented in place of others."""

    position: int
    """Of the first byte that they stand for."""
    end: int
    """Of what follows the last."""
    content: bytes
    """What is presented."""


def fast_start(read: Reader, size_bytes: int) -> Body | None:
    """Return what a file of `ftyp mdat moov` is presented as; None for one that is made otherwise.

    The last piece is the region of the whole `mdat`. Raises `Malformed` for boxes that contradict themselves.
    """
    layout = list(islice((box for box in _boxes(read, 0, size_bytes) if box.kind != "free"), 4))
    if [box.kind for box in layout] != ["ftyp", "mdat", "moov"]:
        return None
    ftyp, mdat, moov = layout
    tables = list(_tables(read, moov, (moov,)))
    if any(not mdat.body <= offset < mdat.end for table in tables for offset in table.offsets):
        raise Malformed("a chunk lies outside of the media")
    front = (_region(ftyp), *_patched(moov, _patches(tables, _size(ftyp) + _size(moov) - mdat.position)))
    return (*_gathered(front, read), _region(mdat))


def _boxes(read: Reader, start: int, end: int) -> Iterator[Box]:
    """Walk the boxes that lie side by side in a file."""
    while start < end:
        box = box_at(read(start, 16), start)
        if box.end > end:
            raise Malformed(f"{box.kind} at {start} is larger than what holds it")
        yield box
        start = box.end


def _tables(read: Reader, parent: Box, inside: tuple[Box, ...]) -> Iterator[_Table]:
    for box in _boxes(read, parent.body, parent.end):
        if box.kind in _WAY:
            yield from _tables(read, box, (*inside, box))
        elif box.kind in _ENTRY:
            yield _Table(box=box, inside=inside, offsets=_offsets(read, box))


def _offsets(read: Reader, box: Box) -> tuple[int, ...]:
    count = box.end - box.body
    content = read(box.body, count) if 8 <= count <= MAX_HEADER_BYTES else b""
    form = f">{int.from_bytes(content[4:8])}{_ENTRY[box.kind]}"
    if len(content) != count or count != 8 + struct.calcsize(form):
        raise Malformed(f"{box.kind} of {count} bytes")
    return struct.unpack_from(form, content, 8)


def _patches(tables: Sequence[_Table], shift: int) -> Iterator[_Patch]:
    """Move all chunks by as much as the media moves; where four bytes are too few for one, all tables get eight.

    These are larger, so that the media moves on once more, and the boxes around them have other sizes.
    """
    narrow = [table for table in tables if table.box.kind == "stco"]
    if any(offset + shift > _LARGEST for table in narrow for offset in table.offsets):
        shift += sum(4 * len(table.offsets) for table in narrow)
        yield from _larger(narrow)
        narrow = []
    for table in tables:
        kind = "stco" if table in narrow else "co64"
        moved = struct.pack(f">{len(table.offsets)}{_ENTRY[kind]}", *(offset + shift for offset in table.offsets))
        head = struct.pack(">I4sII", 16 + len(moved), kind.encode(), 0, len(table.offsets))
        yield _Patch(position=table.box.position, end=table.box.end, content=head + moved)


def _larger(tables: Sequence[_Table]) -> Iterator[_Patch]:
    """Give the boxes around tables the sizes that they have with eight bytes an entry."""
    sizes: dict[Box, int] = {}
    for table in tables:
        for box in table.inside:
            sizes[box] = sizes.get(box, _size(box)) + 4 * len(table.offsets)
    for box, size in sizes.items():
        if box.body - box.position != 8 or size > _LARGEST:
            raise Malformed(f"{box.kind} of {size} bytes")
        yield _Patch(position=box.position, end=box.position + 4, content=struct.pack(">I", size))


def _patched(box: Box, patches: Iterator[_Patch]) -> Iterator[bytes | ResourceRegion]:
    position = box.position
    for patch in sorted(patches, key=lambda patch: patch.position):
        if position < patch.position:
            yield ResourceRegion(position=position, count=patch.position - position)
        yield patch.content
        position = patch.end
    if position < box.end:
        yield ResourceRegion(position=position, count=box.end - position)


def _gathered(body: Body, read: Reader) -> Body:
    """Take what is small into memory, in one piece with its neighbours."""
    pieces: list[bytes | ResourceRegion] = []
    for piece in body:
        if isinstance(piece, ResourceRegion) and piece.count > KEPT_BYTES:
            pieces.append(piece)
            continue
        content = piece if isinstance(piece, bytes) else read(piece.position, piece.count)
        if len(content) != body_length((piece,)):
            raise Malformed("the file is cut off")
        before = pieces[-1] if pieces else None
        if isinstance(before, bytes):
            pieces[-1] = before + content
        else:
            pieces.append(content)
    return tuple(pieces)


def _region(box: Box) -> ResourceRegion:
    return ResourceRegion(position=box.position, count=_size(box))


def _size(box: Box) -> int:
    return box.end - box.position
