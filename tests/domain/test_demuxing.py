"""The picture alone, out of fragments that hold picture and sound."""

import struct

import pytest

from streamserver.domain.demuxing import fragment_of_track, init_of_track, sample_run
from streamserver.domain.mp4 import Malformed, boxes, read_tracks
from streamserver.domain.ranges import ResourceRegion
from streamserver.encoder.memory import audio_init_segment, init_segment

PICTURE, SOUND = 1, 2


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def traf(track_id: int, *runs: bytes, flags: int = 0x020000, default_size: int | None = None) -> bytes:
    """Return a `traf`; its `tfhd` has a default sample size if one is given."""
    size = b"" if default_size is None else struct.pack(">I", default_size)
    flags |= 0 if default_size is None else 0x10
    return box(b"traf", box(b"tfhd", struct.pack(">II", flags, track_id), size), *runs)


def run(offset: int, sizes: list[int], *, extra: int = 0) -> bytes:
    """Return a `trun` with a size for each sample; `extra` are flags of four more bytes each."""
    fields = b"".join(struct.pack(">I", size) if not extra else struct.pack(">II", 7, size) for size in sizes)
    return box(b"trun", struct.pack(">IIi", 0x201 | extra, len(sizes), offset), fields)


def run_of_defaults(offset: int, samples: int) -> bytes:
    return box(b"trun", struct.pack(">IIi", 0x01, samples, offset))


def moof(*trafs: bytes) -> bytes:
    return box(b"moof", box(b"mfhd", struct.pack(">II", 0, 1)), *trafs)


class TestRuns:
    """Where the samples of a track lie."""

    @pytest.mark.parametrize(
        ("runs", "default_size", "expected"),
        [
            ([run(200, [50, 3, 4])], None, (200, 57, 50)),
            ([run(200, [50, 3], extra=0x100)], None, (200, 53, 50)),
            ([run(200, [50, 3]), run(253, [9])], None, (200, 62, 50)),
            ([run_of_defaults(200, 3)], 10, (200, 30, 10)),
            ([run_of_defaults(200, 3)], None, (200, 21, 7)),
        ],
    )
    def test_they_are_found(
        self, runs: list[bytes], default_size: int | None, expected: tuple[int, int, int]
    ) -> None:
        """Sizes stand in the run, in the fragment or in the init segment; several runs in a row are one."""
        found = sample_run(moof(traf(PICTURE, *runs, default_size=default_size)), PICTURE, 7)
        assert found is not None
        assert (found.offset, found.count, found.first) == expected

    def test_a_track_that_is_not_there(self) -> None:
        """A fragment may have nothing of a track."""
        assert sample_run(moof(traf(SOUND, run(100, [1]))), PICTURE) is None

    @pytest.mark.parametrize(
        "broken",
        [
            moof(traf(PICTURE, run(200, [50]), run(300, [9]))),
            moof(traf(PICTURE, run(200, [50]), flags=0)),
            moof(traf(PICTURE, run(200, [50]), flags=0x020001)),
            moof(traf(PICTURE, box(b"trun", struct.pack(">II", 0, 3), bytes(8)))),
            moof(traf(PICTURE, box(b"trun", struct.pack(">IIi", 0x201, 2**32 - 1, 0), bytes(8)))),
            moof(box(b"traf", box(b"tfhd", bytes(4)))),
        ],
    )
    def test_what_cannot_be_told(self, broken: bytes) -> None:
        """Samples that do not lie in one piece, or not where the fragment says, are malformed."""
        with pytest.raises(Malformed):
            sample_run(broken, PICTURE)


def test_a_fragment_of_the_picture_alone() -> None:
    """It has a new header that tells the right place, and the samples as they lie in the file."""
    pictures, sounds = b"PPPPPPPPpp", b"ssss"

    def mixed(at: int) -> bytes:
        return moof(traf(PICTURE, run(at, [8]), run(at + 8, [2])), traf(SOUND, run(at + 10, [4])))

    whole = mixed(len(mixed(0)) + 8)
    file = b"before" + whole + box(b"mdat", pictures + sounds)
    made, region = fragment_of_track(whole, 6, PICTURE)
    assert isinstance(made, bytes)
    assert isinstance(region, ResourceRegion)
    content = made + file[region.position : region.end]
    new_moof, mdat = boxes(content)
    assert (new_moof.kind, mdat.kind) == ("moof", "mdat")
    found = sample_run(content[: new_moof.end], PICTURE)
    assert found is not None
    assert content[found.offset : found.offset + found.count] == pictures == content[mdat.body : mdat.end]
    assert sample_run(content[: new_moof.end], SOUND) is None


def test_a_fragment_without_a_picture() -> None:
    """Where there is only sound, nothing is left."""
    assert fragment_of_track(moof(traf(SOUND, run(100, [1]))), 0, PICTURE) == ()


def test_an_init_segment_of_one_track() -> None:
    """Of the tracks of an init segment one is kept, with its defaults, and all that belongs to both."""
    single = read_tracks(_moov(init_segment(64, 36)))
    (sound,) = read_tracks(_moov(audio_init_segment()))
    assert (single[0].handler, sound.handler) == ("vide", "soun")
    both = _both(_moov(init_segment(64, 36)), _moov(audio_init_segment()))
    assert [track.handler for track in read_tracks(both)] == ["vide", "soun"]
    assert read_tracks(init_of_track(both, PICTURE)) == single
    assert b"mvhd" in init_of_track(both, PICTURE)


def _moov(init: bytes) -> bytes:
    (found,) = [it for it in boxes(init) if it.kind == "moov"]
    return init[found.position : found.end]


def _both(pictured: bytes, sounding: bytes) -> bytes:
    """Put the tracks of two init segments into one; the second gets another number."""
    traks: list[bytes] = []
    trexes: list[bytes] = []
    for track_id, moov in ((PICTURE, pictured), (SOUND, sounding)):
        renumbered = bytearray(moov)
        for kind, offset in ((b"tkhd", 12), (b"trex", 4)):
            at = moov.index(kind) + 4 + offset
            renumbered[at : at + 4] = struct.pack(">I", track_id)
        (top,) = boxes(bytes(renumbered))
        for child in boxes(bytes(renumbered), top.body, top.end):
            content = bytes(renumbered[child.position : child.end])
            (traks if child.kind == "trak" else trexes).append(content[8:] if child.kind == "mvex" else content)
    return box(b"moov", box(b"mvhd", bytes(100)), *traks, box(b"mvex", *trexes))
