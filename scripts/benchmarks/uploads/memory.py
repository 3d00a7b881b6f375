"""What a server grows by when several files come in at once."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.progress import Progress
from benchmarks.servers import BenchError, Server
from benchmarks.statistics import Summary, shuffled_rounds, summarize
from benchmarks.uploads.crowd import UPLOADS, send_all
from benchmarks.uploads.ways import STARTS, WAYS, Way

MOST_BYTES = 50_000_000
"""What our server may grow by."""
SEED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What came of one way."""

    grown_bytes: Summary
    """The most that the server had in memory meanwhile, less what it had before."""
    bytes_per_second: Summary
    """Of all files together, until the last is acknowledged."""


def measure_memory(
    names: Sequence[str], source: Path, small: Path, folder: Path, *, rounds: int
) -> dict[str, Memory]:
    """Send a file so many times at once by these ways to servers that are new, and have had a small one only."""
    grown: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    progress = Progress(len(names) * rounds)
    for number, _, name in shuffled_rounds({"": tuple(names)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · memory · {UPLOADS} × {name}")
        way, place = WAYS[name], folder / f"memory-{name.replace('/', '-')}-{number}"
        place.mkdir()
        with STARTS[way.server](place, place.with_suffix(".log")) as server:
            _send(way, server, small, place)
            before = _mark_peak(server)
            seconds = _send(way, server, source, place)
            grown.setdefault(name, []).append(_peak_bytes(server) - before)
            rates.setdefault(name, []).append(UPLOADS * source.stat().st_size / seconds)
    progress.close()
    return {
        name: Memory(grown_bytes=summarize(grown[name]), bytes_per_second=summarize(rates[name])) for name in names
    }


def _send(way: Way, server: Server, source: Path, folder: Path) -> float:
    began = time.perf_counter()
    sent = send_all(way, server, source)
    seconds = time.perf_counter() - began
    for each in sent:
        way.forget(server, folder, each)
    return seconds


def _mark_peak(server: Server) -> int:
    """Have the system forget how much memory the server's first process had at most; return what it has now."""
    Path(f"/proc/{server.group}/clear_refs").write_text("5")  # proc(5)
    return _peak_bytes(server)


def _peak_bytes(server: Server) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{server.group}/status").read_text(), re.MULTILINE)
    if found is None:
        raise BenchError("the system does not say how much memory a process had at most")
    return int(found[1]) * 1024
