"""A bounded number of encoders that work through the line, whatever happens to them and to the catalog."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.domain.ladder import REMUX_TARGET_SECONDS
from streamserver.domain.order import Turn
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.errors import Conflict, Unavailable
from tests.flows.works import Works, let_offers_pass, open_works
from tests.waiting import until

SMALL: dict[str, Any] = {"width": 320, "height": 180}


async def statuses(works: Works, videos: list[Video]) -> list[JobStatus]:
    return [(await works.catalog.job(video.job_id)).status for video in videos]


class TestWorking:
    """Jobs go through, so many at a time."""

    async def test_every_job_is_done(self) -> None:
        """All jobs in line are done, one after the other or several at a time."""
        async with open_works(size=2) as works:
            await works.pool.start()
            videos = [await works.upload(**SMALL) for _ in range(5)]
            for video in videos:
                assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE
            assert works.pool.running <= 2

    @pytest.mark.parametrize("size", [1, 3])
    async def test_only_so_many_at_a_time(self, size: int) -> None:
        """As many jobs are encoded as the pool is large; the others are prepared and wait, as they came."""
        async with open_works(size=size) as works:
            works.encoder.gate.clear()
            videos = [await works.upload(**SMALL) for _ in range(size + 2)]
            await works.pool.start()
            await until(lambda: works.encoder.running == size)
            assert works.pool.running == works.jobs.encoding == size
            assert await statuses(works, videos) == ["RUNNING"] * (size + 2)
            assert works.line() == [video.job_id for video in videos[size:]]
            works.encoder.gate.set()
            for video in videos:
                await works.end_of(video.job_id)

    async def test_places_are_told_as_the_line_moves(self) -> None:
        """Who waits hears its place, each time it changes."""
        async with open_works() as works:
            works.encoder.gate.clear()
            await works.pool.start()
            first, second, third = [await works.upload(**SMALL) for _ in range(3)]
            await works.report(first.job_id, lambda job: job.status is JobStatus.RUNNING)
            await let_offers_pass()
            places: list[int | None] = []
            with works.bus.subscribe(third.job_id) as reports:
                while not places or places[-1] is not None:
                    report = await anext(reports)
                    places.append(report.queue_position)
                    if report.queue_position == 2:
                        assert (await works.jobs.get(second.job_id)).queue_position == 1
                        await works.jobs.cancel(first.job_id)
                    elif report.queue_position == 1:
                        works.encoder.gate.set()
            assert places == [2, 1, None]
            assert (await works.end_of(third.job_id)).status is JobStatus.COMPLETE
            assert (await works.catalog.job(first.job_id)).status is JobStatus.ERROR

    async def test_jobs_of_other_processes_are_found(self, works: Works) -> None:
        """A job that another process put into the catalog is taken up before long."""
        await works.pool.start()
        video = await works.upload(**SMALL)
        await works.queue.withdraw(video.job_id)
        await let_offers_pass()
        assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_a_job_of_another_process_has_a_place(self, works: Works) -> None:
        """Where all encoders are busy, such a job is told its place as others are."""
        works.encoder.gate.clear()
        await works.pool.start()
        first = await works.upload(**SMALL)
        await works.started(first.job_id)
        second = await works.upload(**SMALL)
        await works.queue.withdraw(second.job_id)
        await let_offers_pass()

        def has_place() -> bool:
            latest = works.bus.latest(second.job_id)
            return latest is not None and latest.queue_position == 1

        await until(has_place)

    async def test_a_fault_of_one_job_stops_no_other(self, works: Works) -> None:
        """After a job that failed the next one is done."""
        works.encoder.faults["ladder"] = ZeroDivisionError()
        await works.pool.start()
        bad = await works.upload(**SMALL)
        assert (await works.end_of(bad.job_id)).status is JobStatus.ERROR
        works.encoder.faults.clear()
        good = await works.upload(**SMALL)
        assert (await works.end_of(good.job_id)).status is JobStatus.COMPLETE


class TestCancelling:
    """A job is ended at somebody's wish, wherever it is."""

    async def assert_cancelled(self, works: Works, video: Video) -> None:
        """Check that a job is over for good: recorded, told, nothing half-done left, never run again."""
        job = await works.catalog.job(video.job_id)
        assert job.error is not None
        assert (job.status, job.error.code) == (JobStatus.ERROR, "cancelled")
        assert works.bus.latest(video.job_id) is None
        found = await works.catalog.video(video.id)
        assert all(rendition.status is RenditionStatus.COMPLETE for rendition in found.renditions)
        assert video.job_id not in works.line()
        for _ in range(3):
            await let_offers_pass()
            await asyncio.sleep(0)
        assert await works.catalog.job(video.job_id) == job

    async def test_while_it_waits(self, works: Works) -> None:
        """A job in line leaves it, and who is behind moves up."""
        first, second = await works.upload(), await works.upload()
        await works.pool.announce()
        told = await works.jobs.cancel(first.job_id)
        assert told.status is JobStatus.ERROR
        await self.assert_cancelled(works, first)
        assert (await works.jobs.get(second.job_id)).queue_position == 1

    async def test_while_it_runs(self, works: Works) -> None:
        """A running job is stopped, its growing renditions go, the whole ones stay."""
        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(codec="h264", width=640, height=360, seconds=2)
        await works.started(video.job_id)
        works.encoder.is_encoding.clear()
        works.encoder.gate.set()
        works.encoder.gate.clear()  # the copy is one fragment long
        await works.encoder.is_encoding.wait()
        await works.jobs.cancel(video.job_id)
        await self.assert_cancelled(works, video)
        found = await works.catalog.video(video.id)
        assert found.status is VideoStatus.PLAYABLE
        assert [it.target_seconds for it in found.renditions] == [REMUX_TARGET_SECONDS]

    async def test_the_encoder_has_stopped_first(self, works: Works) -> None:
        """What is half-done is removed once nobody writes to it any more."""
        running: list[int] = []

        async def look(name: str) -> None:
            if name == "delete_renditions":
                running.append(works.encoder.running)

        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(**SMALL)
        await works.started(video.job_id)
        assert works.encoder.running == 1
        works.catalog.before = look
        await works.jobs.cancel(video.job_id)
        assert set(running) == {0}

    @pytest.mark.parametrize("moments", range(12))
    async def test_while_it_is_just_beginning(self, moments: int) -> None:
        """A job that passes from the line to an encoder at that very moment is over, and is not taken up again."""
        async with open_works() as works:

            async def be_slow(name: str) -> None:
                if name in {"job", "claim_job"}:
                    for _ in range(4):
                        await asyncio.sleep(0)

            works.encoder.gate.clear()
            await works.pool.start()
            video = await works.upload(**SMALL)
            works.catalog.before = be_slow
            for _ in range(moments):
                await asyncio.sleep(0)
            await works.jobs.cancel(video.job_id)
            await self.assert_cancelled(works, video)
            # Nor is the wish remembered: tried again, the job survives the end of its server.
            await works.jobs.retry(video.job_id)
            await works.started(video.job_id)
            await works.pool.close()
            assert (await works.catalog.job(video.job_id)).status is JobStatus.RUNNING

    @pytest.mark.parametrize("moments", range(0, 30, 3))
    async def test_while_it_is_just_ending(self, moments: int) -> None:
        """A job that is being completed at that very moment is either COMPLETE or cancelled, and told once."""
        async with open_works() as works:

            async def be_slow(name: str) -> None:
                if name in {"complete_rendition", "finish_job"}:
                    for _ in range(10):
                        await asyncio.sleep(0)

            works.catalog.before = be_slow
            works.encoder.gate.clear()
            await works.pool.start()
            video = await works.upload(**SMALL, seconds=1)
            await works.report(video.job_id, lambda job: job.status is JobStatus.RUNNING)
            await works.encoder.is_encoding.wait()
            with works.bus.subscribe(video.job_id) as reports:
                works.encoder.gate.set()
                for _ in range(moments):
                    await asyncio.sleep(0)
                with suppress(Conflict):
                    await works.jobs.cancel(video.job_id)
                await works.bus.close()
                told = [job for job in [job async for job in reports] if job.is_terminal]
            recorded = await works.catalog.job(video.job_id)
            assert recorded.is_terminal
            assert [job.status for job in told] == [recorded.status]

    async def test_two_who_cancel(self, works: Works) -> None:
        """Of two who cancel at the same moment, both find it over, and it is over once."""
        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(**SMALL)
        await works.started(video.job_id)
        cancels = (works.jobs.cancel(video.job_id), works.jobs.cancel(video.job_id))
        await asyncio.gather(*cancels, return_exceptions=True)
        await self.assert_cancelled(works, video)

    async def test_then_the_next_one_runs(self, works: Works) -> None:
        """A place that was freed by a cancellation is taken by the next job."""
        works.encoder.gate.clear()
        await works.pool.start()
        first, second = await works.upload(**SMALL), await works.upload(**SMALL)
        await works.started(first.job_id)
        await works.jobs.cancel(first.job_id)
        works.encoder.gate.set()
        assert (await works.end_of(second.job_id)).status is JobStatus.COMPLETE

    async def test_what_is_over_cannot_be_cancelled(self, works: Works) -> None:
        """A job that has ended stays as it is."""
        video = await works.complete()
        with pytest.raises(Conflict, match="over already"):
            await works.jobs.cancel(video.job_id)


