"""ffmpeg and ffprobe as the tests use them: to make clips, and as second opinion on what the server made."""

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
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


def decoded(path: Path) -> tuple[str, bytes]:
    """Return the MD5 of all decoded pictures, and the decoded sound: two channels, two bytes a sample."""
    with TemporaryDirectory() as folder:
        md5, raw = Path(folder) / "md5", Path(folder) / "raw"
        picture = ("-map", "0:v:0", "-c:v", "rawvideo", "-f", "md5", str(md5))
        sound = ("-map", "0:a:0", "-ac", "2", "-c:a", "pcm_s16le", "-f", "s16le", str(raw))
        has_sound = any(stream["codec_type"] == "audio" for stream in ffprobe(path, "-show_streams")["streams"])
        ffmpeg("-i", str(path), *picture, *(sound if has_sound else ()))
        return md5.read_text().strip(), raw.read_bytes() if has_sound else b""


def packets(path: Path, stream: str, *entries: str) -> list[dict[str, str]]:
    """Return entries such as `pts_time` of every packet of a stream, such as `v:0`, in the order of decoding."""
    found = ffprobe(path, "-select_streams", stream, "-show_entries", f"packet={','.join(entries)}")
    listed: list[dict[str, str]] = found["packets"]
    return listed


def keyframe_seconds(path: Path) -> list[float]:
    """Return when the keyframes of a video are shown."""
    found = packets(path, "v:0", "pts_time", "flags")
    return [float(packet["pts_time"]) for packet in found if "K" in packet["flags"]]
