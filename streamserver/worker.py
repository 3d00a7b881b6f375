"""A further process of a server: it serves media, and has the first process answer everything else.

    python -m streamserver.worker

Standard input is a socket to the first process: it tells the settings and the addresses, hears when this process
is ready, and ends it by being closed.
"""

import asyncio
import pickle
import signal
import socket
import sys
from collections.abc import Sequence

from streamserver.cli import run, start_logging
from streamserver.serving import delivering, prepare_process
from streamserver.settings import Settings
from streamserver.web.listening import bind_again

READY = b"ready"

Address = tuple[int, str, int]
"""Family, name and port of a shared socket."""


def main() -> int:
    """Serve until the first process ends, or asks for it."""
    with socket.socket(fileno=sys.stdin.fileno()) as control:
        with control.makefile("rb") as order:
            settings, addresses = pickle.load(order)  # noqa: S301 - the process that started this one wrote it
        start_logging(settings)
        return run(settings, _serve(settings, addresses, control))


async def _serve(settings: Settings, addresses: Sequence[Address], control: socket.socket) -> int:
    prepare_process()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with delivering(settings, [bind_again(*address) for address in addresses]):
        control.setblocking(False)
        await loop.sock_sendall(control, READY)
        loop.add_reader(control, stopped.set)
        await stopped.wait()
        loop.remove_reader(control)
    return 0


if __name__ == "__main__":
    sys.exit(main())
