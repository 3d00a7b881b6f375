"""The story of `scripts/bench serve`."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap.checkout import this_checkout

from benchmarks.chart import bars_svg
from benchmarks.report import Report
from benchmarks.serve import tables
from benchmarks.serve.candidates import CANDIDATES, NGINX, OURS, Ground
from benchmarks.serve.cold import measure_cold
from benchmarks.serve.content import Content, prepare
from benchmarks.serve.grid import Cells, Grid, lineup
from benchmarks.serve.load import Generator, build_generator
from benchmarks.serve.log_cost import measure_log_cost
from benchmarks.serve.outcome import Outcome, outcome_of
from benchmarks.serve.rows import ROWS
from benchmarks.serve.viewers import Starts, measure_viewers
from benchmarks.servers import Cores, Server, allow_many_files, split_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long is measured."""

    rounds: int
    """How often each cell is measured."""
    seconds: float
    """How long each time."""
    warmup_seconds: float
    """How long before that the server is asked already."""
    viewers: int
    """Slow ones."""
    viewing_seconds: float
    """How long they watch."""
    arriving_seconds: float
    """How long before that they come, one by one, and settle."""


FULL = Effort(rounds=7, seconds=2.0, warmup_seconds=0.4, viewers=5000, viewing_seconds=6.0, arriving_seconds=8.0)
QUICK = Effort(rounds=1, seconds=0.1, warmup_seconds=0.05, viewers=100, viewing_seconds=0.5, arriving_seconds=0.5)


def run(*, quick: bool, output: Path) -> int:
    """Measure, print, write serve.json and serve.svg; return 1 where an answer of our server was wrong."""
    effort = QUICK if quick else FULL
    report = Report(benchmark="serve", quick=quick)
    allow_many_files()
    generator = build_generator(
        this_checkout().cache / "bench", seconds=effort.seconds, warmup_seconds=effort.warmup_seconds
    )
    with TemporaryDirectory(dir=output) as name:
        print("preparing the library …", flush=True)
        content = prepare(Path(name), quick=quick)
        cells = _measure(report, content, Path(name), generator, effort)
    outcomes = [outcome_of(row, cells[row.label]) for row in ROWS if cells[row.label]]
    report.results |= {"rows": outcomes, "cells": cells, "lengths": content.lengths}
    report.write(output)
    names = [name for name in CANDIDATES if name not in report.left_out]
    (output / "serve.svg").write_text(bars_svg(tables.chart_of(outcomes, names)))
    _print(report, outcomes, names, effort)
    print(f"\n{output / 'serve.json'}\n{output / 'serve.svg'}")
    return 1 if any(outcome.faults.get(OURS) for outcome in outcomes) else 0


def _measure(report: Report, content: Content, folder: Path, generator: Generator, effort: Effort) -> Cells:
    """Measure everything; what is not a row goes into the report at once."""
    ground = Ground(content=content, cores=split_cores(1), folder=folder)
    both = replace(ground, workers=2, cores=split_cores(2))

    def grid_on(cores: Cores) -> Grid:
        alone = replace(generator, is_awake=cores.load.isdisjoint(cores.server))
        return Grid(content=content, generator=alone, rounds=effort.rounds, report=report)

    def measure_slow(starts: Starts) -> None:
        patient = replace(generator, seconds=effort.viewing_seconds, warmup_seconds=effort.arriving_seconds)
        report.results["viewers"] = measure_viewers(
            content, patient, starts, cores=ground.cores.load, viewers=effort.viewers, rounds=effort.rounds
        )

    with lineup(tuple(CANDIDATES), ground, report) as servers:
        single = [row for row in ROWS if row.workers == 1]
        cells = grid_on(ground.cores).measure(single, servers, cores=ground.cores.load)
        two = {name: server for name, server in servers.items() if name in {OURS, NGINX}}
        report.results["cold"] = measure_cold(
            content, two, generator, cores=ground.cores.load, rounds=effort.rounds
        )
        if report.quick:
            measure_slow({name: partial(_as_it_runs, server) for name, server in two.items()})
    if not report.quick:
        # What a viewer costs in memory shows only in a server that has not had as many before.
        measure_slow({name: partial(CANDIDATES[name].start, ground) for name in two})
    report.results["log_cost"] = measure_log_cost(ground, generator, rounds=effort.rounds)
    with lineup(tuple(two), both, report) as servers:
        double = [row for row in ROWS if row.workers == 2]
        return cells | grid_on(both.cores).measure(double, servers, cores=both.cores.load)


def _as_it_runs(server: Server) -> AbstractContextManager[Server]:
    return nullcontext(server)


def _print(report: Report, outcomes: list[Outcome], names: list[str], effort: Effort) -> None:
    faults = {
        f"{name}, {outcome.label}": count
        for outcome in outcomes
        for name, count in outcome.faults.items()
        if count
    }
    parts = [
        report.heading(),
        tables.ratio_table(outcomes, names),
        tables.ahead_table(outcomes, names),
        tables.cost_table(outcomes, names),
        tables.viewers_table(report.results["viewers"], effort.viewers),
        tables.cold_table(report.results["cold"]),
        tables.log_line(report.results["log_cost"]),
        *(f"wrong answers: {where}: {count}" for where, count in faults.items()),
        tables.NOTE,
    ]
    print("", *parts, sep="\n\n")
