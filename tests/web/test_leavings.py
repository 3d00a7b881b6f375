"""Bodies that nobody wants are kept from the loop, and their senders get to read why."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facts import missing
from tests.web.program import Program, serving_program
from tests.web.wire import request_bytes

LARGE_BYTES = 64 * 1024 * 1024
LITTLE_BYTES = 16 * 1024 * 1024
"""What the loop may see of it before it is known that nobody wants it."""
BLOCK = bytes(1024 * 1024)
PATIENCE_SECONDS = 60.0
CHUNK = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("data")
    with serving_program(folder, settings={"loop": "uvloop", "max_upload_bytes": str(LITTLE_BYTES)}) as program:
        yield program


def refused(port: int, head: bytes, *, is_chunked: bool = False) -> tuple[int, bytes]:
    """Send a large body to its end, then read; return the status and what else came until the server hung up."""
    start, end = (f"{len(BLOCK):x}\r\n".encode(), b"\r\n") if is_chunked else (b"", b"")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        for _ in range(LARGE_BYTES // len(BLOCK)):
            connection.sendall(start + BLOCK + end)
        if is_chunked:
            connection.sendall(b"0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer


def head(method: str, path: str, **fields: str) -> bytes:
    length = {} if "Transfer-Encoding" in fields else {"Content-Length": str(LARGE_BYTES)}
    return request_bytes(path, method=method, headers={**length, **fields})


def read_by_loop(program: Program) -> int:
    """Return how many bytes the thread of the loop has read so far, also from sockets (proc(5), `rchar`)."""
    if sys.platform != "linux":
        missing("what a thread reads is counted by Linux alone")
    pid = program.process.pid
    fields = Path(f"/proc/{pid}/task/{pid}/io").read_text().split()
    return int(fields[fields.index("rchar:") + 1])


@pytest.mark.parametrize(
    ("request_head", "status", "is_chunked"),
    [
        (head("PATCH", "/api/uploads/none", **CHUNK), 404, False),
        (head("POST", "/api/uploads", **CHUNK, **{"Upload-Length": str(LARGE_BYTES)}), 413, False),
        (head("POST", "/api/videos", **{"Content-Type": "multipart/form-data; boundary=x"}), 413, False),
        (head("PUT", "/api/uploads/presigned/none/1"), 404, False),
        (head("POST", "/nowhere"), 404, False),
        (head("POST", "/nowhere", **{"Transfer-Encoding": "chunked"}), 404, True),
        (head("GET", "/healthz"), 200, False),
        (head("GET", "/media/none"), 404, False),
        (head("POST", "/media/none"), 405, False),
    ],
    ids=lambda value: value[:50].split(b" HTTP")[0].decode() if isinstance(value, bytes) else None,
)
def test_they_are_passed_over(program: Program, request_head: bytes, status: int, is_chunked: bool) -> None:
    """A sender who looks up only at the end finds a whole answer, and the loop has read next to nothing."""
    before = read_by_loop(program)
    found, answer = refused(program.port, request_head, is_chunked=is_chunked)
    assert found == status
    fields, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in fields
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in fields
    assert read_by_loop(program) - before < LITTLE_BYTES


def test_a_short_one_costs_no_connection(program: Program) -> None:
    """What is read in a moment is read, and the next request goes on."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request_bytes("/nowhere", method="POST", body=bytes(1000)))
        assert b" 404 " in connection.recv(65536)
        connection.sendall(request_bytes("/healthz", headers={"Connection": "close"}))
        rest = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " in rest
