"""What people do with jobs: look, follow, cancel, try again."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from streamserver.domain.jobs import Job, JobEvent, JobStatus, Stage, waiting_again
from streamserver.domain.order import Turn
from streamserver.domain.users import ANYONE
from streamserver.domain.videos import Cursor
from streamserver.errors import Conflict, NotFound, Unauthorized
from streamserver.flows.encode import Encode
from streamserver.flows.intake import Intake
from streamserver.flows.pool import Pool
from streamserver.flows.uploads import CANCELLED
from streamserver.ports import Bus, Catalog, Queue


class Jobs:
    """The verbs behind the routes of jobs; an upload counts as the job that it will be."""

    def __init__(
        self, *, catalog: Catalog, bus: Bus, queue: Queue, encode: Encode, pool: Pool, intake: Intake
    ) -> None:
        self._catalog = catalog
        self._bus = bus
        self._queue = queue
        self._encode = encode
        self._pool = pool
        self._intake = intake

    async def get(self, job_id: str) -> Job:
        """Return a job as it is at this moment; `NotFound` where there is none."""
        return self._live(await self._recorded(job_id), self._places())

    async def page(
        self, *, statuses: Iterable[JobStatus] | None = None, limit: int = 50, after: Cursor | None = None
    ) -> tuple[Sequence[Job], Cursor | None]:
        """Return a page of jobs as they are at this moment, newest first, and where the next one begins."""
        wanted = frozenset(JobStatus if statuses is None else statuses)
        uploads = await self._intake.uploads.jobs()
        uploads = [job for job in uploads if job.status in wanted and _follows(job, after)]
        recorded = await self._catalog.jobs(statuses=wanted, limit=limit + 1, after=after)
        # An upload that has become whole between the two questions is in both answers: what is recorded counts.
        by_id = {job.id: job for job in (*uploads[: limit + 1], *recorded)}
        found = sorted(by_id.values(), key=lambda job: (job.created_at, job.id), reverse=True)
        places = self._places()
        jobs = [self._live(job, places) for job in found[:limit]]
        last = jobs[-1] if len(found) > limit else None
        return jobs, Cursor(created_at=last.created_at, id=last.id) if last else None

    async def counts(self) -> Mapping[JobStatus, int]:
        """Return how many jobs have each status."""
        return {status: await self._catalog.count_jobs(status) for status in JobStatus}

    @property
    def encoding(self) -> int:
        """How many jobs this server is encoding."""
        return self._pool.running

    async def follow(self, job_id: str, *, heard: int | None = None) -> AsyncIterator[Job]:
        """Yield a job at once, then every report until it is over.

        `heard` is the last sequence number that the listener knows of: a snapshot with that number is left out.
        """
        with self._bus.subscribe(job_id) as reports:
            job = await self.get(job_id)
            if job.sequence != heard:
                yield job
            last = job.sequence
            while not job.is_terminal:
                try:
                    job = await anext(reports)
                except StopAsyncIteration:
                    return
                if job.sequence > last:
                    last = job.sequence
                    yield job

    async def follow_all(self) -> AsyncIterator[Job]:
        """Yield every job that is not over, then every report of any job, each by rising sequence numbers."""
        heard: dict[str, int] = {}
        with self._bus.subscribe() as reports:
            uploads = [job for job in await self._intake.uploads.jobs() if not job.is_terminal]
            jobs = await self._catalog.jobs(statuses=[JobStatus.READY, JobStatus.RUNNING])
            places, recorded = self._places(), {job.id for job in jobs}
            for job in reversed([*(job for job in uploads if job.id not in recorded), *jobs]):
                live = self._live(job, places)
                heard[job.id] = live.sequence
                yield live
            async for job in reports:
                if job.sequence > heard.get(job.id, -1):
                    heard[job.id] = job.sequence
                    yield job
                if job.is_terminal:
                    heard.pop(job.id, None)

    async def cancel(self, job_id: str, *, user: str | None = ANYONE) -> Job:
        """End a job that waits or runs, or an upload of a user's own.

        Raises `Conflict` where it is over already, `Forbidden` where the upload is another user's, and
        `Unauthorized` where nobody knows who wants it.
        """
        job = await self.get(job_id)
        if job.is_terminal:
            raise Conflict("The job is over already; there is nothing to cancel.")
        if job.is_receiving:
            if user is None:
                raise Unauthorized
            with suppress(NotFound):  # the last byte has just come
                return await self._intake.cancel(job_id, user=user)
        # Between two looks a job may pass from the line to an encoder, or come to an end of its own.
        while not (job := await self.get(job_id)).is_terminal:
            await self._queue.withdraw(job_id)
            await self._pool.stop(job_id)
            await self._queue.withdraw(job_id)  # it may have gone from one task to the next
            with suppress(Conflict):
                await self._encode.event(await self.get(job_id)).report_error(CANCELLED)
        await self._pool.announce()
        return job

    async def retry(self, job_id: str, *, user: str | None = ANYONE) -> Job:
        """Put a job that failed back in line, also before it would be tried again, or a user's own import.

        Raises `Conflict` where it did not fail, or its source is gone; of an import as `cancel` does.
        """
        job = await self._recorded(job_id)
        if job.received_bytes is not None:
            if user is None:
                raise Unauthorized
            return await self._intake.reopen(job_id, user=user)
        again = waiting_again(job, JobEvent.RETRY)
        if not await self._encode.has_source(job):
            raise Conflict("The file could not be used and was removed; please upload it again.")
        if not await self._catalog.record_job(again):
            raise Conflict("The job has changed in the meantime.")
        await self._encode.reopen(job.video_id)
        await self._bus.publish(again)
        await self._queue.offer(Turn(job_id=job_id, arrived_at=job.created_at))
        await self._pool.announce()
        return await self.get(job_id)

    async def _recorded(self, job_id: str) -> Job:
        """Return a job, or the upload that will be one, as it is recorded."""
        try:
            return await self._catalog.job(job_id)
        except NotFound as no_job:
            try:
                return await self._intake.uploads.job(job_id)
            except NotFound:
                # It may have become whole between the two questions.
                with suppress(NotFound):
                    return await self._catalog.job(job_id)
                raise no_job from None

    def _places(self) -> Mapping[str, int]:
        """Return the place of each job in line."""
        return {turn.job_id: place for place, turn in enumerate(self._queue.waiting(), 1)}

    def _live(self, job: Job, places: Mapping[str, int]) -> Job:
        """Return the latest report, with its place in line."""
        latest = self._bus.latest(job.id)
        if latest is not None and latest.sequence > job.sequence and not job.is_terminal:
            job = latest
        if job.is_terminal:
            return job
        if job.id not in places:  # one that has just left the line was last told the place that is another's now
            return replace(job, queue_position=None)
        stage = Stage.WAIT if job.status is JobStatus.RUNNING else job.stage
        return replace(job, queue_position=places[job.id], stage=stage)


def _follows(job: Job, cursor: Cursor | None) -> bool:
    """Tell whether a job comes after the place where a page ended."""
    return cursor is None or (job.created_at, job.id) < (cursor.created_at, cursor.id)
