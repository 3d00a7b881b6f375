"""How far apart keyframes are, by the tables of a header."""

import struct
from collections.abc import Sequence

import pytest

from streamserver.domain.keyframes import longest_gap_seconds
from streamserver.domain.mp4 import Malformed
from tests.clips.finished import box

TIMESCALE = 1000
FRAME = 40


def table(kind: bytes, *entries: Sequence[int], count: int | None = None) -> bytes:
    """Return a table with as many entries, or with a count that is another."""
    listed = b"".join(struct.pack(f">{len(entry)}I", *entry) for entry in entries)
    return box(kind, struct.pack(">II", 0, len(entries) if count is None else count), listed)


def track(*tables: bytes, handler: bytes = b"vide", timescale: int = TIMESCALE, entries: int = 1) -> bytes:
    """Return a track with these tables, coded in so many ways."""
    stsd = box(b"stsd", struct.pack(">II", 0, entries))
    return box(
        b"trak",
        box(
            b"mdia",
            box(b"mdhd", struct.pack(">IIIII", 0, 0, 0, timescale, 0)),
            box(b"hdlr", bytes(8), handler),
            box(b"minf", box(b"stbl", stsd, *tables)),
        ),
    )


def moov(*parts: bytes) -> bytes:
    return box(b"moov", *parts)


def picture(numbers: Sequence[int] | None, *durations: Sequence[int]) -> bytes:
    """Return a header of one picture with keyframes of these numbers."""
    stss = () if numbers is None else (table(b"stss", *((number,) for number in numbers)),)
    return moov(track(table(b"stts", *durations), *stss))


@pytest.mark.parametrize(
    ("numbers", "durations", "seconds"),
    [
        ([1, 51, 101], [(150, FRAME)], 2.0),
        ([1, 26, 101], [(150, FRAME)], 3.0),
        ([1, 26], [(150, FRAME)], 5.0),
        ([1], [(25, FRAME)], 1.0),
        ([1, 26, 51], [(25, FRAME), (25, 2 * FRAME), (1, FRAME)], 2.0),
        ([1, 3, 4], [(1, 100), (1, 200), (1, 300), (1, 400)], 0.4),
        ([1, 2, 3], [(3, 7)], 0.007),
        ([1, 900], [(150, FRAME)], 6.0),
        (None, [(149, FRAME), (1, 3 * FRAME)], 0.12),
        (None, [], 0.0),
    ],
)
def test_gaps(numbers: Sequence[int] | None, durations: Sequence[Sequence[int]], seconds: float) -> None:
    """From keyframe to keyframe, and from the last one to the end; without a list every picture is one."""
    assert longest_gap_seconds(picture(numbers, *durations)) == pytest.approx(seconds)


def test_sound_has_no_keyframes() -> None:
    """Only the picture counts."""
    sound = track(table(b"stts", (1, 10**6)), handler=b"soun")
    frames = track(table(b"stts", (50, FRAME)), table(b"stss", (1,)))
    assert longest_gap_seconds(moov(sound, frames)) == pytest.approx(2.0)


STTS, STSS = table(b"stts", (50, FRAME)), table(b"stss", (1,))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        moov(),
        moov(track(STTS, STSS, handler=b"soun")),
        moov(track(STTS, STSS), track(STTS, STSS)),
        moov(track(STTS, STSS), box(b"mvex")),
        moov(track(STTS, STSS, entries=2)),
        moov(track(STTS, STSS, timescale=0)),
        moov(track(STSS)),
        picture([], (50, FRAME)),
        picture([2], (50, FRAME)),
        moov(track(STTS, table(b"stss", (1,), count=2))),
        moov(track(table(b"stts", (50, FRAME), count=0xFFFFFFFF), STSS)),
        moov(track(STTS, box(b"stss"))),
        moov(track(STTS, STSS))[:-1],
        moov(box(b"trak")),
        moov(box(b"trak", box(b"mdia", box(b"hdlr")))),
    ],
)
def test_what_does_not_tell(header: bytes) -> None:
    """Another box, none, two, fragments, a table that lies: nothing is guessed."""
    with pytest.raises(Malformed):
        longest_gap_seconds(header)
