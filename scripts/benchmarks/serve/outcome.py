"""From cells to what they say: ratios of figures that were taken in the same round."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.serve.candidates import NGINX, OURS
from benchmarks.serve.load import Cell
from benchmarks.serve.rows import Row
from benchmarks.statistics import Summary, paired_ratios, summarize


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one row came to."""

    label: str
    """Of the row."""
    least: float
    """What our server must reach, as a ratio to nginx."""
    is_tail: bool
    """Whether latencies are compared, so that less is better; otherwise rates."""
    is_reached: bool | None
    """Whether it does; None where it could not be told."""
    of_nginx: Mapping[str, Summary]
    """Each server's figure over nginx's."""
    cpu_of_nginx: Mapping[str, Summary]
    """Each server's processor time a request over nginx's: less is better."""
    ahead_of: Mapping[str, Summary]
    """How many times better our server's figure is than each other's: above 1 it is ahead."""
    figures: Mapping[str, Summary]
    """Requests a second, or the latency that 99 % stay below in µs."""
    cpu_microseconds: Mapping[str, Summary]
    """What a request cost the server."""
    load_shares: Mapping[str, Summary]
    """How much of its core the generator used."""
    limited_by_load: tuple[str, ...]
    """Servers beside which the generator may have been the limit in most rounds."""
    faults: Mapping[str, int]
    """Wrong answers, in all rounds."""


def outcome_of(row: Row, cells: Mapping[str, Mapping[int, Cell]]) -> Outcome:
    """Bring a row's cells, by candidate and round, together."""
    figures = {name: _each(row.figure, rounds) for name, rounds in cells.items()}
    costs = {name: _each(lambda cell: cell.server_cpu_microseconds, rounds) for name, rounds in cells.items()}
    of_nginx = _over(figures, figures.get(NGINX, {}))
    ours = of_nginx.get(OURS)
    return Outcome(
        label=row.label,
        least=row.least,
        is_tail=row.is_tail,
        is_reached=row.is_reached(ours.median) if ours else None,
        of_nginx=of_nginx,
        cpu_of_nginx=_over(costs, costs.get(NGINX, {})),
        ahead_of=_ahead(figures, is_less_better=row.is_tail),
        figures={name: summarize(rounds.values()) for name, rounds in figures.items() if rounds},
        cpu_microseconds={name: summarize(rounds.values()) for name, rounds in costs.items() if rounds},
        load_shares={
            name: summarize(cell.load_share for cell in rounds.values()) for name, rounds in cells.items()
        },
        limited_by_load=tuple(name for name, rounds in cells.items() if _is_limited(rounds)),
        faults={name: sum(cell.fault_count for cell in rounds.values()) for name, rounds in cells.items()},
    )


def _each(figure: Callable[[Cell], float | None], rounds: Mapping[int, Cell]) -> dict[int, float]:
    found = {number: figure(cell) for number, cell in rounds.items()}
    return {number: value for number, value in found.items() if value is not None}


def _over(figures: Mapping[str, Mapping[int, float]], reference: Mapping[int, float]) -> dict[str, Summary]:
    ratios = {name: paired_ratios(rounds, reference) for name, rounds in figures.items()}
    return {name: summarize(found) for name, found in ratios.items() if found}


def _ahead(figures: Mapping[str, Mapping[int, float]], *, is_less_better: bool) -> dict[str, Summary]:
    ours = figures.get(OURS, {})
    pairs = {name: (rounds, ours) if is_less_better else (ours, rounds) for name, rounds in figures.items()}
    ratios = {name: paired_ratios(*pair) for name, pair in pairs.items() if name != OURS}
    return {name: summarize(found) for name, found in ratios.items() if found}


def _is_limited(rounds: Mapping[int, Cell]) -> bool:
    return 2 * sum(cell.is_limited_by_load for cell in rounds.values()) > len(rounds)
