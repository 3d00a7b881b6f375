"""Many slow viewers at once: whether each gets its bytes in time, and what each costs in memory."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.product import ask
from benchmarks.progress import Progress
from benchmarks.serve.candidates import length_of, path_of
from benchmarks.serve.content import KIB, Content, Resource
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.servers import Server
from benchmarks.statistics import Summary, shuffled_rounds, summarize

RATE = 0.5e6 / 8
"""Bytes a second for each viewer: 0.5 Mbit/s."""
MOST_SHORT = 0.03
"""The share of reads that may be short with our server."""
MOST_MEMORY_BYTES = 20 * KIB
"""What a viewer may cost our server."""
SEED = 2

Starts = Mapping[str, Callable[[], AbstractContextManager[Server]]]
"""By server's name, what runs it."""


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
    content: Content,
    generator: Generator,
    starts: Starts,
    *,
    cores: frozenset[int],
    viewers: int,
    rounds: int,
) -> dict[str, Viewers]:
    """Let that many viewers watch one video; what starts a server is called anew each time."""
    cells: dict[str, dict[int, Cell]] = {name: {} for name in starts}
    progress = Progress(len(starts) * rounds)
    for number, title, name in shuffled_rounds({f"{viewers} viewers": tuple(starts)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · {title} at 0.5 Mbit/s · {name}")
        path = path_of(name, content, Resource.VIDEO)
        length = length_of(name, content, Resource.VIDEO)
        question = Question(work="paced", path=path, length=length, connections=viewers, rate=RATE)
        with starts[name]() as server:
            ask(server, path, method="HEAD")  # what a first request alone costs is no viewer's
            cells[name][number] = generator.measure(server, question, cores=cores)
    progress.close()
    return {name: _viewers(found, viewers) for name, found in cells.items()}


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
