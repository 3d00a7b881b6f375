"""Several uploads at the same time: whole ones, and such as run for as long as something else is measured."""

import http.client
import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.product import PATIENCE_SECONDS, ask
from benchmarks.servers import BenchError, Server
from benchmarks.uploads.sending import VERSION, Sent, begin_piece, create
from benchmarks.uploads.ways import Way

UPLOADS = 8
STEP_BYTES = 256 * 1024
ANSWER_BYTES = 2048
ENDLESS_BYTES = 2**34
"""More than anyone sends here, and less than a server takes in."""


def send_all(way: Way, server: Server, source: Path) -> Sequence[Sent]:
    """Bring a file in so many times at once; return when the last is acknowledged."""
    with ThreadPoolExecutor(UPLOADS) as threads:
        return list(threads.map(lambda _: way.send(server, source), range(UPLOADS)))


class Flood:
    """Uploads by tus that are never whole."""

    def __init__(self, server: Server, path: str, source: Path, *, bytes_per_second: float) -> None:
        self._source = source
        self._bytes_per_second = bytes_per_second / UPLOADS
        self._connections = [
            http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS) for _ in range(UPLOADS)
        ]
        self.locations = [create(connection, path, size_bytes=None) for connection in self._connections]
        """Where they are."""
        self._sent_bytes = [0] * UPLOADS

    @property
    def sent_bytes(self) -> int:
        """How much the server has let come, or has on its way in."""
        return sum(self._sent_bytes)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for as long as the context lasts. Raises `BenchError` if the server has ended any of it."""
        with ExitStack() as stack:
            for connection in self._connections:
                stack.callback(connection.close)
            threads = stack.enter_context(ThreadPoolExecutor(UPLOADS))
            stack.callback(self._cut)
            sending = [threads.submit(self._send, number) for number in range(UPLOADS)]
            yield
            self._check()
        for each in sending:
            each.result()

    def _cut(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _check(self) -> None:
        """Raise where the server has ended any: it may go on reading what it refused, which is another burden."""
        ended, _, _ = select.select([connection.sock for connection in self._connections], [], [], 0)
        for sock in ended:
            raise BenchError(f"an upload was ended: {sock.recv(ANSWER_BYTES).decode(errors='replace')}")

    def _send(self, number: int) -> None:
        connection = self._connections[number]
        with suppress(BrokenPipeError, ConnectionResetError), self._source.open("rb") as file:
            begin_piece(connection, self.locations[number], ENDLESS_BYTES)
            connection.sock.settimeout(None)
            size_bytes, began = self._source.stat().st_size, time.monotonic()
            while True:
                due = began + self._sent_bytes[number] / self._bytes_per_second
                time.sleep(max(0.0, due - time.monotonic()))
                place = self._sent_bytes[number] % size_bytes
                self._sent_bytes[number] += os.sendfile(connection.sock.fileno(), file.fileno(), place, STEP_BYTES)


@contextmanager
def flooded(server: Server, path: str, source: Path, *, bytes_per_second: float) -> Iterator[Flood]:
    """Have uploads run meanwhile, at most so fast all together, and end them, with all that came of them."""
    flood = Flood(server, path, source, bytes_per_second=bytes_per_second)
    with flood.running():
        yield flood
    for location in flood.locations:
        ask(server, location, method="DELETE", headers=VERSION).accept()
