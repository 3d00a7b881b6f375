"""Requests byte by byte, for what no client library would send."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a form."""

    name: str
    """Its field."""
    content: bytes
    """Its value."""
    disposition: str = ""
    """What else its Content-Disposition says, such as `; filename="a.mp4"`."""
    headers: str = ""
    """Further header lines, each with its CRLF."""

    def encoded(self) -> bytes:
        """Return it as it goes over the wire, with the delimiter before it."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{self.name}"{self.disposition}\r\n'
        return f"{head}{self.headers}\r\n".encode() + self.content + b"\r\n"


def file_part(content: bytes, *, name: str = "clip.mp4") -> Part:
    """Return a file as a browser sends it."""
    return Part(name="file", content=content, disposition=f'; filename="{name}"')


def form_body(*parts: Part, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """Return a form of `FORM`."""
    return b"".join(part.encoded() for part in parts) + end


def request_bytes(
    target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a request; Content-Length is added unless it is given."""
    fields = {"Host": "localhost", **(headers or {})}
    if method != "GET" and not {"Content-Length", "Transfer-Encoding"} & fields.keys():
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer."""

    status: int
    """Of the response; 0 where the server closed the connection without one."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    """As long as Content-Length says."""


NOTHING = Heard(status=0, headers={}, body=b"")


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server on this machine; on leaving, the connection is cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def exchange(port: int, sent: bytes) -> Heard:
    """Send bytes over a connection of their own and return the answer to them."""
    async with connection(port) as (reader, writer):
        writer.write(sent)
        return await hear(reader, has_body=not sent.startswith(b"HEAD "))


async def hear(reader: asyncio.StreamReader, *, has_body: bool = True) -> Heard:
    """Read one response."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return NOTHING
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    has_body = has_body and "content-length" in headers
    body = await reader.readexactly(int(headers["content-length"])) if has_body else b""
    return Heard(status=int(head[0].split(" ")[1]), headers=headers, body=body)
