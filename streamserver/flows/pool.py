"""A bounded number of encoders that work through the line."""

import asyncio
import logging
from dataclasses import replace

from streamserver.domain.jobs import Job, JobEvent, JobStatus, waiting_again
from streamserver.errors import NotFound, StreamserverError
from streamserver.flows.encode import Encode
from streamserver.ports import Bus, Catalog, Queue

log = logging.getLogger(__name__)

OFFER_SECONDS = 2.0
"""How often the catalog is asked for jobs that the line does not know of."""
MANY = 10_000
"""More jobs than ever wait."""


class Pool:
    """N jobs at a time; the catalog is the truth about which jobs there are, the line only an order."""

    def __init__(self, *, encode: Encode, catalog: Catalog, queue: Queue, bus: Bus, size: int) -> None:
        self._encode = encode
        self._catalog = catalog
        self._queue = queue
        self._bus = bus
        self._size = size
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stranded: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def running(self) -> int:
        """How many jobs are being worked on."""
        return len(self._running)

    async def start(self) -> None:
        """Release what a server that is gone was running, and begin to work."""
        self._stranded.update(job.id for job in await self._catalog.jobs(statuses=[JobStatus.RUNNING], limit=MANY))
        for job_id in self._queue.waiting():
            await self._queue.withdraw(job_id)  # who came first, the catalog knows
        await self._offer_waiting()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._size)]
        self._tasks.append(asyncio.create_task(self._keep_offering()))

    async def close(self) -> None:
        """Stop the encoders; their jobs run again at the next start."""
        tasks = [*self._tasks, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self, job_id: str) -> None:
        """Stop the encoder of a job, if it runs here, and return once it has stopped; the job is left as it is."""
        if task := self._running.get(job_id):
            task.cancel()
            await asyncio.wait({task})

    async def announce(self) -> None:
        """Tell those who wait what their place is by now."""
        waiting = self._queue.waiting()
        jobs = {job_id: await self._job(job_id) for job_id in waiting if self._bus.latest(job_id) is None}
        # The line may have moved meanwhile: of who has left it nothing is told.
        for position, job_id in enumerate(self._queue.waiting(), 1):
            job = self._bus.latest(job_id) or jobs.get(job_id)
            if job is not None and job.status is JobStatus.READY and job.queue_position != position:
                await self._bus.publish(replace(job, queue_position=position, sequence=job.sequence + 1))

    async def _work(self) -> None:
        """Take one job after the other, for ever."""
        while True:
            job_id = await self._queue.take()
            task = asyncio.create_task(self._encode.run(job_id))
            self._running[job_id] = task
            try:
                await self._announce_quietly()
                await asyncio.wait({task})
                if not task.cancelled() and (error := task.exception()):
                    log.error("job %s could not be brought to an end; it runs again", job_id, exc_info=error)
                    self._stranded.add(job_id)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._running[job_id]

    async def _keep_offering(self) -> None:
        """Find jobs that came in by another process, and those whose end could not be recorded."""
        while True:
            await asyncio.sleep(OFFER_SECONDS)
            try:
                await self._offer_waiting()
            except StreamserverError as error:
                log.warning("the catalog cannot be asked for waiting jobs: %s", error)

    async def _offer_waiting(self) -> None:
        for job_id in tuple(self._stranded):
            await self._release(job_id)
            self._stranded.discard(job_id)
        ready = await self._catalog.jobs(statuses=[JobStatus.READY], limit=MANY)
        for job in reversed(ready):
            if job.id not in self._running:
                await self._queue.offer(job.id)
        await self.announce()

    async def _release(self, job_id: str) -> None:
        """Let a job that nobody runs any more wait again."""
        job = await self._job(job_id)
        if job is not None and job.status is JobStatus.RUNNING:
            await self._catalog.record_job(waiting_again(self._bus.latest(job_id) or job, JobEvent.RELEASE))

    async def _job(self, job_id: str) -> Job | None:
        """Return a job as it was recorded; None where it was deleted."""
        try:
            return await self._catalog.job(job_id)
        except NotFound:
            return None

    async def _announce_quietly(self) -> None:
        try:
            await self.announce()
        except StreamserverError as error:
            log.warning("places in line could not be told: %s", error)
