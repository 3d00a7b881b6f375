"""A web site of the tests' own, which says whatever it is told to, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

TLS_HANDSHAKE = b"\x16"
"""How a client begins that wants TLS (RFC 8446 §5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    """In capitals."""
    target: str
    """Path and query as they were sent."""
    headers: Mapping[str, str]
    """By lower-case name."""

    @property
    def position(self) -> int:
        """Where the part begins that is asked for."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


Say = Callable[[bytes], Awaitable[None]]
"""Sends bytes and waits until the system took them; `ConnectionError` where the client has gone."""
Page = Callable[[Request, Say], Awaitable[None]]
"""Says an answer, head and all; the connection ends with it."""


@dataclass(slots=True, kw_only=True)
class Site:
    """A site that runs."""

    port: int
    """Where it listens."""
    connections: int = 0
    """How many there have been."""
    requests: list[Request] = field(default_factory=list)
    """What it was asked, in order."""

    def url(self, path: str = "/film.mp4", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """Return a link to it."""
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def running_site(
    page: Page, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Site]:
    """Let a site run; what it still says in the end is cut off."""
    site = Site(port=0)
    speaking: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        speaking.add(task)

        async def say(words: bytes) -> None:
            writer.write(words)
            await writer.drain()

        site.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE:  # to which a site without TLS answers as to any nonsense
                await say(answer(400))
            else:
                request = _request((first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                site.requests.append(request)
                await page(request, say)
        with suppress(OSError, asyncio.CancelledError):
            writer.close()
            await writer.wait_closed()
        speaking.discard(task)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in tuple(speaking):
            task.cancel()
        await asyncio.gather(*speaking, return_exceptions=True)
        await server.wait_closed()


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return an answer as it is sent, with the length of its body unless the headers tell another."""
    fields = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    lines = [f"HTTP/1.1 {status} As It Is", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def saying(words: bytes) -> Page:
    """Return a page that always says the same."""

    async def page(_request: Request, say: Say) -> None:
        await say(words)

    return page


def part(request: Request, content: bytes, etag: str = '"one"') -> bytes:
    """Return what a well-behaved site answers: the file, or the part of it that was asked for."""
    position = request.position
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "video/mp4"}
    if not position or request.headers.get("if-range") != etag:
        return answer(200, headers, content)
    if position >= len(content):
        return answer(416, {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {position}-{len(content) - 1}/{len(content)}"
    return answer(206, headers, content[position:])


def _request(text: str) -> Request:
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    return Request(
        method=method,
        target=target,
        headers={name.strip().lower(): value.strip() for name, _, value in pairs},
    )
