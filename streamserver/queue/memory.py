"""The queue of one process; the catalog remembers what it forgets."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from streamserver.domain.order import Turn, after_turn, in_order, next_beside, next_turn


class MemoryQueue:
    """`Queue` inside of one process."""

    def __init__(self) -> None:
        self._waiting: dict[str, Turn] = {}
        self._begun: dict[str, Turn] = {}
        self._news = asyncio.Event()

    async def offer(self, turn: Turn) -> None:
        """See `Queue.offer`."""
        if turn.job_id not in self._waiting:
            self._waiting[turn.job_id] = turn
            self._begun.pop(turn.job_id, None)
        self._news.set()

    async def take(self) -> Turn:
        """See `Queue.take`."""
        turn = await self._next(next_turn)
        self._waiting = {other.job_id: other for other in after_turn(self._waiting.values(), turn)}
        return turn

    async def take_beside(self, encoders: int) -> Turn:
        """See `Queue.take_beside`."""
        return await self._next(partial(next_beside, encoders=encoders))

    async def finish(self, job_id: str) -> None:
        """See `Queue.finish`."""
        self._begun.pop(job_id, None)

    async def withdraw(self, job_id: str) -> bool:
        """See `Queue.withdraw`."""
        return self._waiting.pop(job_id, None) is not None

    def waiting(self) -> Sequence[Turn]:
        """See `Queue.waiting`."""
        return in_order(self._waiting.values())

    def begun(self) -> Sequence[Turn]:
        """See `Queue.begun`."""
        return tuple(self._begun.values())

    async def _next(self, choose: Callable[[Iterable[Turn], Iterable[Turn]], Turn | None]) -> Turn:
        """Wait until there is something to choose, and remove it from the line."""
        while (turn := choose(self._waiting.values(), self._begun.values())) is None:
            self._news.clear()
            await self._news.wait()
        del self._waiting[turn.job_id]
        self._begun[turn.job_id] = turn
        self._news.set()  # what others may choose depends on what was begun
        return turn
