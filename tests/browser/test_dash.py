"""DASH as a player has it that is not ours: Shaka Player in a real Chromium."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.bare_page import PATIENCE_SECONDS, bare_page
from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client, Document
from tests.services.server import ServerProcess, running_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SECONDS = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video with sound that has to be encoded, which takes its time."""
    target = tmp_path_factory.mktemp("clips") / "dash.avi"
    picture = f"testsrc2=size=640x360:rate=25:duration={SECONDS},noise=alls=20:allf=t"
    sound = f"sine=frequency=440:sample_rate=44100:duration={SECONDS}"
    encoders = ("-c:v", "mpeg4", "-q:v", "4", "-c:a", "libmp3lame")
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *encoders, str(target))
    return target


@pytest.fixture(scope="module")
def spoken(clip: Path) -> Path:
    """Make the same with two languages."""
    target = clip.with_name("spoken.mkv")
    other = f"sine=frequency=880:sample_rate=48000:duration={SECONDS}"
    named = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger")
    ffmpeg(
        *("-i", str(clip), "-f", "lavfi", "-i", other, "-map", "0", "-map", "1"),
        *("-c:v", "copy", "-c:a", "flac", *named, str(target)),
    )
    return target


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server for videos that nobody watches while they are encoded."""
    data = tmp_path_factory.mktemp("quick") / "data"
    with running_server(data, environment={"STREAMSERVER_X264_PRESET": "ultrafast"}) as server:
        yield server


async def test_a_finished_video_plays_and_seeks(browser: Browser, quick: ServerProcess, clip: Path) -> None:
    """All renditions are on offer, picture and sound are decoded, and a seek shows what is there."""
    video = await asyncio.to_thread(Client(quick).complete, clip)
    async with bare_page(browser, quick.url) as here:
        await here.open_dash(video["dash_url"])
        await here.until("video.currentTime > 0.5")
        await here.assert_sound_and_picture()
        heights = await here.page.evaluate("player.getVariantTracks().map(track => track.height)")
        assert sorted(heights, reverse=True) == [rendition["height"] for rendition in video["renditions"]]
        assert abs(await here.value("video.duration") - SECONDS) < 0.1
        for seconds in (18.5, 3.25):
            assert abs(await here.frame_after_seek(seconds) - seconds) < 1
        for height in heights:
            await here.page.evaluate(
                """height => {
                    player.configure('abr.enabled', false);
                    const track = player.getVariantTracks().find(track => track.height === height);
                    player.selectVariantTrack(track, true);
                }""",
                height,
            )
            await here.until(f"video.videoHeight === {height}")
        assert await here.page.evaluate("faults") == []
        assert {path.partition("?")[0] for path in here.requests if path.endswith(".mpd")} == {video["dash_url"]}


async def test_languages(browser: Browser, server: ServerProcess, spoken: Path) -> None:
    """Each is on offer by its name; another one is heard with the same picture once it is chosen."""
    video = await asyncio.to_thread(Client(server).complete, spoken)
    async with bare_page(browser, server.url) as here:
        await here.open_dash(video["dash_url"])
        await here.until("video.currentTime > 0.5")
        tracks = await here.page.evaluate(
            "player.getAudioTracks().map(({ language, label }) => [language, label])"
        )
        assert sorted(tracks) == [["de", "Deutsch"], ["en", "English"]]
        english, german = (track["playlist_url"].removesuffix("index.m3u8") for track in video["audio"])
        assert any(english in path for path in here.requests)
        assert not any(german in path for path in here.requests)
        await here.page.evaluate(
            "player.selectAudioTrack(player.getAudioTracks().find(track => track.language === 'de'))"
        )
        # A player that is told to jump while it changes tracks may wait for ever.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(german in path and path.endswith(".m4s") for path in here.requests):
                await here.until("video.readyState >= 3")
        await here.until(f"video.currentTime > {await here.value('video.currentTime') + 0.5}")
        here.requests.clear()
        assert abs(await here.frame_after_seek(SECONDS - 4) - (SECONDS - 4)) < 1
        await here.assert_sound_and_picture()
        await here.until("video.ended")
        assert any(german in path for path in here.requests)
        assert not any(english in path for path in here.requests)
        segments = [path for path in here.requests if path.endswith(".m4s") and german not in path]
        assert segments
        assert all("/picture/" in path for path in segments)
        assert await here.page.evaluate("faults") == []


async def test_growing_languages_play_to_their_end(browser: Browser, server: ServerProcess, spoken: Path) -> None:
    """They are apart from the picture from the first manifest on, and stay so when all is complete."""
    await play_while_it_grows(browser, server, spoken)


async def test_a_growing_video_plays_to_its_end(browser: Browser, server: ServerProcess, clip: Path) -> None:
    """It can be started at the beginning while it is encoded, and goes on when it is complete."""
    await play_while_it_grows(browser, server, clip)


async def play_while_it_grows(browser: Browser, server: ServerProcess, clip: Path) -> None:
    """Play from the first manifest to the end of a video that is complete by then."""
    client = Client(server)
    added, job = await asyncio.to_thread(client.upload, clip)
    video = await asyncio.to_thread(watchable, client, added["id"], job["id"])
    async with bare_page(browser, server.url) as here:
        await here.open_dash(video["dash_url"], start_seconds=0)
        await here.until("video.currentTime > 0.2")
        assert await here.value("video.currentTime") < 5
        assert await here.page.evaluate("player.isDynamic()")
        assert client.job(job["id"])["status"] == "RUNNING"
        await here.assert_sound_and_picture()
        await asyncio.to_thread(client.end_of, job["id"])
        await here.page.evaluate("document.querySelector('video').playbackRate = 4")
        await here.until("video.ended")
        assert abs(await here.value("video.currentTime") - SECONDS) < 0.2
        assert not await here.page.evaluate("player.isDynamic()")
        assert abs(await here.frame_after_seek(1.5) - 1.5) < 1
        assert await here.page.evaluate("faults") == []


def watchable(client: Client, video_id: str, job_id: str) -> Document:
    """Follow a job until something of its video can be watched; return the video."""
    for _ in client.follow(job_id):
        video = client.video(video_id)
        if video["dash_url"]:
            return video
    raise AssertionError("the job ended first")
