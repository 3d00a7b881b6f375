"""The upload page as a person uses it, and what a test wants to know of it."""

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, Request, expect

from tests.clips.programs import ffmpeg

PATIENCE_MILLISECONDS = 60_000
PATIENCE_SECONDS = PATIENCE_MILLISECONDS / 1000
SLOWLY = 4_000_000
"""Bytes a second: a person could click meanwhile."""
NETWORK = ("Failed to load resource", "net::ERR_")
"""What Chromium itself says of every request that failed."""


def make_clip(target: Path, megabytes: int) -> Path:
    """Make a short video in a long file, by a box that no player reads (`free`, ISO/IEC 14496-12 §8.1.2)."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2", "-c:v", "libx264", str(target))
    padding = os.urandom(megabytes * 1_000_000)
    with target.open("ab") as file:
        file.write((8 + len(padding)).to_bytes(4) + b"free" + padding)
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPage:
    """A tab with the upload page, and the requests by which files are sent."""

    page: Page
    """As playwright has it."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Method and, of PATCH, the offset, of each request of tus."""

    @property
    def offsets(self) -> list[int]:
        """Where the pieces of all files began."""
        return [int(offset) for method, offset in self.sent if method == "PATCH"]

    @property
    def rows(self) -> Locator:
        """All rows."""
        return self.page.get_by_test_id("upload-row")

    def row(self, title: str) -> Locator:
        """One of them."""
        return self.rows.filter(has=self.page.get_by_role("heading", name=title))

    async def send(self, *files: Path) -> None:
        """Choose files, and press the button."""
        await self.page.get_by_test_id("file-input").set_input_files(list(files))
        await self.page.get_by_test_id("upload-button").click()

    async def slow_down(self, bytes_per_second: int = SLOWLY) -> None:
        """Have the browser send no faster; -1 for as fast as it can."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Network.enable")
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
        await session.send(
            "Network.emulateNetworkConditions", {**conditions, "uploadThroughput": bytes_per_second}
        )

    async def until_sent(self, row: Locator, percent: int) -> None:
        """Wait until a part of a file is sent."""
        bar = row.get_by_test_id("upload-bar")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while int(await bar.get_attribute("aria-valuenow") or 0) < percent:  # noqa: ASYNC110 - a page has no events for us
                await asyncio.sleep(0.05)

    async def until_complete(self, row: Locator) -> None:
        """Wait until a video is encoded."""
        await expect(row.get_by_test_id("job-status")).to_have_text("Complete", timeout=PATIENCE_MILLISECONDS)


async def open_upload_page(page: Page) -> UploadPage:
    """Open it in a tab."""
    tab = UploadPage(page=page)

    def note(request: Request) -> None:
        if "/api/uploads" in request.url:
            tab.sent.append((request.method, request.headers.get("upload-offset", "")))

    page.on("request", note)
    await page.goto("/upload")
    return tab


async def another_tab(page: Page, path: str, complaints: list[str]) -> Page:
    """Open another tab of the same browser."""
    tab = await page.context.new_page()
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    await tab.goto(path)
    return tab


async def stored_hash(page: Page, row: Locator) -> str:
    """Return the SHA-256 of the source that the server has of the video to which a row leads."""
    watch = row.get_by_test_id("watch-now")
    await expect(watch).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    video_id = (await watch.get_attribute("href") or "").rsplit("/", 1)[1]
    video: dict[str, Any] = await (await page.request.get(f"/api/videos/{video_id}")).json()
    source = await page.request.get(video["source_url"])
    return hashlib.sha256(await source.body()).hexdigest()


def hash_of(clip: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(clip.read_bytes()).hexdigest()