class TestServersThatEnd:
    """A server stops, or is killed, and another one starts."""

    async def test_its_own_end_is_no_cancellation(self, works: Works) -> None:
        """A pool that is closed stops its encoders without a word; their jobs stay RUNNING in the catalog."""
        works.encoder.gate.clear()
        running, waiting = await works.upload(**SMALL), await works.upload(**SMALL)
        await works.pool.start()
        await works.started(running.job_id)
        with works.bus.subscribe(running.job_id) as reports:
            await works.pool.close()
            await works.bus.close()
            assert not any(job.is_terminal for job in [job async for job in reports])
        assert await statuses(works, [running, waiting]) == ["RUNNING", "RUNNING"]
        assert works.pool.running == 0

    async def test_the_next_server_takes_up_the_work(self) -> None:
        """What was begun, be it only prepared, runs again with a higher attempt, and all get COMPLETE."""
        async with open_works() as before:
            before.encoder.gate.clear()
            videos = [await before.upload(**SMALL) for _ in range(3)]
            await before.pool.start()
            await before.started(videos[0].job_id)
            (half,) = (await before.catalog.video(videos[0].id)).renditions
            await before.pool.close()
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                ended = [await after.end_of(video.job_id) for video in videos]
            assert [(job.status, job.attempt) for job in ended] == [("COMPLETE", 2)] * 3
            (rendition,) = (await before.catalog.video(videos[0].id)).renditions
            assert rendition.key != half.key

    async def test_what_could_be_watched_may_be_gone(self) -> None:
        """A video of which nothing whole is left is not called playable while it is begun anew."""
        seen: list[VideoStatus] = []
        async with open_works() as before:
            before.encoder.gate.clear()
            await before.pool.start()
            video = await before.upload(**SMALL)
            await before.started(video.job_id)
            seen.append((await before.catalog.video(video.id)).status)
            await before.pool.close()

            async def look(name: str) -> None:
                if name == "describe_video":
                    seen.append((await before.catalog.video(video.id)).status)

            before.catalog.before = look
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                await after.end_of(video.job_id)
        assert seen == [VideoStatus.PLAYABLE, VideoStatus.PROCESSING]

    async def test_numbers_go_on_rising(self) -> None:
        """A listener that comes back to the next server hears no number twice, nor a lower one."""
        async with open_works() as before:
            before.encoder.gate.clear()
            await before.pool.start()
            video = await before.upload(**SMALL)
            heard = (await before.started(video.job_id)).sequence
            await before.pool.close()
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                job = await after.report(video.job_id, lambda job: job.status is JobStatus.COMPLETE)
            assert job.sequence > heard

    @pytest.mark.parametrize("moments", range(0, 24, 3))
    async def test_an_end_at_any_moment_loses_nothing(self, moments: int) -> None:
        """Whenever a server stops, the next one brings the job to its end."""
        async with open_works() as before:

            async def be_slow(_name: str) -> None:
                await asyncio.sleep(0)

            await before.pool.start()
            video = await before.upload(**SMALL, seconds=1)
            before.catalog.before = be_slow
            for _ in range(moments):
                await asyncio.sleep(0)
            await before.pool.close()
            before.catalog.come_back()
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                assert (await after.end_of(video.job_id)).status is JobStatus.COMPLETE
            assert (await before.catalog.video(video.id)).status is VideoStatus.COMPLETE


