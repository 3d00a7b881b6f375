"""The body of a request that brings a file or a part of it: by aiohttp, or, where it is large, from the socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import hdrs, web

from streamserver.ports import ReadInto
from streamserver.web.socket_body import SocketBody, take_over


class RequestBody:
    """What a request brings, and how it is answered then."""

    def __init__(self, request: web.Request, *, is_checked: bool = False) -> None:
        self._request = request
        self._is_checked = is_checked
        self._taken: SocketBody | None = None
        self._hangs_up = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """End the connection, if it was taken: aiohttp would wait for what it has not seen of the body."""
        try:
            yield
        finally:
            if self._taken is not None:
                self._taken.close()
            if self._taken is not None or self._hangs_up:
                self._request.protocol.force_close()

    def take_over(self) -> SocketBody | None:
        """Take what is left of it out of aiohttp's hands; None where that cannot be, or is not worth it."""
        self._taken = take_over(self._request)
        return self._taken

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what aiohttp reads: all of it, or what it had read before the rest was taken from it."""
        if self._request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = None if self._is_checked else self.take_over()
        if taken is not None:
            yield taken.first
            return
        while chunk := await self._request.content.readany():
            yield chunk

    async def rest(self) -> AsyncIterator[ReadInto]:
        """Yield what reads the rest in a thread, each time that there is more."""
        while self._taken is not None and await self._taken.more():
            yield self._taken.read_into

    async def answer(self, answer: web.StreamResponse, *, hangs_up: bool = False) -> web.StreamResponse:
        """Give an answer; a connection that was taken, or whose client has gone silent, ends with it."""
        self._hangs_up = hangs_up
        if self._taken is None and not hangs_up:
            return answer
        answer.force_close()
        await answer.prepare(self._request)
        await answer.write_eof()
        if self._taken is not None and not hangs_up:
            await self._taken.pass_over()
        return answer
