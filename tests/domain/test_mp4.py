"""Reading boxes: of files that ffmpeg wrote, held against what ffprobe says of them, and of nonsense."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.mp4 import (
    Box,
    Malformed,
    Track,
    box_at,
    boxes,
    find,
    read_tracks,
)
from streamserver.domain.samples import fragment_ticks, shown_ticks
from tests.clips.hybrid import X264, make_hybrid, picture, sound
from tests.clips.programs import ffprobe, packets


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def top_level(content: bytes, kind: str) -> list[bytes]:
    """Return every box of a type; of a finished file those in its `mdat`, where its fragments are."""
    found = []
    for outer in boxes(content):
        if outer.kind == "mdat" and content[outer.body + 4 : outer.body + 8] == b"ftyp":
            inner = boxes(content, outer.body, outer.end)
            found += [content[it.position : it.end] for it in inner if it.kind == kind]
        elif outer.kind == kind:
            found.append(content[outer.position : outer.end])
    return found


class TestHeaders:
    """A box begins with its size and its type (ISO/IEC 14496-12 §4.2)."""

    def test_a_plain_header(self) -> None:
        """Four bytes of size, counted from the first one, and four of type."""
        assert box_at(b"\0\0\0\x18moof", 100) == Box(kind="moof", position=100, body=108, end=124)

    def test_a_large_header(self) -> None:
        """Size 1 means that eight bytes of size follow the type."""
        header = struct.pack(">I4sQ", 1, b"mdat", 2**33 + 16)
        assert box_at(header, 40) == Box(kind="mdat", position=40, body=56, end=40 + 2**33 + 16)

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"\0\0\0\x18moo",
            b"\0\0\0\0mdat",
            b"\0\0\0\7free",
            struct.pack(">I4s", 1, b"mdat") + b"\0" * 7,
            struct.pack(">I4sQ", 1, b"mdat", 15),
            struct.pack(">I4sQ", 1, b"mdat", 0),
        ],
    )
    def test_a_header_that_is_none(self, header: bytes) -> None:
        """A header that is cut off, or claims less than itself, is malformed: nobody walks on the spot."""
        with pytest.raises(Malformed):
            box_at(header, 0)

    def test_boxes_side_by_side(self) -> None:
        """A walk visits each box once, in order."""
        assert [it.kind for it in boxes(box(b"ftyp", b"iso5") + box(b"free") + box(b"moov", box(b"trak")))] == [
            "ftyp",
            "free",
            "moov",
        ]

    def test_a_box_larger_than_its_parent(self) -> None:
        """A child that reaches out of its parent is malformed."""
        inner = struct.pack(">I4s", 100, b"trak") + bytes(20)
        with pytest.raises(Malformed, match="trak at 8 is larger than what holds it"):
            list(boxes(box(b"moov", inner), 8))

    def test_a_path_that_breaks_off(self) -> None:
        """A box that is not there is named with the one that should hold it."""
        content = box(b"moov", box(b"trak", box(b"mdia")))
        top = box_at(content[:16], 0)
        assert find(content, top, "trak", "mdia").position == 16
        with pytest.raises(Malformed, match="no minf in mdia"):
            find(content, top, "trak", "mdia", "minf", "stbl")


PROFILES = {
    "baseline": ("-profile:v", "baseline", "-bf", "0"),
    "main": ("-profile:v", "main", "-coder", "1"),
    "high": ("-profile:v", "high", "-preset", "veryfast"),
    "high, level 4.2": ("-profile:v", "high", "-level", "4.2", "-preset", "veryfast"),
}


class TestTracks:
    """What an init segment says."""

    @pytest.mark.parametrize("profile", PROFILES)
    def test_h264_is_named_as_ffprobe_names_it(self, profile: str, tmp_path: Path) -> None:
        """The codec of each x264 profile is what ffprobe derives by RFC 6381."""
        file = tmp_path / "a.mp4"
        x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *PROFILES[profile])
        content = make_hybrid(file, *picture(1), *sound(1), *x264, "-c:a", "aac")
        video, audio = read_tracks(top_level(content, "moov")[0])
        named = [stream["mime_codec_string"] for stream in ffprobe(file, "-show_streams")["streams"]]
        assert [video.codec, audio.codec] == named
        assert named[1] == "mp4a.40.2"

    def test_tracks_have_an_id_a_handler_and_a_clock(self, tmp_path: Path) -> None:
        """Picture and sound keep the numbers and the timescales that the muxer gave them."""
        file = tmp_path / "a.mp4"
        content = make_hybrid(file, *picture(1, "30000/1001"), *sound(1), *X264, "-c:a", "aac")
        video, audio = read_tracks(top_level(content, "moov")[0])
        clocks = [stream["time_base"] for stream in ffprobe(file, "-show_streams")["streams"]]
        assert [(track.id, track.handler, f"1/{track.timescale}") for track in (video, audio)] == [
            (1, "vide", clocks[0]),
            (2, "soun", clocks[1]),
        ]

    def test_other_codecs_have_no_name(self, tmp_path: Path) -> None:
        """A codec that we never write is no error; it merely has no name."""
        content = make_hybrid(tmp_path / "a.mp4", *picture(1), "-c:v", "mpeg4")
        (video,) = read_tracks(top_level(content, "moov")[0])
        assert video.codec == ""

    @pytest.mark.parametrize(
        ("config", "codec"),
        [
            (b"\x11\x90", "mp4a.40.2"),
            (b"\x2b\x92\x08\x00", "mp4a.40.5"),
            (b"\xf9\x46\x40", "mp4a.40.42"),  # the escape value 31, then 10: 32 + 10
        ],
    )
    @pytest.mark.parametrize("length_bytes", [1, 4])
    def test_audio_object_types(self, config: bytes, codec: str, length_bytes: int) -> None:
        """The audio object type is read from its descriptor, with lengths in one byte or in four."""

        def descriptor(tag: int, body: bytes) -> bytes:
            return bytes([tag]) + b"\x80" * (length_bytes - 1) + bytes([len(body)]) + body

        decoder = descriptor(4, b"\x40\x15" + bytes(11) + descriptor(5, config))
        esds = box(b"esds", bytes(4), descriptor(3, b"\0\1\0" + decoder))
        moov = sample_moov(box(b"mp4a", bytes(28), esds), handler=b"soun")
        (track,) = read_tracks(moov)
        assert track.codec == codec


def sample_moov(entry: bytes, *, handler: bytes = b"vide", version: int = 0, timescale: int = 90_000) -> bytes:
    """Write a `moov` with one track, in headers of version 0 or 1."""
    times = struct.pack(">QQ" if version else ">II", 1, 2)
    head = bytes([version, 0, 0, 0]) + times
    duration = bytes(8 if version else 4)
    tkhd = box(b"tkhd", head, struct.pack(">II", 7, 0), duration, bytes(60))
    mdhd = box(b"mdhd", head, struct.pack(">I", timescale), duration, bytes(4))
    hdlr = box(b"hdlr", bytes(8), handler, bytes(12))
    stbl = box(b"stbl", box(b"stsd", bytes(7) + b"\1", entry))
    trex = box(b"trex", struct.pack(">IIIIII", 0, 7, 1, 3003, 0, 0))
    return box(b"moov", box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", stbl))), box(b"mvex", trex))


AVC = box(b"avc1", bytes(78), box(b"avcC", b"\1\x64\0\x1e\xff\xe0\0", bytes(9)))


@pytest.mark.parametrize("version", [0, 1])
def test_both_versions_of_headers_are_read(version: int) -> None:
    """Times of four bytes and of eight are stepped over (§8.3.2, §8.4.2)."""
    assert read_tracks(sample_moov(AVC, version=version)) == (
        Track(id=7, handler="vide", timescale=90_000, codec="avc1.64001e", default_duration_ticks=3003),
    )


def test_a_track_without_a_clock_is_malformed() -> None:
    """Nothing can be timed by a timescale of 0."""
    with pytest.raises(Malformed, match="without a timescale"):
        read_tracks(sample_moov(AVC, timescale=0))


def moof(tfhd: bytes, *truns: bytes, track_id: int = 7) -> bytes:
    head = box(b"tfhd", tfhd[:4], struct.pack(">I", track_id), tfhd[4:])
    return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", head, *(box(b"trun", trun) for trun in truns)))


TRACK = Track(id=7, handler="vide", timescale=1000, codec="", default_duration_ticks=10)
PLAIN = struct.pack(">I", 0x020000)


class TestFragmentTicks:
    """How long a fragment plays."""

    @pytest.mark.parametrize(
        ("tfhd", "trun", "ticks"),
        [
            # Neither tells a duration: the default of the track.
            (PLAIN, struct.pack(">II", 0, 5), 50),
            # The fragment's own default, behind a base data offset and a sample description.
            (struct.pack(">IQII", 0x00000B, 99, 1, 12), struct.pack(">II", 0, 5), 60),
            (struct.pack(">II", 0x000008, 40), struct.pack(">III", 0x000001, 3, 8), 120),
            # Each sample its own, alone or among sizes, flags and composition offsets.
            (PLAIN, struct.pack(">IIII", 0x000100, 2, 7, 8), 15),
            (PLAIN, struct.pack(">IIiIIIIIII", 0x000305, 2, -4, 0, 7, 100, 8, 200, 0, 0)[:-8], 15),
            (PLAIN, struct.pack(">II8I", 0x01000F00, 2, 7, 1, 2, 3, 8, 1, 2, 3), 15),
            (PLAIN, struct.pack(">II", 0x000100, 0), 0),
        ],
    )
    def test_where_durations_may_stand(self, tfhd: bytes, trun: bytes, ticks: int) -> None:
        """A sample's duration is its own, else the fragment's, else the track's (§8.8.7, §8.8.8)."""
        assert fragment_ticks(moof(tfhd, trun), TRACK) == ticks

    def test_runs_add_up(self) -> None:
        """A fragment may hold several runs of a track."""
        run = struct.pack(">II", 0, 5)
        assert fragment_ticks(moof(PLAIN, run, run), TRACK) == 100

    def test_a_fragment_without_the_track(self) -> None:
        """A fragment of another track alone has nothing to tell."""
        assert fragment_ticks(moof(PLAIN, struct.pack(">II", 0, 5), track_id=8), TRACK) is None

    def test_more_samples_than_bytes(self) -> None:
        """A run that claims samples which are not there is malformed, however many it claims."""
        with pytest.raises(Malformed, match="more samples than bytes"):
            fragment_ticks(moof(PLAIN, struct.pack(">II", 0x000100, 2**32 - 1)), TRACK)

    @pytest.mark.parametrize("rate", ["25", "30000/1001", "12"])
    def test_durations_are_those_that_ffprobe_sees(self, rate: str, tmp_path: Path) -> None:
        """The ticks of each fragment are those of its packets, for picture and sound."""
        file = tmp_path / "a.mp4"
        content = make_hybrid(file, *picture(5, rate), *sound(5), *X264, "-c:a", "aac")
        tracks = read_tracks(top_level(content, "moov")[0])
        for number, track in enumerate(tracks):
            ticks = [fragment_ticks(it, track) for it in top_level(content, "moof")]
            sampled = packets(file, str(number), "duration")
            assert sum(tick or 0 for tick in ticks) == sum(int(packet["duration"]) for packet in sampled)
            assert len(ticks) == 3


