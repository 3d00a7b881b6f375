"""The fragment index, made by walking files that ffmpeg wrote: finished, growing, killed, and nonsense."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from streamserver.domain.demuxing import sample_runs
from streamserver.domain.fragments import Fragment, FragmentIndex
from streamserver.domain.mp4 import Malformed, boxes, read_tracks
from streamserver.domain.scanning import MAX_HEADER_BYTES, WINDOW_BYTES, Reader, Scan, scan_on, windowed
from streamserver.encoder.memory import fragment, init_segment
from tests.clips.hybrid import X264, growing_hybrid, make_hybrid, picture, sound
from tests.clips.programs import FRAME_BYTES, decoded, keyframe_seconds, packets


def reader_of(content: bytes) -> Reader:
    return lambda position, count: content[position : position + count]


def scanned(content: bytes, scan: Scan | None = None) -> Scan:
    return scan_on(scan or Scan(), reader_of(content), len(content))


def index_of(scan: Scan) -> FragmentIndex:
    assert scan.index is not None
    return scan.index


def fragments_of(scan: Scan) -> tuple[Fragment, ...]:
    return scan.index.fragments if scan.index else ()


def fragment_files(content: bytes, index: FragmentIndex, folder: Path) -> Iterator[Path]:
    """Write each fragment as a file that plays by itself: the init segment, then the fragment."""
    init = b"".join(content[position : position + count] for position, count in index.init)
    for number, part in enumerate(index.fragments):
        file = folder / f"{number}.mp4"
        file.write_bytes(init + content[part.position : part.position + part.count])
        yield file


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Write a finished file of 7 s of picture and sound, with a keyframe every 2 s."""
    file = tmp_path_factory.mktemp("finished") / "a.mp4"
    return make_hybrid(file, *picture(7), *sound(7), *X264, "-c:a", "aac")


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Kill a muxer in the middle of its work."""
    file = tmp_path_factory.mktemp("killed") / "a.mp4"
    with growing_hybrid(file) as seconds:
        for written in seconds:
            if written > 7:
                break
    return file.read_bytes()


class TestFinished:
    """A plain MP4 whose fragments lie inside of its `mdat`."""

    def test_every_keyframe_begins_a_fragment(self, finished: bytes, tmp_path: Path) -> None:
        """There are as many fragments as keyframes, and they play as long as the distance between these."""
        file = tmp_path / "a.mp4"
        file.write_bytes(finished)
        index = index_of(scanned(finished))
        assert keyframe_seconds(file) == [0, 2, 4, 6]
        assert [part.duration_ticks / index.timescale for part in index.fragments] == [2, 2, 2, 1]
        assert index.duration_seconds == 7

    def test_init_and_fragments_play_as_the_whole_does(self, finished: bytes, tmp_path: Path) -> None:
        """The init segment with all fragments decodes to the same picture and sound as the plain MP4.

        Only a plain MP4 can tell where in its last frame the sound ends.
        """
        whole, pieces = tmp_path / "whole.mp4", tmp_path / "pieces.mp4"
        whole.write_bytes(finished)
        index = index_of(scanned(finished))
        regions = (*index.init, *((part.position, part.count) for part in index.fragments))
        pieces.write_bytes(b"".join(finished[position : position + count] for position, count in regions))
        (seen, heard), (shown, meant) = decoded(pieces), decoded(whole)
        assert seen == shown
        assert heard.startswith(meant)
        assert len(heard) - len(meant) < FRAME_BYTES

    def test_each_fragment_holds_its_own_time(self, finished: bytes, tmp_path: Path) -> None:
        """A fragment's packets play as long as the index says, and begin with a keyframe."""
        index = index_of(scanned(finished))
        for file, part in zip(fragment_files(finished, index, tmp_path), index.fragments, strict=True):
            played = packets(file, "v:0", "duration", "flags")
            assert sum(int(packet["duration"]) for packet in played) == part.duration_ticks
            assert "K" in played[0]["flags"]

    def test_nothing_but_headers_is_read(self, finished: bytes) -> None:
        """The walk reads box headers, the init segment and each `moof`, and never the media."""
        touched = 0

        def read(position: int, count: int) -> bytes:
            nonlocal touched
            touched += count
            return finished[position : position + count]

        scan_on(Scan(), read, len(finished))
        assert touched < len(finished) / 20

    @pytest.mark.parametrize("tracks", ["picture", "sound"])
    def test_one_track_alone(self, tracks: str, tmp_path: Path) -> None:
        """A file of picture alone, or of sound alone, is timed by what it has."""
        if tracks == "picture":
            content = make_hybrid(tmp_path / "a.mp4", *picture(3), *X264)
        else:
            content = make_hybrid(tmp_path / "a.mp4", *sound(3), "-c:a", "aac", "-frag_duration", "1000000")
        scan = scanned(content)
        assert index_of(scan).duration_seconds == pytest.approx(3, abs=0.03)
        assert scan.codecs.startswith("avc1." if tracks == "picture" else "mp4a.")

    def test_sound_that_goes_on_alone(self, tmp_path: Path) -> None:
        """A tail without picture belongs to the last fragments, and adds time only where these have no picture."""
        ends_early = (*picture(2), *sound(6), *X264, "-c:a", "aac", "-frag_duration", "1000000")
        content = make_hybrid(tmp_path / "a.mp4", *ends_early)
        index = index_of(scanned(content))
        assert index.duration_seconds == pytest.approx(6, abs=0.1)
        *_, last = index.fragments
        assert content[last.position + 4 : last.position + 8] == b"moof"

    def test_picture_comes_first_in_the_codecs(self, tmp_path: Path) -> None:
        """CODECS names the picture first, whatever the order of tracks."""
        sound_first = (*sound(1), *picture(1), "-map", "0", "-map", "1", *X264, "-c:a", "aac")
        scan = scanned(make_hybrid(tmp_path / "a.mp4", *sound_first))
        assert scan.codecs.split(",")[0].startswith("avc1.")
        assert index_of(scan).duration_seconds == 1


