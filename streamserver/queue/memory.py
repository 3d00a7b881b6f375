"""The queue of one process; the catalog remembers what it forgets."""

import asyncio
from collections.abc import Sequence


class MemoryQueue:
    """`Queue` inside of one process."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}  # a set that keeps its order
        self._news = asyncio.Event()

    async def offer(self, job_id: str) -> None:
        """See `Queue.offer`."""
        self._waiting.setdefault(job_id)
        self._news.set()

    async def take(self) -> str:
        """See `Queue.take`."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        job_id = next(iter(self._waiting))
        del self._waiting[job_id]
        return job_id

    async def withdraw(self, job_id: str) -> bool:
        """See `Queue.withdraw`."""
        if job_id not in self._waiting:
            return False
        del self._waiting[job_id]
        return True

    def waiting(self) -> Sequence[str]:
        """See `Queue.waiting`."""
        return tuple(self._waiting)
