"""The report of the browser's trials: a page with plots."""

from collections.abc import Callable, Sequence

from benchmarks.browser.fast_start import StartRow, table_of_starts
from benchmarks.browser.figures import Row, table_of
from benchmarks.deliveries.bars import Bar, Bars, draw_bars
from benchmarks.deliveries.page import Section, bullets, facts, figure, html_table, page
from benchmarks.deliveries.sections import COLOURS, compare
from benchmarks.deliveries.story import QUICK_NOTICE
from benchmarks.report import Report, markdown_table
from benchmarks.statistics import Summary

TITLE = "How a browser plays Range, ResourceRegion and HLS"
FAST_START = (
    "A rendition is presented with its moov ahead of the media. Its source, which is the same media with the moov "
    "at the end, shows what that is worth to a media element."
)
METHOD = """
Every trial has a profile that has seen nothing yet, and plays the best rendition of the same video: Range and
ResourceRegion as the source of a media element, HLS by hls.js with the options of the watch page. It starts,
plays, seeks far ahead, back to what it has, and into the middle.

A frame counts once it is on the page (requestVideoFrameCallback). A stall is a waiting event while nothing seeks.

The line is played by the browser itself; bytes and requests are those that its network log shows for media. What
had come to the machine but not yet to the player when an answer was given up is not among them.

The deliveries take turns in an order that is shuffled anew in each round. Bars are medians.
"""


def as_markdown(report: Report, rows: Sequence[Row], starts: Sequence[StartRow]) -> str:
    """Write the tables."""
    parts = [f"# {TITLE}", report.heading().replace("\n", "  \n"), markdown_table(*table_of(rows))]
    parts.append(markdown_table(*table_of_starts(starts)))
    return "\n\n".join([*parts, "\n".join(f"- {sentence}" for sentence in _method())]) + "\n"


def as_html(report: Report, rows: Sequence[Row], starts: Sequence[StartRow], *, rounds: int) -> str:
    """Write the page."""
    return page(
        TITLE,
        lead=(
            f"A real Chromium starts, plays and seeks in the same video by each delivery, {rounds} times over on "
            "each line."
        ),
        notice=QUICK_NOTICE if report.quick else "",
        keys=[(delivery, colour) for delivery, colour in COLOURS.items()],
        top="",
        sections=[
            _plot(rows, "The first frame", "s", lambda row: row.first_frame, "until the first frame, the median"),
            *(_seek(rows, name) for name in (rows[0].seeks if rows else ())),
            _plot(rows, "Bytes", "MB", lambda row: row.megabytes, "of media in a trial, the median"),
            _plot(rows, "Requests", "requests", lambda row: row.requests, "for media in a trial, the median"),
            Section(heading="Fast start", finding=FAST_START, body=[html_table(*table_of_starts(starts))]),
            Section(heading="All figures", finding="As a table.", body=[html_table(*table_of(rows))]),
            Section(heading="How it was measured", finding="", body=[facts(_facts(report)), bullets(_method())]),
        ],
    )


def _seek(rows: Sequence[Row], name: str) -> Section:
    meaning = "until a frame from there, the median"
    return _plot(rows, f"A seek {name}", "s", lambda row: row.seeks[name], meaning)


def _plot(rows: Sequence[Row], heading: str, unit: str, pick: Callable[[Row], Summary], meaning: str) -> Section:
    form = ".2f" if unit == "s" else ".1f"
    groups: dict[str, list[Bar]] = {}
    for row in rows:
        found = pick(row)
        bar = Bar(
            name=row.delivery,
            parts=[found.median],
            colour=COLOURS[row.delivery],
            note=f"{found.median:{form}}",
        )
        groups.setdefault(row.line, []).append(bar)
    medians = {f"{row.delivery} ({row.line})": pick(row).median for row in rows}
    plot = draw_bars(Bars(label=heading, unit=unit, groups=groups, form=form))
    return Section(
        heading=heading,
        finding=f"In {unit} {meaning}: {compare(medians, form, unit)}",
        body=[figure(plot, f"{heading}: medians, by line and delivery.")],
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    return [
        ("When", report.began_at),
        ("Machine", "{processor}, {cores} cores, {system}, Python {python}".format_map(report.machine)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
    ]


def _method() -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in METHOD.strip().split("\n\n")]
