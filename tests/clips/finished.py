"""Finished files as the muxer leaves them, made of boxes alone: the media first, the `moov` behind it."""

import struct
from collections.abc import Iterator, Sequence

from streamserver.domain.mp4 import boxes
from streamserver.domain.multipart import Body

WAY = frozenset({"moov", "trak", "mdia", "minf", "stbl"})
FTYP_BYTES = 20
MEDIA_POSITION = FTYP_BYTES + 8
"""Behind `ftyp` and an empty `free`."""


def box(kind: bytes, *parts: bytes) -> bytes:
    """Write a box (ISO/IEC 14496-12 §4.2)."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def offsets_box(offsets: Sequence[int], *, is_wide: bool = False) -> bytes:
    """Write `stco`, or `co64`."""
    form = f">II{len(offsets)}{'Q' if is_wide else 'I'}"
    return box(b"co64" if is_wide else b"stco", struct.pack(form, 0, len(offsets), *offsets))


def moov_with(*tables: bytes, padding: int = 100) -> bytes:
    """Write a `moov` with a track for each table of chunk offsets, between other boxes of this size."""
    sizes = box(b"stsz", bytes(padding))
    traks = [
        box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"minf", box(b"stbl", sizes, table, sizes))))
        for table in tables
    ]
    return box(b"moov", box(b"mvhd", bytes(100)), *traks, box(b"udta", bytes(20)))


def finished_mp4(media: bytes, *, chunks: int = 10, padding: int = 100) -> bytes:
    """Write a file whose media is cut into so many chunks, which two tracks have in turn."""
    starts = [MEDIA_POSITION + 8 + number * len(media) // chunks for number in range(chunks)]
    moov = moov_with(offsets_box(starts[::2]), offsets_box(starts[1::2]), padding=padding)
    return box(b"ftyp", bytes(FTYP_BYTES - 8)) + box(b"free") + box(b"mdat", media) + moov


def presented(body: Body, content: bytes) -> bytes:
    """Return the bytes that a body stands for."""
    return b"".join(piece if isinstance(piece, bytes) else content[piece.position : piece.end] for piece in body)


def chunk_offsets(content: bytes) -> list[list[int]]:
    """Return the chunk offsets of each track, of whatever `moov` there is at the top."""
    return list(_offsets(content, 0, len(content)))


def _offsets(content: bytes, start: int, end: int) -> Iterator[list[int]]:
    for found in boxes(content, start, end):
        if found.kind in WAY:
            yield from _offsets(content, found.body, found.end)
        elif found.kind in {"stco", "co64"}:
            (count,) = struct.unpack_from(">I", content, found.body + 4)
            entry = "I" if found.kind == "stco" else "Q"
            yield list(struct.unpack_from(f">{count}{entry}", content, found.body + 8))
