"""One trial: a fresh profile of Chromium plays a video and seeks about, and what it fetches is counted."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Error, Page, sync_playwright

from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.players import Video
from benchmarks.deliveries.sessions import Line
from benchmarks.servers import BenchError

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
STAGE = Path(__file__).with_name("stage.js")
HLS_OPTIONS = {"maxMaxBufferLength": 30, "backBufferLength": 60}
"""As the player of the watch page has them."""
PATIENCE_SECONDS = 60.0
BLANK_PATH = "/healthz"
"""A page of the server's own, so that media is of the same origin; it is emptied before use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """One seek of the script that every trial follows."""

    name: str
    """What it shows."""
    to_share: float
    """Where to, as a share of the video's duration."""
    then_seconds: float
    """How long it plays on from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is done in every trial."""

    first_seconds: float
    """How long it plays from the beginning."""
    seeks: Sequence[Seek]
    """In their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one."""

    delivery: Delivery
    """How media came."""
    line: str
    """How the browser was connected."""
    first_frame_seconds: float
    """From setting the source to the first frame on the page."""
    seek_seconds: dict[str, float]
    """From setting the time to the first frame from there, by the seek's name."""
    stalls: int
    """How often playing stopped for want of media, seeks apart."""
    requests: int
    """For media."""
    received_bytes: int
    """Of media, as it came over the network."""
    ahead_seconds: float
    """How much was buffered ahead of the picture in the end."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium without a window."""
    program = shutil.which("chromium")
    if program is None:
        raise BenchError("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def perform(
    browser: Browser, video: Video, *, url: str, delivery: Delivery, line: Line, script: Script, hls_js: Path
) -> Trial:
    """Follow the script in a profile that has seen nothing yet."""
    with open_stage(browser, url, line, f"{video.title} by {delivery}") as (page, traffic):
        page.add_script_tag(path=hls_js)
        first_frame = page.evaluate("([url, options]) => stage.open(url, options)", _source(video, delivery))
        page.wait_for_timeout(script.first_seconds * 1000)
        seeks = {seek.name: _seek(page, seek, video.duration_seconds) for seek in script.seeks}
        state = page.evaluate("stage.state()")
    return Trial(
        delivery=delivery,
        line=line.name,
        first_frame_seconds=first_frame,
        seek_seconds=seeks,
        stalls=state["stalls"],
        requests=traffic.requests,
        received_bytes=traffic.received_bytes,
        ahead_seconds=state["ahead"],
    )


@contextmanager
def open_stage(browser: Browser, url: str, line: Line, title: str) -> Iterator[tuple[Page, "Traffic"]]:
    """Open the empty page with the stage, in a profile that has seen nothing yet."""
    # The scripts of the stage are none of the page's own, which its policy would refuse.
    context = browser.new_context(bypass_csp=True)
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.goto(f"{url}{BLANK_PATH}")
        page.set_content("<!doctype html><body></body>")
        page.add_script_tag(path=STAGE)
        yield page, Traffic(context.new_cdp_session(page), line)
    except Error as error:
        raise BenchError(f"Chromium cannot play {title}: {error.message}") from error
    finally:
        context.close()


def _source(video: Video, delivery: Delivery) -> list[object]:
    """Return the URL, and the options of hls.js where that shall play it."""
    best = video.renditions[0]
    match delivery:
        case Delivery.RANGE:
            return [best.file_path, None]
        case Delivery.REGION:
            return [best.region_path, None]
        case Delivery.HLS:
            return [video.master_path, HLS_OPTIONS]


def _seek(page: Page, seek: Seek, duration: float) -> float:
    seconds: float = page.evaluate("target => stage.seek(target)", seek.to_share * duration)
    page.wait_for_timeout(seek.then_seconds * 1000)
    return seconds


class Traffic:
    """Shapes the browser's line, and counts what comes over it (Chrome DevTools Protocol, domain Network)."""

    def __init__(self, session: CDPSession, line: Line) -> None:
        self.requests = 0
        self.received_bytes = 0
        self._media: set[str] = set()
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.dataReceived", self._received)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": line.round_trip_seconds * 1000,
                "downloadThroughput": line.rate_bps / 8,
                "uploadThroughput": line.rate_bps / 8,
            },
        )

    def _sent(self, event: dict[str, Any]) -> None:
        if "/media/" in event["request"]["url"]:
            self.requests += 1
            self._media.add(event["requestId"])

    def _received(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._media:
            self.received_bytes += event["encodedDataLength"]
