"""The story of `scripts/bench uploads`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap.checkout import this_checkout

from benchmarks.chart import bars_svg
from benchmarks.product import NAME
from benchmarks.report import Report
from benchmarks.serve.load import build_generator
from benchmarks.servers import BenchError, Server
from benchmarks.uploads import tables
from benchmarks.uploads.calls import Calls, watching
from benchmarks.uploads.crowd import UPLOADS, send_all
from benchmarks.uploads.memory import measure_memory
from benchmarks.uploads.rates import folder_of, lineup, measure_rates
from benchmarks.uploads.viewers import measure_viewers
from benchmarks.uploads.ways import FORM, PEER, TUS, WAYS, peer_versions

MIB = 1024 * 1024
HEAD = bytes.fromhex("00000018 66747970 69736f6d 00000000 69736f6d 6d703432")
"""The first box of an MP4 (ISO/IEC 14496-12 §4.3): what begins so is taken in, whatever follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int
    """How often each way is measured with one file, and viewers are asked for."""
    size_bytes: int
    """Of that file."""
    crowd_rounds: int
    """How often memory is measured."""
    crowd_bytes: int
    """Of each of several files at once."""
    crowd_ways: tuple[str, ...]
    """The ways that these come in by."""
    seconds: float
    """How long viewers ask."""


FULL = Effort(
    rounds=7,
    size_bytes=1024 * MIB,
    crowd_rounds=3,
    crowd_bytes=1024 * MIB,
    crowd_ways=(TUS, FORM, PEER),
    seconds=2.0,
)
QUICK = Effort(rounds=1, size_bytes=32 * MIB, crowd_rounds=1, crowd_bytes=8 * MIB, crowd_ways=(TUS,), seconds=0.3)


def run(*, quick: bool, output: Path) -> int:
    """Measure, print, write uploads.json and uploads.svg; return 0."""
    effort = QUICK if quick else FULL
    report = Report(benchmark="uploads", quick=quick)
    with TemporaryDirectory(dir=output) as name:
        _measure(report, Path(name), effort)
    report.write(output)
    (output / "uploads.svg").write_text(bars_svg(tables.chart_of(report.results["rates"])))
    _print(report, effort)
    print(f"\n{output / 'uploads.json'}\n{output / 'uploads.svg'}")
    return 0


def _measure(report: Report, folder: Path, effort: Effort) -> None:
    source, part, small = (folder / name for name in ("source.mp4", "part.mp4", "small.mp4"))
    for path, size_bytes in ((source, effort.size_bytes), (part, effort.crowd_bytes), (small, MIB)):
        _make_source(path, size_bytes)
    results = report.results
    with lineup(folder, report) as servers:
        if PEER in servers:
            report.versions |= peer_versions()
        results["rates"] = measure_rates(source, folder, servers, rounds=effort.rounds)
        _measure_viewers(report, part, servers[NAME], effort)
        _watch_loop(report, part, folder, servers)
    ways = [name for name in effort.crowd_ways if WAYS[name].server not in report.left_out]
    results["memory"] = measure_memory(ways, part, small, folder, rounds=effort.crowd_rounds)


def _measure_viewers(report: Report, source: Path, server: Server, effort: Effort) -> None:
    try:
        generator = build_generator(
            this_checkout().cache / "bench", seconds=effort.seconds, warmup_seconds=effort.seconds / 5
        )
    except BenchError as error:
        report.left_out["viewers"] = str(error)
        return
    report.results["viewers"] = measure_viewers(source, server, generator, rounds=effort.rounds)


def _watch_loop(report: Report, source: Path, folder: Path, servers: Mapping[str, Server]) -> None:
    """Have strace look on while files come in by both ways, each of them several at once."""
    server, place = servers[NAME], folder_of(folder, NAME)
    try:
        with watching(server, folder / "strace.log") as found:
            for name in (TUS, FORM):
                for sent in send_all(WAYS[name], server, source):
                    WAYS[name].forget(server, place, sent)
    except BenchError as error:
        report.left_out["calls on the loop's thread"] = str(error)
        return
    calls: Calls = found[0]
    report.results["calls"] = calls


def _make_source(path: Path, size_bytes: int) -> None:
    """Write bytes that begin as a video and are none: what becomes of a video afterwards would be measured too."""
    block = os.urandom(MIB)
    with path.open("wb") as file:
        file.write(HEAD)
        while (left := size_bytes - file.tell()) > 0:
            file.write(block[:left])


def _print(report: Report, effort: Effort) -> None:
    results = report.results
    parts = [report.heading(), tables.rates_table(results["rates"])]
    if "viewers" in results:
        parts.append(tables.viewers_table(results["viewers"]))
    if "calls" in results:
        parts.append(tables.calls_table(results["calls"]))
    parts += [tables.memory_table(results["memory"], UPLOADS, effort.crowd_bytes), tables.NOTE]
    print("", *parts, sep="\n\n")
