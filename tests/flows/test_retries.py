"""What the machine fails is tried again by itself, up to a limit; what the source or we fail is not."""

from typing import Any

import pytest

from streamserver.blobs.memory import MemoryBlobs
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.errors import (
    EncoderFault,
    EncoderHung,
    EncoderKilled,
    EncoderStalled,
    OutOfRoom,
    SourceFault,
    StorageFault,
    StorageFull,
)
from streamserver.flows.indexes import rendition_key
from tests.flows.works import Works, is_there, open_works

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
SMALL: dict[str, Any] = {"width": 320, "height": 180}


async def failed_once(works: Works, **source: Any) -> tuple[Video, Job]:  # noqa: ANN401 - JSON
    """Let the machine fail a job, and return it as it is told then."""
    works.encoder.faults["ladder"] = OutOfRoom()
    await works.pool.start()
    video = await works.upload(**source)
    return video, await works.report(video.job_id, lambda job: job.last_error is not None)


class ClosedBlobs(MemoryBlobs):
    """Blobs that cannot be removed, on and off."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = True

    async def delete(self, key: str) -> None:
        """See `Blobs.delete`."""
        if self.is_closed and key.endswith(".mp4"):
            raise StorageFault
        await super().delete(key)


class TestTryingAgain:
    """A fault of the machine."""

    async def test_it_is_told_and_tried_again(self, works: Works) -> None:
        """The job waits, says why and until when, and gets COMPLETE once the machine can."""
        video, job = await failed_once(works, **SMALL)
        assert (job.status, job.failures, job.attempt) == (JobStatus.READY, 1, 1)
        assert (job.last_error and job.last_error.code, job.error) == ("out_of_room", None)
        assert job.retry_at is not None
        works.encoder.faults.clear()
        ended = await works.end_of(video.job_id)
        assert (ended.status, ended.last_error, ended.retry_at) == (JobStatus.COMPLETE, None, None)
        assert ended.attempt == ended.failures + 1 >= 2

    async def test_nothing_half_done_is_left_meanwhile(self) -> None:
        """What was growing is gone, with its bytes, and nobody is shown what cannot be watched."""
        async with open_works(retry_seconds=1000) as works:
            video, _ = await failed_once(works, **SMALL)
            found = await works.catalog.video(video.id)
            assert (found.status, found.renditions) == (VideoStatus.PROCESSING, ())
            assert not [key for key in works.blobs._kept if key.endswith(".mp4")]

    async def test_what_is_whole_is_kept(self, works: Works) -> None:
        """The next attempt encodes only what is missing; what could be watched still can."""
        video, _ = await failed_once(works, **H264)
        (kept,) = (
            it for it in (await works.catalog.video(video.id)).renditions if it.status is RenditionStatus.COMPLETE
        )
        works.encoder.faults.clear()
        ended = await works.end_of(video.job_id)
        assert [it.name for it in ended.renditions] == ["360p", "270p", "180p"]
        found = await works.catalog.video(video.id)
        assert (found.status, [it.name for it in found.renditions]) == (
            VideoStatus.COMPLETE,
            ["360p", "270p", "180p"],
        )
        assert kept in found.renditions
        assert [plan.outputs[0].spec.is_remux for plan in works.encoder.plans].count(True) == 1
        assert all(is_there(works.blobs, rendition_key(rendition)) for rendition in found.renditions)

    async def test_a_lowest_rendition_that_is_there_is_kept(self) -> None:
        """A ladder that fails after the lowest rendition was encoded does not take it along."""
        async with open_works() as works:
            first, second = await works.upload(**H264), await works.upload(**H264)
            works.encoder.faults["270p"] = EncoderKilled()
            await works.pool.start()
            await works.report(first.job_id, lambda job: job.last_error is not None)
            works.encoder.faults.clear()
            for video in (first, second):
                assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE
            lowest = [plan for plan in works.encoder.plans if plan.outputs[-1].spec.name == "180p"]
            assert len(lowest) == 2

    async def test_it_is_given_up_in_the_end(self) -> None:
        """After so many failures the job ends in ERROR and says how often it was tried."""
        async with open_works(retries=2) as works:
            video, _ = await failed_once(works, **SMALL)
            ended = await works.end_of(video.job_id)
            assert ended.error is not None
            assert (ended.status, ended.error.code, ended.attempt) == (JobStatus.ERROR, "out_of_room", 3)
            assert ended.error.message == "The server ran out of room while encoding. It was tried 3 times."
            assert len(works.encoder.plans) == 3

    async def test_room_that_the_storage_or_the_catalog_lacks(self, works: Works) -> None:
        """A database that is full is a fault of the machine like any other."""

        async def be_full(name: str) -> None:
            if name == "complete_rendition":
                raise StorageFull

        works.catalog.before = be_full
        await works.pool.start()
        video = await works.upload(**SMALL)
        job = await works.report(video.job_id, lambda job: job.last_error is not None)
        assert job.last_error is not None
        assert job.last_error.code == "out_of_room"
        works.catalog.come_back()
        assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_who_waits_to_be_tried_again_can_be_cancelled(self) -> None:
        """Nobody has to wait for a machine that does not get better."""
        async with open_works(retry_seconds=1000) as works:
            video, _ = await failed_once(works, **SMALL)
            job = await works.jobs.cancel(video.job_id)
            assert (job.error and job.error.code, job.retry_at) == ("cancelled", None)

    async def test_who_waits_can_be_tried_at_once(self) -> None:
        """Whoever has mended the machine does not wait for the time that was set before."""
        async with open_works(retry_seconds=1000) as works:
            video, _ = await failed_once(works, **SMALL)
            works.encoder.faults.clear()
            job = await works.jobs.retry(video.job_id)
            assert (job.retry_at, job.failures) == (None, 0)
            assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_others_are_served_meanwhile(self) -> None:
        """A job that waits to be tried again takes nobody's place."""
        async with open_works(retry_seconds=1000) as works:
            waiting, _ = await failed_once(works, **SMALL)
            works.encoder.faults.clear()
            other = await works.upload(**SMALL)
            assert (await works.end_of(other.job_id)).status is JobStatus.COMPLETE
            assert (await works.jobs.get(waiting.job_id)).queue_position is None

    async def test_bytes_that_cannot_be_removed(self) -> None:
        """A disk that has become read-only keeps no job from being tried again, and in the end from its end."""
        blobs = ClosedBlobs()
        async with open_works(blobs=blobs, retries=1) as works:
            video, job = await failed_once(works, **SMALL)
            assert job.status is JobStatus.READY
            ended = await works.end_of(video.job_id)
            assert (ended.status, ended.attempt) == (JobStatus.ERROR, 2)
            found = await works.catalog.video(video.id)
            assert (found.status, found.renditions) == (VideoStatus.ERROR, ())
            works.encoder.faults.clear()
            await works.jobs.retry(video.job_id)
            assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE
        await blobs.close()

    async def test_an_encoder_that_hung_once(self, works: Works) -> None:
        """A disk that did not answer for a while costs nobody the video."""
        works.encoder.faults["ladder"] = EncoderHung(at_seconds=4.0)
        await works.pool.start()
        video = await works.upload(**SMALL)
        job = await works.report(video.job_id, lambda job: job.last_error is not None)
        assert (job.status, job.last_error and job.last_error.code) == (JobStatus.READY, "encoder_hung")
        works.encoder.faults.clear()
        assert (await works.end_of(video.job_id)).status is JobStatus.COMPLETE

    async def test_an_encoder_that_hangs_at_one_place(self, works: Works) -> None:
        """Twice is enough: the source is to blame, but is kept for whoever knows better."""
        works.encoder.faults["ladder"] = EncoderHung(at_seconds=4.0)
        await works.pool.start()
        video = await works.upload(**SMALL)
        ended = await works.end_of(video.job_id)
        assert ended.error is not None
        assert (ended.error.code, ended.attempt) == ("encoder_stalled", 2)
        assert ended.error.message.endswith("both times 4 seconds into the video.")
        assert await works.encode.has_source(ended)

    async def test_it_waits_through_a_restart(self) -> None:
        """The next server knows why a job waits, and until when."""
        async with open_works(retry_seconds=1000) as before:
            video, job = await failed_once(before, **SMALL)
            await before.pool.close()
            async with open_works(catalog=before.catalog, blobs=before.blobs) as after:
                await after.pool.start()
                found = await after.jobs.get(video.job_id)
                assert after.line() == []
            assert (found.retry_at, found.failures, found.last_error) == (job.retry_at, 1, job.last_error)


@pytest.mark.parametrize("fault", [SourceFault(), EncoderFault(), EncoderStalled()])
async def test_other_faults_are_final(fault: Exception, works: Works) -> None:
    """Where trying again by itself would end the same way, the job is over at once."""
    works.encoder.faults["ladder"] = fault
    await works.pool.start()
    video = await works.upload(**SMALL)
    ended = await works.end_of(video.job_id)
    assert (ended.status, ended.attempt, ended.failures) == (JobStatus.ERROR, 1, 0)
    assert len(works.encoder.plans) == 1
