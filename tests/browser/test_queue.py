"""The queue page in a browser: it moves by itself, on a desk and on a phone, by mouse and by keyboard."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.clips.programs import ffmpeg
from tests.services.server import ServerProcess, running_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

PATIENCE_MILLISECONDS = 120_000
SLOW = {"STREAMSERVER_X264_PRESET": "veryslow", "STREAMSERVER_ENCODERS": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server that encodes one video at a time, without haste."""
    with running_server(tmp_path_factory.mktemp("queue") / "data", environment=SLOW) as server:
        yield server


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a video that takes a while, one that does not, and one that breaks off."""
    folder = tmp_path_factory.mktemp("clips")
    long, short, broken = folder / "long.avi", folder / "short.avi", folder / "broken.avi"
    noise = "testsrc2=size=640x360:rate=25:duration={},noise=alls=20:allf=t"
    ffmpeg("-f", "lavfi", "-i", noise.format(40), "-c:v", "mpeg4", "-q:v", "31", str(long))
    ffmpeg("-f", "lavfi", "-i", noise.format(1), "-c:v", "mpeg4", "-q:v", "31", str(short))
    broken.write_bytes(b"RIFF" + short.read_bytes()[4:3000])
    return {"long": long, "short": short, "broken": broken}


async def upload(page: Page, clip: Path, title: str) -> str:
    """Send a file beside the page; return its job's id."""
    answer = await page.request.post(
        "/api/videos",
        multipart={
            "title": title,
            "file": {
                "name": clip.name,
                "mimeType": "video/avi",
                "buffer": await asyncio.to_thread(clip.read_bytes),
            },
        },
    )
    assert answer.status == 201, await answer.text()
    job_id: str = (await answer.json())["job"]["id"]
    return job_id


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f'[data-job-id="{job_id}"]')


async def titles(page: Page, section: str) -> list[str]:
    return await page.get_by_test_id(f"queue-{section}").get_by_test_id("job-title").all_inner_texts()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def empty_queue(page: Page) -> AsyncIterator[None]:
    """Leave nothing that waits or runs to the next test."""
    yield
    listed = await (await page.request.get("/api/jobs?status=READY&status=RUNNING")).json()
    for job in listed["jobs"]:
        await page.request.delete(f"/api/jobs/{job['id']}")


