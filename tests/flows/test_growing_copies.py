"""Copies that are watched while they grow, by ffmpeg itself, of sources that take a while to be copied."""

import os
from pathlib import Path

import pytest

from streamserver.domain import matroska
from streamserver.domain.jobs import JobStatus
from streamserver.domain.keyframes import listed, longest_fragment_seconds, walked
from streamserver.domain.ladder import LADDER_TARGET_SECONDS
from streamserver.domain.mp4 import Malformed
from streamserver.domain.videos import RenditionStatus, VideoStatus
from tests.clips.programs import ffmpeg
from tests.flows.encoded import encode_clip

pytestmark = pytest.mark.timeout(300)

SECONDS = 20
TIMES = 3
VOID = 0xEC
"""The ID of an element of Matroska that says nothing."""
LONG_TIMES = 60
"""So many are still being copied when somebody looks, and the end is not there yet."""


def part(file: Path, *options: str, size: str = "64x36") -> Path:
    """Make a short video with keyframes 2 seconds apart, unless the options say otherwise."""
    picture = f"testsrc2=size={size}:rate=25:duration={SECONDS}"
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", picture, *codec, *options, str(file))
    return file


def repeated(source: Path, target: Path, *options: str) -> Path:
    """Make a long one of it."""
    ffmpeg("-stream_loop", str(TIMES - 1), "-i", str(source), "-c", "copy", *options, str(target))
    return target


def foretold_seconds(clip: Path) -> float:
    """Return how long the longest fragment of a copy is said to become."""
    with clip.open("rb") as file:

        def read(position: int, count: int) -> bytes:
            return os.pread(file.fileno(), count, position)

        try:
            return longest_fragment_seconds(listed(read))
        except Malformed:
            return longest_fragment_seconds(walked(read))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("long.mp4", ()),
        ("long.mov", ("-movflags", "+faststart")),
        ("each_gop.mp4", ("-movflags", "+frag_keyframe+empty_moov")),
        ("each_frame.mp4", ("-movflags", "+frag_every_frame+empty_moov+default_base_moof")),
        ("each_track.mp4", ("-movflags", "+frag_keyframe+separate_moof+delay_moov")),
        ("long.mkv", ()),
        ("live.mkv", ("-live", "1")),
        ("long.flv", ()),
        ("long.ts", ()),
        ("camera.m2ts", ("-mpegts_m2ts_mode", "1")),
    ],
)
@pytest.mark.parametrize("gop", ["regular", "odd"])
def test_one_whose_keyframes_are_close(tmp_path: Path, name: str, options: tuple[str, ...], gop: str) -> None:
    """It is playable before it is whole, however the source tells of them, and whole in the end."""
    often = ("-force_key_frames", "0,0.4,3,3.2,3.4,8.1,10,15") if gop == "odd" else ()
    clip = repeated(part(tmp_path / "part.mp4", *often, "-g", "500" if often else "50"), tmp_path / name, *options)
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    assert done.story[0] == (VideoStatus.PLAYABLE, True)
    assert (done.job.status, done.renditions[0].rendition.status) == (JobStatus.COMPLETE, RenditionStatus.COMPLETE)
    (copy,) = (each for each in done.renditions if each.rendition.target_seconds != LADDER_TARGET_SECONDS)
    assert copy.index.duration_seconds == pytest.approx(SECONDS * TIMES, abs=0.1)
    assert copy.index.longest_fragment_seconds == pytest.approx(foretold_seconds(clip), abs=0.05)
    assert copy.rendition.target_seconds == 6


