"""Doing one thing while another is done."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(other: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do it while something else is done; ends when both are, or when the other thing fails."""
    task = asyncio.create_task(other)
    try:
        yield
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
