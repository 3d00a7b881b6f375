"""What the report says follows from the figures, and from nothing else."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from benchmarks.deliveries.claims import Claim, Verdict, judge
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.figures import Cell, Costs, Latency, Touches, Way, latency
from benchmarks.deliveries.front import OriginTraffic
from benchmarks.deliveries.hold import Held
from benchmarks.deliveries.results import Results, Setting, tables
from benchmarks.deliveries.story import as_html, as_markdown
from benchmarks.deliveries.viewer import Mark, MarkKind
from benchmarks.report import Report

MEGA = 1_000_000


def waits(*seconds: float) -> Latency:
    """Sum up some latencies."""
    found = latency(seconds)
    assert found is not None
    return found


def cell(delivery: Delivery, way: Way, *, origin_bytes: int | None = None, start: float = 0.2) -> Cell:
    """Make up the figures of a replay of ten minutes."""
    traffic = None
    if origin_bytes is not None:
        traffic = OriginTraffic(requests=20, received_bytes=origin_bytes, kept_bytes=origin_bytes)
    return Cell(
        delivery=delivery,
        way=way,
        sessions=10,
        watched_seconds=600.0,
        requests=100,
        connections=10,
        received_bytes=200 * MEGA,
        index_bytes=MEGA,
        shown_bytes=100 * MEGA,
        first_byte=waits(0.01, 0.02, 0.05),
        start=waits(start, start * 1.1, start * 2),
        seek=waits(0.0, 0.3, 0.4),
        switch=None,
        stalls=0,
        gave_up=0,
        faults=(),
        costs=Costs(
            server_cpu_seconds=2.0, cache_cpu_seconds=1.0 if traffic else 0.0, server_peak_bytes=90 * MEGA
        ),
        client_cpu_share=0.2,
        origin=traffic,
    )


def touches(delivery: Delivery, *, stats: int) -> Touches:
    """Make up counted calls of a replay of ten minutes."""
    calls = {"open": 0, "stat": stats, "read": 50, "sendfile": 500, "write": 0}
    return Touches(delivery=delivery, way=Way.STRAIGHT, watched_seconds=600.0, requests=100, calls=calls)


CELLS = [
    *(cell(delivery, Way.STRAIGHT) for delivery in Delivery),
    cell(Delivery.RANGE, Way.CACHE, origin_bytes=80 * MEGA, start=1.5),
    cell(Delivery.REGION, Way.CACHE, origin_bytes=80 * MEGA, start=1.5),
    cell(Delivery.HLS, Way.CACHE, origin_bytes=40 * MEGA),
    cell(Delivery.RANGE, Way.SLICES, origin_bytes=41 * MEGA),
]
TOUCHES = [touches(Delivery.RANGE, stats=10), touches(Delivery.HLS, stats=12)]


def claims(cells: Sequence[Cell] = CELLS, counted: Sequence[Touches] = TOUCHES) -> Mapping[str, Claim]:
    """Judge by these figures; return the claims by their text."""
    found = judge(
        {(one.delivery, one.way): one for one in cells}, {(one.delivery, one.way): one for one in counted}
    )
    return {claim.text: claim for claim in found}


def changed(delivery: Delivery, way: Way, **figures: Any) -> list[Cell]:  # noqa: ANN401 - of any field
    """Return the cells with other figures in one of them."""
    return [replace(one, **figures) if (one.delivery, one.way) == (delivery, way) else one for one in CELLS]


def origin(received_bytes: int) -> OriginTraffic:
    return OriginTraffic(requests=20, received_bytes=received_bytes, kept_bytes=0)


def test_one_way_of_two_makes_a_claim_partly_true() -> None:
    """Range is hard for the plain cache, not for the one with slices."""
    claim = claims()["Range is hard to cache."]
    assert claim.verdict is Verdict.PARTLY
    assert "8.0 MB" in claim.evidence
    assert "4.1 MB" in claim.evidence


@pytest.mark.parametrize(
    ("way", "figures", "verdict"),
    [
        (Way.CACHE, {"origin": origin(45 * MEGA), "start": waits(0.2)}, Verdict.FALSE),
        (Way.SLICES, {"origin": origin(60 * MEGA)}, Verdict.TRUE),
        (Way.SLICES, {"start": waits(0.9)}, Verdict.TRUE),
    ],
)
def test_caching_is_judged_by_bytes_and_by_waiting(way: Way, figures: dict[str, Any], verdict: Verdict) -> None:
    """Less than a fifth more is no difference; either of the two is enough to be hard."""
    found = claims(changed(Delivery.RANGE, way, **figures))["Range is hard to cache."]
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("by_range", "by_hls", "verdict"),
    [(10, 12, Verdict.FALSE), (40, 10, Verdict.PARTLY), (200, 10, Verdict.TRUE), (200, 200, Verdict.PARTLY)],
)
def test_touching_files_is_judged_by_request_and_against_hls(by_range: int, by_hls: int, verdict: Verdict) -> None:
    """Often is once in two requests, and more is a fifth more."""
    counted = [touches(Delivery.RANGE, stats=by_range), touches(Delivery.HLS, stats=by_hls)]
    assert claims(counted=counted)["Range touches the file system too often."].verdict is verdict


@pytest.mark.parametrize(("stats", "verdict"), [(12, Verdict.TRUE), (130, Verdict.FALSE)])
def test_hls_is_held_to_the_same(stats: int, verdict: Verdict) -> None:
    """HLS touches the file system often if it does once in two requests."""
    counted = [touches(Delivery.HLS, stats=stats)]
    assert claims(counted=counted)["HLS does not touch the file system often."].verdict is verdict


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({}, Verdict.TRUE),
        ({"origin": origin(150 * MEGA)}, Verdict.PARTLY),
        ({"origin": origin(150 * MEGA), "start": waits(2.0)}, Verdict.FALSE),
    ],
)
def test_easy_means_relief_without_delay(figures: dict[str, Any], verdict: Verdict) -> None:
    """HLS is easy to cache if the server is relieved and nobody starts later for it."""
    found = claims(changed(Delivery.HLS, Way.CACHE, **figures))["HLS is easy to cache."]
    assert found.verdict is verdict


def test_requests_bytes_and_latencies_are_judged() -> None:
    """Each further claim turns with its figures."""
    many = claims(changed(Delivery.REGION, Way.STRAIGHT, requests=300))
    assert many["ResourceRegion takes many more requests than Range."].verdict is Verdict.PARTLY
    wasteful = claims(changed(Delivery.RANGE, Way.STRAIGHT, received_bytes=400 * MEGA))
    assert wasteful["Range brings more bytes that nobody watches than HLS does."].verdict is Verdict.TRUE
    late = claims(changed(Delivery.HLS, Way.STRAIGHT, start=waits(0.5, 0.6)))
    assert late["HLS starts later, because its playlists come first."].verdict is Verdict.TRUE
    slow = claims(changed(Delivery.RANGE, Way.STRAIGHT, seek=waits(0.9, 0.9)))
    assert slow["After a seek, Range takes longer than HLS."].verdict is Verdict.TRUE
    even = claims()
    assert even["After a seek, Range takes longer than HLS."].verdict is Verdict.FALSE


def test_what_was_not_measured_is_not_judged() -> None:
    """Without a cache and without strace, only what is left is judged."""
    found = claims([cell(delivery, Way.STRAIGHT) for delivery in Delivery], ())
    assert "Range is hard to cache." not in found
    assert "HLS starts later, because its playlists come first." in found
    assert judge({}, {}) == []


COURSE = [
    Mark(at_seconds=0.3, kind=MarkKind.ARRIVE, start=0.0, end=4.0),
    Mark(at_seconds=0.3, kind=MarkKind.PLAY, start=0.0, end=0.0),
    Mark(at_seconds=2.3, kind=MarkKind.REST, start=2.0, end=2.0),
    Mark(at_seconds=2.3, kind=MarkKind.DROP, start=2.0, end=2.0),
]
RESULTS = Results(
    setting=Setting(
        seed=1,
        viewers=10,
        sessions=10,
        replay_seconds=60.0,
        scale=1.0,
        videos=3,
        video_seconds=120.0,
        bit_rates_bps=(2_200_000, 800_000),
        touch_viewers=5,
        touch_scale=8.0,
        link_bps=800 * MEGA,
        link="a bucket",
    ),
    cells=CELLS,
    touches=TOUCHES,
    held={delivery: Held(viewers=160.0, possible=200.0) for delivery in Delivery},
    courses=dict.fromkeys(Delivery, COURSE),
)


def report(*, quick: bool = False) -> Report:
    return Report(
        benchmark="deliveries",
        quick=quick,
        began_at="2026-01-02T03:04:05Z",
        machine={"processor": "a <fast> one", "cores": 2, "memory_bytes": 1, "system": "Linux", "python": "3.11"},
        versions={"streamserver": "0.1.0"},
        left_out={"slices": "not built & not there"},
    )


class Tags(HTMLParser):
    """Collects what a page refers to, and how its tags nest."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else() -> None:
    """It is well formed, refers to no other file, and holds a plot for each question."""
    page = as_html(report(), RESULTS)
    tags = Tags()
    tags.feed(page)
    assert tags.references == []
    assert tags.open == []
    assert "url(" not in page
    assert "@import" not in page
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 8
    for plot in plots:
        ET.fromstring(plot)  # noqa: S314 - our own


