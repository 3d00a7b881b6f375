"""Every catalog decides who works on a job, and what is news of it, as `Catalog` says."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from streamserver.domain.jobs import (
    Job,
    JobError,
    JobEvent,
    JobStatus,
    RenditionProgress,
    Stage,
    claimed,
    completed,
    failed,
    postponed,
    waiting_again,
)
from streamserver.domain.videos import VideoStatus
from streamserver.ports import Catalog
from tests.catalog.samples import LATER, NOON, add, add_running, sample_job, sample_video

pytest_plugins = ["tests.services.catalogs"]

FAULT = JobError(code="source_unusable", message="The file „ä🎬“ is not a video.")

NO_ROOM = JobError(code="out_of_room", message="The server ran out of room.")


def progress(job: Job, percent: float) -> Job:
    return replace(job, percent=percent, sequence=job.sequence + 1)


async def test_every_field_comes_back(catalog: Catalog) -> None:
    """A report comes back as it was recorded, but for its live place in the queue."""
    job = replace(
        await add_running(catalog),
        stage=Stage.ENCODE,
        percent=100 / 3,
        speed=2.718281828459045,
        frames_per_second=59.94005994005994,
        eta_seconds=0.1,
        renditions=(RenditionProgress(name="1080p", percent=33.3), RenditionProgress(name="360p", percent=0.0)),
        queue_position=3,
        sequence=1_000_001,
    )
    assert await catalog.record_job(job)
    assert await catalog.job(job.id) == replace(job, queue_position=None)


async def test_an_error_comes_back(catalog: Catalog) -> None:
    """Why a job ended in ERROR is recorded with its code and sentence, and its times to the microsecond."""
    job = failed(await add_running(catalog), FAULT, now=LATER)
    assert await catalog.finish_job(job, VideoStatus.ERROR)
    recorded = await catalog.job(job.id)
    assert recorded == job
    assert recorded.error == FAULT
    assert recorded.started_at == NOON
    assert recorded.finished_at == LATER


async def test_a_failure_of_the_machine_comes_back(catalog: Catalog) -> None:
    """Why a job waits to be tried again is recorded, how often that was, and until when."""
    job = postponed(await add_running(catalog), NO_ROOM, retry_at=LATER)
    assert await catalog.record_job(job)
    recorded = await catalog.job(job.id)
    assert recorded == job
    assert (recorded.failures, recorded.last_error, recorded.retry_at) == (1, NO_ROOM, LATER)
    assert recorded.error is None


async def test_a_new_job_waits(catalog: Catalog) -> None:
    """The job that was recorded with its video is there, READY, at no attempt."""
    video = await add(catalog)
    assert await catalog.job(video.job_id) == sample_job(video)


class TestClaims:
    """Who may work on a job."""

    async def test_one_of_many_wins(self, catalog: Catalog) -> None:
        """Of many that claim a job at once, exactly one may work on it."""
        job = claimed(sample_job(await add(catalog)), now=NOON)
        claims = [replace(job, started_at=NOON + timedelta(seconds=number)) for number in range(20)]
        won = await asyncio.gather(*(catalog.claim_job(claim) for claim in claims))
        assert sorted(won) == [False] * 19 + [True]
        assert await catalog.job(job.id) == claims[won.index(True)]

    async def test_only_a_waiting_job_is_claimed(self, catalog: Catalog) -> None:
        """A job that runs or is over cannot be claimed by the next attempt."""
        running = await add_running(catalog)
        again = replace(running, attempt=2, sequence=2_000_000)
        assert not await catalog.claim_job(again)
        assert await catalog.finish_job(completed(running, now=LATER), VideoStatus.COMPLETE)
        assert not await catalog.claim_job(again)
        assert (await catalog.job(running.id)).status is JobStatus.COMPLETE

    @pytest.mark.parametrize("attempt", [0, 2, 3])
    async def test_only_the_next_attempt_claims(self, catalog: Catalog, attempt: int) -> None:
        """A claim that does not follow the recorded attempt changes nothing."""
        waiting = sample_job(await add(catalog))
        assert not await catalog.claim_job(replace(claimed(waiting, now=NOON), attempt=attempt))
        assert await catalog.job(waiting.id) == waiting

    async def test_a_released_job_is_claimed_again(self, catalog: Catalog) -> None:
        """A job that was put back in line is won by its second attempt, and not by its first again."""
        first = await add_running(catalog)
        waiting = waiting_again(first, JobEvent.RELEASE)
        assert await catalog.record_job(waiting)
        assert not await catalog.claim_job(first)
        second = claimed(waiting, now=LATER)
        assert await catalog.claim_job(second)
        assert await catalog.job(first.id) == second


class TestReports:
    """What is news of a job."""

    async def test_only_higher_sequence_numbers_are_news(self, catalog: Catalog) -> None:
        """A report with the recorded sequence number, or a lower one, changes nothing."""
        job = await add_running(catalog)
        first = progress(job, 10.0)
        second = progress(first, 20.0)
        assert await catalog.record_job(second)
        assert not await catalog.record_job(first)
        assert not await catalog.record_job(replace(second, percent=99.0))
        assert await catalog.job(job.id) == second

    async def test_an_old_attempt_is_fenced_off(self, catalog: Catalog) -> None:
        """A worker that lost its claim records nothing and finishes nothing, however high it counts."""
        old = await add_running(catalog)
        waiting = waiting_again(old, JobEvent.RELEASE)
        assert await catalog.record_job(waiting)
        new = claimed(waiting, now=LATER)
        assert await catalog.claim_job(new)
        late = replace(completed(old, now=LATER), sequence=new.sequence + 1000)
        assert not await catalog.record_job(late)
        assert not await catalog.finish_job(late, VideoStatus.COMPLETE)
        assert await catalog.job(old.id) == new
        assert (await catalog.video("v")).status is VideoStatus.PROCESSING

    async def test_an_attempt_that_was_not_claimed_records_nothing(self, catalog: Catalog) -> None:
        """A report of a later attempt than the recorded one changes nothing either."""
        job = await add_running(catalog)
        assert not await catalog.record_job(replace(job, attempt=2, sequence=2_000_001))
        assert await catalog.job(job.id) == job

    async def test_finishing_tells_job_and_video_together(self, catalog: Catalog) -> None:
        """A terminal report takes along the status of its own video, and of no other."""
        job = completed(await add_running(catalog), now=LATER)
        await add(catalog, "w")
        assert await catalog.finish_job(job, VideoStatus.COMPLETE)
        assert await catalog.job(job.id) == job
        assert (await catalog.video("v")).status is VideoStatus.COMPLETE
        assert (await catalog.video("w")).status is VideoStatus.PROCESSING

    async def test_one_end_only(self, catalog: Catalog) -> None:
        """Of many ends that are told at once with the same sequence number, one is recorded, with its status."""
        running = await add_running(catalog)
        good, bad = completed(running, now=LATER), failed(running, FAULT, now=LATER)
        ends = [(good, VideoStatus.COMPLETE), (bad, VideoStatus.ERROR)] * 5
        told = await asyncio.gather(*(catalog.finish_job(job, status) for job, status in ends))
        assert sum(told) == 1
        job, status = ends[told.index(True)]
        assert await catalog.job(running.id) == job
        assert (await catalog.video("v")).status is status

    async def test_the_highest_of_many_reports_stays(self, catalog: Catalog) -> None:
        """Reports that arrive in any order leave the one with the highest sequence number."""
        job = await add_running(catalog)
        reports = [replace(job, percent=float(number), sequence=job.sequence + number) for number in range(1, 21)]
        await asyncio.gather(*(catalog.record_job(report) for report in reversed(reports)))
        assert await catalog.job(job.id) == reports[-1]

    async def test_ten_thousand_attempts(self, catalog: Catalog) -> None:
        """Sequence numbers pass what 32 bits hold."""
        job = sample_job(sample_video(), attempt=9_999, sequence=9_999_000_000)
        await catalog.add_video(sample_video(), job)
        again = claimed(job, now=NOON)
        assert await catalog.claim_job(again)
        assert await catalog.job(job.id) == again


class TestLists:
    """Several jobs."""

    async def test_newest_first(self, catalog: Catalog) -> None:
        """Jobs are listed from the newest on, ties by id, up to a limit."""
        for video_id, created_at in (("a", LATER), ("b", NOON), ("c", NOON), ("B", NOON), ("d", LATER)):
            await add(catalog, video_id, created_at=created_at)
        assert [job.video_id for job in await catalog.jobs()] == ["d", "a", "c", "b", "B"]
        assert [job.video_id for job in await catalog.jobs(limit=2)] == ["d", "a"]

    async def test_by_status(self, catalog: Catalog) -> None:
        """Jobs are listed and counted by their statuses; of no statuses there are none."""
        await add(catalog, "waiting")
        await add_running(catalog, "running")
        broken = failed(await add_running(catalog, "broken"), FAULT, now=LATER)
        assert await catalog.finish_job(broken, VideoStatus.ERROR)
        unfinished = iter([JobStatus.READY, JobStatus.RUNNING])
        assert [job.video_id for job in await catalog.jobs(statuses=unfinished)] == ["waiting", "running"]
        assert await catalog.jobs(statuses=[JobStatus.ERROR]) == [broken]
        assert await catalog.jobs(statuses=[]) == []
        assert len(await catalog.jobs()) == 3
        counts = {status: await catalog.count_jobs(status) for status in JobStatus}
        assert counts == {
            JobStatus.READY: 1,
            JobStatus.RUNNING: 1,
            JobStatus.COMPLETE: 0,
            JobStatus.ERROR: 1,
        }
