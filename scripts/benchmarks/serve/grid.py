"""The rows of the table, each server once a round, on cores of its own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.progress import Progress
from benchmarks.report import Report
from benchmarks.serve.candidates import CANDIDATES, NGINX, OURS, Ground
from benchmarks.serve.content import Content
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.serve.rows import ROWS, Row, question_for
from benchmarks.servers import BenchError, Cores, Server, split_cores
from benchmarks.statistics import shuffled_rounds

SEED = 1
"""Of the order, so that a run can be repeated."""

Cells = dict[str, dict[str, dict[int, Cell]]]
"""By row, candidate and round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How the rows are measured."""

    content: Content
    """What is served."""
    folder: Path
    """For the servers' logs."""
    generator: Generator
    """Asks."""
    rounds: int
    """How often each server is asked for each row."""
    report: Report
    """Is told what was left out."""

    def measure(self) -> Cells:
        """Measure all rows: first those for one process of each server, then those for two of some."""
        cells: Cells = {row.label: {} for row in ROWS}
        for workers, names in ((1, tuple(CANDIDATES)), (2, (OURS, NGINX))):
            rows = [row for row in ROWS if row.workers == workers]
            cores = split_cores(workers)
            with self._servers(names, cores, workers) as servers:
                self._measure_rows(rows, servers, cores, cells)
        return cells

    @contextmanager
    def _servers(self, names: Sequence[str], cores: Cores, workers: int) -> Iterator[dict[str, Server]]:
        ground = Ground(content=self.content, cores=cores, folder=self.folder, workers=workers)
        suffix = "" if workers == 1 else f", {workers} workers"
        with ExitStack() as stack:
            servers = {}
            for name in names:
                try:
                    servers[name] = stack.enter_context(CANDIDATES[name].start(ground))
                    self.report.versions |= CANDIDATES[name].versions()
                except BenchError as error:
                    self.report.left_out[name + suffix] = str(error)
            yield servers

    def _measure_rows(
        self, rows: Iterable[Row], servers: Mapping[str, Server], cores: Cores, cells: Cells
    ) -> None:
        questions = {row: self._questions(row, servers.values()) for row in rows}
        plan = {row: list(asked) for row, asked in questions.items()}
        progress = Progress(self.rounds * sum(map(len, plan.values())))
        for number, row, name in shuffled_rounds(plan, rounds=self.rounds, seed=SEED):
            progress.step(f"round {number + 1} of {self.rounds} · {row.label} · {name}")
            cell = self.generator.measure(servers[name], questions[row][name], cores=cores.load)
            cells[row.label].setdefault(name, {})[number] = cell
        progress.close()

    def _questions(self, row: Row, servers: Iterable[Server]) -> dict[str, Question]:
        questions = {}
        for server in servers:
            try:
                questions[server.name] = question_for(row, server, self.content)
            except BenchError as error:
                self.report.left_out[f"{server.name}, {row.label}"] = str(error)
        return questions