class TestOutages:
    """The catalog does not answer for a while."""

    async def test_before_a_job_begins(self, works: Works) -> None:
        """A job that could not be claimed is taken up once the catalog is back."""
        await works.pool.start()
        works.catalog.be_away("claim_job")
        video = await works.upload(**SMALL)
        await until(lambda: "claim_job" in works.catalog.calls)
        works.catalog.come_back()
        await let_offers_pass()
        assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_while_it_encodes(self, works: Works) -> None:
        """An encode goes on while its progress cannot be recorded, and is not begun anew."""
        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(**SMALL)
        await works.report(video.job_id, lambda job: job.status is JobStatus.RUNNING)
        await works.encoder.is_encoding.wait()
        for method in ("set_video_status", "record_job"):
            works.catalog.be_away(method)
            works.catalog.calls.clear()
            await works.look(video.job_id)
            await works.look(video.job_id)
            assert method in works.catalog.calls
        works.catalog.come_back()
        await works.look(video.job_id)
        assert (await works.catalog.video(video.id)).status is VideoStatus.PLAYABLE
        works.encoder.gate.set()
        job = await works.end_of(video.job_id)
        assert (job.status, job.attempt, len(works.encoder.plans)) == (JobStatus.COMPLETE, 1, 1)

    @pytest.mark.parametrize("method", ["complete_rendition", "finish_job", "describe_video", "add_renditions"])
    async def test_when_something_must_be_recorded(self, method: str, works: Works) -> None:
        """A job of which something could not be recorded says so, and runs again once the catalog is back."""

        async def be_away_once(name: str) -> None:
            if name == method:
                works.catalog.come_back()
                raise Unavailable

        works.catalog.before = be_away_once
        await works.pool.start()
        video = await works.upload(**SMALL)
        waiting = await works.report(video.job_id, lambda job: job.last_error is not None)
        assert (waiting.status, waiting.last_error and waiting.last_error.code) == ("READY", "catalog_away")
        job = await works.end_of(video.job_id)
        assert (job.status, job.attempt) == (JobStatus.COMPLETE, 2)
        assert len((await works.catalog.video(video.id)).renditions) == 1

    async def test_when_a_fault_must_be_recorded(self, works: Works) -> None:
        """A job that failed while the catalog was away runs again, and fails again for the same reason."""
        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(**SMALL)
        await works.report(video.job_id, lambda job: job.status is JobStatus.RUNNING)
        await works.encoder.is_encoding.wait()
        works.catalog.be_away()
        works.encoder.faults["ladder"] = ZeroDivisionError()
        works.encoder.gate.set()
        await until(lambda: not works.pool.running)
        works.catalog.come_back()
        await let_offers_pass()
        job = await works.end_of(video.job_id)
        assert job.error is not None
        assert (job.error.code, job.attempt) == ("encoder_failed", 2)

    async def test_when_it_looks_for_work(self, works: Works) -> None:
        """A pool that cannot ask for jobs asks again."""
        await works.pool.start()
        works.catalog.be_away("jobs")
        works.catalog.calls.clear()
        await let_offers_pass()
        await until(lambda: "jobs" in works.catalog.calls)
        works.catalog.come_back()
        video = await works.upload(**SMALL)
        assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_when_it_starts(self, works: Works) -> None:
        """A pool that cannot begin says so."""
        works.catalog.be_away()
        with pytest.raises(Unavailable):
            await works.pool.start()


