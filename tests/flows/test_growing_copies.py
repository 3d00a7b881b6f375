"""Copies that are watched while they grow, by ffmpeg itself, of sources that take a while to be copied."""

from pathlib import Path

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.domain.videos import RenditionStatus, VideoStatus
from tests.clips.programs import ffmpeg
from tests.flows.encoded import encode_clip

pytestmark = pytest.mark.timeout(300)

SECONDS = 20
TIMES = 3
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


@pytest.mark.parametrize(
    ("name", "options"), [("long.mp4", ()), ("long.mov", ("-movflags", "+faststart")), ("long.mkv", ())]
)
def test_one_whose_keyframes_are_close(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """It is playable before it is whole, wherever the source tells of them, and whole in the end."""
    clip = repeated(part(tmp_path / "part.mp4"), tmp_path / name, *options)
    done = encode_clip(clip, tmp_path / "kept", is_slow=True)
    assert done.story[0] == (VideoStatus.PLAYABLE, True)
    assert (done.job.status, done.renditions[0].rendition.status) == (JobStatus.COMPLETE, RenditionStatus.COMPLETE)
    assert done.renditions[0].index.duration_seconds == pytest.approx(SECONDS * TIMES, abs=0.1)


@pytest.mark.parametrize(
    ("name", "options"),
    [("far.mp4", ("-g", "140")), ("fragments.mp4", ("-movflags", "+frag_keyframe+empty_moov")), ("a.ts", ())],
)
def test_one_of_which_that_is_not_known(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """It is shown whole: keyframes are almost too far apart, or the header does not tell where they are."""
    encoding = options if name == "far.mp4" else ()
    muxing = () if encoding else options
    clip = repeated(part(tmp_path / "part.mp4", *encoding), tmp_path / name, *muxing)
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
