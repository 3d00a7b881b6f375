"""The story of `scripts/bench serve`."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bootstrap.checkout import this_checkout

from benchmarks.chart import bars_svg
from benchmarks.report import Report
from benchmarks.serve import tables
from benchmarks.serve.candidates import CANDIDATES, NGINX, OURS
from benchmarks.serve.cold import measure_cold
from benchmarks.serve.content import prepare
from benchmarks.serve.grid import Grid
from benchmarks.serve.load import build_generator
from benchmarks.serve.outcome import Outcome, outcome_of
from benchmarks.serve.rows import ROWS
from benchmarks.serve.viewers import measure_viewers
from benchmarks.servers import allow_many_files


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


FULL = Effort(rounds=7, seconds=2.0, warmup_seconds=0.4, viewers=5000)
QUICK = Effort(rounds=1, seconds=0.1, warmup_seconds=0.05, viewers=100)


def run(*, quick: bool, output: Path) -> int:
    """Measure, print, write serve.json and serve.svg; return 1 where an answer of our server was wrong."""
    effort = QUICK if quick else FULL
    report = Report(benchmark="serve", quick=quick)
    allow_many_files()
    generator = build_generator(
        this_checkout().cache / "bench", seconds=effort.seconds, warmup_seconds=effort.warmup_seconds
    )
    with TemporaryDirectory(dir=output) as name:
        folder = Path(name)
        print("preparing the library …", flush=True)
        content = prepare(folder, quick=quick)
        grid = Grid(content=content, folder=folder, generator=generator, rounds=effort.rounds, report=report)
        cells = grid.measure()
        outcomes = [outcome_of(row, cells[row.label]) for row in ROWS if cells[row.label]]
        report.results |= {"rows": outcomes, "cells": cells, "lengths": content.lengths}
        if NGINX not in report.left_out:
            report.results["viewers"] = measure_viewers(
                content, folder, generator, viewers=effort.viewers, rounds=effort.rounds, quick=quick
            )
            report.results["cold"] = measure_cold(content, folder, generator, rounds=effort.rounds)
    report.write(output)
    _print(report, outcomes, effort)
    names = [name for name in CANDIDATES if name not in report.left_out]
    (output / "serve.svg").write_text(bars_svg(tables.chart_of(outcomes, names)))
    print(f"\n{output / 'serve.json'}\n{output / 'serve.svg'}")
    return 1 if any(outcome.faults.get(OURS) for outcome in outcomes) else 0


def _print(report: Report, outcomes: list[Outcome], effort: Effort) -> None:
    names = [name for name in CANDIDATES if name not in report.left_out]
    parts = [
        report.heading(),
        tables.ratio_table(outcomes, names),
        tables.ahead_table(outcomes, names),
        tables.cost_table(outcomes, names),
    ]
    if "viewers" in report.results:
        parts.append(tables.viewers_table(report.results["viewers"], effort.viewers))
        parts.append(tables.cold_table(report.results["cold"]))
    faults = {
        f"{name}, {outcome.label}": count
        for outcome in outcomes
        for name, count in outcome.faults.items()
        if count
    }
    parts += [f"wrong answers: {where}: {count}" for where, count in faults.items()]
    print("", *parts, tables.NOTE, sep="\n\n")
