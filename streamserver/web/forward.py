"""What a worker cannot answer itself goes to the first process, both ways as it comes (RFC 9110 §7.6)."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    UnixConnector,
    hdrs,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from streamserver.errors import Unavailable
from streamserver.web.errors import problem

SOCKET_NAME = "first.sock"
CONNECT_SECONDS = 5.0
KEPT_OUT = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"),
        *("te", "trailer", "transfer-encoding", "upgrade", "expect"),
    }
)
"""What concerns one connection and not the message."""
AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""What a client of aiohttp's adds by itself."""

_log = logging.getLogger(__name__)


class Meeting:
    """The socket in a folder where workers find the first process.

    Its path leads through a descriptor of the folder, because it may have only 107 bytes (unix(7)).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = Path(f"/proc/self/fd/{self._folder}/{SOCKET_NAME}")

    def bind(self) -> socket.socket:
        """Return the socket, for this user alone; one that was left behind is replaced."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        self.path.chmod(0o600)  # nobody can connect before it listens
        return listener

    def close(self) -> None:
        """Make the path useless."""
        os.close(self._folder)


@asynccontextmanager
async def answering_workers(server: web.Server, folder: Path) -> AsyncIterator[None]:
    """Answer what workers pass on; no other process answers in this folder."""
    with closing(Meeting(folder)) as meeting, meeting.bind() as listener:
        unix_server = await asyncio.get_running_loop().create_unix_server(server, sock=listener)
        try:
            yield
        finally:
            unix_server.close()


class Forward:
    """A handler that has the first process answer."""

    def __init__(self, folder: Path) -> None:
        self._meeting = Meeting(folder)
        self._session = ClientSession(
            connector=UnixConnector(str(self._meeting.path), limit=0),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=AUTOMATIC,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._meeting.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a request on and its answer back; 503 where the first process gives none."""
        response: web.StreamResponse | None = None
        try:
            if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with self._session.request(
                request.method,
                URL(f"http://first{_target(request)}", encoded=True),
                headers=_end_to_end(request.headers),
                data=request.content if request.can_read_body else None,
                allow_redirects=False,
            ) as answer:
                response = web.StreamResponse(
                    status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
                )
                await _pass_back(request, answer, response)
                return response
        except (ClientError, OSError, TimeoutError, web.RequestPayloadError) as error:
            _log.warning("%s %s could not be passed on: %r", request.method, request.rel_url.raw_path, error)
        if response is None:
            return problem(request, Unavailable())
        response.force_close()
        if request.transport is not None:
            request.transport.abort()  # what was begun cannot be ended well
        return response


def _target(request: web.BaseRequest) -> str:
    """Return what the request line asks for; `OPTIONS *` and the like name no page, as `/` then."""
    target = request.rel_url.raw_path_qs
    return target if target.startswith("/") else "/"


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the fields that belong to the message, not to the connection it came by."""
    named = {name.strip().lower() for name in headers.get(hdrs.CONNECTION, "").split(",")}
    dropped = KEPT_OUT | named
    return CIMultiDict([(name, value) for name, value in headers.items() if name.lower() not in dropped])


async def _pass_back(request: web.BaseRequest, answer: ClientResponse, response: web.StreamResponse) -> None:
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
