"""Fair order: between the tasks of one job other jobs' tasks run, and everyone knows where it stands."""

from typing import Any

import pytest

from streamserver.domain.jobs import JobStatus, RenditionProgress, Stage
from streamserver.domain.videos import RenditionStatus, VideoStatus
from streamserver.errors import QueueFull
from tests.flows.works import Works, let_offers_pass, open_works

LARGE: dict[str, Any] = {"width": 640, "height": 360}
H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360, "seconds": 2}


def begun(works: Works) -> list[tuple[float, list[str]]]:
    """Return what was encoded, by the length of the source, and which renditions of it."""
    return [
        (plan.source.duration_seconds, [output.spec.name for output in plan.outputs])
        for plan in works.encoder.plans
    ]


class TestTasks:
    """Who is served when."""

    async def test_alone_a_ladder_is_one_process(self, works: Works) -> None:
        """Where nobody else waits there is one decode for all renditions."""
        await works.pool.start()
        video = await works.upload(**LARGE)
        await works.end_of(video.job_id)
        assert begun(works) == [(10, ["360p", "270p", "180p"])]

    async def test_everyones_lowest_before_anyones_top(self, works: Works) -> None:
        """Of several that wait, each gets its lowest rendition before any gets the rest; the oldest is first."""
        videos = [await works.upload(**LARGE, seconds=seconds) for seconds in (3, 4, 5)]
        await works.pool.start()
        ended = [await works.end_of(video.job_id) for video in videos]
        assert [(job.status, job.attempt, job.percent) for job in ended] == [(JobStatus.COMPLETE, 1, 100)] * 3
        assert begun(works) == [
            *((seconds, ["180p"]) for seconds in (3, 4, 5)),
            *((seconds, ["360p", "270p"]) for seconds in (3, 4, 5)),
        ]

    async def test_copies_come_first(self, works: Works) -> None:
        """What browsers can play as it is can be watched before anybody's ladder is begun."""
        videos = [await works.upload(**H264), await works.upload(**LARGE), await works.upload(**H264)]
        await works.pool.start()
        for video in videos:
            await works.end_of(video.job_id)
        assert begun(works) == [
            *[(2, ["360p"])] * 2,
            *((seconds, ["180p"]) for seconds in (2, 10, 2)),
            (2, ["270p"]),
            (10, ["360p", "270p"]),
            (2, ["270p"]),
        ]

    async def test_what_is_missing_is_all_that_is_encoded(self, works: Works) -> None:
        """A video whose lowest rendition is the only one is done with it."""
        videos = [await works.upload(width=320, height=180, seconds=seconds) for seconds in (3, 4)]
        await works.pool.start()
        for video in videos:
            await works.end_of(video.job_id)
        assert begun(works) == [(3, ["180p"]), (4, ["180p"])]


