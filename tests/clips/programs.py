"""ffmpeg and ffprobe as the tests use them: to make clips, and as second opinion on what the server made."""

import json
import subprocess
from pathlib import Path
from typing import Any

from streamserver.encoder.programs import find_programs

PROGRAMS = find_programs()

FRAME_BYTES = 1024 * 2 * 2
"""Of a decoded AAC frame of two channels."""


def ffmpeg(*arguments: str) -> bytes:
    """Run ffmpeg and return what it says."""
    command = [PROGRAMS.ffmpeg, "-hide_banner", "-nostdin", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def ffprobe(path: Path | str, *arguments: str) -> dict[str, Any]:
    """Return what ffprobe finds in a file; it complains of nothing."""
    command = [PROGRAMS.ffprobe, "-v", "error", "-print_format", "json", *arguments, "-i", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), f"{command}: {done.stderr.decode(errors='replace')}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def decoded_md5(path: Path, stream: str) -> str:
    """Return the MD5 of all decoded frames of a video stream, such as `v:0`."""
    return ffmpeg("-i", str(path), "-map", f"0:{stream}", "-c:v", "rawvideo", "-f", "md5", "-").decode().strip()


def decoded_sound(path: Path) -> bytes:
    """Return the samples of the first sound track, two channels of two bytes."""
    return ffmpeg("-i", str(path), "-map", "0:a:0", "-ac", "2", "-c:a", "pcm_s16le", "-f", "s16le", "-")


def packets(path: Path, stream: str, *entries: str) -> list[dict[str, str]]:
    """Return entries such as `pts_time` of every packet of a stream, such as `v:0`, in the order of decoding."""
    found = ffprobe(path, "-select_streams", stream, "-show_entries", f"packet={','.join(entries)}")
    listed: list[dict[str, str]] = found["packets"]
    return listed


def keyframe_seconds(path: Path) -> list[float]:
    """Return when the keyframes of a video are shown."""
    found = packets(path, "v:0", "pts_time", "flags")
    return [float(packet["pts_time"]) for packet in found if "K" in packet["flags"]]
