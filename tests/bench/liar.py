"""A server of a few lines that answers as it is told to, rightly or not."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

LENGTH = 100_000
"""Bytes that it claims its only resource has."""
RANGE = re.compile(rb"range: bytes=(\d+)-(\d*)", re.IGNORECASE)

Answer = Callable[[int, int], bytes]
"""From the first and last byte that are asked for to what is sent."""


class Closing(bytes):
    """An answer after which the connection is closed, without a word of it in advance."""

    __slots__ = ()


def partial(first: int, last: int, *, status: str = "206 Partial Content", **changes: str | None) -> bytes:
    """Return a right answer; `changes` replace headers, by name with underscores, or leave them out (None)."""
    count = last - first + 1
    headers = {"content_length": str(count), "content_range": f"bytes {first}-{last}/{LENGTH}", **changes}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + bytes(count)


class Liar(ThreadingTCPServer):
    """Serves on a free port; counts what it answered."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.answered = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Liar)
        try:
            while first_last := self._read_request():
                answer = self.server.answer(*first_last)
                with self.server.lock:
                    self.server.answered += 1
                self.wfile.write(answer)
                if isinstance(answer, Closing):
                    return
        except (ConnectionError, ValueError):
            return  # the generator has had enough

    def _read_request(self) -> tuple[int, int] | None:
        found = (0, LENGTH - 1)
        while line := self.rfile.readline():
            if line == b"\r\n":
                return found
            if matched := RANGE.match(line):
                found = (int(matched[1]), int(matched[2] or LENGTH - 1))
        return None


@contextmanager
def serving(answer: Answer) -> Iterator[Liar]:
    with Liar(answer) as liar:
        thread = threading.Thread(target=liar.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield liar
        finally:
            liar.shutdown()
            thread.join()
