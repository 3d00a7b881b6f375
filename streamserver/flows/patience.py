"""Waiting for somebody who may have gone away, at next to no cost for each thing that he says."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

LOOK_SECONDS = 1.0
"""When to look again at what is being dealt with just now."""


class Patience:
    """Ends what is done inside of it, by `TimeoutError`, when nothing was heard for so many seconds; None: never.

    One timer looks now and then when something was heard last: to set one anew for each of thousands of chunks a
    second would cost more than to take them in.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._heard_at = self._loop.time()
        self._is_busy = False
        self._looking: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Whether it ended what was done."""
        return self._timeout.expired()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Know that something was heard; while it is dealt with nobody is waited for."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
            self._heard_at = self._loop.time()

    def end(self) -> None:
        """Be over now."""
        self._timeout.reschedule(self._loop.time())

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        if self._seconds is not None:
            self._looking = self._loop.call_later(self._seconds, self._look, self._seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _look(self, seconds: float) -> None:
        left = LOOK_SECONDS if self._is_busy else self._heard_at + seconds - self._loop.time()
        if left > 0:
            self._looking = self._loop.call_later(left, self._look, seconds)
        else:
            self.end()
