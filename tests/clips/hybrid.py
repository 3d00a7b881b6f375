"""Hybrid MP4s as the server's own muxer options make them: finished, or still growing."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from streamserver.encoder.command import GROWING_MP4
from tests.clips.programs import PROGRAMS, ffmpeg

MUXER_OPTIONS = ((f"-{name}", str(GROWING_MP4[name])) for name in ("movflags", "frag_interleave"))
MUXER = ("-f", "mp4", *chain.from_iterable(MUXER_OPTIONS))
KEYFRAMES = ("-force_key_frames", "expr:gte(t,n_forced*2)", "-g", "1000", "-sc_threshold", "0")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *KEYFRAMES)


def picture(seconds: float, rate: str = "25") -> tuple[str, ...]:
    return ("-f", "lavfi", "-t", str(seconds), "-i", f"testsrc2=size=160x90:rate={rate}")


def sound(seconds: float) -> tuple[str, ...]:
    return ("-f", "lavfi", "-t", str(seconds), "-i", "sine=frequency=440:sample_rate=48000")


def make_hybrid(target: Path, *arguments: str) -> bytes:
    """Write a finished hybrid MP4 and return what is in it."""
    ffmpeg(*arguments, *MUXER, str(target))
    return target.read_bytes()


@contextmanager
def growing_hybrid(target: Path) -> Iterator[Iterator[float]]:
    """Let a hybrid MP4 of 9 s of picture and sound grow, six times faster than it plays.

    Gives how many seconds are written by now, again and again until it is finished. On leaving, what is still
    being written is cut off, as by a power failure.
    """
    paced = [word for source in (picture(9), sound(9)) for word in ("-readrate", "6", *source)]
    command = [PROGRAMS.ffmpeg, "-v", "error", "-nostdin", "-y", *paced, *X264, "-c:a", "aac", *MUXER]
    command += ["-flush_packets", "1", "-progress", "pipe:1", "-stats_period", "0.1", str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield (
                int(line.removeprefix("out_time_us=")) / 1e6
                for line in process.stdout
                if line.startswith("out_time_us=") and "N/A" not in line
            )
        finally:
            process.kill()
