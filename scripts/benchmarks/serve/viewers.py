"""Many slow viewers at once: whether each gets its bytes in time, and what each costs in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.product import ask
from benchmarks.progress import Progress
from benchmarks.serve.candidates import CANDIDATES, NGINX, OURS, Ground, path_of
from benchmarks.serve.content import Content, Resource
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.servers import split_cores
from benchmarks.statistics import Summary, shuffled_rounds, summarize

RATE = 0.5e6 / 8
"""Bytes a second for each viewer: 0.5 Mbit/s."""
WARMUP_SECONDS, SECONDS = 8.0, 6.0
QUICK_WARMUP_SECONDS, QUICK_SECONDS = 0.5, 0.5
SEED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewers:
    """What one server came to."""

    short_share: Summary
    """Of all reads, those that found less than was due."""
    memory_per_viewer: Summary
    """Bytes that the server's processes grew by."""
    kernel_memory_per_viewer: Summary
    """Bytes that the kernel's TCP grew by, on both sides."""
    cells: Mapping[int, Cell]
    """By round."""


def measure_viewers(
    content: Content, folder: Path, generator: Generator, *, viewers: int, rounds: int, quick: bool
) -> dict[str, Viewers]:
    """Let that many viewers watch one video, by our server and by nginx; each starts anew every time."""
    cores = split_cores(1)
    ground = Ground(content=content, cores=cores, folder=folder)
    patient = replace(
        generator,
        seconds=QUICK_SECONDS if quick else SECONDS,
        warmup_seconds=QUICK_WARMUP_SECONDS if quick else WARMUP_SECONDS,
    )
    cells: dict[str, dict[int, Cell]] = {OURS: {}, NGINX: {}}
    progress = Progress(2 * rounds)
    for number, title, name in shuffled_rounds({f"{viewers} viewers": (OURS, NGINX)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · {title} at 0.5 Mbit/s · {name}")
        with CANDIDATES[name].start(ground) as server:
            path = path_of(name, content, Resource.VIDEO)
            ask(server, path, method="HEAD")  # what a first request alone costs is no viewer's
            question = Question(
                work="paced",
                path=path,
                length=content.lengths[Resource.VIDEO],
                connections=viewers,
                rate=RATE,
            )
            cells[name][number] = patient.measure(server, question, cores=cores.load)
    progress.close()
    return {name: _viewers(rounds_of, viewers) for name, rounds_of in cells.items()}


def _viewers(cells: Mapping[int, Cell], viewers: int) -> Viewers:
    known = cells.values()
    return Viewers(
        short_share=summarize(cell.reads_short / max(cell.reads_due, 1) for cell in known),
        memory_per_viewer=summarize((cell.resident_after - cell.resident_before) / viewers for cell in known),
        kernel_memory_per_viewer=summarize(
            (cell.tcp_memory_after - cell.tcp_memory_before) / viewers for cell in known
        ),
        cells=cells,
    )
