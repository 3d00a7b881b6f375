"""Waiting for what sends no signal: another process, a file, a moment that passes."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


async def until(is_true: Callable[[], bool]) -> None:
    """Return as soon as something is true; `TimeoutError` where it does not become so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_true():  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(LOOK_SECONDS)
