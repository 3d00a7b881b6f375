"""Whether the event loop goes on while something long is done."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MOST_IN_A_TURN = 0.3
"""Of the work of a flow that does what is long in a thread; otherwise nearly all of it is one turn."""


@asynccontextmanager
async def turns() -> AsyncIterator[Callable[[], float]]:
    """Tell which share of all the processor's work since now was done by the loop in one turn, 0 to 1.

    What somebody else does on the machine counts nowhere.
    """
    longest, began, turn_began = 0.0, time.process_time(), time.thread_time()

    async def watch() -> None:
        nonlocal longest, turn_began
        while True:
            turn_began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - turn_began)

    def share() -> float:
        return max(longest, time.thread_time() - turn_began) / (time.process_time() - began)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    try:
        yield share
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
