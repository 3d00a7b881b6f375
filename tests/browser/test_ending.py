"""Videos play to their end, also where picture and sound do not end together."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.test_main_job import play_on, until, until_complete, upload
from tests.clips.programs import ffmpeg

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("picture_seconds", "sound_seconds"),
    [(6.3, 5.8), (6.1, 5.7), (5.2, 6.1)],
)
async def test_it_ends(page: Page, tmp_path: Path, picture_seconds: float, sound_seconds: float) -> None:
    """The last segment may be without sound, or hold what is heard after the picture."""
    clip = tmp_path / "short.mp4"
    sources = (f"testsrc2=size=320x180:rate=25:duration={picture_seconds}", f"sine=duration={sound_seconds}")
    inputs = (option for source in sources for option in ("-f", "lavfi", "-i", source))
    ffmpeg(*inputs, "-c:v", "libx264", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", str(clip))
    await upload(page, clip)
    await page.get_by_test_id("watch-now").click(timeout=60_000)
    job_id = await page.evaluate("JSON.parse(document.getElementById('job-data').textContent).id")
    await until_complete(page, job_id)
    await page.reload()
    await play_on(page)
    await until(page, "document.querySelector('video').ended")
    assert await page.evaluate("document.querySelector('video').currentTime") >= picture_seconds - 0.05
