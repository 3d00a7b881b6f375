"""The main job, as a person does it: upload, watch it encode, play it three ways."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.clips.programs import ffmpeg
from tests.services.server import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SECONDS = 24
PATIENCE_SECONDS = 180
PATIENCE_MILLISECONDS = 1000 * PATIENCE_SECONDS
VIDEO_TIME = "document.querySelector('video').currentTime"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video with sound that no browser plays as it is."""
    target = tmp_path_factory.mktemp("clips") / "A day at the sea.avi"
    picture = f"testsrc2=size=640x360:rate=25:duration={SECONDS},noise=alls=20:allf=t"
    sound = f"sine=frequency=440:sample_rate=44100:duration={SECONDS}"
    encoders = ("-c:v", "mpeg4", "-q:v", "4", "-c:a", "libmp3lame")
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *encoders, str(target))
    return target


async def test_a_video_is_uploaded_watched_while_it_encodes_and_played_three_ways(page: Page, clip: Path) -> None:
    """The whole way by the page's own form: the bar moves, playback starts before the end, all deliveries seek."""
    await upload(page, clip)
    await see_the_bar_move(page)
    await page.get_by_test_id("watch-now").click(timeout=PATIENCE_MILLISECONDS)
    job_id = await page.evaluate("JSON.parse(document.getElementById('job-data').textContent).id")

    await play_on(page)
    assert await job_status(page, job_id) == "RUNNING"
    await until(page, "document.querySelector('video').webkitAudioDecodedByteCount > 0")
    await expect(page.get_by_test_id("delivery-range")).to_be_disabled()

    await until_complete(page, job_id)
    await expect(page.get_by_test_id("delivery-range")).to_be_enabled(timeout=PATIENCE_MILLISECONDS)
    for delivery in ("hls", "range", "region"):
        await choose(page, delivery)
        await seek(page, 18.5)
        await seek(page, 3.25)
        await play_on(page)
        await read_out(page, delivery)


async def test_speed_and_quality_can_be_changed(page: Page, server: ServerProcess) -> None:
    """A speed chosen by the viewer outlives a change of delivery; a quality chosen by hand changes the picture."""
    await open_first_video(page)
    await play_on(page)
    await page.evaluate("document.querySelector('media-player').playbackRate = 1.5")
    await choose(page, "range")
    await play_on(page)
    assert await page.evaluate("document.querySelector('video').playbackRate") == 1.5
    await choose(page, "hls")
    await play_on(page)
    heights = await page.evaluate("[...document.querySelector('media-player').qualities].map(one => one.height)")
    assert sorted(heights, reverse=True) == [360, 270, 180]
    await page.evaluate(
        "[...document.querySelector('media-player').qualities].find(one => one.height === 180).selected = true"
    )
    await until(page, "document.querySelector('video').videoHeight === 180")
    assert server.process.poll() is None


async def test_the_keyboard_plays_and_jumps(page: Page) -> None:
    """Space starts and stops, the arrow keys jump."""
    await open_first_video(page)
    await page.locator("media-player").focus()
    await page.keyboard.press("k")
    await until(page, f"{VIDEO_TIME} > 0.3")
    await page.keyboard.press("k")
    await until(page, "document.querySelector('video').paused")
    before = await page.evaluate(VIDEO_TIME)
    await page.keyboard.press("ArrowRight")
    await until(page, f"{VIDEO_TIME} > {before} + 4")


@pytest.mark.parametrize("path", ["/", "/?q=sea", "/?q=nothing", "/upload", "/jobs", "first video"])
async def test_pages_fit_their_window_and_do_not_complain(page: Page, path: str, size: dict[str, int]) -> None:
    """Nothing has to be scrolled sideways, at the width of a desk and of a phone; the console stays silent."""
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    if path == "first video":
        await open_first_video(page)
    else:
        await page.goto(path)
    await page.wait_for_load_state("load")
    assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def test_a_file_that_is_no_video_is_turned_away_in_words(
    page: Page, provoked: list[str], tmp_path: Path
) -> None:
    """The sentence of the server stands on the page."""
    text = tmp_path / "notes.mp4"
    text.write_text("These are notes, not a video.\n" * 300)
    await page.goto("/upload")
    await page.get_by_test_id("file-input").set_input_files(text)
    await page.get_by_test_id("upload-button").click()
    await expect(page.get_by_test_id("upload-problem")).to_contain_text("a text file, not a video")
    provoked.append("415")


async def upload(page: Page, clip: Path) -> None:
    await page.goto("/upload")
    await page.get_by_test_id("title-input").fill("By the sea")
    await page.get_by_test_id("file-input").set_input_files(clip)
    await page.get_by_test_id("upload-button").click()


async def see_the_bar_move(page: Page) -> None:
    """Wait for the encoding on the same page, and for its bar to rise by events."""
    bar = page.get_by_test_id("job-bar").first
    await expect(bar).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    await page.evaluate(
        """() => {
            window.seen = new Set();
            const bar = document.querySelector('[data-testid=job-bar]');
            new MutationObserver(() => window.seen.add(bar.getAttribute('aria-valuenow')))
                .observe(bar, { attributes: true });
        }"""
    )
    await until(page, "window.seen.size >= 2")


async def open_first_video(page: Page) -> None:
    await page.goto("/")
    await page.get_by_test_id("card-title").first.click()
    await page.wait_for_selector("video")


async def play_on(page: Page) -> None:
    """Play, and wait until the picture has moved."""
    await page.wait_for_selector("video", timeout=PATIENCE_MILLISECONDS)
    await until(page, "document.querySelector('video').readyState >= 2")
    before = await page.evaluate(VIDEO_TIME)
    await page.evaluate("document.querySelector('video').play()")
    await until(page, f"{VIDEO_TIME} > {before} + 0.5")


async def seek(page: Page, seconds: float) -> None:
    """Jump, and wait for the frame that is shown there."""
    shown = await page.evaluate(
        """seconds => new Promise(resolve => {
            const video = document.querySelector('video');
            video.addEventListener('seeked', () => {
                const look = (_now, frame) => Math.abs(frame.mediaTime - seconds) < 1
                    ? resolve(frame.mediaTime) : video.requestVideoFrameCallback(look);
                video.requestVideoFrameCallback(look);
                video.play();
            }, { once: true });
            document.querySelector('media-player').currentTime = seconds;
        })""",
        seconds,
    )
    assert abs(shown - seconds) < 1


async def choose(page: Page, delivery: str) -> None:
    button = page.get_by_test_id(f"delivery-{delivery}")
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "true")
    await until(page, "document.querySelector('video')?.readyState >= 2")


async def read_out(page: Page, delivery: str) -> None:
    """Every cell of a delivery that was used has a figure."""
    for cell in ("requests", "bytes", "first-frame", "seek"):
        await expect(page.get_by_test_id(f"readout-{delivery}-{cell}")).to_contain_text("", timeout=10_000)
        await expect(page.get_by_test_id(f"readout-{delivery}-{cell}")).not_to_have_text("–", timeout=20_000)


async def until(page: Page, expression: str) -> None:
    """Wait until something holds. Playwright's own way of waiting needs `eval`, which our pages forbid."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await page.evaluate(expression):  # noqa: ASYNC110 - a page has no events for us
            await asyncio.sleep(0.05)


async def until_complete(page: Page, job_id: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await job_status(page, job_id) != "COMPLETE":  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.5)


async def job_status(page: Page, job_id: str) -> str:
    status: str = await page.evaluate(
        "id => fetch(`/api/jobs/${id}`).then(answer => answer.json()).then(job => job.status)", job_id
    )
    return status
