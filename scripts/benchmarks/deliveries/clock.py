"""Time as viewers live it, which may pass faster than ours."""

import asyncio
from contextlib import suppress


class Clock:
    """Counts the viewers' seconds, `scale` of which pass in one of ours.

    Everything that viewers wait for by themselves is scaled: what plays, lines, round trips. The servers are not:
    what they take appears `scale` times as long. Counts and costs are not touched by that; latencies are, so they
    are measured at a scale of 1.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        """How many of the viewers' seconds pass in one of ours."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        """Return the seconds since the clock was started."""
        return (self._loop.time() - self._began) * self.scale

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        await asyncio.sleep(max(seconds, 0) / self.scale)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for an event, so long at most; say whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds / self.scale):
                await event.wait()
        return event.is_set()
