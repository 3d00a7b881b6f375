"""A bounded number of encoders that work through the line."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

from streamserver.domain.failures import failure_of
from streamserver.domain.jobs import Job, JobEvent, JobStatus, waiting_again
from streamserver.domain.order import Turn
from streamserver.domain.progress import is_news
from streamserver.errors import CatalogAway, MachineFault, NotFound, StreamserverError
from streamserver.flows.encode import Encode
from streamserver.flows.forecast import Forecast
from streamserver.ports import Bus, Catalog, Clock, Queue

log = logging.getLogger(__name__)

OFFER_SECONDS = 2.0
"""How often the catalog is asked for jobs that the line does not know of."""
MANY = 10_000
"""More jobs than ever wait."""


class Pool:
    """N turns at a time; the catalog is the truth about which jobs there are, the line only an order.

    `preparers` more take turns that are quick, and those alone: a new video does not wait for the end of another
    one's ladder until it can be watched.
    """

    def __init__(
        self,
        *,
        encode: Encode,
        catalog: Catalog,
        queue: Queue,
        bus: Bus,
        clock: Clock,
        forecast: Forecast,
        size: int,
        preparers: int = 0,
    ) -> None:
        self._encode = encode
        self._catalog = catalog
        self._queue = queue
        self._bus = bus
        self._clock = clock
        self._forecast = forecast
        beside = partial(queue.take_beside, size)
        self._takes: list[Callable[[], Awaitable[Turn]]] = [*[queue.take] * size, *[beside] * preparers]
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stranded: dict[str, MachineFault] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._asked = self._told = 0
        self._telling = asyncio.Lock()

    @property
    def running(self) -> int:
        """How many jobs are being worked on."""
        return len(self._running)

    async def start(self) -> None:
        """Release what a server that is gone was running, and begin to work."""
        for job in await self._catalog.jobs(statuses=[JobStatus.RUNNING], limit=MANY):
            await self._catalog.record_job(waiting_again(self._bus.latest(job.id) or job, JobEvent.RELEASE))
        await self._offer_waiting()
        self._tasks = [asyncio.create_task(self._work(take)) for take in self._takes]
        self._tasks.append(asyncio.create_task(self._keep_offering()))

    async def close(self) -> None:
        """Stop the encoders; their jobs run again at the next start."""
        tasks = [*self._tasks, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self, job_id: str) -> None:
        """Stop the encoder of a job, if it runs here, and return once it has stopped; the job is left as it is."""
        if turn := self._running.get(job_id):
            turn.cancel()
            await asyncio.wait({turn})

    async def announce(self) -> None:
        """Tell those who wait what their place is by now, and when they will be done.

        Who asks while that is being told shares the next time with all who do: many jobs may be cancelled at once.
        """
        self._asked += 1
        asked = self._asked
        async with self._telling:
            if self._told < asked:
                self._told = self._asked
                await self._tell_places()

    async def _tell_places(self) -> None:
        waiting = self._queue.waiting()
        jobs = {it.job_id: await self._job(it.job_id) for it in waiting if self._bus.latest(it.job_id) is None}
        ends = self._forecast.ends()
        # The line may have moved meanwhile: of who has left it nothing is told.
        for position, turn in enumerate(self._queue.waiting(), 1):
            job, eta_seconds = self._bus.latest(turn.job_id) or jobs.get(turn.job_id), ends.get(turn.job_id)
            if job is None or job.is_terminal:
                continue
            if job.queue_position != position or is_news(job.eta_seconds, eta_seconds):
                await self._encode.report_place(job, position, eta_seconds)

    async def _work(self, take: Callable[[], Awaitable[Turn]]) -> None:
        """Take one turn after the other, for ever."""
        while True:
            turn = await take()
            running = asyncio.create_task(self._carry_out(turn))
            self._running[turn.job_id] = running
            try:
                await self._announce_quietly()
                await asyncio.wait({running})
                if not running.cancelled() and (error := running.exception()):
                    log.error("job %s could not be brought to an end; it runs again", turn.job_id, exc_info=error)
                    self._strand(turn.job_id, error)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                if self._running.get(turn.job_id) is running:
                    del self._running[turn.job_id]
                self._news.set()

    async def _carry_out(self, turn: Turn) -> None:
        following = None
        try:
            following = await self._encode.carry_out(turn)
        finally:
            if following is None:
                await self._queue.finish(turn.job_id)
            else:
                await self._queue.offer(following)

    def _strand(self, job_id: str, error: BaseException) -> None:
        """Remember a job whose end could not be recorded."""
        failure = failure_of(error) if isinstance(error, Exception) else None
        self._stranded[job_id] = failure if isinstance(failure, MachineFault) else CatalogAway()

    async def _keep_offering(self) -> None:
        """Find jobs that came in by another process, that are due again, and whose end could not be recorded."""
        wait_seconds = OFFER_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._set_back_stranded()
                wait_seconds = await self._offer_waiting()
            except StreamserverError as error:
                wait_seconds = OFFER_SECONDS
                log.warning("the catalog cannot be asked for waiting jobs: %s", error)
            except Exception:
                wait_seconds = OFFER_SECONDS
                log.exception("waiting jobs could not be looked for, for an unforeseen reason")

    async def _set_back_stranded(self) -> None:
        """Record the ends that could not be recorded, as far as that is possible by now; nobody waits for it."""
        for job_id, failure in tuple(self._stranded.items()):
            try:
                await self._encode.set_back(job_id, failure)
            except (StreamserverError, OSError) as error:
                log.warning("job %s cannot be set back yet: %s", job_id, error)
            else:
                del self._stranded[job_id]

    async def _offer_waiting(self) -> float:
        """Put in line who waits and is due; return in how many seconds to look again."""
        ready = await self._catalog.jobs(statuses=[JobStatus.READY], limit=MANY)
        now, wait_seconds = self._clock.now(), OFFER_SECONDS
        for job in ready:
            if job.retry_at is not None and job.retry_at > now:
                wait_seconds = min(wait_seconds, _seconds_until(job.retry_at, now))
            elif job.id not in self._running:
                await self._queue.offer(Turn(job_id=job.id, arrived_at=job.created_at))
        await self.announce()
        return wait_seconds

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


def _seconds_until(moment: datetime, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds())
