"""From a received source to renditions, task by task: claimed, carried out, ended one way or the other."""

import logging
from datetime import timedelta

from streamserver.domain.failures import failure_of, judge_hang
from streamserver.domain.jobs import Job, JobError, JobStatus, claimed, placed
from streamserver.domain.order import Task, Turn, next_turn
from streamserver.domain.retries import Retries
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.errors import (
    CatalogAway,
    Conflict,
    EncoderHung,
    EncodingFailed,
    MachineFault,
    NotFound,
    SourceFault,
)
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.receive import source_key
from streamserver.flows.renditions import Renditions
from streamserver.flows.tasks import Prepared, Tasks
from streamserver.ports import Blobs, Bus, Catalog, Clock

log = logging.getLogger(__name__)


class Encode:
    """The verb that a pool runs for each turn of a job."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        bus: Bus,
        clock: Clock,
        renditions: Renditions,
        tasks: Tasks,
        retries: Retries,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._bus = bus
        self._clock = clock
        self._renditions = renditions
        self._tasks = tasks
        self._retries = retries
        self._prepared: dict[str, Prepared] = {}
        self._hung_at_seconds: dict[str, float] = {}

    async def run(self, job_id: str) -> None:
        """Carry out a waiting job with no other's tasks in between; does nothing where it waits no more."""
        turn: Turn | None = Turn(job_id=job_id, arrived_at=self._clock.now())
        while turn is not None:
            turn = await self.carry_out(next_turn([turn]) or turn)

    async def carry_out(self, turn: Turn) -> Turn | None:
        """Carry out one task of a job; return the turn that the job waits for next, None where there is none.

        Where it is cancelled the job stays RUNNING in the catalog: who does not want it any more reports its end,
        and after the server's own end it is released at the next start. Where the catalog is away it raises
        `Unavailable`, and `set_back` is to be called once it is there again.
        """
        prepared = self._prepared.get(turn.job_id)
        if turn.task is Task.PREPARE:
            event = await self._begin(turn)
        else:
            event = prepared.event if prepared else None
        if event is None:
            return None
        try:
            following = await self._carry_out(event, prepared, turn)
            if following is None:
                await event.report_complete()
        except (Conflict, NotFound) as loss:
            log.warning("job %s is no longer this server's: %s", turn.job_id, loss)
            self._prepared.pop(turn.job_id, None)
        except Exception as error:
            failure = failure_of(error)
            if isinstance(failure, CatalogAway):
                raise
            if not isinstance(error, EncodingFailed) and not isinstance(failure, MachineFault):
                log.exception("job %s failed for an unforeseen reason", turn.job_id)
            await self._fail(event, failure)
        else:
            return following
        return None

    def event(self, job: Job) -> EncodingEvent:
        """Give a job its voice."""
        if job.id in self._prepared:
            return self._prepared[job.id].event
        return EncodingEvent(
            job,
            bus=self._bus,
            clock=self._clock,
            complete_handler=self._record_complete,
            failure_handler=self._record_failure,
            postpone_handler=self._record_postponed,
        )

    async def report_place(self, job: Job, position: int, eta_seconds: float | None) -> None:
        """Tell a job that waits in line its place."""
        if job.id in self._prepared:
            await self._prepared[job.id].event.report_place(position, eta_seconds)
        else:
            await self._bus.publish(placed(job, position, eta_seconds))

    async def set_back(self, job_id: str, failure: MachineFault) -> None:
        """Let a job that nobody runs any more be tried again, unless that was done too often."""
        try:
            job = await self._catalog.job(job_id)
        except NotFound:
            return
        if job.status is JobStatus.RUNNING:
            await self._fail(self.event(self._bus.latest(job_id) or job), failure)

    async def has_source(self, job: Job) -> bool:
        """Tell whether there still is something to encode."""
        try:
            with self._blobs.lease(source_key(job.video_id)):
                return True
        except NotFound:
            return False

    async def reopen(self, video_id: str) -> None:
        """Show a video that failed as one that is being worked on again."""
        video = await self._catalog.video(video_id)
        if video.status is VideoStatus.ERROR:
            await self._catalog.set_video_status(video_id, VideoStatus.PROCESSING)

    async def _begin(self, turn: Turn) -> EncodingEvent | None:
        """Begin an attempt; None where the job was deleted, is over, or somebody else was first."""
        try:
            job = await self._catalog.job(turn.job_id)
        except NotFound:
            return None
        if job.status is not JobStatus.READY:
            return None
        claim = claimed(job, now=self._clock.now())
        if not await self._catalog.claim_job(claim):
            return None
        self._prepared.pop(turn.job_id, None)
        await self._bus.publish(claim)
        return self.event(claim)

    async def _carry_out(self, event: EncodingEvent, prepared: Prepared | None, turn: Turn) -> Turn | None:
        if turn.task is Task.PREPARE or prepared is None:
            prepared = await self._tasks.prepare(event)
            self._prepared[turn.job_id] = prepared
        else:
            await self._tasks.encode(prepared, turn)
        following = await self._tasks.next_turn(prepared)
        if following is None:
            await self._tasks.publish(prepared)
        return following

    async def _fail(self, event: EncodingEvent, failure: EncodingFailed) -> None:
        """End the job, or the attempt alone where the machine may do better another time."""
        if isinstance(failure, EncoderHung):
            at_seconds = failure.at_seconds
            failure = judge_hang(failure, self._hung_at_seconds.get(event.job.id))
            self._hung_at_seconds[event.job.id] = at_seconds
        failures = event.job.failures + 1
        error = JobError(code=failure.code, message=failure.message)
        if isinstance(failure, MachineFault):
            wait_seconds = self._retries.wait_seconds(failures)
            if wait_seconds is not None:
                retry_at = self._clock.now() + timedelta(seconds=wait_seconds)
                await event.report_postponed(error, retry_at=retry_at)
                return
            error = JobError(code=failure.code, message=f"{failure.message} It was tried {failures} times.")
        await event.report_error(error)

    async def _record_complete(self, job: Job) -> bool:
        is_recorded = await self._catalog.finish_job(job, VideoStatus.COMPLETE)
        self._forget(job.id)
        return is_recorded

    async def _record_failure(self, job: Job) -> bool:
        """Keep the renditions that are whole; of a source that cannot be used nothing remains."""
        if not await self._is_ours(job):
            return False
        video = await self._catalog.video(job.video_id)
        if job.error is not None and job.error.code == SourceFault.code:
            await self._renditions.drop(video.files)
            await self._blobs.delete(video.id)
            status = VideoStatus.ERROR
        else:
            status = VideoStatus.PLAYABLE if await self._drop_growing(video) else VideoStatus.ERROR
        is_recorded = await self._catalog.finish_job(job, status)
        self._forget(job.id)
        return is_recorded

    async def _record_postponed(self, job: Job) -> bool:
        """Keep the renditions that are whole: the next attempt encodes only what is missing."""
        if not await self._is_ours(job):
            return False
        video = await self._catalog.video(job.video_id)
        is_playable = await self._drop_growing(video)
        await self._catalog.set_video_status(
            video.id, VideoStatus.PLAYABLE if is_playable else VideoStatus.PROCESSING
        )
        is_recorded = await self._catalog.record_job(job)
        self._prepared.pop(job.id, None)
        return is_recorded

    def _forget(self, job_id: str) -> None:
        """Let go of what was kept of a job for its next task or attempt."""
        self._prepared.pop(job_id, None)
        self._hung_at_seconds.pop(job_id, None)

    async def _is_ours(self, job: Job) -> bool:
        """Tell whether what is there belongs to this attempt, and not to one that took over."""
        is_ours = (await self._catalog.job(job.id)).attempt == job.attempt
        if not is_ours:
            self._prepared.pop(job.id, None)
        return is_ours

    async def _drop_growing(self, video: Video) -> bool:
        """Remove what is half-done; tell whether something whole is left."""
        growing = [rendition for rendition in video.renditions if rendition.status is RenditionStatus.GROWING]
        await self._renditions.drop(growing)
        return len(growing) < len(video.renditions)
