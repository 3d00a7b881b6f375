"""When poster, texts and chapters are taken: as soon as there is something to watch, and no sooner."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from streamserver.domain.chapters import Chapter
from streamserver.domain.jobs import JobStatus
from streamserver.domain.sources import SubtitleStream
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.errors import EncoderFault, EncoderKilled
from streamserver.flows.beside import beside
from streamserver.flows.receive import poster_key
from tests.flows.works import PATIENCE_SECONDS, Works, is_there, open_works

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
LARGE: dict[str, Any] = {"width": 640, "height": 360}
ENGLISH = SubtitleStream(index=2, codec="subrip", language="en")
INTRODUCTION = Chapter(start_seconds=0, end_seconds=1, title="Introduction")


@pytest.fixture
def rich(works: Works) -> Works:
    """Let every source have a text and a chapter."""
    works.encoder.subtitles = (ENGLISH,)
    works.encoder.chapters = (INTRODUCTION,)
    return works


def has_all(video: Video) -> bool:
    return (bool(video.poster_key), len(video.subtitles), video.chapters) == (True, 1, (INTRODUCTION,))


class TestTurn:
    """What comes first."""

    async def test_encoding_comes_first(self, rich: Works) -> None:
        """Of a source that has to be encoded they are taken once, while its renditions grow."""
        taken = asyncio.Event()

        async def notice(name: str) -> None:
            if name == "add_subtitle":
                taken.set()

        rich.catalog.before = notice
        rich.encoder.gate.clear()
        video = await rich.upload(**LARGE)
        running = asyncio.create_task(rich.run(video))
        await taken.wait()
        found = await rich.catalog.video(video.id)
        assert has_all(found)
        assert {rendition.status for rendition in found.renditions} == {RenditionStatus.GROWING}
        rich.encoder.gate.set()
        await running
        assert rich.encoder.begun == ["ladder", "poster", "texts 2"]

    async def test_nobody_waits_longer_for_the_first_segment(self, rich: Works) -> None:
        """Before there is something to watch nothing else is taken."""
        rich.encoder.gate.clear()
        video = await rich.upload(**LARGE, seconds=0.5)
        running = asyncio.create_task(rich.run(video))
        await rich.started(video.job_id)
        assert rich.encoder.begun == ["ladder"]
        rich.encoder.gate.set()
        await running
        assert has_all(await rich.catalog.video(video.id))

    async def test_of_a_copy_they_are_taken_at_once(self, rich: Works) -> None:
        """A copy can be watched before anything is encoded, and then has all that goes with it."""
        assert has_all(await rich.complete(**H264))
        assert rich.encoder.begun == ["remux", "poster", "texts 2", "ladder"]

    async def test_with_the_lowest_rendition(self, rich: Works) -> None:
        """Where other videos come in between they are taken beside the lowest rendition, and not again."""
        videos = [await rich.upload(**LARGE), await rich.upload(**LARGE)]
        await rich.pool.start()
        for video in videos:
            await rich.end_of(video.job_id)
            assert has_all(await rich.catalog.video(video.id))
        assert rich.encoder.begun == [*["ladder", "poster", "texts 2"] * 2, "ladder", "ladder"]


class TestFailures:
    """Attempts that come to nothing."""

    async def test_a_machine_that_fails_them(self) -> None:
        """The renditions are finished all the same, and the next attempt takes what is missing, and that alone."""
        async with open_works(retry_seconds=1000) as works:
            works.encoder.faults["poster"] = EncoderKilled()
            video = await works.upload(**LARGE)
            job = await works.run(video)
            assert (job.status, job.last_error and job.last_error.code) == (JobStatus.READY, EncoderKilled.code)
            found = await works.catalog.video(video.id)
            assert found.status is VideoStatus.PLAYABLE
            assert {rendition.status for rendition in found.renditions} == {RenditionStatus.COMPLETE}
            works.encoder.faults.clear()
            job = await works.run(video)
            assert (job.status, works.encoder.begun) == (JobStatus.COMPLETE, ["ladder", "poster", "poster"])

    async def test_what_a_killed_server_did_not_take(self, works: Works) -> None:
        """A video that could be watched already, and lacks its poster, gets it at the next attempt."""
        works.encoder.faults["poster"] = EncoderFault()
        video = await works.complete(**LARGE)
        assert video.poster_key is None
        job = await works.catalog.job(video.job_id)
        await works.catalog.record_job(replace(job, status=JobStatus.READY, sequence=job.sequence + 1))
        works.encoder.faults.clear()
        assert (await works.run(video)).status is JobStatus.COMPLETE
        found = await works.catalog.video(video.id)
        assert found.poster_key is not None
        assert is_there(works.blobs, poster_key(video.id, found.poster_key))


async def test_all_are_stopped_together() -> None:
    """Who cancels waits for the slowest to stop, and not for one after the other."""
    begun, stopping = asyncio.Barrier(4), asyncio.Barrier(3)

    async def be_slow_to_stop() -> None:
        await begun.wait()
        try:
            await asyncio.Event().wait()
        finally:
            await stopping.wait()  # for ever, unless the others are told to stop, too

    doing = asyncio.create_task(beside(be_slow_to_stop(), be_slow_to_stop(), be_slow_to_stop()))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun.wait()
        doing.cancel()
        await asyncio.wait({doing})
    assert doing.cancelled()