class TestBeside:
    """While all encoders are busy, videos are still prepared."""

    async def prepared(self, works: Works) -> tuple[str, str]:
        """Let one video's ladder begin, and another one get all that is quick; return their jobs."""
        first, second = await self.begun(works)
        await works.report(second, lambda job: job.queue_position == 1)
        return first, second

    async def begun(self, works: Works) -> tuple[str, str]:
        """Let one video's ladder begin, and another one's lowest rendition come to its end."""
        works.encoder.remux_fragment_seconds = 2.0  # a copy is there at once
        works.encoder.gate.clear()
        await works.pool.start()
        first = await works.upload(**LARGE)
        await works.started(first.job_id)
        works.encoder.is_encoding.clear()
        second = await works.upload(**H264)
        await works.started(second.job_id)
        works.encoder.gate.set()
        works.encoder.gate.clear()
        return first.job_id, second.job_id

    async def test_it_can_be_watched_and_waits(self) -> None:
        """It is RUNNING in the stage of waiting, with a place, and can be watched; then it goes on."""
        async with open_works(preparers=1) as works:
            first, second = await self.prepared(works)
            job = await works.jobs.get(second)
            assert (job.status, job.stage, job.queue_position) == (JobStatus.RUNNING, Stage.WAIT, 1)
            video = await works.catalog.video(job.video_id)
            assert (video.status, [it.name for it in video.renditions]) == (VideoStatus.PLAYABLE, ["360p", "180p"])
            assert begun(works) == [(10, ["360p", "270p", "180p"]), (2, ["360p"]), (2, ["180p"])]
            works.encoder.gate.set()
            ended = [await works.end_of(job_id) for job_id in (first, second)]
            assert [(it.status, it.attempt) for it in ended] == [(JobStatus.COMPLETE, 1)] * 2

    async def test_a_lowest_rendition_does_not_wait_for_a_ladder(self) -> None:
        """While the only encoder has a long ladder to do, a new video gets something to watch all the same."""
        async with open_works(preparers=1) as works:
            works.encoder.gate.clear()
            await works.pool.start()
            first = await works.upload(**LARGE, seconds=60)
            await works.started(first.job_id)
            works.encoder.is_encoding.clear()
            second = await works.upload(**LARGE)
            await works.started(second.job_id)
            assert begun(works) == [(60, ["360p", "270p", "180p"]), (10, ["180p"])]
            assert (await works.catalog.video(second.id)).status is VideoStatus.PLAYABLE
            works.encoder.gate.set()
            for video in (first, second):
                assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE
            assert begun(works)[2:] == [(10, ["360p", "270p"])]

    async def test_a_short_video_can_be_watched_too(self) -> None:
        """A rendition that is whole is enough, however short; it is shown as whole, too."""
        async with open_works(preparers=1) as works:
            works.encoder.gate.clear()
            await works.pool.start()
            first = await works.upload(**LARGE)
            await works.started(first.job_id)
            works.encoder.is_encoding.clear()
            second = await works.upload(**LARGE, seconds=1)
            await works.started(second.job_id)
            works.encoder.gate.set()
            works.encoder.gate.clear()
            job = await works.report(second.job_id, lambda job: job.stage is Stage.WAIT)
            assert job.renditions == (RenditionProgress(name="180p", percent=100),)
            assert (await works.catalog.video(second.id)).status is VideoStatus.PLAYABLE
            works.encoder.gate.set()
            ended = await works.end_of(second.job_id)
            assert [it.name for it in ended.renditions] == ["360p", "270p", "180p"]

    async def test_its_numbers_rise(self) -> None:
        """Through waiting and going on, each report has a higher number and no lower percentage."""
        async with open_works(preparers=1) as works:
            _, second = await self.begun(works)
            with works.bus.subscribe(second) as reports:
                heard = [await anext(reports)]
                while not heard[-1].is_terminal:
                    if heard[-1].stage is Stage.WAIT:
                        works.encoder.gate.set()
                    heard.append(await anext(reports))
            assert [job.sequence for job in heard] == sorted({job.sequence for job in heard})
            assert [job.percent for job in heard] == sorted(job.percent for job in heard)
            assert {job.status for job in heard} == {JobStatus.RUNNING, JobStatus.COMPLETE}
            assert Stage.WAIT in {job.stage for job in heard}

    async def test_it_counts_as_waiting(self) -> None:
        """A line that is full of such videos takes no more."""
        async with open_works(preparers=1, max_waiting=1) as works:
            await self.prepared(works)
            with pytest.raises(QueueFull):
                await works.upload(**H264)

    async def test_it_can_be_cancelled(self) -> None:
        """Cancelled between two of its tasks it is over for good; what is whole stays."""
        async with open_works(preparers=1) as works:
            _, second = await self.prepared(works)
            job = await works.jobs.cancel(second)
            assert (job.status, job.error and job.error.code) == (JobStatus.ERROR, "cancelled")
            works.encoder.gate.set()
            for _ in range(3):
                await let_offers_pass()
            assert await works.catalog.job(second) == job
            video = await works.catalog.video(job.video_id)
            assert (video.status, [it.status for it in video.renditions]) == (
                VideoStatus.PLAYABLE,
                [RenditionStatus.COMPLETE] * 2,
            )
            assert works.line() == []

    async def test_a_server_that_ends_meanwhile(self) -> None:
        """The next server goes on with it, and keeps what is whole."""
        async with open_works(preparers=1) as before:
            _, second = await self.prepared(before)
            await before.pool.close()
            kept = (await before.catalog.video((await before.jobs.get(second)).video_id)).renditions
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                job = await after.end_of(second)
            assert (job.status, job.attempt) == (JobStatus.COMPLETE, 2)
            assert set(kept) < set((await before.catalog.video(job.video_id)).renditions)

    async def test_it_knows_when_it_will_be_done(self) -> None:
        """Once it is known how fast encoding goes, who waits is told how long it will all take."""
        async with open_works(preparers=1) as works:
            first, second = await self.prepared(works)
            await works.look(first)
            await works.grow(first)
            running = await works.jobs.get(first)
            assert running.eta_seconds is not None
            await let_offers_pass()
            waiting = await works.report(second, lambda job: job.eta_seconds is not None)
            assert waiting.eta_seconds is not None
            assert waiting.eta_seconds > running.eta_seconds