def interesting_lengths(content: bytes) -> list[int]:
    """Return lengths at which a file may be cut: around each box's start, within its header, in its middle."""
    lengths = {0, len(content)}
    for part in fragments_of(scanned(content)):
        media = content.index(b"mdat", part.position) - 4
        for start, end in ((part.position, media), (media, part.position + part.count)):
            lengths |= {start + offset for offset in (-1, 0, 1, 4, 7, 8, 9, 15, 16, 17)}
            lengths |= {(start + end) // 2, end - 1}
    first = content.index(b"moov") - 4
    return sorted(lengths | {1, 8, 28, 36, first, first + 8, first + 100})


class TestGrowing:
    """A file that is looked at again and again while it is written."""

    def test_a_killed_file_has_all_whole_fragments(self, cut_off: bytes, tmp_path: Path) -> None:
        """What a killed muxer left plays from its first fragment to the last whole one."""
        index = index_of(scanned(cut_off))
        assert len(index.fragments) >= 2
        for file in fragment_files(cut_off, index, tmp_path):
            assert decoded(file)

    def test_any_cut_shows_the_first_fragments(self, cut_off: bytes) -> None:
        """Wherever the file ends by now, exactly the fragments that are there whole are seen."""
        whole = fragments_of(scanned(cut_off))
        for length in interesting_lengths(cut_off):
            seen = fragments_of(scanned(cut_off[:length]))
            assert seen == tuple(part for part in whole if part.position + part.count <= length)

    def test_any_cut_can_be_gone_on_from(self, cut_off: bytes) -> None:
        """A walk that stopped at any cut goes on to the same end as one that never stopped."""
        whole = scanned(cut_off)
        for length in interesting_lengths(cut_off):
            assert scanned(cut_off, scanned(cut_off[:length])) == whole

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_any_number_of_looks_come_to_the_same(self, cut_off: bytes, data: st.DataObject) -> None:
        """Looking at every moment, or now and then, makes the same index, which only ever grows."""
        lengths = data.draw(st.lists(st.integers(0, len(cut_off)), max_size=12).map(sorted))
        scan = Scan()
        for length in lengths:
            before, scan = fragments_of(scan), scanned(cut_off[:length], scan)
            assert fragments_of(scan)[: len(before)] == before
        assert scanned(cut_off, scan) == scanned(cut_off)

    def test_what_grew_is_right_when_it_is_finished(self, tmp_path: Path) -> None:
        """Looks at a file while a muxer writes it and turns it into a plain MP4 make the index of the end."""
        file = tmp_path / "a.mp4"
        scan, seen = Scan(), set()
        with growing_hybrid(file) as seconds:
            for _ in seconds:
                scan = scanned(file.read_bytes(), scan)
                seen.add(len(fragments_of(scan)))
        scan = scanned(file.read_bytes(), scan)
        assert len(seen - {0, 5}) >= 2
        fresh = scanned(file.read_bytes())
        assert index_of(scan) == index_of(fresh)
        assert (scan.codecs, len(fragments_of(scan))) == (fresh.codecs, 5)

    def test_a_file_that_does_not_grow_costs_one_look(self, cut_off: bytes) -> None:
        """Another look at a file that is as it was reads no more than the next header."""
        scan = scanned(cut_off)
        asked: list[int] = []

        def read(position: int, count: int) -> bytes:
            asked.append(count)
            return cut_off[position : position + count]

        assert scan_on(scan, read, len(cut_off)) == scan
        assert sum(asked) <= 16


def large(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


class TestLargeBoxes:
    """Sizes of 64 bits, as files beyond 4 GiB have them."""

    def test_a_large_wrapper_and_large_media(self) -> None:
        """The fragments in an `mdat` of any size are found, and one with a large `mdat` counts whole."""
        ftyp, moov = _split(init_segment(64, 36))
        moof, media = _split(fragment(0, 2.0))
        inside = ftyp + moov + moof + large(b"mdat", media[8:]) + fragment(1, 2.0)
        content = ftyp + large(b"mdat", inside) + moov
        index = index_of(scanned(content))
        start = len(ftyp) + 16 + len(ftyp) + len(moov)
        assert index.init == ((0, len(ftyp)), (len(ftyp) + 16 + len(ftyp), len(moov)))
        assert [(part.position, part.count) for part in index.fragments] == [
            (start, len(moof) + len(media) + 8),
            (start + len(moof) + len(media) + 8, len(fragment(1, 2.0))),
        ]

    def test_positions_beyond_4_gib(self) -> None:
        """A file of 5 GiB is walked by its headers alone."""
        moof, _ = _split(fragment(0, 2.0))
        begin = init_segment(64, 36) + moof
        media = struct.pack(">I4sQ", 1, b"mdat", 5 * 2**30)
        parts = {0: begin + media, len(begin) + 5 * 2**30: fragment(1, 2.0)}

        def read(position: int, count: int) -> bytes:
            (start,) = [start for start, part in parts.items() if start <= position < start + len(part)]
            return parts[start][position - start :][:count]

        index = index_of(scan_on(Scan(), read, len(begin) + 5 * 2**30 + len(fragment(1, 2.0))))
        assert [part.position for part in index.fragments] == [len(begin) - len(moof), len(begin) + 5 * 2**30]
        assert index.fragments[0].count == len(moof) + 5 * 2**30


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Part two boxes."""
    (size,) = struct.unpack_from(">I", content)
    return content[:size], content[size:]


BOX = struct.Struct(">I4s")


class TestNonsense:
    """Bytes that are no file of ours."""

    @pytest.mark.parametrize(
        "content",
        [
            bytes(16),
            BOX.pack(4, b"free") + bytes(40),
            BOX.pack(1, b"mdat") + struct.pack(">Q", 3) + bytes(40),
            BOX.pack(28, b"moov") + bytes(20),
            init_segment(64, 36) + BOX.pack(16, b"moof") + bytes(8),
            fragment(0, 2.0),  # before any init segment
            BOX.pack(16, b"moov") + BOX.pack(8, b"mvex"),  # without tracks
            BOX.pack(MAX_HEADER_BYTES + 1, b"moov") + bytes(MAX_HEADER_BYTES),
        ],
    )
    def test_what_is_no_box_is_malformed(self, content: bytes) -> None:
        """Nonsense is told from a file that merely is not there whole."""
        with pytest.raises(Malformed):
            scanned(content)

    @pytest.mark.parametrize("content", [b"", b"\0\0\0\x10ft", BOX.pack(2**31, b"free") + bytes(40)])
    def test_what_is_not_there_whole_is_waited_for(self, content: bytes) -> None:
        """A box that ends beyond the file is one that is still being written."""
        assert scanned(content).index is None

    @given(st.binary(max_size=200), st.booleans())
    def test_any_bytes_end_the_walk(self, content: bytes, after_init: bool) -> None:
        """Whatever follows, the walk ends, and takes no more looks than there is room for boxes."""
        start = init_segment(64, 36) if after_init else b""
        looks = 0

        def read(position: int, count: int) -> bytes:
            nonlocal looks
            looks += 1
            return (start + content)[position : position + count]

        with suppress(Malformed):
            scan_on(Scan(), read, len(start + content))
        assert looks <= len(start + content) / 4 + 4


def test_picture_and_sound_lie_close_together(finished: bytes) -> None:
    """Whoever reads a file from some place on soon has both; the order within each is that of the whole file."""
    index = index_of(scanned(finished))
    (moov,) = (finished[position : position + count] for position, count in index.init[1:])
    picture_track, sound_track = read_tracks(moov)
    for part in index.fragments:
        (moof, *_) = boxes(finished, part.position, part.position + part.count)
        header = finished[moof.position : moof.end]
        pictures = sample_runs(header, picture_track.id, picture_track.default_size)
        sounds = sample_runs(header, sound_track.id, sound_track.default_size)
        assert max(len(run.sizes) for run in (*pictures, *sounds)) <= 2 * 12
        assert min(len(pictures), len(sounds)) > 1


@given(st.lists(st.tuples(st.integers(0, 1_200_000), st.integers(0, 300_000)), min_size=1, max_size=30))
@settings(deadline=None)
def test_a_window_shows_what_is_there(places: list[tuple[int, int]]) -> None:
    """Whatever is read in whatever order is the same as without, and what lies together is read once."""
    content = bytes(range(251)) * 4000
    reads: list[int] = []

    def read(position: int, count: int) -> bytes:
        reads.append(position)
        return content[position : position + count]

    window = windowed(read)
    for position, count in places:
        assert window(position, count) == content[position : position + count]
    window(0, 10)
    reads.clear()
    assert [window(position, 10) for position in range(0, WINDOW_BYTES - 10, 1000)]
    assert len(reads) <= 1