async def from_elsewhere(works: Works) -> Video:
    """Put a job in line that another process received, so that nothing was told of it here."""
    async with open_works(catalog=works.catalog, blobs=works.blobs) as other:
        video = await other.upload(**SMALL)
    await works.queue.offer(Turn(job_id=video.job_id, arrived_at=video.created_at))
    return video


class TestNewsInOrder:
    """No report of a job is older than one that was told before."""

    async def test_a_place_that_was_found_too_late(self, works: Works) -> None:
        """A job that is claimed while the catalog is asked for its place is not told to be waiting."""
        video = await from_elsewhere(works)
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def hold_up(name: str) -> None:
            if name == "job" and not asked.is_set():
                asked.set()
                await go_on.wait()

        works.catalog.before = hold_up
        announcing = asyncio.create_task(works.pool.announce())
        await asked.wait()
        with works.bus.subscribe(video.job_id) as reports:
            assert (await works.run(video)).status is JobStatus.COMPLETE
            go_on.set()
            await announcing
            await works.bus.close()
            told = [job.status async for job in reports]
        assert told == ["RUNNING", "COMPLETE"]
        assert works.bus.latest(video.job_id) is None

    async def test_a_video_that_is_deleted_meanwhile(self, works: Works) -> None:
        """A job that is gone when its place is looked for takes nobody else's place."""
        gone, here = await from_elsewhere(works), await from_elsewhere(works)
        await works.catalog.delete_video(gone.id)
        await works.pool.announce()
        assert works.bus.latest(here.job_id) is not None
        assert works.bus.latest(gone.job_id) is None

    async def test_many_who_ask_at_once(self, works: Works) -> None:
        """They share the next time that places are told, and do not take that for theirs which had begun."""
        gone, here = await from_elsewhere(works), await from_elsewhere(works)
        await works.catalog.delete_video(gone.id)
        asked, go_on, looks = asyncio.Event(), asyncio.Event(), 0

        async def hold_up(name: str) -> None:
            nonlocal looks
            if name == "job":
                looks += 1
                asked.set()
                await go_on.wait()

        works.catalog.before = hold_up
        telling = [asyncio.create_task(works.pool.announce())]
        await asked.wait()
        telling += [asyncio.create_task(works.pool.announce()) for _ in range(20)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(*telling)
        assert works.bus.latest(here.job_id) is not None
        assert looks == 3  # at each of them once, at the one that is gone once more
