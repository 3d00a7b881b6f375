"""Files on their way to the server, as a person sees it who is interrupted in every way."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.upload_page import (
    NETWORK,
    PATIENCE_MILLISECONDS,
    another_tab,
    hash_of,
    make_clip,
    open_upload_page,
    stored_hash,
)
from tests.services.server import ServerProcess, running_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

MEGABYTES = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server that keeps whatever is sent twice, so that no test depends on another."""
    kept = {"STREAMSERVER_KEEP_DUPLICATES": "true"}
    with running_server(tmp_path_factory.mktemp("uploads") / "data", environment=kept) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file that takes some seconds to send."""
    return make_clip(tmp_path_factory.mktemp("clips") / "A day at the sea.mp4", MEGABYTES)


@pytest.fixture
def two(clip: Path, tmp_path: Path) -> list[Path]:
    """Give a second one beside it."""
    return [clip, Path(shutil.copy2(clip, tmp_path / "Holiday.mp4"))]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_left(page: Page) -> AsyncIterator[None]:
    """Leave nothing that is on its way to the next test."""
    yield
    for job in await under_way(page.context):
        await page.context.request.delete(f"/api/jobs/{job['id']}")


async def under_way(context: BrowserContext) -> list[dict[str, Any]]:
    """Return what the server has of files that are not whole."""
    jobs: list[dict[str, Any]] = (await (await context.request.get("/api/jobs?status=READY")).json())["jobs"]
    return [job for job in jobs if job["received_bytes"] is not None]


async def kept_bytes(context: BrowserContext) -> int:
    """Return how much the server has of the only upload, once it has put away what was on its way."""
    before, kept = -1, 0
    while not 0 < kept == before:
        await asyncio.sleep(0.5)
        (job,) = await under_way(context)
        before, kept = kept, job["received_bytes"]
    return kept


async def test_two_files_go_at_once(page: Page, two: list[Path]) -> None:
    """Each with its own title and bar, at the same time, and both arrive as they were sent."""
    tab = await open_upload_page(page)
    await tab.slow_down()
    await page.get_by_test_id("title-input").fill("Sea")
    await page.get_by_test_id("file-input").set_input_files(two[0])
    await page.get_by_test_id("file-input").set_input_files(two[1])
    titles = page.get_by_test_id("chosen-title")
    await expect(titles.first).to_have_value("Sea")
    await page.get_by_label("Title of Holiday.mp4").fill("Mountains")
    await page.get_by_role("button", name="Upload 2 videos").click()
    sea, mountains = tab.row("Sea"), tab.row("Mountains")
    for row in (sea, mountains):
        await tab.until_sent(row, 5)
        await expect(row.get_by_test_id("upload-status")).to_have_text("Uploading")
        await expect(row.get_by_test_id("upload-figures")).to_contain_text("MB/s")
        await expect(row.get_by_test_id("upload-figures")).to_contain_text("left")
    await expect(page).to_have_title(re.compile(r"\d+ % – Upload"))
    for row in (sea, mountains):
        await tab.until_complete(row)
        assert await stored_hash(page, row) == hash_of(two[0])
    assert tab.offsets == [0, 0]


async def test_the_third_file_waits_for_its_turn(page: Page, two: list[Path], tmp_path: Path) -> None:
    """Two are sent at a time; what is paused lets the next one go."""
    tab = await open_upload_page(page)
    await tab.slow_down(1_000_000)
    third = Path(shutil.copy2(two[0], tmp_path / "Third.mp4"))
    await tab.send(*two, third)
    waiting = tab.row("Third.mp4")
    await tab.until_sent(tab.row("Holiday.mp4"), 1)
    await expect(waiting.get_by_test_id("upload-status")).to_have_text("Waiting for its turn")
    await tab.row("Holiday.mp4").get_by_test_id("upload-pause").click()
    await expect(waiting.get_by_test_id("upload-status")).to_have_text("Uploading")
    for name in ("A day at the sea.mp4", "Holiday.mp4", "Third.mp4"):
        await tab.row(name).get_by_test_id("upload-cancel").click()
    await expect(tab.rows).to_have_count(0)
    assert await under_way(page.context) == []


async def test_a_pause_keeps_what_has_come(page: Page, clip: Path) -> None:
    """By keyboard, and the focus stays where it is used; what follows begins where the server says."""
    tab = await open_upload_page(page)
    await tab.slow_down()
    await tab.send(clip)
    row = tab.rows.first
    await tab.until_sent(row, 20)
    await row.get_by_test_id("upload-pause").focus()
    await page.keyboard.press("Enter")
    await expect(row.get_by_test_id("upload-status")).to_have_text("Paused")
    await expect(row.get_by_test_id("upload-resume")).to_be_focused()
    kept = await kept_bytes(page.context)
    assert tab.offsets == [0]
    await page.keyboard.press("Enter")
    await tab.until_complete(row)
    assert tab.offsets == [0, kept]
    assert await stored_hash(page, row) == hash_of(clip)


async def test_it_goes_on_by_itself_when_the_server_is_back(
    browser: Browser, clip: Path, tmp_path: Path, complaints: list[str]
) -> None:
    """A server that is killed and started again: the page says so, tries again, and sends only the rest."""
    data = tmp_path / "data"
    with running_server(data) as server:
        context = await browser.new_context(base_url=server.url)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        tab = await open_upload_page(page)
        await tab.slow_down()
        await tab.send(clip)
        row = tab.rows.first
        await tab.until_sent(row, 40)
        server.kill()
        await expect(row.get_by_test_id("upload-hint")).to_contain_text("The server cannot be reached.")
        await expect(row.get_by_test_id("upload-status")).to_have_text("Waiting to go on")
    with running_server(data, "--port", server.url.rstrip("/").rsplit(":", 1)[1]):
        await tab.until_complete(row)
        assert await stored_hash(page, row) == hash_of(clip)
    first, *_, last = tab.offsets
    assert first == 0
    assert last > MEGABYTES * 200_000
    assert [method for method, _ in tab.sent].count("POST") == 1
    await context.close()
    assert complaints == []


@pytest.mark.parametrize("way", ["the row's button", "the form"])
async def test_a_closed_page_is_gone_on_with(
    page: Page, two: list[Path], tmp_path: Path, complaints: list[str], way: str
) -> None:
    """Another page remembers what is unfinished; the same file goes on from what is kept, no other one does."""
    clip = Path(shutil.copy2(two[0], tmp_path / "Unfinished.mp4"))
    first = await open_upload_page(page)
    await first.slow_down(1_500_000)  # it must not be whole before the page is closed
    await first.send(clip)
    await first.until_sent(first.rows.first, 30)
    await page.evaluate(
        "window.stop()"
    )  # a page that is closed is slow no more, and what is left would be sent at once
    await page.close()
    again = await another_tab(await page.context.new_page(), "/jobs", complaints)
    tab = await open_upload_page(again)
    row = tab.rows.first
    await expect(row.get_by_test_id("upload-title")).to_have_text("Unfinished.mp4")
    await expect(row.get_by_test_id("upload-status")).to_have_text("Unfinished")
    await expect(row.get_by_test_id("upload-hint")).to_contain_text("Choose “Unfinished.mp4” again")
    kept = await kept_bytes(again.context)
    if way == "the form":
        await tab.send(clip)
    else:
        for path in (two[1], clip):
            async with again.expect_file_chooser() as chooser:
                await row.get_by_test_id("upload-choose").click()
            await (await chooser.value).set_files(path)
            if path != clip:
                await expect(row.get_by_test_id("upload-problem")).to_contain_text("That is another file")
    await tab.until_complete(row)
    assert tab.sent == [("HEAD", ""), ("PATCH", str(kept))]
    assert await stored_hash(again, row) == hash_of(clip)
    await expect(tab.rows).to_have_count(1)
    await again.reload()
    await expect(tab.rows).to_have_count(0)


async def test_other_tabs_see_it_and_can_end_it(
    page: Page, clip: Path, complaints: list[str], provoked: list[str]
) -> None:
    """The upload page and the queue of other tabs move along; cancelled there, the tab that sends knows."""
    tab = await open_upload_page(page)
    other = await another_tab(page, "/upload", complaints)
    queue = await another_tab(page, "/jobs", complaints)
    await tab.slow_down(2_000_000)
    await tab.send(clip)
    seen = other.get_by_test_id("upload-row")
    await expect(seen.get_by_test_id("upload-status")).to_have_text("Uploading in another tab")
    row = queue.get_by_test_id("queue-receiving").get_by_test_id("job-row")
    await expect(row.get_by_test_id("job-title")).to_have_text("A day at the sea")
    for figures in (seen.get_by_test_id("upload-figures"), row.get_by_test_id("job-figures")):
        for words in ("MB of 12.", "%", "MB/s", "left"):
            await expect(figures).to_contain_text(words, timeout=PATIENCE_MILLISECONDS)
    before = await seen.get_by_test_id("upload-figures").inner_text()
    await expect(seen.get_by_test_id("upload-figures")).not_to_have_text(before)
    await row.get_by_test_id("job-cancel").click()
    await expect(row).to_have_count(0)
    for one in (tab.rows, seen):
        await expect(one.get_by_test_id("upload-status")).to_have_text("Cancelled")
    assert await under_way(page.context) == []
    provoked.extend(NETWORK)


async def test_a_file_that_is_none_is_refused_once(page: Page, tmp_path: Path, provoked: list[str]) -> None:
    """In the server's sentence, also in the middle of sending, and nobody is asked to try again in vain."""
    notes = tmp_path / "notes.mp4"
    notes.write_text("These are notes, not a video.\n" * 400_000)
    tab = await open_upload_page(page)
    await tab.slow_down(3_000_000)
    await tab.send(notes)
    row = tab.row("notes.mp4")
    await expect(row.get_by_test_id("upload-problem")).to_have_text("The file is a text file, not a video.")
    await expect(row.get_by_test_id("upload-retry")).to_be_hidden()
    await row.get_by_test_id("upload-dismiss").click()
    await expect(tab.rows).to_have_count(0)
    assert [method for method, _ in tab.sent] == ["POST", "PATCH"]
    provoked.append("415")


