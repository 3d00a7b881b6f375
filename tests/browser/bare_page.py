"""A video element in an empty page, for players that are not ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.facts import missing

PLAYERS = Path(__file__).parents[2] / ".cache" / "test-players" / "node_modules"
"""Where scripts/test installs what players/package.json names."""
SHAKA = PLAYERS / "shaka-player/dist/shaka-player.compiled.js"
PATIENCE_SECONDS = 120
VIDEO = "document.querySelector('video')"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarePage:
    """The page, and what it fetches."""

    page: Page
    """As playwright has it."""
    requests: list[str]
    """`path` or `path range` of each request for media, in order."""

    async def open_file(self, path: str) -> None:
        """Play a file as it is."""
        await self.page.evaluate(f"path => {{ {VIDEO}.src = path; {VIDEO}.play(); }}", path)

    async def open_dash(self, path: str, *, start_seconds: float | None = None) -> None:
        """Play a manifest with Shaka Player, from where it likes to begin or from a moment."""
        if not SHAKA.exists():
            missing("there is no Shaka Player: scripts/test installs it")
        await self.page.add_script_tag(path=SHAKA)
        await self.page.evaluate(
            f"""async ([path, start]) => {{
                shaka.polyfill.installAll();
                window.player = new shaka.Player();
                await player.attach({VIDEO});
                window.faults = [];
                player.addEventListener('error', event => faults.push(String(event.detail)));
                await player.load(path, start);
                {VIDEO}.play();
            }}""",
            [path, start_seconds],
        )

    async def until(self, expression: str) -> None:
        """Wait until something holds of the video element, which is called `video`."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.value(expression):  # noqa: ASYNC110 - a page has no events for us
                await asyncio.sleep(0.05)

    async def value(self, expression: str) -> float:
        """Return what something is."""
        found: float = await self.page.evaluate(f"video => {expression}", await self.page.query_selector("video"))
        return found

    async def frame_after_seek(self, seconds: float) -> float:
        """Jump, and return the time of the first frame that is shown from there."""
        shown: float = await self.page.evaluate(
            f"""seconds => new Promise(resolve => {{
                const video = {VIDEO};
                const look = (_now, frame) => Math.abs(frame.mediaTime - seconds) < 1
                    ? resolve(frame.mediaTime) : video.requestVideoFrameCallback(look);
                video.requestVideoFrameCallback(look);
                video.currentTime = seconds;
            }})""",
            seconds,
        )
        return shown

    async def assert_sound_and_picture(self) -> None:
        """Wait until both were decoded, and no frame was broken."""
        await self.until("video.getVideoPlaybackQuality().totalVideoFrames > 10")
        await self.until("video.webkitAudioDecodedByteCount > 0")
        assert await self.value("video.getVideoPlaybackQuality().corruptedVideoFrames") == 0


@asynccontextmanager
async def bare_page(browser: Browser, url: str) -> AsyncIterator[BarePage]:
    """Open a page of a server's own origin, and empty it."""
    # The scripts of other players are none of the pages' own, which their policy would refuse.
    context = await browser.new_context(base_url=url, bypass_csp=True)
    try:
        page = await context.new_page()
        requests: list[str] = []

        def note(path: str, ranges: str | None) -> None:
            requests.append(f"{path} {ranges}" if ranges else path)

        page.on(
            "request",
            lambda request: (
                note(request.url.removeprefix(url), request.headers.get("range"))
                if "/media/" in request.url
                else None
            ),
        )
        await page.goto("/healthz")
        await page.set_content("<!doctype html><video muted width=320></video>")
        yield BarePage(page=page, requests=requests)
    finally:
        await context.close()
