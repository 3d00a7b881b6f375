"""From cells to ratios: who is ahead, by how much, and who only seems to be."""

from collections.abc import Mapping

import pytest
from benchmarks.serve.load import Cell
from benchmarks.serve.outcome import outcome_of
from benchmarks.serve.rows import ROWS, Row
from benchmarks.serve.tables import ahead_table, chart_of, cost_table, ratio_table

NAMES = ["streamserver", "nginx", "Caddy"]


def cell(requests: int, *, p99: int = 1000, cpu: float = 0.9, load: float = 0.5, faults: int = 0) -> Cell:
    return Cell(
        seconds=1,
        requests=requests,
        bytes=0,
        reconnections=0,
        latency_p50=0,
        latency_p90=0,
        latency_p99=p99,
        latency_max=p99,
        reads_due=0,
        reads_short=0,
        worst_lateness=0,
        load_cpu_seconds=load,
        server_cpu_seconds=cpu,
        resident_before=0,
        resident_after=0,
        tcp_memory_before=0,
        tcp_memory_after=0,
        faults={"status": faults},
    )


def row(*, is_tail: bool = False) -> Row:
    return next(row for row in ROWS if row.is_tail == is_tail)


def rounds(*cells: Cell) -> Mapping[int, Cell]:
    return dict(enumerate(cells))


def test_rates_are_compared_with_nginx() -> None:
    """More requests are better: half of nginx's rate is 0.5, and twice Caddy's makes us 2 times better."""
    found = outcome_of(
        row(),
        {
            "nginx": rounds(cell(100), cell(200), cell(300)),
            "streamserver": rounds(cell(50), cell(100), cell(150)),
            "Caddy": rounds(cell(25), cell(50), cell(75)),
        },
    )
    assert found.of_nginx["streamserver"].median == 0.5
    assert found.ahead_of["Caddy"].median == 2
    assert found.cpu_of_nginx["streamserver"].median == pytest.approx(2)
    assert found.is_reached


def test_latencies_are_better_when_they_are_less() -> None:
    """Three times nginx's p99 is too much, and makes us a third as good."""
    found = outcome_of(
        row(is_tail=True), {"nginx": rounds(cell(9, p99=1000)), "streamserver": rounds(cell(9, p99=3000))}
    )
    assert found.of_nginx["streamserver"].median == 3
    assert found.ahead_of["nginx"].median == pytest.approx(1 / 3)
    assert found.is_reached is False


def test_who_answers_nothing_has_a_rate_but_no_latency() -> None:
    """A rate of zero counts; a latency that nobody measured is left out, and not taken for a good one."""
    cells = {"nginx": rounds(cell(10)), "Caddy": rounds(cell(0, p99=0))}
    assert outcome_of(row(), cells).of_nginx["Caddy"].median == 0
    assert "Caddy" not in outcome_of(row(is_tail=True), cells).of_nginx


def test_without_nginx_there_is_no_verdict() -> None:
    """Nothing is measured against a server that is not there."""
    found = outcome_of(row(), {"streamserver": rounds(cell(50))})
    assert (found.of_nginx, found.is_reached) == ({}, None)
    assert found.figures["streamserver"].median == 50


def test_a_busy_generator_is_owned_up_to() -> None:
    """Where it, and not the server, used up its core in most rounds, the table says so."""
    busy, idle = cell(10, load=0.99, cpu=0.5), cell(10, load=0.5, cpu=0.99)
    found = outcome_of(row(), {"nginx": rounds(busy, busy, idle), "streamserver": rounds(busy, idle, idle)})
    assert found.limited_by_load == ("nginx",)
    assert "99%*" in cost_table([found], NAMES)
    assert f"{found.label}*" in ratio_table([found], NAMES)


def test_wrong_answers_are_added_up() -> None:
    """Faults of all rounds count, by server."""
    assert outcome_of(row(), {"nginx": rounds(cell(1, faults=2), cell(1, faults=3))}).faults == {"nginx": 5}


def test_the_tables_show_what_is_missing() -> None:
    """A server that a row was not measured with has a dash, and ours is marked where it stays behind."""
    found = outcome_of(row(), {"nginx": rounds(cell(100)), "streamserver": rounds(cell(10))})
    line = ratio_table([found], NAMES).splitlines()[2]
    assert "0.10 (0.10–0.10)<" in line
    assert line.endswith("–")
    assert len(ahead_table([found], NAMES).splitlines()) == 2
    assert chart_of([found], NAMES).groups[0].bars.keys() >= {"streamserver"}


def test_every_row_has_a_name_of_its_own() -> None:
    """Figures are kept by it."""
    assert len({row.label for row in ROWS}) == len(ROWS)
