"""What all trials come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from benchmarks.browser.trial import Trial
from benchmarks.deliveries.crowd import Delivery
from benchmarks.statistics import Summary, summarize

MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All trials of one delivery on one line."""

    delivery: Delivery
    """How media came."""
    line: str
    """How the browser was connected."""
    first_frame: Summary
    """Seconds from setting the source to the first frame."""
    seeks: Mapping[str, Summary]
    """Seconds from setting the time to the first frame from there, by the seek's name."""
    stalls: float
    """For each trial, on average."""
    requests: Summary
    """For media, in a trial."""
    megabytes: Summary
    """Of media that came over the network, in a trial."""
    ahead: Summary
    """Seconds buffered in the end."""


def sum_up(trials: Sequence[Trial]) -> list[Row]:
    """Turn trials into a row for each line and delivery, in the order in which these first came."""
    lines = dict.fromkeys(trial.line for trial in trials)
    groups = (
        [trial for trial in trials if (trial.line, trial.delivery) == (line, delivery)]
        for line in lines
        for delivery in Delivery
    )
    return [_row(group) for group in groups if group]


def _row(trials: Sequence[Trial]) -> Row:
    return Row(
        delivery=trials[0].delivery,
        line=trials[0].line,
        first_frame=summarize(map(attrgetter("first_frame_seconds"), trials)),
        seeks={name: summarize(trial.seek_seconds[name] for trial in trials) for name in trials[0].seek_seconds},
        stalls=sum(trial.stalls for trial in trials) / len(trials),
        requests=summarize(trial.requests for trial in trials),
        megabytes=summarize(trial.received_bytes / MEGA for trial in trials),
        ahead=summarize(trial.ahead_seconds for trial in trials),
    )


def table_of(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Lay the rows out for people: medians."""
    names = list(rows[0].seeks) if rows else []
    headers = ["medians", "first frame s", *(f"{name} s" for name in names)]
    headers += ["stalls", "requests", "MB", "s ahead at the end"]
    return headers, [
        [
            f"{row.delivery}, {row.line}",
            f"{row.first_frame.median:.2f}",
            *(f"{row.seeks[name].median:.2f}" for name in names),
            f"{row.stalls:.1f}",
            f"{row.requests.median:.0f}",
            f"{row.megabytes.median:.1f}",
            f"{row.ahead.median:.1f}",
        ]
        for row in rows
    ]
