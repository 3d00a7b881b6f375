"""The picture alone, out of fragments that hold picture and sound."""

import struct

import pytest

from streamserver.domain.demuxing import fragment_of_track, init_of_track, sample_runs
from streamserver.domain.mp4 import Malformed, boxes, read_tracks
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
            ([run(200, [50, 3, 4])], None, [(200, 57, 50)]),
            ([run(200, [50, 3], extra=0x100)], None, [(200, 53, 50)]),
            ([run(200, [50, 3]), run(253, [9])], None, [(200, 62, 50)]),
            ([run(200, [50, 3]), run(300, [9]), run(309, [1])], None, [(200, 53, 50), (300, 10, 9)]),
            ([run(200, []), run(300, [9])], None, [(300, 9, 9)]),
            ([run_of_defaults(200, 3)], 10, [(200, 30, 10)]),
            ([run_of_defaults(200, 3)], None, [(200, 21, 7)]),
        ],
    )
    def test_they_are_found(
        self, runs: list[bytes], default_size: int | None, expected: list[tuple[int, int, int]]
    ) -> None:
        """Sizes stand in the run, in the fragment or in the init segment; several runs in a row are one."""
        found = sample_runs(moof(traf(PICTURE, *runs, default_size=default_size)), PICTURE, 7)
        assert [(it.offset, it.count, it.first) for it in found] == expected

    def test_a_track_that_is_not_there(self) -> None:
        """A fragment may have nothing of a track."""
        assert sample_runs(moof(traf(SOUND, run(100, [1]))), PICTURE) == ()

    @pytest.mark.parametrize(
        "broken",
        [
            moof(traf(PICTURE, run(200, [50]), flags=0)),
            moof(traf(PICTURE, run(200, [50]), flags=0x020001)),
            moof(traf(PICTURE, box(b"trun", struct.pack(">II", 0, 3), bytes(8)))),
            moof(traf(PICTURE, box(b"trun", struct.pack(">IIi", 0x201, 2**32 - 1, 0), bytes(8)))),
            moof(box(b"traf", box(b"tfhd", bytes(4)))),
        ],
    )
    def test_what_cannot_be_told(self, broken: bytes) -> None:
        """Samples that do not lie where the fragment says are malformed."""
        with pytest.raises(Malformed):
            sample_runs(broken, PICTURE)


def test_a_fragment_of_the_picture_alone() -> None:
    """It has a new header that tells the right places, and the samples as they lie in the file."""
    samples = b"PPPPPPPPpp", b"ss", b"QQQ", b"ss"

    def mixed(at: int) -> bytes:
        pictures = run(at, [8]), run(at + 8, [2]), run(at + 12, [3])
        return moof(traf(PICTURE, *pictures), traf(SOUND, run(at + 10, [2]), run(at + 15, [2])))

    whole = mixed(len(mixed(0)) + 8)
    file = b"before" + whole + box(b"mdat", *samples)
    content = b"".join(
        piece if isinstance(piece, bytes) else file[piece.position : piece.end]
        for piece in fragment_of_track(whole, 6, PICTURE)
    )
    new_moof, mdat = boxes(content)
    assert (new_moof.kind, mdat.kind) == ("moof", "mdat")
    assert content[mdat.body : mdat.end] == b"PPPPPPPPppQQQ"
    assert _starts(content[: new_moof.end]) == [mdat.body, mdat.body + 8, mdat.body + 10]
    assert sample_runs(content[: new_moof.end], SOUND) == ()


def _starts(moof: bytes) -> list[int]:
    """Return where each `trun` of a `moof` with one `traf` says that its samples are."""
    (traf,) = (box for top in boxes(moof) for box in boxes(moof, top.body, top.end) if box.kind == "traf")
    truns = (box for box in boxes(moof, traf.body, traf.end) if box.kind == "trun")
    return [struct.unpack_from(">i", moof, trun.body + 8)[0] for trun in truns]


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