@pytest.mark.parametrize("name", ["far.mp4", "far.mkv", "fragments.mp4"])
def test_one_whose_keyframes_are_as_an_encoder_likes(tmp_path: Path, name: str) -> None:
    """Ten seconds from one to the next: it can be watched at once where the file says so, and its rung follows."""
    options = ("-movflags", "+frag_keyframe+empty_moov") if name == "fragments.mp4" else ()
    clip = repeated(part(tmp_path / "part.mp4", "-g", "250"), tmp_path / name, *options)
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    copies = [each for each in done.renditions if each.rendition.target_seconds != LADDER_TARGET_SECONDS]
    if name == "fragments.mp4":
        assert not copies
    else:
        assert done.story[0] == (VideoStatus.PLAYABLE, True)
        assert [(copy.rendition.name, copy.rendition.target_seconds) for copy in copies] == [("36p original", 10)]
        assert max(segment.duration_seconds for segment in copies[0].segments) == pytest.approx(10, abs=0.05)
    assert "36p" in [each.rendition.name for each in done.renditions]
    assert done.job.status is JobStatus.COMPLETE


def test_one_that_lists_few_of_its_keyframes(tmp_path: Path) -> None:
    """Where its cues are far apart it is walked through: its keyframes may not be."""
    clip = repeated(part(tmp_path / "part.mp4"), tmp_path / "long.mkv", "-write_crc32", "0")
    content = bytearray(clip.read_bytes())
    at = content.rindex(matroska.CUES.to_bytes(4)) + 4
    at += 9 - content[at].bit_length()  # behind its size
    voided = 0
    while at < len(content) and content[at] == matroska.CUE_POINT:
        if voided % 15:
            content[at] = VOID
        voided, at = voided + 1, at + 2 + (content[at + 1] & 0x7F)
    assert voided == SECONDS * TIMES // 2
    clip.write_bytes(content)
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    assert done.story[0] == (VideoStatus.PLAYABLE, True)
    assert [(each.rendition.name, each.rendition.target_seconds) for each in done.renditions] == [("36p", 6)]


@pytest.mark.parametrize("name", ["far.mp4", "far.mkv", "far.ts", "far.flv", "far.avi"])
def test_one_whose_keyframes_are_far_apart(tmp_path: Path, name: str) -> None:
    """A copy would not be fit, and nobody waits until it is whole to find that out."""
    clip = repeated(part(tmp_path / "part.mp4", "-g", "500", "-bf", "0"), tmp_path / name)
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    assert [each.rendition.target_seconds for each in done.renditions] == [LADDER_TARGET_SECONDS]
    assert done.job.status is JobStatus.COMPLETE


@pytest.mark.parametrize(("name", "options"), [("raw.ts", ("-mpegts_flags", "+resend_headers")), ("a.avi", ())])
def test_one_of_which_that_is_not_known(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """It is shown whole: nothing tells beforehand where its keyframes are."""
    clip = repeated(part(tmp_path / "part.mp4", "-bf", "0"), tmp_path / name, *options)
    if name == "raw.ts":
        clip.write_bytes(clip.read_bytes() * 2)  # times begin again in the middle
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    assert done.story[0] == (VideoStatus.PLAYABLE, False)
    assert done.job.status is JobStatus.COMPLETE


def test_one_that_changes_in_the_end(tmp_path: Path) -> None:
    """What was shown is taken back: the copy is not what its header says, and the video is encoded."""
    begin, end = part(tmp_path / "a.h264"), part(tmp_path / "b.h264", size="96x54")
    joined = tmp_path / "joined.h264"
    joined.write_bytes(begin.read_bytes() * LONG_TIMES + end.read_bytes())
    clip = tmp_path / "changes.mp4"
    ffmpeg("-framerate", "25", "-i", str(joined), "-c", "copy", str(clip))
    done = encode_clip(clip, tmp_path / "kept")
    after = list(done.story)
    if len(after) > 1:  # unless the machine is so busy that nobody looks before all is there
        assert after[:2] == [(VideoStatus.PLAYABLE, True), (VideoStatus.PROCESSING, False)]
        del after[:2]
    assert after[0][0] is VideoStatus.PLAYABLE
    assert done.job.status is JobStatus.COMPLETE
