"""Videos made out of nothing, for servers to encode and to send."""

from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from benchmarks.servers import output_of

KEYFRAME_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What a clip shall be like."""

    seconds: float
    """How long it plays."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frame_rate: int
    """Frames in a second."""
    bit_rate_bps: int
    """Of the picture."""


def ffmpeg_program() -> str:
    """Return the ffmpeg that the server encodes with too."""
    program: str = imageio_ffmpeg.get_ffmpeg_exe()
    return program


def ffmpeg_version() -> str:
    """Return what that ffmpeg calls itself."""
    return output_of([ffmpeg_program(), "-version"]).split()[2]


def make_filled_clip(target: Path, clip: Clip) -> None:
    """Write an H.264 video of exactly this bit rate: a still picture, and filler in place of what it lacks.

    It costs next to nothing however many bytes it has, and a server can take it as it is (remux it).
    """
    picture = f"color=gray:size={clip.width}x{clip.height}:rate={clip.frame_rate}"
    rate = str(clip.bit_rate_bps)
    constant = ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate]
    # Without the scene cuts and B-frames that nobody needs, each group of pictures is as long as the next.
    x264 = "nal-hrd=cbr:filler=1:bframes=0:scenecut=0"
    _make(target, clip, picture, ["-c:v", "libx264", "-preset", "ultrafast", *constant, "-x264-params", x264])


def make_moving_clip(target: Path, clip: Clip) -> None:
    """Write a video with motion, noise and sound, in a codec that a server has to encode anew (MPEG-4)."""
    picture = f"testsrc2=size={clip.width}x{clip.height}:rate={clip.frame_rate},noise=alls=12:allf=t"
    sound = ["-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:sample_rate=48000"]
    codecs = ["-c:v", "mpeg4", "-b:v", str(clip.bit_rate_bps), "-c:a", "aac"]
    _make(target, clip, picture, codecs, sound=sound)


def make_copied_clip(target: Path, clip: Clip, *, keyframe_seconds: float = KEYFRAME_SECONDS) -> None:
    """Write a video with motion, noise and sound that a server can take as it is (H.264 and AAC)."""
    picture = f"testsrc2=size={clip.width}x{clip.height}:rate={clip.frame_rate},noise=alls=12:allf=t"
    sound = ["-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:sample_rate=48000"]
    rate = str(clip.bit_rate_bps)
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate]
    codecs += ["-sc_threshold", "0", "-c:a", "aac"]
    _make(target, clip, picture, codecs, sound=sound, keyframe_seconds=keyframe_seconds)


def repeat_clip(source: Path, target: Path, size_bytes: int) -> None:
    """Write a clip again and again, until it is about as long as wanted; nothing is encoded for it."""
    repeats = max(round(size_bytes / source.stat().st_size) - 1, 0)
    quiet = [ffmpeg_program(), "-nostdin", "-v", "error", "-y"]
    output_of([*quiet, "-stream_loop", str(repeats), "-i", str(source), "-c", "copy", str(target)])


def _make(
    target: Path,
    clip: Clip,
    picture: str,
    codecs: list[str],
    *,
    sound: list[str] | None = None,
    keyframe_seconds: float = KEYFRAME_SECONDS,
) -> None:
    output_of(
        [
            *(ffmpeg_program(), "-nostdin", "-v", "error", "-y"),
            *("-f", "lavfi", "-i", picture, *(sound or [])),
            *("-t", f"{clip.seconds:g}", *codecs, "-pix_fmt", "yuv420p"),
            *("-g", str(round(clip.frame_rate * keyframe_seconds)), str(target)),
        ]
    )
