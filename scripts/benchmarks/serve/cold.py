"""Readers of what is not in memory, beside clients who ask for little: whether these wait for the disk too."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.progress import Progress
from benchmarks.serve.candidates import length_of, path_of
from benchmarks.serve.content import MIB, Content, Resource
from benchmarks.serve.grid import Servers
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.servers import Server, pinned
from benchmarks.statistics import Summary, paired_ratios, shuffled_rounds, summarize

LEAST_KEPT = 0.5
"""The share of their rate that small clients of our server must keep."""
READERS = 8
CLIENTS = 16
READ_BYTES = 8 * MIB
LARGE_BYTES = 4 * MIB
"""Files from this size on are kept out of memory."""
EVICTION_SECONDS = 0.25
"""Seldom enough that what a server has just read ahead is still there when it is sent."""
SEED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What one server came to."""

    kept_share: Summary | None
    """Of the small clients' rate: beside the readers, over alone; None where alone they got nothing."""
    cold_bytes_per_second: Summary
    """What the readers got."""
    alone: Mapping[int, Cell]
    """The small clients alone, by round."""
    beside: Mapping[int, Cell]
    """The small clients beside the readers."""
    readers: Mapping[int, Cell]
    """The readers."""


def measure_cold(
    content: Content, servers: Servers, generator: Generator, *, cores: frozenset[int], rounds: int
) -> dict[str, Beside]:
    """Ask servers that run for a playlist, alone and beside readers of a video that is never in memory."""
    cells: dict[str, dict[str, dict[int, Cell]]] = {
        name: {"alone": {}, "beside": {}, "readers": {}} for name in servers
    }
    progress = Progress(len(servers) * rounds)
    for number, title, name in shuffled_rounds({"cold reads": tuple(servers)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · {title} beside playlists · {name}")
        found = _measure_one(servers[name], content, generator, cores)
        for kind, cell in found.items():
            cells[name][kind][number] = cell
    progress.close()
    return {name: _beside(**kinds) for name, kinds in cells.items()}


def _measure_one(server: Server, content: Content, generator: Generator, cores: frozenset[int]) -> dict[str, Cell]:
    small = Question(
        work="whole",
        path=path_of(server.name, content, Resource.PLAYLIST),
        length=length_of(server.name, content, Resource.PLAYLIST),
        connections=CLIENTS,
    )
    large = Question(
        work="range",
        path=path_of(server.name, content, Resource.VIDEO),
        length=length_of(server.name, content, Resource.VIDEO),
        size=READ_BYTES,
        connections=READERS,
    )
    alone = generator.measure(server, small, cores=cores)
    with _kept_cold(content, cores):
        reading = generator.begin(server, large, cores=cores)
        beside = generator.measure(server, small, cores=cores)
        return {"alone": alone, "beside": beside, "readers": generator.finish(reading)}


@contextmanager
def _kept_cold(content: Content, cores: frozenset[int]) -> Iterator[None]:
    """Let the page cache forget the large files again and again, from the cores of the load."""
    large = [
        path
        for folder in (content.library, content.site)
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size >= LARGE_BYTES
    ]
    ended = threading.Event()

    def forget() -> None:
        while not ended.wait(EVICTION_SECONDS):
            for descriptor in descriptors:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    os.sync()  # what is not yet on the disk cannot be forgotten
    descriptors = [os.open(path, os.O_RDONLY) for path in large]
    with pinned(cores):
        thread = threading.Thread(target=forget)
        thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for descriptor in descriptors:
            os.close(descriptor)


def _beside(alone: Mapping[int, Cell], beside: Mapping[int, Cell], readers: Mapping[int, Cell]) -> Beside:
    shares = paired_ratios(
        {number: cell.rate for number, cell in beside.items()},
        {number: cell.rate for number, cell in alone.items()},
    )
    return Beside(
        kept_share=summarize(shares) if shares else None,
        cold_bytes_per_second=summarize(cell.bytes / cell.seconds for cell in readers.values()),
        alone=alone,
        beside=beside,
        readers=readers,
    )
