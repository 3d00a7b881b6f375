"""More of real sources: languages, chapters, pictures for seeking, keyframes, and HDR on ordinary screens."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.domain.fragments import plan_keyframes
from streamserver.domain.multipart import Body
from streamserver.domain.videos import Rendition
from streamserver.flows.indexes import Plan
from streamserver.flows.views import picture_init, picture_segment
from tests.clips.generated import Clips
from tests.clips.programs import decoded, ffmpeg, ffprobe, packets
from tests.flows.encoded import Encoded, Outcome, encode_clip

pytest_plugins = ["tests.clips.fixtures"]

Encode: TypeAlias = Callable[[str], Outcome]


@pytest.fixture(scope="module")
def encode(clips: Clips) -> Iterator[Encode]:
    """Encode clips, each once for all tests."""
    outcomes: dict[str, Outcome] = {}
    with TemporaryDirectory() as folder:

        def outcome_of(name: str) -> Outcome:
            if name not in outcomes:
                outcomes[name] = encode_clip(clips(name), Path(folder) / str(len(outcomes)))
            return outcomes[name]

        yield outcome_of


def pitch(file: Path) -> int:
    """Return the pitch of a tone by how often it crosses zero in a second, to the nearest 20 Hz."""
    heard = ffmpeg("-i", str(file), "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
    samples = memoryview(heard).cast("h")[24_000:72_000]
    crossings = sum(before < 0 <= after for before, after in pairwise(samples))
    return round(crossings / 20) * 20


class TestLanguages:
    """Sources with several sound tracks."""

    @pytest.mark.parametrize(
        ("name", "languages", "pitches"),
        [("languages.mkv", ["de", "en", "und"], [880, 440, 1760]), ("languages.mp4", ["en", "fr"], [440, 880])],
    )
    def test_each_sounds_like_itself(
        self, name: str, languages: list[str], pitches: list[int], encode: Encode
    ) -> None:
        """Each has a file, as a whole and in segments; the one the source wants heard is in every rendition."""
        outcome = encode(name)
        assert [track.rendition.language for track in outcome.audio] == languages
        assert [pitch(track.file) for track in outcome.audio] == pitches
        assert [pitch(track.pieces) for track in outcome.audio] == pitches
        assert {pitch(encoded.file) for encoded in outcome.renditions} == {pitches[0]}
        for track in outcome.audio:
            (stream,) = ffprobe(track.file, "-show_streams")["streams"]
            assert (stream["codec_name"], stream["channels"], stream["sample_rate"]) == ("aac", 2, "48000")
            longest = max(segment.duration_seconds for segment in track.segments)
            assert round(longest) <= track.rendition.target_seconds

    @pytest.mark.parametrize("name", ["languages.mkv", "languages.mp4"])
    async def test_the_picture_alone_is_the_same(self, name: str, encode: Encode, tmp_path: Path) -> None:
        """Without sound, a rendition's segments decode to the same frames at the same times."""
        outcome = encode(name)
        for encoded in outcome.renditions:
            alone = tmp_path / f"{encoded.rendition.key}.mp4"
            alone.write_bytes(await picture_alone(encoded))
            (stream,) = ffprobe(alone, "-show_streams")["streams"]
            assert stream["codec_type"] == "video"
            assert decoded(alone)[0] == encoded.as_hls[0]
            times = [packets(file, "v:0", "pts_time") for file in (alone, encoded.pieces)]
            assert times[0] == times[1]


async def picture_alone(encoded: Encoded[Rendition]) -> bytes:
    """Return the init segment and all segments of a rendition without its sound."""
    blobs = LocalBlobs(encoded.file.parents[2])
    plan = Plan(index=encoded.index, segments=encoded.segments, codecs=encoded.rendition.codecs)
    content = encoded.file.read_bytes()

    def bytes_of(body: Body) -> bytes:
        pieces = (it if isinstance(it, bytes) else content[it.position : it.position + it.count] for it in body)
        return b"".join(pieces)

    whole = bytes_of(await picture_init(blobs, encoded.rendition, plan))
    for segment in encoded.segments:
        whole += bytes_of(await picture_segment(blobs, encoded.rendition, plan, segment))
    await blobs.close()
    return whole


class TestKeyframes:
    """Byte ranges of an I-frame playlist (RFC 8216 §4.3.3.6)."""

    @pytest.mark.parametrize(
        "name", ["languages.mkv", "h264.mp4", "silent.mp4", "keyframes-alone.mp4", "transport.ts"]
    )
    def test_each_range_is_one_picture(self, name: str, encode: Encode, tmp_path: Path) -> None:
        """Behind the init segment each range decodes to one keyframe, the one that its segment begins with."""
        for encoded in encode(name).renditions:
            content = encoded.file.read_bytes()
            init = b"".join(content[position : position + count] for position, count in encoded.index.init)
            keyframes = plan_keyframes(encoded.index)
            assert len(keyframes) == len(encoded.index.fragments) > 0
            for number, keyframe in enumerate(keyframes):
                start = encoded.segments[keyframe.segment].position + keyframe.offset
                file = tmp_path / f"{number}.mp4"
                file.write_bytes(init + content[start : start + keyframe.count])
                assert pictures_in(file) == ["I"]


