"""Threads that work on files, and give way to whoever serves viewers."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

NICENESS: Final = 10
"""A fast sender would have these threads busy all the time; the loop is for moments only, and gets them."""


class YieldingThreads(ThreadPoolExecutor):
    """At most so many threads, each of a lower priority than the process."""

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, thread_name_prefix=name, initializer=_give_way)

    async def run(self, work: Callable[P, R], *args: P.args, **_: P.kwargs) -> R:
        """Do work in a thread; it is over when this returns, also where the caller is cancelled."""
        running = asyncio.get_running_loop().run_in_executor(self, work, *args)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise


def processors() -> int:
    """Return how many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:  # noqa: RET505 - so mypy sees that one of them is for other systems
        return os.cpu_count() or 1


def _give_way() -> None:
    """Lower the priority of the calling thread, which Linux has for each of its own (setpriority(2))."""
    if sys.platform == "linux":
        with suppress(OSError):  # where even that is forbidden
            niceness = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(niceness + NICENESS, 19))