async def test_jobs_come_move_and_end_by_themselves(page: Page, clips: dict[str, Path]) -> None:
    """Without a reload: a job appears with its title, shows its figures and bars, moves on, and stays listed."""
    await page.goto("/jobs")
    first = row(page, await upload(page, clips["long"], "The first one"))
    await expect(first.get_by_test_id("job-title")).to_have_text("The first one")
    await expect(page.get_by_test_id("empty-queue")).to_be_hidden()
    await expect(first.get_by_test_id("job-figures")).to_contain_text("left", timeout=PATIENCE_MILLISECONDS)
    await expect(first.get_by_test_id("job-figures")).to_contain_text("frames/s")
    await expect(first.get_by_test_id("rendition-bar")).to_have_count(3)
    await expect(first.locator("img")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    second = row(page, await upload(page, clips["short"], "The second one"))
    third = row(page, await upload(page, clips["short"], "The third one"))
    for waiting, place in ((third, "2nd"), (second, "1st")):
        await expect(waiting.get_by_test_id("job-status")).to_have_text(
            f"Waiting to go on, {place} in the queue", timeout=PATIENCE_MILLISECONDS
        )
        await expect(waiting.get_by_test_id("job-figures")).to_contain_text("180p ready")
        await expect(waiting.get_by_test_id("rendition-bar")).to_have_count(0)
    assert (await titles(page, "running"), await titles(page, "waiting")) == (
        ["The first one"],
        ["The second one", "The third one"],
    )
    await first.get_by_role("button", name="Cancel The first one").click()
    await expect(first.get_by_test_id("job-status")).to_have_text("Cancelled")
    await expect(third.get_by_test_id("job-status")).to_have_text("Complete", timeout=PATIENCE_MILLISECONDS)
    await expect(third.get_by_test_id("job-when")).to_contain_text("took")
    assert (await titles(page, "ended"))[:3] == ["The third one", "The second one", "The first one"]
    await expect(page.get_by_test_id("queue-running")).to_be_hidden()
    await expect(third.locator("img")).to_be_visible()
    await expect(page.locator("#announcements")).to_contain_text("The third one: Complete.")


async def test_the_keyboard_cancels_and_tries_again(page: Page, clips: dict[str, Path]) -> None:
    """The focus stays on the row that it is used on, wherever that moves."""
    await page.goto("/jobs")
    job = row(page, await upload(page, clips["long"], "By keyboard"))
    await expect(job.get_by_test_id("job-figures")).to_contain_text("%", timeout=PATIENCE_MILLISECONDS)
    await job.get_by_test_id("job-cancel").focus()
    await page.keyboard.press("Enter")
    await expect(job.get_by_test_id("job-status")).to_have_text("Cancelled")
    await expect(job.get_by_test_id("job-retry")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("queue-running").get_by_test_id("job-title")).to_have_text("By keyboard")
    await expect(job.get_by_test_id("job-attempt")).to_have_text("Attempt 2")
    await expect(job.get_by_test_id("job-cancel")).to_be_focused()


async def test_a_failure_says_why(page: Page, clips: dict[str, Path]) -> None:
    """In a sentence; to try again is not offered where the file is the fault."""
    await page.goto("/jobs")
    job = row(page, await upload(page, clips["broken"], "Broken"))
    await expect(job.get_by_test_id("job-status")).to_have_text("Failed", timeout=PATIENCE_MILLISECONDS)
    await expect(job.get_by_test_id("job-problem")).to_have_text(re.compile(r"\w+ .*\."))
    await expect(job.get_by_test_id("job-retry")).to_be_hidden()


async def test_what_ended_without_a_connection_is_caught_up_with(page: Page, clips: dict[str, Path]) -> None:
    """A page that comes back from the background shows what became of its jobs meanwhile."""
    await page.goto("/jobs")
    job_id = await upload(page, clips["long"], "Behind its back")
    await expect(row(page, job_id).get_by_test_id("job-figures")).to_contain_text("%")
    await page.evaluate(
        "Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })"
    )
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.request.delete(f"/api/jobs/{job_id}")
    await page.evaluate("delete document.visibilityState")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(row(page, job_id).get_by_test_id("job-status")).to_have_text("Cancelled")


async def test_without_scripts_it_can_be_read(
    browser: Browser, page: Page, server: ServerProcess, clips: dict[str, Path]
) -> None:
    """The page of the server says the same words as the one that is kept up to date, and has no dead buttons."""
    job_id = await upload(page, clips["short"], "Plain")
    await page.goto("/jobs")
    await expect(row(page, job_id).get_by_test_id("job-status")).to_have_text(
        "Complete", timeout=PATIENCE_MILLISECONDS
    )
    context = await browser.new_context(base_url=server.url, java_script_enabled=False, timezone_id="UTC")
    plain = await context.new_page()
    await plain.goto("/jobs")
    scripted = await (await browser.new_context(base_url=server.url, timezone_id="UTC")).new_page()
    await scripted.goto("/jobs")
    await expect(scripted.locator("time").first).not_to_contain_text("UTC")
    both = [await one.get_by_test_id("queue-ended").inner_text() for one in (plain, scripted)]
    without_buttons = re.sub(r"Try again\n*", "", both[1])
    assert both[0].replace(" UTC", "").split() == without_buttons.split()
    await expect(plain.get_by_role("button")).to_have_count(0)
    await scripted.context.close()
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_scrolled_sideways_or_jumps(
    page: Page, size: dict[str, int], scheme: str, clips: dict[str, Path]
) -> None:
    """At each width a running job keeps its height while its figures change, and all fits the window."""
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    job_id = await upload(page, clips["long"], "A title that is much too long for one line " * 3)
    await upload(page, clips["short"], "Waits")
    await page.goto("/jobs")
    job = row(page, job_id)
    await expect(job.get_by_test_id("rendition-bar")).to_have_count(3, timeout=PATIENCE_MILLISECONDS)
    await expect(job.get_by_test_id("job-figures")).to_contain_text("left", timeout=PATIENCE_MILLISECONDS)
    heights = set()
    async with asyncio.timeout(60):
        shown: set[str] = set()
        while len(shown) < 4:
            shown.add(await job.get_by_test_id("job-figures").inner_text())
            box = await job.bounding_box()
            assert box is not None
            heights.add(box["height"])
            await asyncio.sleep(0.1)
    assert len(heights) == 1
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
