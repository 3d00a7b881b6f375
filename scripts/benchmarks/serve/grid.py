"""The rows of the table, each server once a round."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.serve.candidates import CANDIDATES, Ground
from benchmarks.serve.content import Content
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.serve.rows import Row, question_for
from benchmarks.servers import BenchError, Server
from benchmarks.statistics import shuffled_rounds

SEED = 1
"""Of the order, so that a run can be repeated."""

Servers = Mapping[str, Server]
Cells = dict[str, dict[str, dict[int, Cell]]]
"""By row, candidate and round."""


@contextmanager
def lineup(names: Sequence[str], ground: Ground, report: Report) -> Iterator[Servers]:
    """Run these servers side by side; the report is told which cannot be had."""
    suffix = "" if ground.workers == 1 else f", {ground.workers} workers"
    with ExitStack() as stack:
        servers = {}
        for name in names:
            try:
                servers[name] = stack.enter_context(CANDIDATES[name].start(ground))
                report.versions |= CANDIDATES[name].versions()
            except BenchError as error:
                report.left_out[name + suffix] = str(error)
        yield servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How rows are measured."""

    content: Content
    """What is served."""
    generator: Generator
    """Asks."""
    rounds: int
    """How often each server is asked for each row."""
    report: Report
    """Is told what was left out."""

    def measure(self, rows: Iterable[Row], servers: Servers, *, cores: frozenset[int]) -> Cells:
        """Ask servers that run, from these cores."""
        questions = {row: self._questions(row, servers) for row in rows}
        plan = {row: list(asked) for row, asked in questions.items()}
        cells: Cells = {row.label: {} for row in questions}
        progress = Progress(self.rounds * sum(map(len, plan.values())))
        for number, row, name in shuffled_rounds(plan, rounds=self.rounds, seed=SEED):
            progress.step(f"round {number + 1} of {self.rounds} · {row.label} · {name}")
            cell = self.generator.measure(servers[name], questions[row][name], cores=cores)
            cells[row.label].setdefault(name, {})[number] = cell
        progress.close()
        return cells

    def _questions(self, row: Row, servers: Servers) -> dict[str, Question]:
        questions = {}
        for name, server in servers.items():
            try:
                questions[name] = question_for(row, server, self.content)
            except BenchError as error:
                self.report.left_out[f"{name}, {row.label}"] = str(error)
        return questions