def moof_at(begin: int, *truns: bytes, version: int = 1) -> bytes:
    tfdt = box(b"tfdt", struct.pack(">B3xQ" if version else ">B3xI", version, begin))
    tfhd = box(b"tfhd", struct.pack(">II", 0x020000, 7))
    return box(b"moof", box(b"traf", tfhd, tfdt, *(box(b"trun", trun) for trun in truns)))


class TestShownTicks:
    """When the pictures of a fragment are shown."""

    @pytest.mark.parametrize("version", [0, 1])
    def test_in_order(self, version: int) -> None:
        """Pictures that are shown as they are decoded begin and end with the fragment."""
        assert shown_ticks(moof_at(500, struct.pack(">II", 0, 5), version=version), TRACK) == (500, 550)

    @pytest.mark.parametrize(
        ("flags", "offsets", "shown"),
        [(0x000900, (20, 70, 0), (520, 590)), (0x01000900, (0, 50, -20), (500, 570))],
    )
    def test_out_of_order(self, flags: int, offsets: tuple[int, ...], shown: tuple[int, int]) -> None:
        """They begin with the first one, and end with the one that is shown last, not decoded last."""
        run = struct.pack(">II", flags, 3) + b"".join(struct.pack(">Ii", 10, offset) for offset in offsets)
        assert shown_ticks(moof_at(500, run), TRACK) == shown

    def test_runs_follow_one_another(self) -> None:
        """A later run goes on where the one before it ends."""
        run = struct.pack(">II", 0, 5)
        assert shown_ticks(moof_at(500, run, run), TRACK) == (500, 600)

    def test_nothing_of_the_track(self) -> None:
        """A fragment without pictures shows none."""
        assert shown_ticks(moof_at(500), TRACK) is None
        assert shown_ticks(moof_at(500, struct.pack(">II", 0, 5)), replace(TRACK, id=8)) is None

    def test_more_samples_than_bytes(self) -> None:
        """A run that claims samples which are not there is malformed."""
        with pytest.raises(Malformed, match="more samples than bytes"):
            shown_ticks(moof_at(0, struct.pack(">II", 0x000900, 9)), TRACK)


