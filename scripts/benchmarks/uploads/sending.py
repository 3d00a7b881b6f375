"""Clients that cost the machine next to nothing: the kernel sends the file, and they wait for the answer."""

import http.client
import json
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.product import PATIENCE_SECONDS, Response, response
from benchmarks.servers import BenchError, Server
from benchmarks.uploads.copier import ANSWER

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK_TYPE = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A file that a server has taken in."""

    seconds: float
    """From the first request to the last answer."""
    location: str
    """Where it lies by HTTP; empty where that cannot be asked."""


def send_copy(server: Server, source: Path) -> Sent:
    """Send a file to the plain copier."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as connection:
        with source.open("rb") as file:
            connection.sendfile(file)
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(len(ANSWER)) != ANSWER:
            raise BenchError(f"{server.name} gave no answer")
    return Sent(seconds=time.perf_counter() - began, location="")


def send_tus(server: Server, path: str, source: Path) -> Sent:
    """Upload a file by tus 1.0.0: a POST begins it, one PATCH brings all of it."""
    size_bytes = source.stat().st_size
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        location = create(connection, path, size_bytes=size_bytes)
        begin_piece(connection, location, size_bytes)
        _send_file(connection, source)
        answer = _answer(connection, 204)
    finally:
        connection.close()
    seconds = time.perf_counter() - began
    if answer.headers["upload-offset"] != str(size_bytes):
        raise BenchError(f"{server.name} kept {answer.headers['upload-offset']} of {size_bytes} bytes")
    return Sent(seconds=seconds, location=location)


def send_form(server: Server, path: str, source: Path) -> Sent:
    """Upload a file as a browser's form does (RFC 7578)."""
    boundary = secrets.token_hex(16)
    disposition = f'form-data; name="file"; filename="{source.name}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + source.stat().st_size + len(end)),
    }
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        _begin(connection, "POST", path, headers)
        connection.send(head)
        _send_file(connection, source)
        connection.send(end)
        answer = _answer(connection, 201)
    finally:
        connection.close()
    seconds = time.perf_counter() - began
    return Sent(seconds=seconds, location=f"/api/jobs/{json.loads(answer.body)['job']['id']}")


def create(connection: http.client.HTTPConnection, path: str, *, size_bytes: int | None) -> str:
    """Begin an upload by tus whose size is known or None; return where it is."""
    length = {"Upload-Defer-Length": "1"} if size_bytes is None else {"Upload-Length": str(size_bytes)}
    connection.request("POST", path, headers=VERSION | length)
    return _answer(connection, 201).headers["location"]


def begin_piece(connection: http.client.HTTPConnection, location: str, size_bytes: int) -> None:
    """Announce the first bytes of an upload by tus, which are to follow."""
    headers = {"Upload-Offset": "0", "Content-Type": CHUNK_TYPE, "Content-Length": str(size_bytes)}
    _begin(connection, "PATCH", location, VERSION | headers)


def _begin(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> None:
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()


def _send_file(connection: http.client.HTTPConnection, source: Path) -> None:
    sender: socket.socket = connection.sock
    with source.open("rb") as file:
        sender.sendfile(file)


def _answer(connection: http.client.HTTPConnection, wanted: int) -> Response:
    answer = response(connection)
    if answer.status != wanted:
        raise BenchError(f"the server answered {answer.status}: {answer.body[:500].decode(errors='replace')}")
    return answer
