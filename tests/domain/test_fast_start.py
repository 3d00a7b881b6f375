"""Fast start: what is presented plays as the file does, has its `moov` in front, and is made of its bytes."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.fast_start import KEPT_BYTES, fast_start
from streamserver.domain.mp4 import Malformed, boxes
from streamserver.domain.multipart import body_length
from streamserver.domain.ranges import ResourceRegion
from streamserver.domain.scanning import Reader
from tests.clips.finished import (
    FTYP_BYTES,
    MEDIA_POSITION,
    box,
    chunk_offsets,
    finished_mp4,
    moov_with,
    offsets_box,
    presented,
)
from tests.clips.hybrid import X264, growing_hybrid, make_hybrid, picture, sound
from tests.clips.programs import decoded, packets

LARGEST = 0xFFFFFFFF


def reader_of(content: bytes) -> Reader:
    return lambda position, count: content[position : position + count]


def rearranged(content: bytes) -> bytes:
    """Return what a finished file is presented as."""
    body = fast_start(reader_of(content), len(content))
    assert body is not None
    return presented(body, content)


def kinds(content: bytes) -> list[str]:
    return [found.kind for found in boxes(content)]


class TestRealFiles:
    """Files that ffmpeg wrote with the server's options."""

    @pytest.mark.parametrize(
        "streams", [(*picture(9), *sound(9), *X264, "-bf", "2", "-c:a", "aac"), (*picture(3), *X264)], ids=len
    )
    def test_it_plays_as_the_file_does(self, streams: tuple[str, ...], tmp_path: Path) -> None:
        """Pictures, sound and times are the same, and the `moov` comes first."""
        file, fast = tmp_path / "a.mp4", tmp_path / "fast.mp4"
        content = make_hybrid(file, *streams)
        fast.write_bytes(rearranged(content))
        assert kinds(content)[-2:] == ["mdat", "moov"]
        assert kinds(fast.read_bytes()) == ["ftyp", "moov", "mdat"]
        assert decoded(fast) == decoded(file)
        for stream in ("v:0", "a:0") if "aac" in streams else ("v:0",):
            entries = ("pts", "dts", "duration", "size", "flags")
            assert packets(fast, stream, *entries) == packets(file, stream, *entries)

    def test_the_media_is_one_region_and_little_is_kept(self, tmp_path: Path) -> None:
        """What has to be in memory is a small part of the `moov`; the rest is sent from the file."""
        content = make_hybrid(tmp_path / "a.mp4", *picture(120, "60"), *X264)
        body = fast_start(reader_of(content), len(content))
        assert body is not None
        media, moov = [found for found in boxes(content) if found.kind in {"mdat", "moov"}]
        assert body[-1] == ResourceRegion(position=media.position, count=media.end - media.position)
        kept = sum(len(piece) for piece in body if isinstance(piece, bytes))
        assert kept < (moov.end - moov.position) / 4

    def test_what_is_not_finished_is_left_as_it_is(self, tmp_path: Path) -> None:
        """A file whose encoder was killed has no `moov` that could be moved."""
        file = tmp_path / "a.mp4"
        with growing_hybrid(file) as seconds:
            assert any(written > 3 for written in seconds)
        content = file.read_bytes()
        assert fast_start(reader_of(content), len(content)) is None


