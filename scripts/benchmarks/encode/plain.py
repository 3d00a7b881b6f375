"""The ladder by ffmpeg alone, as people write it by hand: HLS with fMP4 segments of four seconds."""

import resource
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.clips import ffmpeg_program
from benchmarks.encode.outcome import CRF, LOOK_SECONDS, PRESET, Run
from benchmarks.servers import BenchError, end_group, tail
from streamserver.domain.ladder import AUDIO_BIT_RATE_BPS, KEYFRAME_SECONDS, LADDER, Rung

SEGMENT_SECONDS = 4
LOG = "ffmpeg.log"


def ladder_for(height: int) -> list[Rung]:
    """Return the renditions that a source of this height gets."""
    return [rung for rung in LADDER if rung.short_side <= height]


def one_process(source: Path, rungs: Sequence[Rung]) -> list[list[str]]:
    """Return one command: the source is decoded once, split, and encoded into every rendition."""
    splits = "".join(f"[split{number}]" for number in range(len(rungs)))
    chains = [f"[0:v]split={len(rungs)}{splits}"]
    outputs: list[str] = []
    for number, rung in enumerate(rungs):
        chains.append(f"[split{number}]scale=-2:{rung.short_side}:flags=bicubic,format=yuv420p[picture{number}]")
        outputs += ["-map", f"[picture{number}]", "-map", "0:a", *_encoding(rung)]
    return [[*_start(source), "-filter_complex", ";".join(chains), *outputs]]


def process_each(source: Path, rungs: Sequence[Rung]) -> list[list[str]]:
    """Return a command for each rendition; every one decodes the source anew."""
    return [
        [*_start(source), "-vf", f"scale=-2:{rung.short_side}:flags=bicubic,format=yuv420p", *_encoding(rung)]
        for rung in rungs
    ]


def run_together(commands: Sequence[Sequence[str]], folder: Path) -> Run:
    """Run commands at the same time in a folder; `BenchError` if one fails."""
    with ExitStack() as stack:
        log = stack.enter_context((folder / LOG).open("wb"))
        cpu_before, began = _children_cpu_seconds(), time.monotonic()
        processes = [
            subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
            for command in commands
        ]
        for process in processes:
            stack.callback(end_group, process)
        first_segment = None
        while any([process.poll() is None for process in processes]):  # noqa: C419 - each shall be reaped
            if first_segment is None and _has_segment(folder):
                first_segment = time.monotonic() - began
            time.sleep(LOOK_SECONDS)
        wall = time.monotonic() - began
    if any(process.returncode for process in processes):
        raise BenchError(f"ffmpeg failed:\n{tail(folder / LOG)}")
    return Run(
        wall_seconds=wall,
        cpu_seconds=_children_cpu_seconds() - cpu_before,
        first_segment_seconds=first_segment or wall,
        output_bytes=sum(file.stat().st_size for file in folder.iterdir() if file.suffix in {".mp4", ".m4s"}),
    )


def _start(source: Path) -> list[str]:
    return [ffmpeg_program(), "-nostdin", "-v", "error", "-y", "-i", str(source)]


def _encoding(rung: Rung) -> list[str]:
    name = f"{rung.short_side}p"
    picture = ["-c:v", "libx264", "-preset", PRESET, "-profile:v", "high", "-crf", str(CRF)]
    ceiling = ["-maxrate", str(rung.bit_rate_bps), "-bufsize", str(2 * rung.bit_rate_bps)]
    keyframes = ["-force_key_frames", f"expr:gte(t,n_forced*{KEYFRAME_SECONDS:g})", "-sc_threshold", "0"]
    sound = ["-c:a", "aac", "-b:a", str(AUDIO_BIT_RATE_BPS), "-ac", "2", "-ar", "48000"]
    hls = ["-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_playlist_type", "event"]
    fmp4 = ["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", f"{name}.init.mp4", f"{name}.m3u8"]
    return [*picture, *ceiling, *keyframes, *sound, *hls, *fmp4]


def _has_segment(folder: Path) -> bool:
    return any(".m4s" in playlist.read_text() for playlist in folder.glob("*.m3u8"))


def _children_cpu_seconds() -> float:
    """Return what processes that were started here, and have ended, have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
