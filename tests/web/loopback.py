"""A server in a thread of its own, and a client that sees every byte of it."""

import asyncio
import logging
import os
import random
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import uvloop
from aiohttp import web

from streamserver.domain.answers import Answer, Delivery, Representation, answer
from streamserver.domain.conditions import RequestHeaders, parse_entity_tags, parse_http_date
from streamserver.web.sending import send
from streamserver.web.turns import Turns
from tests.facts.parts import read_partial

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
on_each_loop = pytest.mark.parametrize("loop", LOOPS)
TIMEOUT_SECONDS = 30
"""When a client gives a server up; no test waits for it unless something is broken."""


def chance_of(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 it has to be repeatable, not secret


def content_of(name: str, length: int) -> bytes:
    """Return bytes that no other name has."""
    return chance_of(name).randbytes(length)


def folder_handler(folder: Path, *, etag: str = '"a"', last_modified: str | None = None) -> Handler:
    """Serve the files of a folder.

    In the query, `delivery` chooses the delivery and `length` lies about how long the file is.
    """
    (tag,) = parse_entity_tags(etag)
    turns = Turns()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        fd = os.open(folder / request.path[1:], os.O_RDONLY)
        try:
            representation = Representation(
                length=int(request.query.get("length", os.fstat(fd).st_size)),
                content_type="video/mp4",
                etag=tag,
                last_modified=None if last_modified is None else parse_http_date(last_modified),
            )
            return await send(request, _answer(request, representation), fd, turns)
        finally:
            os.close(fd)

    return handle


def _answer(request: web.BaseRequest, representation: Representation) -> Answer:
    return answer(
        request.method,
        RequestHeaders.of(request.headers.items()),
        representation,
        boundary=os.urandom(16).hex(),
        delivery=Delivery[request.query.get("delivery", "RANGE")],
    )


class _Complaints(logging.Handler):
    """What is logged as a warning or anything worse."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.levelname} {self.format(record)}")


@contextmanager
def serving(
    handler: Handler,
    loop: str,
    *,
    tls: ssl.SSLContext | None = None,
    application: bool = False,
    complaints: list[str] | None = None,
) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 and give the port; behind an Application's router if asked.

    What is complained of in the log is added to `complaints`; without it, nothing may be.
    """
    heard: list[str] = [] if complaints is None else complaints
    listener = _Complaints(heard)
    logging.getLogger().addHandler(listener)
    try:
        with _thread(handler, loop, tls, application=application) as port:
            yield port
    finally:
        logging.getLogger().removeHandler(listener)
    assert complaints is not None or not heard, heard


@contextmanager
def _thread(handler: Handler, loop: str, tls: ssl.SSLContext | None, *, application: bool) -> Iterator[int]:
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        runner = _runner(handler, application=application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            stopped = asyncio.Event()
            running = asyncio.get_running_loop()
            started.set_result((runner.addresses[0][1], lambda: running.call_soon_threadsafe(stopped.set)))
            await stopped.wait()
        finally:
            await runner.cleanup()

    def run() -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as loop_runner:
            loop_runner.run(serve())

    thread = threading.Thread(target=run, name=f"server on {loop}", daemon=True)
    thread.start()
    port, stop = started.result(TIMEOUT_SECONDS)
    try:
        yield port
    finally:
        stop()
        thread.join(TIMEOUT_SECONDS)


def _runner(handler: Handler, *, application: bool) -> web.AppRunner | web.ServerRunner:
    if not application:
        return web.ServerRunner(web.Server(handler, access_log_format="%s %b"), shutdown_timeout=1)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    return web.AppRunner(app, access_log_format="%s %b", shutdown_timeout=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One response as it came over the wire."""

    status: int
    """Status code."""
    headers: Mapping[str, str]
    """Field values by lower-case name; none may come twice."""
    body: bytes
    """As many bytes as Content-Length promises, or fewer if the connection ended before."""


def assert_right(reply: Reply, content: bytes) -> None:
    """Check that a 200 or 206 holds what its header says it holds."""
    headers = reply.headers
    assert len(reply.body) == int(headers["content-length"])
    if reply.status == 200:
        assert reply.body == content
        return
    assert reply.status == 206
    for part in read_partial(headers["content-type"], headers.get("content-range"), reply.body):
        assert part.content == content[part.start : part.end]


class Connection:
    """A keep-alive connection, driven by hand."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def ask(self, path: str, fields: Mapping[str, str] | None = None, *, method: str = "GET") -> Reply:
        self.send(path, fields, method=method)
        return self.read(method=method)

    def send(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        version: str = "1.1",
        body: bytes = b"",
    ) -> None:
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def read(self, *, method: str = "GET") -> Reply:
        status, headers = self.read_header()
        has_body = method != "HEAD" and status != 304
        body = self._file.read(int(headers["content-length"])) if has_body else b""
        return Reply(status=status, headers=headers, body=body)

    def read_header(self) -> tuple[int, dict[str, str]]:
        status_line = self._file.readline().decode("latin-1")
        if not status_line:
            raise ConnectionResetError("no response came")
        headers: dict[str, str] = {}
        while (line := self._file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, line
            headers[name.lower()] = value
        return int(status_line.split(" ")[1]), headers

    def read_some(self, count: int) -> bytes:
        return self._file.read(count)

    def read_to_end(self) -> bytes:
        """Return all that comes before the connection ends, in whatever way."""
        received = b""
        try:
            while chunk := self._file.read1(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received

    def is_closed(self) -> bool:
        """Wait for the end of the connection; False if anything else comes."""
        return self.read_to_end() == b""

    def reset(self) -> None:
        """Leave at once and without a word, as a client does whose machine goes off."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()
