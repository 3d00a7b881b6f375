"""Doing one thing while others are done."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def beside(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Do one thing while others are done; ends when all are.

    When the one thing fails the others are stopped, but it goes on when one of them does. Who wants none of it any
    more waits for the slowest to stop, and not for one after the other.
    """
    tasks = [asyncio.create_task(thing) for thing in (main, *others)]
    try:
        for task in tasks:
            await asyncio.wait({task})
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
