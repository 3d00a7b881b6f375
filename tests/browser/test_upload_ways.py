"""Links, plain forms, names and limits on the upload page."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.upload_page import (
    PATIENCE_MILLISECONDS,
    UploadPage,
    hash_of,
    make_clip,
    open_upload_page,
    stored_hash,
)
from tests.services.server import ServerProcess, running_server
from tests.services.site import Page as SitePage, Request, Say, Site, answer, part, running_site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MEGABYTES = 6
TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 - of a server that ends with the test


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server that keeps no file twice."""
    settings = {"STREAMSERVER_KEEP_DUPLICATES": "false"}
    with running_server(tmp_path_factory.mktemp("ways") / "data", environment=settings) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file that takes some seconds to fetch."""
    return make_clip(tmp_path_factory.mktemp("clips") / "film.mp4", MEGABYTES)


@asynccontextmanager
async def page_beside_site(browser: Browser, data: Path, film: SitePage) -> AsyncIterator[tuple[UploadPage, Site]]:
    """Open the upload page of a server that trusts a site on this machine, and fetches at a speed one can see."""
    async with running_site(film) as site:
        settings = {
            "STREAMSERVER_IMPORT_TRUSTED": f"localhost:{site.port}",
            "STREAMSERVER_IMPORT_MOST_BYTES_PER_SECOND": "2000000",
        }
        with running_server(data, environment=settings) as server:
            context = await browser.new_context(base_url=server.url)
            yield await open_upload_page(await context.new_page()), site
            await context.close()


async def test_a_link_is_fetched_and_encoded_in_one_row(browser: Browser, clip: Path, tmp_path: Path) -> None:
    """Bytes, percent, speed and time left while it is downloaded, then the encoding, also after a reload."""
    content = await asyncio.to_thread(clip.read_bytes)

    async def film(request: Request, say: Say) -> None:
        await say(part(request, content))

    async with page_beside_site(browser, tmp_path / "data", film) as (tab, site):
        await tab.page.get_by_test_id("import-url").fill(site.url("/film.mp4", host="localhost"))
        await tab.page.get_by_test_id("import-title").fill("From afar")
        await tab.page.keyboard.press("Enter")
        row = tab.row("From afar")
        await expect(row.get_by_test_id("upload-status")).to_have_text("Downloading")
        for words in ("MB of 6.1 MB", "%", "MB/s", "left"):
            await expect(row.get_by_test_id("upload-figures")).to_contain_text(words)
        await expect(tab.page.get_by_test_id("import-url")).to_have_value("")
        await tab.page.reload()
        await tab.until_complete(row)
        assert await stored_hash(tab.page, row) == hash_of(clip)


async def test_a_link_that_leads_nowhere_says_so(browser: Browser, clip: Path, tmp_path: Path) -> None:
    """What is refused at once stands beside the form, what fails later on the row, where it can be tried again."""
    content = await asyncio.to_thread(clip.read_bytes)
    answers = [answer(404)]

    async def film(request: Request, say: Say) -> None:
        await say(answers.pop() if answers else part(request, content))

    async with page_beside_site(browser, tmp_path / "data", film) as (tab, site):
        await tab.page.get_by_test_id("import-url").fill("http://127.0.0.1:5000/film.mp4")
        await tab.page.get_by_test_id("import-button").click()
        await expect(tab.page.get_by_test_id("import-problem")).to_contain_text("port 5000")
        await expect(tab.rows).to_have_count(0)
        await tab.page.get_by_test_id("import-url").fill(site.url("/lost.mp4", host="localhost"))
        await tab.page.get_by_test_id("import-button").click()
        row = tab.rows.first
        await expect(row.get_by_test_id("upload-status")).to_have_text("Not imported")
        await expect(row.get_by_test_id("upload-problem")).to_contain_text("404")
        await row.get_by_test_id("upload-retry").click()
        await expect(row.get_by_test_id("upload-status")).to_have_text("Downloading")
        await tab.until_complete(row)


async def test_the_same_file_again_is_not_kept_twice(page: Page, clip: Path) -> None:
    """The row says so, and leads to the video that has it."""
    tab = await open_upload_page(page)
    await tab.send(clip)
    await expect(tab.rows.first.get_by_test_id("watch-now")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    known = await tab.rows.first.get_by_test_id("watch-now").get_attribute("href")
    await page.reload()
    await tab.send(clip)
    again = tab.rows.last
    await expect(again.get_by_test_id("job-status")).to_have_text("In the library already")
    await expect(again.get_by_test_id("watch-now")).to_have_attribute("href", str(known))


async def test_without_scripts_the_forms_do(browser: Browser, server: ServerProcess, clip: Path) -> None:
    """A file leads to its video, a link to the queue."""
    context = await browser.new_context(base_url=server.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/upload")
    await page.get_by_test_id("title-input").fill("By form")
    await page.get_by_test_id("file-input").set_input_files(clip)
    await page.get_by_test_id("upload-button").click()
    await page.wait_for_url("**/watch/*")
    await page.goto("/upload")
    await page.get_by_test_id("import-url").fill("http://localhost/film.mp4")
    await page.get_by_test_id("import-title").fill("By link")
    await page.get_by_test_id("import-button").click()
    await page.wait_for_url("**/jobs")
    await expect(page.get_by_test_id("job-title").first).to_have_text("By link")
    await context.close()


async def test_the_browser_asks_for_the_name_once(
    browser: Browser, tmp_path: Path, clip: Path, complaints: list[str]
) -> None:
    """With tokens set: the page asks, and what the scripts send afterwards is known to be the same person's."""
    tokens = {"STREAMSERVER_TOKENS": f"anna={TOKEN}"}
    with running_server(tmp_path / "data", environment=tokens) as server:
        stranger = await browser.new_context(base_url=server.url)
        refused = await stranger.request.get("/upload")
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")
        await stranger.close()
        credentials = {"username": "anna", "password": TOKEN}
        context = await browser.new_context(base_url=server.url, http_credentials=credentials)  # type: ignore[arg-type]  # a TypedDict
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab = await open_upload_page(page)
        await expect(page.get_by_test_id("signed-in")).to_have_text("Signed in as anna")
        await tab.send(clip)
        await tab.until_complete(tab.rows.first)
        assert [method for method, _ in tab.sent] == ["POST", "PATCH"]
        await context.close()
    assert complaints == []


async def test_what_is_too_many_goes_later(
    browser: Browser, tmp_path: Path, clip: Path, complaints: list[str]
) -> None:
    """The server's sentence stands on the row, which goes on by itself once there is a place."""
    limits = {"STREAMSERVER_MAX_UPLOADS_PER_USER": "1", "STREAMSERVER_KEEP_DUPLICATES": "true"}
    with running_server(tmp_path / "data", environment=limits) as server:
        context = await browser.new_context(base_url=server.url)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        tab = await open_upload_page(page)
        await tab.slow_down()
        other = tmp_path / "other.mp4"
        other.write_bytes(await asyncio.to_thread(clip.read_bytes))
        await tab.send(clip, other)
        row = tab.rows.filter(has_text="You have 1 uploads under way")
        await expect(row.get_by_test_id("upload-status")).to_have_text("Waiting to go on")
        await expect(row.get_by_test_id("upload-hint")).to_contain_text("Trying again")
        for number in range(2):
            await tab.until_complete(tab.rows.nth(number))
        await context.close()
    assert complaints == []
