"""What it is worth that a file is presented with its `moov` first: the same media with the `moov` at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from playwright.sync_api import Browser

from benchmarks.browser.trial import open_stage
from benchmarks.deliveries.players import Video
from benchmarks.deliveries.sessions import Line
from benchmarks.statistics import Summary, summarize


class Layout(StrEnum):
    """Where the `moov` is."""

    FIRST = "moov first"
    """As a finished rendition is delivered."""
    LAST = "moov last"
    """As the source lies on the disk; the best rendition is a copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start in a profile that had seen nothing."""

    layout: Layout
    """Where the `moov` is."""
    line: str
    """How the browser was connected."""
    first_frame_seconds: float
    """From setting the source to the first frame on the page."""
    requests: int
    """For media, up to that frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRow:
    """All starts of one layout on one line."""

    layout: Layout
    """Where the `moov` is."""
    line: str
    """How the browser was connected."""
    first_frame: Summary
    """Seconds."""
    requests: Summary
    """For media, up to the first frame."""


def start(browser: Browser, video: Video, *, url: str, layout: Layout, line: Line) -> Start:
    """Play until the first frame is there."""
    path = video.renditions[0].file_path if layout is Layout.FIRST else video.source_path
    with open_stage(browser, url, line, f"{video.title}, {layout}") as (page, traffic):
        seconds = page.evaluate("url => stage.open(url)", path)
        return Start(layout=layout, line=line.name, first_frame_seconds=seconds, requests=traffic.requests)


def sum_up_starts(starts: Sequence[Start]) -> list[StartRow]:
    """Turn starts into a row for each line and layout, in the order in which the lines first came."""
    rows = []
    for line in dict.fromkeys(found.line for found in starts):
        for layout in Layout:
            group = [found for found in starts if (found.line, found.layout) == (line, layout)]
            rows.append(
                StartRow(
                    layout=layout,
                    line=line,
                    first_frame=summarize(found.first_frame_seconds for found in group),
                    requests=summarize(found.requests for found in group),
                )
            )
    return rows


def table_of_starts(rows: Sequence[StartRow]) -> tuple[list[str], list[list[str]]]:
    """Lay the rows out for people: medians."""
    return ["medians", "first frame s", "requests until then"], [
        [f"{row.layout}, {row.line}", f"{row.first_frame.median:.3f}", f"{row.requests.median:.0f}"]
        for row in rows
    ]
