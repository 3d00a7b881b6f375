"""How fast one file comes in by each way, and what that costs the server's processor."""

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.servers import BenchError, Server
from benchmarks.statistics import Summary, paired_ratios, shuffled_rounds, summarize
from benchmarks.uploads.ways import COPY, FORM, PEER, STARTS, TUS, WAYS, send_durably

LEAST_OF_COPY = 0.9
"""What our server must reach of a plain copy's rate."""
SEED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """One file that came in once."""

    bytes_per_second: float
    """Until it was acknowledged and durable."""
    cpu_seconds: float
    """Of the server's process, in user and system mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one way came to."""

    bytes_per_second: Summary
    """Until the file is acknowledged and durable."""
    cpu_seconds_per_gigabyte: Summary
    """Of the server's process; 10⁹ bytes."""
    of_copy: Summary
    """Its rate over that of the plain copy of the same round."""
    of_peer: Summary | None
    """Likewise over that of `@tus/server`; None where that is not there."""
    goes: Mapping[int, Go]
    """By round."""


@contextmanager
def lineup(folder: Path, report: Report) -> Iterator[dict[str, Server]]:
    """Run all servers side by side, each on a folder named as it is; the report is told which cannot be had."""
    with ExitStack() as stack:
        servers = {}
        for name, start in STARTS.items():
            place = folder_of(folder, name)
            place.mkdir()
            try:
                servers[name] = stack.enter_context(start(place, folder / f"{place.name}.log"))
            except BenchError as error:
                report.left_out[name] = str(error)
        yield servers


def folder_of(folder: Path, server: str) -> Path:
    """Return where a server of the lineup keeps its files."""
    return folder / server.replace("/", "-")


def measure_rates(source: Path, folder: Path, servers: Mapping[str, Server], *, rounds: int) -> dict[str, Rate]:
    """Send a file by each way once a round, alone."""
    names = [name for name, way in WAYS.items() if way.server in servers]
    goes: dict[str, dict[int, Go]] = {name: {} for name in names}
    progress = Progress(len(names) * (rounds + 1))
    # What a first file alone costs, such as modules that are loaded then, is not what is asked for.
    for number, _, name in shuffled_rounds({"": tuple(names)}, rounds=rounds + 1, seed=SEED):
        progress.step(f"{f'round {number} of {rounds}' if number else 'warm-up'} · one file · {name}")
        go = _go(name, servers, source, folder)
        if number:
            goes[name][number] = go
    progress.close()
    return {name: _rate(goes, name, source.stat().st_size) for name in names}


def is_reached(name: str, rate: Rate) -> bool:
    """Tell whether a way of ours is as fast as it must be; others must be nothing."""
    is_ahead = name != TUS or rate.of_peer is None or rate.of_peer.median > 1
    return name not in {TUS, FORM} or (rate.of_copy.median >= LEAST_OF_COPY and is_ahead)


def _go(name: str, servers: Mapping[str, Server], source: Path, folder: Path) -> Go:
    way = WAYS[name]
    server, place = servers[way.server], folder_of(folder, way.server)
    _take_memory(source.stat().st_size)
    before = _cpu_seconds(server)
    sent = send_durably(way, server, source, place)
    cpu_seconds = _cpu_seconds(server) - before
    way.forget(server, place, sent)
    return Go(bytes_per_second=source.stat().st_size / sent.seconds, cpu_seconds=cpu_seconds)


def _take_memory(size_bytes: int) -> None:
    """Use as much memory as a file takes up, and let go of it.

    What was free for seconds a virtual machine's host may have taken back, and whoever writes there next waits.
    """
    mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def _cpu_seconds(server: Server) -> float:
    """Return what the server's first process has spent, without those that it waited for: they take nothing in."""
    fields = Path(f"/proc/{server.group}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _rate(goes: Mapping[str, Mapping[int, Go]], name: str, size_bytes: int) -> Rate:
    def speeds(way: str) -> dict[int, float]:
        return {number: go.bytes_per_second for number, go in goes.get(way, {}).items()}

    of_peer = paired_ratios(speeds(name), speeds(PEER))
    return Rate(
        bytes_per_second=summarize(speeds(name).values()),
        cpu_seconds_per_gigabyte=summarize(go.cpu_seconds * 1e9 / size_bytes for go in goes[name].values()),
        of_copy=summarize(paired_ratios(speeds(name), speeds(COPY))),
        of_peer=summarize(of_peer) if of_peer else None,
        goes=goes[name],
    )