REAL_MOOV = sample_moov(AVC)
REAL_MOOF = moof(struct.pack(">II", 0x000008, 40), struct.pack(">IIII", 0x000100, 2, 7, 8))
CHANGES = st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6)


def damaged(content: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    buffer = bytearray(content)
    for position, replacement in changes:
        at = position % len(content)
        buffer[at : at + len(replacement)] = replacement
    return bytes(buffer[: len(content)])


@given(CHANGES)
def test_a_damaged_init_segment_is_read_or_malformed(changes: list[tuple[int, bytes]]) -> None:
    """Whatever bytes an init segment holds, reading it ends, and nothing but `Malformed` is raised."""
    try:
        read_tracks(damaged(REAL_MOOV, changes))
    except Malformed:
        return


@given(CHANGES)
def test_a_damaged_fragment_is_read_or_malformed(changes: list[tuple[int, bytes]]) -> None:
    """Whatever bytes a fragment holds, reading it ends, and nothing but `Malformed` is raised."""
    try:
        fragment_ticks(damaged(REAL_MOOF, changes), TRACK)
    except Malformed:
        return


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_malformed(content: bytes) -> None:
    """Bytes that were never boxes are malformed as well."""
    for read in (read_tracks, lambda buffer: fragment_ticks(buffer, TRACK)):
        with pytest.raises(Malformed):
            read(box(b"moov", content) if read is read_tracks else box(b"moof", box(b"traf", content)))


@given(st.integers(0, len(REAL_MOOV) - 1))
def test_a_cut_init_segment_is_malformed(length: int) -> None:
    """An init segment that is cut anywhere is malformed."""
    with pytest.raises(Malformed):
        read_tracks(REAL_MOOV[:length])


@pytest.mark.parametrize("kind", ["tkhd", "mdhd", "hdlr", "stsd", "avcC", "trex", "tfhd", "trun"])
def test_a_box_too_short_for_its_fields_is_malformed(kind: str) -> None:
    """Fields are never read from behind the box that should hold them."""
    for read, content in ((read_tracks, REAL_MOOV), (lambda moof: fragment_ticks(moof, TRACK), REAL_MOOF)):
        if kind.encode() in content:
            at = content.index(kind.encode()) - 4
            (size,) = struct.unpack_from(">I", content, at)
            emptied = content[:at] + box(kind.encode()) + box(b"free", bytes(size - 16)) + content[at + size :]
            with pytest.raises(Malformed):
                read(emptied)


@given(st.binary(max_size=30), st.sampled_from([b"\3", b"\3\x80", b"\3\x19\0\1\0\4\x11", b""]))
def test_a_damaged_descriptor_is_read_or_malformed(content: bytes, start: bytes) -> None:
    """Descriptors of sound have lengths of their own, which nobody follows beyond the end."""
    try:
        read_tracks(sample_moov(box(b"mp4a", bytes(28), box(b"esds", bytes(4), start, content))))
    except Malformed:
        return
