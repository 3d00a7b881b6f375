"""What a person reads of the outcome."""

from collections.abc import Mapping, Sequence

from benchmarks.chart import Chart, Group
from benchmarks.report import table, with_spread
from benchmarks.serve.candidates import NGINX, OURS
from benchmarks.serve.cold import LEAST_KEPT, Beside
from benchmarks.serve.content import KIB
from benchmarks.serve.log_cost import MOST_MICROSECONDS
from benchmarks.serve.outcome import Outcome
from benchmarks.serve.viewers import MOST_MEMORY_BYTES, MOST_SHORT, Viewers
from benchmarks.statistics import Summary

NOTE = (
    "Medians of paired rounds, quartiles in brackets. nginx has open_file_cache and a buffered access log, and\n"
    "tcp_nopush off. Access logs are on for streamserver, nginx and Caddy, off for the rest, in their favour.\n"
    "*: the load generator may have been the limit; what a request costs the processor tells more there."
)


def ratio_table(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Set what each server reaches of nginx; `<` marks where ours stays behind what it must reach."""
    others = [name for name in names if name not in {OURS, NGINX}]
    rows = [
        [
            f"{outcome.label}{'*' if outcome.limited_by_load else ''}",
            _wanted(outcome),
            f"{with_spread(outcome.of_nginx.get(OURS))}{'<' if outcome.is_reached is False else ' '}",
            *(with_spread(outcome.of_nginx.get(name)) for name in others),
        ]
        for outcome in outcomes
    ]
    return table(["of nginx", "must be", f"{OURS} ", *others], rows)


def ahead_table(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Set how many times better than each other server ours is."""
    others = [name for name in names if name not in {OURS, NGINX}]
    rows = [
        [outcome.label, *(with_spread(outcome.ahead_of.get(name), ".1f") for name in others)]
        for outcome in outcomes
        if outcome.ahead_of.keys() & set(others)
    ]
    return table([f"{OURS} ahead of", *others], rows)


def cost_table(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Set what a request costs each server's processor, and how busy the generator was meanwhile."""
    rows = [[outcome.label, *(_cost(outcome, name) for name in names)] for outcome in outcomes]
    return table(["µs a request · generator's share", *names], rows)


def viewers_table(outcome: Mapping[str, Viewers], viewers: int) -> str:
    """Set what slow viewers got and cost."""
    rows = [
        [
            name,
            f"{found.short_share.median:.1%} ({found.short_share.low:.1%}–{found.short_share.high:.1%})",
            f"{found.memory_per_viewer.median / KIB:.1f} KiB",
            f"{found.kernel_memory_per_viewer.median / KIB:.0f} KiB",
            f"{max(cell.worst_lateness for cell in found.cells.values()) / 1000:.0f} ms",
        ]
        for name, found in outcome.items()
    ]
    wanted = [
        f"must be: {OURS}",
        f"≤ {MOST_SHORT:.0%}",
        f"≤ {MOST_MEMORY_BYTES / KIB:.0f} KiB",
        "",
        "",
    ]
    headers = ["short reads", "memory each", "kernel memory each", "generator late by"]
    return table([f"{viewers} viewers at 0.5 Mbit/s", *headers], [*rows, wanted])


def cold_table(outcome: Mapping[str, Beside]) -> str:
    """Set what small clients keep beside readers of a cold file."""
    rows = [
        [name, with_spread(found.kept_share), f"{found.cold_bytes_per_second.median / 1e6:.0f} MB/s"]
        for name, found in outcome.items()
    ]
    wanted = [f"must be: {OURS}", f"≥ {LEAST_KEPT:.2f}", ""]
    return table(["playlists beside cold 8 MiB reads", "rate kept", "cold reads"], [*rows, wanted])


def log_line(cost: Summary) -> str:
    """Say what the access log costs."""
    return (
        f"A line of {OURS}'s access log takes {with_spread(cost, '.1f')} µs of processor time; "
        f"must be: ≤ {MOST_MICROSECONDS:.0f}."
    )


def chart_of(outcomes: Sequence[Outcome], names: Sequence[str]) -> Chart:
    """Picture the rates."""
    groups = [
        Group(label=outcome.label, bars=dict(outcome.of_nginx))
        for outcome in outcomes
        if outcome.of_nginx and not outcome.is_tail
    ]
    return Chart(
        title="Requests a second, as a ratio to nginx",
        note="Medians of paired rounds, thin lines from quartile to quartile; logarithmic, longer is better.",
        series=[name for name in names if name != NGINX],
        groups=groups,
        reference=1.0,
        reference_label=NGINX,
    )


def _wanted(outcome: Outcome) -> str:
    return f"{'≤' if outcome.is_tail else '≥'} {outcome.least:.2f}"


def _cost(outcome: Outcome, name: str) -> str:
    if name not in outcome.cpu_microseconds:
        return "–"
    limited = "*" if name in outcome.limited_by_load else ""
    return f"{outcome.cpu_microseconds[name].median:,.0f} · {outcome.load_shares[name].median:.0%}{limited}"
