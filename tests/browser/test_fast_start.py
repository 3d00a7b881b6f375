"""A finished rendition in a media element: the first frame takes one request."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.bare_page import bare_page
from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client, Document
from tests.services.server import ServerProcess, running_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server whose encoder is quick: nobody looks at more than the rendition that is copied."""
    data = tmp_path_factory.mktemp("fast start") / "data"
    with running_server(data, environment={"STREAMSERVER_X264_PRESET": "ultrafast"}) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video that is copied, of some megabytes, with its own `moov` at the end."""
    target = tmp_path_factory.mktemp("clips") / "film.mp4"
    picture = f"testsrc2=size=640x360:rate=25:duration={SECONDS},noise=alls=20:allf=t"
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "2M", "-g", "50", "-pix_fmt", "yuv420p")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={SECONDS}", "-c:a", "aac")
    ffmpeg("-f", "lavfi", "-i", picture, *sound, *x264, str(target))
    return target


@pytest.fixture(scope="module")
def video(server: ServerProcess, clip: Path) -> Document:
    """Have it added to the library, with its whole ladder."""
    return Client(server).complete(clip)


@pytest.mark.parametrize(("url", "is_one"), [("file_url", True), ("source_url", False)])
async def test_the_first_frame_takes_one_request(
    browser: Browser, server: ServerProcess, video: Document, url: str, *, is_one: bool
) -> None:
    """The rendition gives all in one answer; its source, with the `moov` behind the media, takes more."""
    path = {**video, **video["renditions"][0]}[url]
    async with bare_page(browser, server.url) as here:
        await here.open_file(path)
        await here.until("video.readyState >= 2")
        assert here.requests[0] == f"{path} bytes=0-"
        assert (len(here.requests) == 1) is is_one


async def test_it_plays_and_seeks(browser: Browser, server: ServerProcess, video: Document) -> None:
    """Picture and sound are decoded from the start and after jumps to where nothing was read yet."""
    for url in ("file_url", "region_url"):
        async with bare_page(browser, server.url) as here:
            await here.open_file(video["renditions"][0][url])
            await here.until("video.currentTime > 0.5")
            await here.assert_sound_and_picture()
            for seconds in (51.5, 3.25, 30.0):
                assert abs(await here.frame_after_seek(seconds) - seconds) < 1
            assert abs(await here.value("video.duration") - SECONDS) < 0.1
