"""The bus of one process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from streamserver.domain.jobs import Job


class MemorySubscription:
    """`Subscription` that keeps, for each job, one report a status."""

    def __init__(self) -> None:
        self._pending: dict[str, list[Job]] = {}
        self._news = asyncio.Event()
        self._is_closed = False

    def push(self, job: Job) -> None:
        """Add a report; progress that was not yet heard gives way to newer progress."""
        pending = self._pending.setdefault(job.id, [])
        if pending and pending[-1].status == job.status and not job.is_terminal:
            pending.pop()
        pending.append(job)
        self._news.set()

    def close(self) -> None:
        """Let the listener hear what is pending, then end."""
        self._is_closed = True
        self._news.set()

    def __aiter__(self) -> "MemorySubscription":
        return self

    async def __anext__(self) -> Job:
        await self._news.wait()
        if not self._pending:
            raise StopAsyncIteration
        job_id, pending = next(iter(self._pending.items()))
        job = pending.pop(0)
        if not pending:
            del self._pending[job_id]
        if not self._pending and not self._is_closed:
            self._news.clear()
        return job


class MemoryBus:
    """`Bus` inside of one process: a report costs each listener one assignment."""

    def __init__(self) -> None:
        self._latest: dict[str, Job] = {}
        self._listeners: dict[MemorySubscription, str | None] = {}
        self._is_closed = False

    async def publish(self, job: Job) -> None:
        """See `Bus.publish`."""
        latest = self._latest.get(job.id)
        if latest is not None and latest.sequence >= job.sequence:
            return
        if job.is_terminal:
            self._latest.pop(job.id, None)
        else:
            self._latest[job.id] = job
        for subscription, job_id in self._listeners.items():
            if job_id is None or job_id == job.id:
                subscription.push(job)

    @contextmanager
    def subscribe(self, job_id: str | None = None) -> Iterator[MemorySubscription]:
        """See `Bus.subscribe`."""
        subscription = MemorySubscription()
        for job in self._latest.values():
            if job_id is None or job_id == job.id:
                subscription.push(job)
        if self._is_closed:
            subscription.close()
        self._listeners[subscription] = job_id
        try:
            yield subscription
        finally:
            del self._listeners[subscription]

    def latest(self, job_id: str) -> Job | None:
        """See `Bus.latest`."""
        return self._latest.get(job_id)

    async def close(self) -> None:
        """See `Bus.close`."""
        self._is_closed = True
        for subscription in self._listeners:
            subscription.close()