@pytest.mark.parametrize("way", ["drop", "paste"])
async def test_files_are_dropped_and_pasted(page: Page, clip: Path, way: str) -> None:
    """Anywhere on the page; Enter then sends them."""
    tab = await open_upload_page(page)
    await page.evaluate(
        """([way, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], `${way}.mp4`, { type: 'video/mp4' }));
            const options = { bubbles: true, cancelable: true };
            const fire = (event) => document.querySelector('h1').dispatchEvent(event);
            if (way === 'paste') fire(new ClipboardEvent('paste', { ...options, clipboardData: transfer }));
            else for (const name of ['dragenter', 'dragover', 'drop'])
                fire(new DragEvent(name, { ...options, dataTransfer: transfer }));
        }""",
        [way, list((await asyncio.to_thread(clip.read_bytes))[:60_000])],
    )
    await expect(page.get_by_test_id("chosen-file")).to_contain_text(f"{way}.mp4 60.0 kB")
    await expect(page.get_by_test_id("upload-button")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(tab.rows.get_by_test_id("job-status")).not_to_have_text("", timeout=PATIENCE_MILLISECONDS)
    assert tab.offsets == [0]


async def test_what_is_chosen_can_be_put_back(page: Page, two: list[Path], tmp_path: Path) -> None:
    """A file is removed from the list again; what cannot be sent is said before it is tried."""
    tab = await open_upload_page(page)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    await page.get_by_test_id("file-input").set_input_files([two[0], empty])
    await expect(page.get_by_test_id("form-problem")).to_have_text("empty.mp4 is empty.")
    await page.get_by_role("button", name="Remove empty.mp4").click()
    await expect(page.get_by_test_id("form-problem")).to_be_hidden()
    await page.get_by_role("button", name="Remove A day at the sea.mp4").click()
    await page.get_by_test_id("upload-button").click()
    await expect(page.get_by_test_id("form-problem")).to_have_text("Choose a video first.")
    assert tab.sent == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_rows_fit_the_window(
    page: Page, size: dict[str, int], scheme: str, two: list[Path], tmp_path: Path
) -> None:
    """At each width, with a title of one long word; nothing jumps when a row is paused."""
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    tab = await open_upload_page(page)
    await tab.slow_down(1_000_000)
    await tab.send(*two, Path(shutil.copy2(two[0], tmp_path / f"{'long' * 30}.mp4")))
    row = tab.rows.first
    await tab.until_sent(row, 3)
    await expect(row.get_by_test_id("upload-figures")).to_contain_text("left")
    before = await row.bounding_box()
    await row.get_by_test_id("upload-pause").click()
    await expect(row.get_by_test_id("upload-status")).to_have_text("Paused")
    after = await row.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["height"] - after["height"]) <= 24
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for number in range(await tab.rows.count()):
        await tab.rows.nth(0).get_by_test_id("upload-cancel").click()
        await expect(tab.rows).to_have_count(2 - number)