def pictures_in(file: Path) -> list[str]:
    """Return the types of the pictures in a fragment that is cut off, of which ffprobe complains."""
    found = ffprobe(file, "-v", "quiet", "-select_streams", "v", "-show_entries", "frame=pict_type")
    return [frame["pict_type"] for frame in found["frames"]]


def test_chapters_of_the_source(encode: Encode) -> None:
    """The chapters of a source are those of its video."""
    chapters = encode("chapters.mkv").video.chapters
    assert [(it.start_seconds, it.end_seconds, it.title) for it in chapters] == [
        (0, 1.5, "Anfang"),
        (1.5, 4, "Schluß"),
    ]


class TestStoryboard:
    """Pictures for seeking."""

    @pytest.mark.parametrize(("name", "size"), [("h264.mp4", (800, 450)), ("portrait.mkv", (450, 800))])
    def test_a_sheet(self, name: str, size: tuple[int, int], encode: Encode) -> None:
        """A sheet has its tiles side by side, each of the video's shape; the first shows how it begins."""
        outcome = encode(name)
        key = outcome.video.storyboard_key
        assert key is not None
        sheet = outcome.folder / f"storyboard-{key}-0.jpg"
        picture = ffprobe(sheet, "-show_streams")["streams"][0]
        assert (picture["codec_name"], picture["width"], picture["height"]) == ("mjpeg", *size)
        tile = f"{size[0] // 5}:{size[1] // 5}"
        begin = rgb(outcome.renditions[-1].file, f"scale={tile},scale=4:4:flags=area", frames=1)
        first = rgb(sheet, f"crop={tile}:0:0,scale=4:4:flags=area", frames=1)
        second = rgb(sheet, f"crop={tile}:{size[0] // 5}:0,scale=4:4:flags=area", frames=1)
        assert difference(begin, first) < 8
        assert difference(first, second) > 1
        empty = rgb(sheet, f"crop={tile}:{size[0] // 5 * 3}:0,scale=4:4:flags=area", frames=1)
        assert max(empty) < 10


def rgb(file: Path, filters: str, *, frames: int) -> bytes:
    """Return the pixels of the first frames after some filters."""
    return ffmpeg(
        *("-i", str(file), "-map", "0:v", "-vf", filters, "-frames:v", str(frames)),
        *("-pix_fmt", "rgb24", "-f", "rawvideo", "-"),
    )


def difference(one: bytes, other: bytes) -> float:
    """Return how far two pictures are apart in the mean, of 255."""
    assert len(one) == len(other) > 0
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


class TestHdr:
    """PQ and HLG on ordinary screens."""

    @pytest.mark.parametrize("name", ["pq.mkv", "hlg.mkv"])
    def test_it_looks_as_it_was(self, name: str, encode: Encode, clips: Clips) -> None:
        """A picture that was made of an ordinary one has nearly its brightness and its colours again."""
        assert ffprobe(clips(name), "-show_streams")["streams"][0]["color_primaries"] == "bt2020"
        outcome = encode(name)
        assert outcome.poster is not None
        small = "scale=16:9:flags=area"
        meant = rgb(clips("bright.mkv"), small, frames=25)
        for encoded in outcome.renditions:
            stream = ffprobe(encoded.file, "-show_streams")["streams"][0]
            tags = (stream["color_transfer"], stream["color_primaries"], stream["color_space"])
            assert tags == ("bt709", "bt709", "bt709")
            shown = rgb(encoded.file, small, frames=25)
            assert difference(meant, shown) < 20
            assert sum(shown) / len(shown) == pytest.approx(sum(meant) / len(meant), rel=0.12)

    def test_untouched_it_would_not(self, clips: Clips) -> None:
        """The measure itself can fail: the same picture without mapping is far off."""
        small = "scale=16:9:flags=area"
        meant = rgb(clips("bright.mkv"), small, frames=25)
        assert difference(meant, rgb(clips("pq.mkv"), small, frames=25)) > 25


def test_colours_are_kept(encode: Encode) -> None:
    """The tags of ordinary colours are those of the source, in each rendition."""
    for encoded in encode("bright.mkv").renditions:
        stream = ffprobe(encoded.file, "-show_streams")["streams"][0]
        assert (stream["color_transfer"], stream["color_primaries"]) == ("bt709", "bt709")


@pytest.mark.parametrize(
    ("name", "matrix"), [("untold.mkv", "bt709"), ("screen.mkv", "bt709"), ("hevc.mp4", "smpte170m")]
)
def test_colours_are_told(name: str, matrix: str, encode: Encode) -> None:
    """Where the source does not tell how its colours are written, all renditions tell the same, by its size."""
    for encoded in encode(name).renditions:
        assert ffprobe(encoded.file, "-show_streams")["streams"][0]["color_space"] == matrix


def test_colours_of_a_screen(encode: Encode, clips: Clips) -> None:
    """A recording of a screen has the same colours in each rendition, taken for what its tags tell."""
    small = "scale=64:36:flags=area"
    meant = rgb(clips("screen.mkv"), small, frames=1)
    for encoded in encode("screen.mkv").renditions:
        assert difference(meant, rgb(encoded.file, small, frames=1)) < 6
