"""A clock that can be put forward."""

import asyncio
from collections.abc import Callable


class HastyLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be put forward, so that what waits for a moment comes without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped_seconds = 0.0

    def time(self) -> float:
        """Return the time by which timers go off."""
        return super().time() + self._skipped_seconds

    def skip(self, seconds: float) -> None:
        """Put the clock forward."""
        self._skipped_seconds += seconds


def skip(seconds: float) -> None:
    """Put the clock of the running loop forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HastyLoop)
    loop.skip(seconds)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop go round until something is so."""
    while not is_so():  # noqa: ASYNC110 - what is waited for belongs to the product, which announces it to nobody
        await asyncio.sleep(0)
