"""The first process looks after the others: starts them, starts them again, ends them."""

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from streamserver.encoder.process import LAUNCHER
from streamserver.settings import Settings

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "streamserver.worker")
NICENESS = 0
"""Workers are as urgent as the first process."""
READY_SECONDS = 30.0
"""How long the start waits for a worker; a slower one joins later."""
RESTART_SECONDS = 1.0
"""The pause before a worker that ended is replaced."""
STOP_SECONDS = 15.0
"""How long a worker may finish what it is sending when the server stops."""


@asynccontextmanager
async def workers(settings: Settings, listeners: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Have all processes but the first one serve what comes in on shared sockets."""
    addresses = [(listener.family.value, *listener.getsockname()[:2]) for listener in listeners]
    order = pickle.dumps((settings, addresses))
    ready = [asyncio.Event() for _ in range(settings.workers - 1)]
    keepers = [asyncio.create_task(_keep(order, event)) for event in ready]
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.gather(*(event.wait() for event in ready))
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)


async def _keep(order: bytes, ready: asyncio.Event) -> None:
    """Have one worker running, for ever."""
    while True:
        async with _running(order) as (process, control):
            if await asyncio.get_running_loop().sock_recv(control, 16):
                ready.set()
            code = await process.wait()
        log.error("worker %d ended with %d; another one takes its place", process.pid, code)
        await asyncio.sleep(RESTART_SECONDS)


@asynccontextmanager
async def _running(order: bytes) -> AsyncIterator[tuple[asyncio.subprocess.Process, socket.socket]]:
    """Start a worker and tell it what to do; on leaving, it is ended and reaped."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(NICENESS))
        # A group of its own: the interrupt key is for the first process, which ends the others in good order.
        process = await asyncio.create_subprocess_exec(
            *launcher, "--", *COMMAND, stdin=theirs.fileno(), start_new_session=True
        )
        try:
            theirs.close()
            ours.setblocking(False)
            with suppress(ConnectionError):  # it ended at once; whoever waits for it finds out
                await asyncio.get_running_loop().sock_sendall(ours, order)
            yield process, ours
        finally:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
