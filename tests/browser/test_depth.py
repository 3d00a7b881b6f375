"""More of the source in the player: languages, texts, chapters, pictures while seeking, another poster."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_main_job import play_on, until, until_complete, upload
from tests.clips.programs import ffmpeg

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SECONDS = 30
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in ((0, 10, "Morning"), (10, 20, "Noon"), (20, 30, "Evening"))
)
SRT = "1\n00:00:00,000 --> 00:00:30,000\nGuten <b>Tag</b><img src=x onerror=alert(1)>\n"
WAVES = """() => {
    const video = document.querySelector('video');
    window.heard = window.heard ?? (() => {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        analyser.fftSize = 8192;
        context.createMediaElementSource(video).connect(analyser);
        analyser.connect(context.destination);
        context.resume();
        return { context, analyser };
    })();
    const { context, analyser } = window.heard;
    const bins = new Uint8Array(analyser.frequencyBinCount);
    analyser.getByteFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return Math.max(...bins) ? loudest * context.sampleRate / analyser.fftSize : 0;
}"""
"""The loudest pitch at the moment, in hertz."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video with two languages, a text track and chapters."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "de.srt").write_text(SRT)
    picture = f"testsrc2=size=640x360:rate=25:duration={SECONDS}"
    sounds = [f"sine=frequency={hertz}:sample_rate=48000:duration={SECONDS}" for hertz in (440, 1760)]
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sounds[0], "-f", "lavfi", "-i", sounds[1]),
        *("-i", str(folder / "de.srt"), "-f", "ffmetadata", "-i", str(folder / "chapters.txt")),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_chapters", "4"),
        *("-c:v", "mpeg4", "-q:v", "4", "-c:a", "flac", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "-metadata:s:s:0", "language=ger"),
        str(folder / "day.mkv"),
    )
    return folder / "day.mkv"


async def test_languages_texts_chapters_and_previews(page: Page, clip: Path, tmp_path: Path) -> None:
    """Another language is heard once it is chosen, and the first again; all else of the source is there to see."""
    await upload(page, clip)
    await page.get_by_test_id("watch-now").click(timeout=180_000)
    job_id = await page.evaluate("JSON.parse(document.getElementById('job-data').textContent).id")
    await until_complete(page, job_id)
    await page.reload()
    await play_on(page)

    tracks = "[...document.querySelector('media-player').audioTracks].map(track => track.label)"
    await until(page, f"{tracks}.length === 2")
    assert await page.evaluate(tracks) == ["English", "Deutsch"]
    await until_pitch(page, 440)
    await choose_language(page, "Deutsch")
    await until_pitch(page, 1760)
    await page.evaluate("document.querySelector('media-player').audioTracks[0].selected = true")
    await until_pitch(page, 440)
    await page.evaluate("document.querySelector('media-player').pause()")

    titles = """[...document.querySelector('media-player').textTracks]
        .filter(track => track.kind === 'chapters').flatMap(track => track.cues.map(cue => cue.text)).join()"""
    await until(page, f"({titles}) === 'Morning,Noon,Evening'")

    await see_the_text(page)
    await see_the_preview(page, tmp_path)


async def choose_language(page: Page, label: str) -> None:
    """Choose a sound track in the player's menu."""
    await page.locator("media-player").hover()
    await page.locator(".vds-menu-button[aria-label='Settings']").first.click()
    await page.get_by_role("menuitem", name="Audio").click()
    await page.get_by_role("menuitem", name="Track").click()
    await page.get_by_role("menuitemradio", name=label).click()
    await page.keyboard.press("Escape")
    await page.evaluate("document.querySelector('media-player').play()")


async def until_pitch(page: Page, hertz: float) -> None:
    await until(page, f"Math.abs(({WAVES})() - {hertz}) < 15")


async def see_the_text(page: Page) -> None:
    """Look for the text of the source: it is shown as text, and nothing in it runs."""
    await page.evaluate(
        """[...document.querySelector('media-player').textTracks]
            .find(track => track.kind === 'subtitles').mode = 'showing'"""
    )
    captions = page.locator("media-captions")
    await expect(captions).to_contain_text("Guten Tag", timeout=10_000)
    assert await captions.locator("img").count() == 0
    assert await captions.locator("b").text_content() == "Tag"


async def see_the_preview(page: Page, folder: Path) -> None:
    """Over the time slider there is a picture of that moment, and the name of its chapter."""
    slider = page.locator("media-time-slider").first
    box = await slider.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    image = page.locator("media-slider-thumbnail img")
    await expect(image).to_be_visible(timeout=10_000)
    assert "storyboard-" in (await image.get_attribute("src") or "")
    await until(page, "document.querySelector('media-slider-thumbnail img').naturalWidth > 0")
    await expect(page.locator(".vds-slider-chapter-title, [data-part=chapter-title]").first).to_have_text("Noon")
    await page.screenshot(path=folder / "preview.png")


async def test_a_text_and_a_poster_are_added_on_the_page(page: Page, tmp_path: Path) -> None:
    """The menu of the video takes a text track and a picture; both are there at once."""
    (tmp_path / "fr.srt").write_text(SRT.replace("Guten", "Bonjour"))
    ffmpeg("-f", "lavfi", "-i", "color=red:size=320x180", "-frames:v", "1", str(tmp_path / "red.png"))
    await page.goto("/")
    await page.get_by_test_id("card-title").first.click()
    await page.wait_for_selector("video")
    before = await page.locator("media-poster").get_attribute("src")
    await page.get_by_test_id("video-menu").click()
    await page.get_by_test_id("add-subtitles").click()
    await page.get_by_test_id("subtitle-file").set_input_files(tmp_path / "fr.srt")
    await page.get_by_test_id("subtitle-language").fill("fr")
    await page.get_by_test_id("dialog-confirm").click()
    await until(
        page,
        "[...document.querySelector('media-player').textTracks].some(track => track.label === 'Français')",
    )
    await page.get_by_test_id("video-menu").click()
    await page.get_by_test_id("change-poster").click()
    await page.get_by_test_id("poster-file").set_input_files(tmp_path / "red.png")
    await page.get_by_test_id("dialog-confirm").click()
    await expect(page.get_by_test_id("dialog")).to_have_count(0)
    await until(page, f"document.querySelector('media-poster').src !== '{before}'")
