"""The one voice of a job: it walks the table of states, records first, and then tells everyone."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from streamserver.domain.jobs import (
    Job,
    JobError,
    JobEvent,
    RenditionProgress,
    Stage,
    advance,
    completed,
    failed,
    placed,
    postponed,
)
from streamserver.ports import Bus, Clock, Subscription

log = logging.getLogger(__name__)

Handler = Callable[[Job], Awaitable[bool]]
"""Records the end of an attempt; False where it is no longer the job's own, so that nothing is to be told."""


class EncodingEvent:
    """One object an attempt: READY → RUNNING → COMPLETE | ERROR, told to any number of listeners.

    `complete_handler` or `failure_handler` runs exactly once, with the terminal report, before anyone hears it;
    `postpone_handler` in their place where the attempt ends and the job does not. Who subscribes gets the latest
    report first.
    """

    def __init__(
        self,
        job: Job,
        *,
        bus: Bus,
        clock: Clock,
        complete_handler: Handler,
        failure_handler: Handler,
        postpone_handler: Handler,
    ) -> None:
        self._job = job
        self._bus = bus
        self._clock = clock
        self._complete_handler = complete_handler
        self._failure_handler = failure_handler
        self._postpone_handler = postpone_handler

    @property
    def job(self) -> Job:
        """The latest report."""
        return self._job

    def subscribe(self) -> AbstractContextManager[Subscription]:
        """Listen from the latest report on."""
        return self._bus.subscribe(self._job.id)

    async def report_running(
        self,
        *,
        stage: Stage,
        percent: float,
        speed: float | None = None,
        frames_per_second: float | None = None,
        eta_seconds: float | None = None,
        renditions: tuple[RenditionProgress, ...] | None = None,
    ) -> None:
        """Tell how far it is; a percentage never falls, and reaches 100 by `report_complete` alone.

        Unless renditions are given they are as before.
        """
        self._job = replace(
            self._job,
            status=advance(self._job.status, JobEvent.PROGRESS),
            stage=stage,
            percent=round(max(self._job.percent, min(percent, 99.9)), 1),
            speed=speed,
            frames_per_second=frames_per_second,
            eta_seconds=eta_seconds,
            queue_position=None,
            renditions=self._job.renditions if renditions is None else renditions,
            sequence=self._job.sequence + 1,
        )
        await self._bus.publish(self._job)

    async def report_place(self, position: int, eta_seconds: float | None) -> None:
        """Tell that it waits in line, where, and how long it will all take."""
        self._job = placed(self._job, position, eta_seconds)
        await self._bus.publish(self._job)

    async def report_complete(self) -> None:
        """Tell that all is done."""
        await self._end(completed(self._job, now=self._clock.now()), self._complete_handler)

    async def report_error(self, error: JobError) -> None:
        """Tell that it failed, and why."""
        await self._end(failed(self._job, error, now=self._clock.now()), self._failure_handler)

    async def report_postponed(self, error: JobError, *, retry_at: datetime) -> None:
        """Tell that the machine failed it, why, and when it is tried again."""
        await self._end(postponed(self._job, error, retry_at=retry_at), self._postpone_handler)

    async def _end(self, job: Job, handler: Handler) -> None:
        """Record and tell; once begun, this is not cut short by cancellations, however many come."""
        before, self._job = self._job, job  # at once: whoever reports another end finds no step for it
        ending = asyncio.ensure_future(self._record_and_tell(job, handler, before))
        cancellation = None
        while not ending.done():
            try:
                await asyncio.wait({ending})
            except asyncio.CancelledError as error:
                cancellation = error
        if cancellation is not None:
            if fault := ending.exception():
                log.warning("job %s: its end could not be recorded: %s", job.id, fault)
            raise cancellation
        ending.result()

    async def _record_and_tell(self, job: Job, handler: Handler, before: Job) -> None:
        try:
            is_recorded = await handler(job)
        except BaseException:
            self._job = before  # nobody heard of it yet: the job may still end another way
            raise
        if is_recorded:
            log.info("job %s of video %s: %s%s", job.id, job.video_id, job.status, _reason(job))
            await self._bus.publish(job)
        else:
            log.warning("job %s: attempt %d was taken over; its end is not told", job.id, job.attempt)


def _reason(job: Job) -> str:
    error = job.error or job.last_error
    return f" ({error.code}: {error.message})" if error else ""
