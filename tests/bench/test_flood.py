"""Uploads that are never whole, beside which something else is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from benchmarks.servers import BenchError, Server
from benchmarks.uploads.crowd import UPLOADS, flooded

SOURCE_BYTES = 1024 * 1024
PATIENCE_SECONDS = 60.0


class Uploads(ThreadingHTTPServer):
    """Takes uploads in, or refuses them and reads on all the same."""

    daemon_threads = True
    request_queue_size = UPLOADS

    def __init__(self, *, refuses: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refuses = refuses
        self.deleted: list[str] = []
        self.is_read = Event()


class _Handler(BaseHTTPRequestHandler):
    server: Uploads
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Begin an upload."""
        self._answer(201, Location=f"/uploads/{self.client_address[1]}")

    def do_PATCH(self) -> None:
        """Read until nothing comes any more."""
        if self.server.refuses:
            self._answer(413)
        while self.rfile.read(65536):
            self.server.is_read.set()

    def do_DELETE(self) -> None:
        """Forget an upload."""
        self.server.deleted.append(self.path)
        self._answer(204)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, **fields: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **fields}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def uploads(*, refuses: bool) -> Iterator[Uploads]:
    with Uploads(refuses=refuses) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    path.write_bytes(bytes(SOURCE_BYTES))
    return path


def measured(server: Uploads, source: Path) -> int:
    """Have uploads run until they are read, and return how much was sent."""
    asked = Server(name="uploads", port=server.server_address[1], group=0)
    with flooded(asked, "/api/uploads", source, bytes_per_second=1e9) as flood:
        assert server.is_read.wait(PATIENCE_SECONDS)
        return flood.sent_bytes


def test_they_run_meanwhile_and_leave_nothing(source: Path) -> None:
    """All of them are begun, send, and are deleted."""
    with uploads(refuses=False) as server:
        assert measured(server, source) > 0
        assert len(set(server.deleted)) == UPLOADS


def test_what_is_refused_is_no_measurement(source: Path) -> None:
    """A server that reads on what it does not take in is found out."""
    with uploads(refuses=True) as server, pytest.raises(BenchError, match="413"):
        measured(server, source)
