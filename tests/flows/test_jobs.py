"""What people do with jobs: look, follow, try again."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import pytest

from streamserver.domain.jobs import Job, JobError, JobStatus, claimed, completed, failed
from streamserver.errors import Conflict, EncoderFault, NotFound, SourceFault
from tests.flows.doubles import NOON
from tests.flows.works import PATIENCE_SECONDS, Works

FAULT = JobError(code="encoder_failed", message="The encoder stopped.")
SMALL: dict[str, Any] = {"width": 320, "height": 180}


async def followed(works: Works, job_id: str, *, heard: int | None = None) -> list[Job]:
    """Return everything that a follower gets until the end."""
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(works.follow(job_id, heard=heard)) as reports:
        return [job async for job in reports]


class TestLooking:
    """A job as it is at this moment."""

    async def test_a_job_in_line_has_its_place(self, works: Works) -> None:
        """Who waits has a place, counted from 1; who does not has none."""
        videos = [await works.upload(**SMALL) for _ in range(3)]
        assert [(await works.jobs.get(video.job_id)).queue_position for video in videos] == [1, 2, 3]
        await works.run(videos[0])
        assert [(await works.jobs.get(video.job_id)).queue_position for video in videos] == [None, 1, 2]

    async def test_who_has_left_the_line_has_no_place_any_more(self, works: Works) -> None:
        """Between its turn and the first report of it nobody sees a job at the place of another one."""
        first, second = [await works.upload(**SMALL) for _ in range(2)]
        await works.pool.announce()
        assert (await works.queue.take()).job_id == first.job_id
        listed, _ = await works.jobs.page()
        assert [job.queue_position for job in listed] == [1, None]
        assert (await works.jobs.get(first.job_id)).queue_position is None
        assert (await works.jobs.get(second.job_id)).queue_position == 1

    async def test_what_was_told_counts_more_than_what_was_recorded(self, works: Works) -> None:
        """Progress is told more often than it is recorded; who looks sees the latest."""
        works.encoder.gate.clear()
        video = await works.upload(**SMALL)
        running = asyncio.create_task(works.run(video))
        told = await works.started(video.job_id)
        assert await works.jobs.get(video.job_id) == told
        works.encoder.gate.set()
        await running
        assert (await works.jobs.get(video.job_id)).status is JobStatus.COMPLETE

    async def test_the_end_counts_most(self, works: Works) -> None:
        """A job that is recorded as over is over, whatever was told of it."""
        video = await works.upload()
        job = claimed(await works.catalog.job(video.job_id), now=NOON)
        await works.catalog.claim_job(job)
        await works.bus.publish(replace(job, sequence=job.sequence + 100, percent=99))
        await works.catalog.record_job(completed(job, now=NOON))
        assert (await works.jobs.get(video.job_id)).status is JobStatus.COMPLETE

    async def test_the_newest_first(self, works: Works) -> None:
        """All jobs are listed, those that are over too, the newest first, with their places."""
        videos = [await works.upload(**SMALL) for _ in range(3)]
        await works.run(videos[0])
        listed, after = await works.jobs.page()
        assert after is None
        assert [job.id for job in listed] == [video.job_id for video in reversed(videos)]
        assert [(job.status, job.queue_position) for job in listed] == [
            ("READY", 2),
            ("READY", 1),
            ("COMPLETE", None),
        ]

    async def test_counts(self, works: Works) -> None:
        """How many jobs have each status, those with none included."""
        for _ in range(2):
            await works.upload()
        await works.complete()
        assert await works.jobs.counts() == {"READY": 2, "RUNNING": 0, "COMPLETE": 1, "ERROR": 0}

    async def test_a_job_that_is_not_there(self, works: Works) -> None:
        """Nobody finds a job that never was, in any way."""
        with pytest.raises(NotFound):
            await works.jobs.get("none")
        with pytest.raises(NotFound):
            await works.jobs.cancel("none")
        with pytest.raises(NotFound):
            await works.jobs.retry("none")
        with pytest.raises(NotFound):
            await followed(works, "none")


class TestFollowing:
    """A job from this moment to its end."""

    async def test_a_snapshot_then_reports_then_the_end(self, works: Works) -> None:
        """The first report comes at once, the last one is the end, and numbers rise in between."""
        video = await works.upload(**SMALL)
        following = asyncio.create_task(followed(works, video.job_id))
        await asyncio.sleep(0)
        await works.run(video)
        reports = await following
        assert (reports[0].status, reports[0].queue_position) == (JobStatus.READY, 1)
        assert (reports[-1].status, reports[-1].percent) == (JobStatus.COMPLETE, 100)
        sequences = [job.sequence for job in reports]
        assert sequences == sorted(set(sequences))
        assert {job.status for job in reports} == {"READY", "RUNNING", "COMPLETE"}

    async def test_what_is_over_is_told_once(self, works: Works) -> None:
        """Who follows a job that is over gets its end, and nothing after it."""
        video = await works.complete()
        (report,) = await followed(works, video.job_id)
        assert report == await works.catalog.job(video.job_id)

    async def test_who_comes_back_hears_what_is_new(self, works: Works) -> None:
        """A snapshot that was heard is left out; one that was not is sent, whatever number came last."""
        works.encoder.gate.clear()
        video = await works.upload(**SMALL)
        running = asyncio.create_task(works.run(video))
        now = await works.started(video.job_id)
        back = asyncio.create_task(followed(works, video.job_id, heard=now.sequence))
        behind = asyncio.create_task(followed(works, video.job_id, heard=now.sequence - 1))
        ahead = asyncio.create_task(followed(works, video.job_id, heard=now.sequence + 1_000_000))
        await asyncio.sleep(0)
        works.encoder.gate.set()
        await running
        assert (await back)[0].sequence > now.sequence
        assert (await behind)[0] == now
        assert (await ahead)[0] == now
        assert {(await task)[-1].status for task in (back, behind, ahead)} == {JobStatus.COMPLETE}

    async def test_who_has_heard_the_end_hears_nothing(self, works: Works) -> None:
        """Who comes back after the end gets nothing more."""
        video = await works.complete()
        job = await works.catalog.job(video.job_id)
        assert await followed(works, video.job_id, heard=job.sequence) == []
        assert await followed(works, video.job_id, heard=job.sequence - 1) == [job]

    @pytest.mark.parametrize("moments", range(16))
    async def test_the_end_is_never_missed(self, moments: int, works: Works) -> None:
        """Whenever the end comes, also between subscribing and looking, a follower gets it, once, as the last."""

        async def be_slow(name: str) -> None:
            if name in {"job", "finish_job"}:
                for _ in range(4):
                    await asyncio.sleep(0)

        video = await works.upload()
        job = claimed(await works.catalog.job(video.job_id), now=NOON)
        await works.catalog.claim_job(job)
        works.catalog.before = be_slow
        ending = asyncio.create_task(works.encode.event(job).report_complete())
        for _ in range(moments):
            await asyncio.sleep(0)
        reports = await followed(works, video.job_id)
        await ending
        assert [report.status for report in reports].count(JobStatus.COMPLETE) == 1
        assert reports[-1].status is JobStatus.COMPLETE

    async def test_a_slow_follower_hears_the_end(self, works: Works) -> None:
        """One that reads nothing while a job runs gets its latest progress and its end."""
        video = await works.upload(**SMALL)
        async with aclosing(works.follow(video.job_id)) as reports:
            first = await anext(reports)
            await works.run(video)
            rest = [job async for job in reports]
        assert first.status is JobStatus.READY
        assert [job.status for job in rest] == ["RUNNING", "COMPLETE"]

    async def test_the_end_of_the_server(self, works: Works) -> None:
        """When the bus is closed, followers end without an end of the job."""
        video = await works.upload()
        following = asyncio.create_task(followed(works, video.job_id))
        await asyncio.sleep(0)
        await works.bus.close()
        assert [job.status for job in await following] == ["READY"]

    async def test_a_follower_that_leaves(self, works: Works) -> None:
        """A follower that leaves is forgotten at once."""
        video = await works.upload()
        async with aclosing(works.follow(video.job_id)) as reports:
            await anext(reports)
            assert len(works.bus._listeners) == 1
        assert len(works.bus._listeners) == 0


class TestFollowingAll:
    """All jobs, from this moment on."""

    async def test_what_is_not_over_then_everything(self, works: Works) -> None:
        """First the jobs that wait or run, the oldest first, then every report of any job."""
        over = await works.complete(**SMALL)
        waiting = [await works.upload(**SMALL) for _ in range(2)]
        reports = works.jobs.follow_all()
        first = [await anext(reports) for _ in range(2)]
        assert [job.id for job in first] == [video.job_id for video in waiting]
        await works.run(waiting[1])
        late = await works.upload(**SMALL)
        await works.run(late)
        await works.bus.close()
        rest = [job async for job in reports]
        assert over.job_id not in {job.id for job in rest}
        ends = [job.id for job in rest if job.status is JobStatus.COMPLETE]
        assert ends == [waiting[1].job_id, late.job_id]

    async def test_nothing_twice_and_nothing_backwards(self, works: Works) -> None:
        """A report that was in the snapshot does not come again, nor one that is older."""
        video = await works.upload(**SMALL)
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def hold_up(name: str) -> None:
            if name == "jobs" and not asked.is_set():
                asked.set()
                await go_on.wait()

        works.catalog.before = hold_up
        works.encoder.gate.clear()

        async def listen() -> list[Job]:
            return [job async for job in works.jobs.follow_all()]

        listening = asyncio.create_task(listen())
        await asked.wait()
        await works.pool.announce()
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        go_on.set()
        works.encoder.gate.set()
        await running
        await works.bus.close()
        told = await listening
        sequences = [job.sequence for job in told]
        assert sequences == sorted(set(sequences))
        assert told[-1].status is JobStatus.COMPLETE


class TestTryingAgain:
    """A job that failed."""

    async def test_it_waits_again(self, works: Works) -> None:
        """It is back in line, without its fault, is told so, and its video is shown as being worked on."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.upload(**SMALL)
        await works.run(video)
        with works.bus.subscribe(video.job_id) as reports:
            again = await works.jobs.retry(video.job_id)
            heard = await anext(reports)
        assert (again.status, again.error, again.queue_position, again.attempt) == (JobStatus.READY, None, 1, 1)
        assert heard.status is JobStatus.READY
        assert [found.id for found in await works.catalog.videos()] == [video.id]

    async def test_what_can_be_watched_stays_so(self, works: Works) -> None:
        """A video of which something can be watched is not shown as if it were not."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.upload(codec="h264", width=640, height=360)
        await works.run(video)
        await works.jobs.retry(video.job_id)
        assert (await works.catalog.video(video.id)).status == "playable"

    async def test_a_source_that_was_removed(self, works: Works) -> None:
        """A job whose source could not be used cannot be tried again, and why is said."""
        works.encoder.faults["probe"] = SourceFault()
        video = await works.upload()
        await works.run(video)
        with pytest.raises(Conflict, match="please upload it again"):
            await works.jobs.retry(video.job_id)

    async def test_a_job_that_did_not_fail(self, works: Works) -> None:
        """A job that waits, or is complete, cannot be tried again."""
        video = await works.upload()
        with pytest.raises(Conflict, match="The job waits for its turn already"):
            await works.jobs.retry(video.job_id)
        await works.run(video)
        with pytest.raises(Conflict, match="A job that is COMPLETE cannot retry"):
            await works.jobs.retry(video.job_id)

    async def test_two_who_try_again(self, works: Works) -> None:
        """Of two who try at the same moment one puts the job in line; it is there once."""

        async def be_slow(_name: str) -> None:
            await asyncio.sleep(0)

        video = await works.upload()
        job = failed(await works.catalog.job(video.job_id), FAULT, now=NOON)
        await works.catalog.record_job(job)
        await works.queue.withdraw(video.job_id)
        works.catalog.before = be_slow
        outcomes = await asyncio.gather(
            works.jobs.retry(video.job_id), works.jobs.retry(video.job_id), return_exceptions=True
        )
        assert sorted(type(cast("object", outcome)).__name__ for outcome in outcomes) == ["Conflict", "Job"]
        assert works.line() == [video.job_id]