class TestLayout:
    """What is read of the boxes."""

    @pytest.mark.parametrize("padding", [10, KEPT_BYTES + 1])
    def test_every_chunk_is_found_where_it_is_said_to_be(self, padding: int) -> None:
        """Offsets move with the media; all other bytes stay the same."""
        content = finished_mp4(bytes(range(256)) * 20, padding=padding)
        fast = rearranged(content)
        moved = chunk_offsets(fast)
        for before, after in zip(chunk_offsets(content), moved, strict=True):
            assert [content[at : at + 9] for at in before] == [fast[at : at + 9] for at in after]
        moov = moov_with(*map(offsets_box, moved), padding=padding)
        assert fast == content[:FTYP_BYTES] + moov + content[MEDIA_POSITION : len(content) - len(moov)]

    def test_large_parts_of_the_moov_stay_in_the_file(self) -> None:
        """Only what is small is read: few pieces, and none of them large in memory."""
        content = finished_mp4(bytes(100), padding=KEPT_BYTES + 1)
        body = fast_start(reader_of(content), len(content))
        assert body is not None
        assert [type(piece) for piece in body] == [bytes, ResourceRegion] * 3 + [ResourceRegion]
        assert all(len(piece) < 1000 for piece in body if isinstance(piece, bytes))

    def test_a_moov_in_front_already_is_left_where_it_is(self) -> None:
        """Nothing is gained by presenting such a file as something else."""
        content = finished_mp4(bytes(100))
        fast = rearranged(content)
        assert fast_start(reader_of(fast), len(fast)) is None

    @pytest.mark.parametrize(
        "content", [b"", box(b"ftyp"), box(b"ftyp") + box(b"mdat") + box(b"moov") + box(b"x   ")]
    )
    def test_other_files_are_left_as_they_are(self, content: bytes) -> None:
        """Only `ftyp mdat moov` is understood, and `free` anywhere among them."""
        assert fast_start(reader_of(content), len(content)) is None

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda content: content[:-1], "cut off"),
            (lambda content: content.replace(b"stco\0\0\0\0\0\0\0\5", b"stco\0\0\0\0\0\0\0\6"), "stco of"),
            (lambda content: content.replace(b"stco\0\0\0\0\0\0\0\5", b"stco\0\0\0\0\xff\xff\xff\xff"), "stco of"),
            (
                lambda content: content.replace(
                    struct.pack(">II", 5, MEDIA_POSITION + 8), struct.pack(">II", 5, 9)
                ),
                "outside of the media",
            ),
            (lambda content: content.replace(b"\0\0\0\x24stco", b"\0\0\0\x09stco"), "stco of 1 bytes"),
        ],
    )
    def test_boxes_that_contradict_themselves(self, spoil: Callable[[bytes], bytes], words: str) -> None:
        """They are malformed: nobody is sent to where no media is."""
        spoiled = spoil(finished_mp4(bytes(100)))
        with pytest.raises(Malformed, match=words):
            fast_start(reader_of(spoiled), len(finished_mp4(bytes(100))))

    @given(st.binary(max_size=300), st.integers(min_value=0, max_value=400))
    def test_nonsense_does_no_harm(self, noise: bytes, at: int) -> None:
        """Whatever is written over a file, it is either rearranged, left, or malformed; no byte is made up."""
        content = bytearray(finished_mp4(bytes(100)))
        content[at : at + len(noise)] = noise
        try:
            body = fast_start(reader_of(bytes(content)), len(content))
        except Malformed:
            return
        assert body is None or body_length(body) == len(presented(body, bytes(content)))


class Sparse:
    """A file of many gigabytes, of which only the boxes are there."""

    def __init__(self, media_bytes: int, moov: Callable[[int], bytes]) -> None:
        """`moov` makes the box, from where the media ends."""
        self.media_end = MEDIA_POSITION + media_bytes
        self._start = (
            box(b"ftyp", bytes(FTYP_BYTES - 8))
            + box(b"free")[:0]
            + struct.pack(">I4sQ", 1, b"mdat", media_bytes + 8)
        )
        self._moov = moov(self.media_end)
        self.size_bytes = self.media_end + len(self._moov)

    def read(self, position: int, count: int) -> bytes:
        """Return bytes of the boxes."""
        if position < len(self._start):
            return self._start[position : position + count]
        assert position >= self.media_end, "nobody has to read the media"
        return self._moov[position - self.media_end :][:count]

    def presented_moov(self) -> bytes:
        """Return the `moov` as it is presented, without the rest."""
        body = fast_start(self.read, self.size_bytes)
        assert body is not None
        front = b"".join(
            piece if isinstance(piece, bytes) else self.read(piece.position, piece.count) for piece in body[:-1]
        )
        assert body[-1] == ResourceRegion(position=FTYP_BYTES, count=self.media_end - FTYP_BYTES)
        return front[FTYP_BYTES:]


class TestBeyondFourGigabytes:
    """Where four bytes an offset are no longer enough (§8.7.5)."""

    def test_offsets_of_eight_bytes_stay(self) -> None:
        """A file that has `co64` keeps it, moved by as much as the media."""
        offsets = [100, 5 * 2**32]
        file = Sparse(6 * 2**32, lambda _end: moov_with(offsets_box(offsets, is_wide=True)))
        moov = file.presented_moov()
        assert b"stco" not in moov
        assert chunk_offsets(moov) == [[offset + len(moov) for offset in offsets]]

    def test_the_last_offset_that_four_bytes_hold(self) -> None:
        """Up to the largest number that fits, a table stays as long as it was."""
        small = moov_with(offsets_box([0, 0]), offsets_box([0]))
        last = LARGEST - len(small)
        file = Sparse(2**32, lambda _end: moov_with(offsets_box([100, last]), offsets_box([200])))
        moov = file.presented_moov()
        assert len(moov) == len(small)
        assert chunk_offsets(moov) == [[100 + len(moov), LARGEST], [200 + len(moov)]]

    def test_the_first_offset_that_they_do_not_hold(self) -> None:
        """One byte more, and the tables have eight bytes an entry, in boxes that have grown as much."""
        small = moov_with(offsets_box([0, 0]), offsets_box([0]))
        last = LARGEST - len(small) + 1
        file = Sparse(2**32, lambda _end: moov_with(offsets_box([100, last]), offsets_box([200])))
        moov = file.presented_moov()
        assert len(moov) == len(small) + 4 * 3
        assert kinds(moov) == ["moov"]
        assert chunk_offsets(moov) == [[100 + len(moov), last + len(moov)], [200 + len(moov)]]
        as_written = moov_with(
            offsets_box([100 + len(moov), last + len(moov)], is_wide=True),
            offsets_box([200 + len(moov)], is_wide=True),
        )
        assert moov == as_written
