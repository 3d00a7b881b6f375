"""When the tracks of a copy begin, by their edit lists."""

import struct

import pytest

from streamserver.domain.edits import begins_as_told
from streamserver.domain.mp4 import Malformed

MOVIE_TIMESCALE = 1000
TIMESCALE = 12800
EMPTY = -1


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def moov(
    *edits: tuple[int, int],
    handler: bytes = b"vide",
    version: int = 0,
    count: int | None = None,
    scale: int = TIMESCALE,
) -> bytes:
    """Return a header of one track, with edits of (duration, media time)."""
    form = ">QqI" if version else ">IiI"
    listed = len(edits) if count is None else count
    elst = box(
        b"elst", struct.pack(">B3xI", version, listed), *(struct.pack(form, *edit, 1 << 16) for edit in edits)
    )
    track = box(
        b"trak",
        box(b"tkhd", struct.pack(">IIII", 0, 0, 0, 1)),
        box(b"edts", elst) if edits else b"",
        box(b"mdia", box(b"mdhd", struct.pack(">IIII", 0, 0, 0, scale)), box(b"hdlr", bytes(8), handler)),
    )
    return box(b"moov", box(b"mvhd", struct.pack(">IIII", 0, 0, 0, MOVIE_TIMESCALE)), track)


def moof(offset_ticks: int | None = 1024) -> bytes:
    """Return a first fragment, whose first sample is shown so much later than it is decoded."""
    flags, offset = (0x01, b"") if offset_ticks is None else (0xA05, struct.pack(">II", 500, offset_ticks))
    first = struct.pack(">III", flags, 1, 100) + (b"" if offset_ticks is None else struct.pack(">I", 0))
    tfhd = box(b"tfhd", struct.pack(">II", 0, 1))
    return box(b"moof", box(b"traf", tfhd, box(b"trun", first, offset)))


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("edits", "handler", "is_in_time"),
    [
        ([], b"vide", True),
        ([(0, 1024)], b"vide", True),
        ([(0, 1024 + 512)], b"vide", True),
        ([(0, 1024 + 513)], b"vide", False),
        ([(0, TIMESCALE)], b"soun", True),
        ([(600, EMPTY), (0, 0)], b"vide", False),
        ([(600, EMPTY), (0, 0)], b"soun", False),
        ([(40, EMPTY), (0, 0)], b"soun", True),
        ([(80, EMPTY), (0, 1024)], b"vide", True),
        ([(20, EMPTY), (0, 1024)], b"vide", False),
    ],
)
def test_begins(edits: list[tuple[int, int]], handler: bytes, is_in_time: bool, version: int) -> None:
    """An empty edit may put off 40 ms; a picture begins with the sample that is shown first, sound anywhere."""
    assert begins_as_told(moov(*edits, handler=handler, version=version), moof()) is is_in_time


def test_samples_in_order() -> None:
    """Where samples are shown as they are decoded, the first one is shown at once."""
    assert begins_as_told(moov((0, 512)), moof(None))
    assert not begins_as_told(moov((0, 513)), moof(None))


def test_what_cannot_be_read() -> None:
    """A list that is cut off, or times of no scale, are `Malformed`."""
    with pytest.raises(Malformed):
        begins_as_told(moov((0, 0), count=9), moof())
    with pytest.raises(Malformed):
        begins_as_told(moov((0, 0), scale=0), moof())