def test_the_page_speaks_of_this_run_alone() -> None:
    """Verdicts and figures are those of the results; texts are escaped; a quick run says what it is."""
    page = as_html(report(), RESULTS)
    assert page.count('class="partly"') == 1
    assert "a &lt;fast&gt; one" in page
    assert "not built &amp; not there" in page
    assert "prefers-color-scheme: dark" in page
    assert "A quick run" not in page
    assert "A quick run" in as_html(report(quick=True), RESULTS)
    assert as_html(report(), RESULTS) == page


def test_the_tables_hold_every_cell() -> None:
    """Each cell has its row in Markdown, with the ratios that were made of it."""
    text = as_markdown(report(), RESULTS)
    (row,) = re.findall(r"^\| Range, cache \| 10\.0 .*$", text, re.MULTILINE)
    assert row == "| Range, cache | 10.0 | 1.00 | 8.0 | 80% | 60% | 12.0 | 6.0 | 86 |"
    assert "| Range, straight | 0.02 / 0.05 / 0.05 | 0.22 / 0.38 / 0.40 | 0.30 / 0.39 / 0.40 | – | 0 | 0 |" in text
    assert "| HLS | 160 | 80% |" in text
    assert [heading for heading, _table in tables(RESULTS)] == re.findall(
        r"^## (?!What is|How it)(.*)$", text, re.MULTILINE
    )


def test_everything_can_be_written_as_json() -> None:
    """All figures of a run go into its JSON file."""
    assert json.loads(json.dumps(asdict(RESULTS)))["held"]["HLS"]["viewers"] == 160.0
