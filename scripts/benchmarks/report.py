"""What a benchmark leaves: a JSON file with everything, and tables for people."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, describe_packages, now_in_utc
from benchmarks.statistics import Summary


@dataclasses.dataclass(slots=True, kw_only=True)
class Report:
    """The outcome of one benchmark; `results` is filled by it, of whatever JSON can hold, dataclasses too."""

    benchmark: str
    """Its sub-command."""
    quick: bool
    """Whether this was only a check that it runs."""
    began_at: str = dataclasses.field(default_factory=now_in_utc)
    """RFC 3339, in UTC."""
    machine: dict[str, str | int] = dataclasses.field(default_factory=describe_machine)
    """What it ran on."""
    versions: dict[str, str] = dataclasses.field(default_factory=describe_packages)
    """Of everything that was measured."""
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    """What was not measured, and why not."""
    results: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The figures."""

    def write(self, folder: Path) -> Path:
        """Write `{benchmark}.json` into a folder; return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.benchmark}.json"
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, default=_plain)
        path.write_text(text + "\n")
        return path

    def heading(self) -> str:
        """Return the lines that a person reads first."""
        machine = "{processor}, {cores} cores, {system}".format_map(self.machine)
        lines = [
            f"{self.benchmark}, {self.began_at}: {machine}",
            "; ".join(f"{name} {version}" for name, version in self.versions.items()),
        ]
        if self.quick:
            lines.append("A quick run: it shows that the benchmark runs, and says little about speed.")
        lines += [f"left out: {what} ({why})" for what, why in self.left_out.items()]
        return "\n".join(lines)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set a table for a terminal: the first column flush left, figures flush right."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    lines = [headers, ["─" * width for width in widths], *rows]
    return "\n".join(_line(line, widths).rstrip() for line in lines)


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown, every column but the first flush right."""
    rule = ["---", *("---:" for _ in headers[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, rule, *rows))


def with_spread(summary: Summary | None, form: str = ".2f") -> str:
    """Write a median with its quartiles, such as `0.91 (0.88–0.93)`; a dash where nothing was measured."""
    if summary is None:
        return "–"
    return f"{summary.median:{form}} ({summary.low:{form}}–{summary.high:{form}})"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    texts = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return "  ".join(texts)


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
