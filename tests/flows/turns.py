"""Whether the event loop goes on while something long is done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MANY_TURNS = 2_000
"""A flow that only waits for its own threads takes some hundreds."""


@asynccontextmanager
async def turns() -> AsyncIterator[Callable[[], int]]:
    """Count the turns that the loop takes from now on."""
    taken = 0

    async def count() -> None:
        nonlocal taken
        while True:
            await asyncio.sleep(0)
            taken += 1

    counting = asyncio.ensure_future(count())
    try:
        yield lambda: taken
    finally:
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
