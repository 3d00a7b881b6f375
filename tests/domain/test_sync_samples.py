"""When an MP4 has keyframes, by the tables of its header and by its fragments."""

import random
import struct
from collections.abc import Sequence
from contextlib import suppress

import pytest

from streamserver.domain.mp4 import Malformed
from streamserver.domain.sync_samples import fragment_times, table_times
from tests.clips.finished import box
from tests.domain.reading import longest_gap, reader

TIMESCALE = 1000
FRAME = 40
FTYP = box(b"ftyp", b"isom", bytes(4))


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
    assert longest_gap(table_times(reader(picture(numbers, *durations)))) == pytest.approx(seconds)


def test_sound_has_no_keyframes() -> None:
    """Only the picture counts."""
    sound = track(table(b"stts", (1, 10**6)), handler=b"soun")
    frames = track(table(b"stts", (50, FRAME)), table(b"stss", (1,)))
    assert longest_gap(table_times(reader(FTYP + moov(sound, frames)))) == pytest.approx(2.0)


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
        picture(None, (0xFFFFFFFF, FRAME)),
    ],
)
def test_what_does_not_tell(header: bytes) -> None:
    """Another box, none, two, fragments, a table that lies: nothing is guessed."""
    with pytest.raises(Malformed):
        list(table_times(reader(header)))


NON_SYNC = 0x10000


def init(*, default_flags: int = NON_SYNC, pictures: int = 1) -> bytes:
    """Return the header of a file in fragments; its samples are `FRAME` long each."""
    traks, trexes = [], []
    for number in range(1, pictures + 1):
        entry = box(b"mp4v", bytes(78))
        stsd = box(b"stsd", struct.pack(">II", 0, 1), entry)
        traks.append(
            box(
                b"trak",
                box(b"tkhd", struct.pack(">IIII", 0, 0, 0, number)),
                box(
                    b"mdia",
                    box(b"mdhd", struct.pack(">IIIII", 0, 0, 0, TIMESCALE, 0)),
                    box(b"hdlr", bytes(8), b"vide"),
                    box(b"minf", box(b"stbl", stsd)),
                ),
            )
        )
        trexes.append(box(b"trex", struct.pack(">IIIIII", 0, number, 1, FRAME, 0, default_flags)))
    return FTYP + moov(*traks, box(b"mvex", *trexes))


def fragment(*truns: bytes, tfhd: bytes = b"", flags: int = 0) -> bytes:
    head = box(b"tfhd", struct.pack(">II", flags, 1), tfhd)
    return box(b"moof", box(b"traf", head, *truns)) + box(b"mdat", bytes(10))


def at(ticks: int) -> bytes:
    return box(b"tfdt", struct.pack(">II", 0, ticks))


def trun(flags: int, count: int, *fields: int) -> bytes:
    return box(b"trun", struct.pack(f">II{len(fields)}I", flags, count, *fields))


class TestFragments:
    """Files that hold their samples in fragments."""

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (init() + fragment(trun(0x04, 25, 0)) + fragment(trun(0x04, 50, 0)), [0.0, 1.0, 3.0]),
            (init() + fragment(trun(0x05, 25, 99, 0)) + fragment(trun(0, 50)), [0.0, 3.0]),
            (init(default_flags=0) + fragment(trun(0, 3)), [0.0, 0.04, 0.08, 0.12]),
            (init(default_flags=0x01000000) + fragment(trun(0x04, 3, 0)), [0.0, 0.12]),
            (init() + fragment(trun(0x04, 25, 0)) + fragment(at(4000), trun(0x04, 25, 0)), [0.0, 4.0, 5.0]),
            (init() + fragment(trun(0x400, 3, 0, NON_SYNC, 0)), [0.0, 0.08, 0.12]),
            (init() + fragment(trun(0xF00, 2, 500, 9, 0, 7, 250, 9, NON_SYNC, 7)), [0.0, 0.75]),
            (init() + fragment(trun(0x04, 2, NON_SYNC), tfhd=struct.pack(">I", 0), flags=0x20), [0.04, 0.08]),
            (
                init() + fragment(trun(0x100, 1, 80), tfhd=struct.pack(">QIIII", 0, 1, 5, 6, 0), flags=0x3B),
                [0.0, 0.08],
            ),
        ],
    )
    def test_flags(self, content: bytes, expected: list[float]) -> None:
        """A sample's own flags count, else those of the first one of its run, its fragment's or its track's."""
        assert list(fragment_times(reader(content))) == pytest.approx(expected)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            FTYP,
            init(pictures=2) + fragment(trun(0x04, 25, 0)),
            init() + fragment(trun(0x400, 3, 0)),
            init() + fragment(box(b"trun")),
            fragment(trun(0x04, 25, 0)),
            init() + fragment(trun(0x04, 0xFFFFFFFF, 0)),
            init() + fragment(*[trun(0x04, 1_999_999, 0)] * 2),
        ],
    )
    def test_what_does_not_tell(self, content: bytes) -> None:
        """Two pictures, no header, more samples than bytes, or than anybody has."""
        with pytest.raises(Malformed):
            list(fragment_times(reader(content)))


def test_whatever_comes() -> None:
    """Bytes that are wrong anywhere lead to times or to `Malformed`, and to nothing else."""
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    tables = FTYP + picture([1, 26, 101], (100, FRAME), (50, FRAME))
    default_flags = struct.pack(">I", NON_SYNC)
    fragments = (
        init() + fragment(trun(0x05, 25, 99, 0)) + fragment(trun(0x400, 2, 0, 9), tfhd=default_flags, flags=0x20)
    )
    for times, right in ((table_times, tables), (fragment_times, fragments)):
        for _ in range(5000):
            wrong = bytearray(right)
            for _ in range(chance.randrange(1, 4)):
                wrong[chance.randrange(len(wrong))] = chance.randrange(256)
            with suppress(Malformed):
                assert all(isinstance(time, float) for time in times(reader(bytes(wrong))))
