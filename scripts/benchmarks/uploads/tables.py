"""What a person reads of the outcome."""

from collections.abc import Mapping

from benchmarks.chart import Chart, Group
from benchmarks.report import table, with_spread
from benchmarks.statistics import Summary, summarize
from benchmarks.uploads.calls import MOST_SECONDS, Calls
from benchmarks.uploads.memory import MOST_BYTES, Memory
from benchmarks.uploads.rates import LEAST_OF_COPY, Rate, is_reached
from benchmarks.uploads.viewers import CLIENTS, MOST_SLOWER, Viewers, is_bearable
from benchmarks.uploads.ways import COPY, FORM, PEER, TUS

NOTE = (
    "Medians of paired rounds, quartiles in brackets; everyone has all cores, and files come over loopback.\n"
    f"A file is in once it is acknowledged and durable; {PEER} leaves the second to whoever uses it, and the\n"
    "benchmark does that at once. MB and GB are 10⁶ and 10⁹ bytes; `<` marks what is not as it must be."
)
KILO, MEGA = 1e3, 1e6


def rates_table(rates: Mapping[str, Rate]) -> str:
    """Set how fast one file comes in by each way."""
    rows = [
        [
            name,
            with_spread(_scaled(rate.bytes_per_second, 1 / MEGA), ".0f"),
            with_spread(rate.of_copy) + ("" if is_reached(name, rate) else "<"),
            with_spread(rate.of_peer) if name not in {COPY, PEER} else "–",
            with_spread(rate.cpu_seconds_per_gigabyte),
        ]
        for name, rate in rates.items()
    ]
    wanted = [f"must be: {TUS}, {FORM}", "", f"≥ {LEAST_OF_COPY:.2f}", f"{TUS}: > 1", ""]
    headers = ["one file", "MB/s", f"of {COPY}", f"of {PEER}", "CPU s a GB"]
    return table(headers, [*rows, wanted])


def memory_table(memory: Mapping[str, Memory], uploads: int, size_bytes: int) -> str:
    """Set what several files at once take of memory."""
    rows = [
        [
            name,
            with_spread(_scaled(found.grown_bytes, 1 / MEGA), ".1f")
            + ("<" if name != PEER and found.grown_bytes.median > MOST_BYTES else ""),
            with_spread(_scaled(found.bytes_per_second, 1 / MEGA), ".0f"),
        ]
        for name, found in memory.items()
    ]
    wanted = [f"must be: {TUS}, {FORM}", f"≤ {MOST_BYTES / MEGA:.0f}", ""]
    headers = [f"{uploads} × {size_bytes / MEGA:.0f} MB at once", "memory, MB", "MB/s together"]
    return table(headers, [*rows, wanted])


def viewers_table(viewers: Viewers) -> str:
    """Set what clients of a playlist get alone and beside uploads."""
    rows = []
    for way, by_round in viewers.cells.items():
        cells = by_round.values()
        rate = summarize(cell.rate for cell in cells).median
        tail = summarize(cell.latency_p99 / KILO for cell in cells).median
        longest = max(cell.latency_max for cell in cells) / KILO
        came = viewers.upload_bytes_per_second.get(way)
        mark = "<" if way in viewers.slower and not is_bearable(viewers.slower[way]) else ""
        rows.append(
            [
                way,
                f"{rate:,.0f}",
                f"{tail:.2f}",
                with_spread(viewers.slower.get(way)) + mark,
                f"{longest:.1f}",
                "–" if came is None else f"{came.median / MEGA:.0f}",
            ]
        )
    wanted = ["must be", "", "", f"≤ {MOST_SLOWER:.0f}", "", ""]
    headers = [
        f"{CLIENTS} clients of a playlist",
        "a second",
        "p99, ms",
        "of alone",
        "longest, ms",
        "uploads, MB/s",
    ]
    return table(headers, [*rows, wanted])


def calls_table(calls: Calls) -> str:
    """Set what kept the loop's thread."""
    rows = [
        [
            kind,
            f"{count:,}",
            f"{calls.longest_seconds[kind] * KILO:.2f}"
            + ("<" if calls.longest_seconds[kind] > MOST_SECONDS else ""),
        ]
        for kind, count in calls.counts.items()
    ]
    wanted = ["must be", "", f"≤ {MOST_SECONDS * KILO:.0f}"]
    whole = ["a whole turn", f"{calls.turns:,}", f"{calls.longest_turn_seconds * KILO:.2f}"]
    return table(["on the loop's thread, by strace", "calls", "longest, ms"], [*rows, wanted, whole])


def chart_of(rates: Mapping[str, Rate]) -> Chart:
    """Picture the rates."""
    return Chart(
        title="Bytes a second of one upload, as a ratio to a plain copy",
        note="Medians of paired rounds, thin lines from quartile to quartile; logarithmic, longer is better.",
        series=[name for name in rates if name != COPY],
        groups=[
            Group(label="one file", bars={name: rate.of_copy for name, rate in rates.items() if name != COPY})
        ],
        reference=1.0,
        reference_label=COPY,
    )


def _scaled(summary: Summary, factor: float) -> Summary:
    low, median, high = (figure * factor for figure in (summary.low, summary.median, summary.high))
    return Summary(low=low, median=median, high=high, count=summary.count)
