"""The short way for large bodies: from the socket into a buffer that is used again and again.

aiohttp copies each few kilobytes of a body twice, and stops and starts the connection for most of them. Here the
connection's protocol is exchanged for one that is read into (`asyncio.BufferedProtocol`) once the header was
parsed and what had come with it was taken. aiohttp's parser is thereby left behind in the middle of a body, so the
connection ends with the response; bodies have to be large for that to pay.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import hdrs, web

LEAST_BYTES: Final = 32 * 1024 * 1024
"""Bodies from this size on are worth a connection of their own."""
BUFFER_BYTES: Final = 1024 * 1024
"""Of each of two: one is filled while the other is used."""
GATHERING_SECONDS: Final = 0.005
"""How long a buffer that is not full is filled on before it is used: each use costs the same, however large."""
SPENT: Final = "arrival.spent"

Chunks = AsyncIterator[bytes | memoryview]


def is_large(request: web.Request) -> bool:
    """Tell whether a body is large enough, and its length known."""
    length = request.content_length
    return length is not None and length >= LEAST_BYTES and hdrs.CONTENT_ENCODING not in request.headers


@asynccontextmanager
async def arriving(request: web.Request) -> AsyncIterator[Chunks]:
    """Give the body of a request in chunks, each of which is good until the next one is asked for.

    What is not asked for is read and dropped, so that whoever sends it gets to read the response. Where the
    connection breaks, `ConnectionError` is raised behind the last bytes that came.
    """
    transport = request.transport
    if transport is None or not is_large(request):
        yield _by_aiohttp(request)
        return
    arrival = Arrival(request, transport)
    request[SPENT] = True
    try:
        yield arrival.chunks()
    finally:
        arrival.leave()


async def end_spent(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Have a connection end whose parser was left behind."""
    if request.get(SPENT):
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


async def _by_aiohttp(request: web.Request) -> Chunks:
    while chunk := await request.content.readany():
        yield chunk


class Arrival(asyncio.BufferedProtocol):
    """A body that is coming, in place of the protocol of its connection."""

    def __init__(self, request: web.Request, transport: asyncio.Transport) -> None:
        self._handler = request.protocol
        self._content = request.content
        self._transport = transport
        self._spare, self._buffer = (memoryview(bytearray(BUFFER_BYTES)) for _ in range(2))
        self._filled = 0
        self._is_wanted = True
        self._lost: ConnectionError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._head = bytearray()
        while chunk := self._content.read_nowait():
            self._head += chunk
        # aiohttp's count, for the beginning of a form has been read already
        self._left = (request.content_length or 0) - self._content.total_raw_bytes
        transport.set_protocol(self)

    async def chunks(self) -> Chunks:
        """Give what comes, as much as there is each time."""
        if self._head:
            yield bytes(self._head)
        while await self._has_more():
            full, self._buffer, self._spare = self._buffer[: self._filled], self._spare, self._buffer
            self._filled = 0
            if self._left:
                self._go_on()
            yield full

    def leave(self) -> None:
        """Drop what is still to come."""
        self._is_wanted = False
        self._filled = 0
        self._wake()
        self._end_when_all_came()
        self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer is as large as it is
        """See `asyncio.BufferedProtocol`; behind the body, too, there is room for what nobody wants."""
        return self._buffer[self._filled : self._filled + self._left] if self._left else self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if not self._left:
            return
        self._left -= nbytes
        if not self._is_wanted:
            self._end_when_all_came()
            return
        self._filled += nbytes
        if self._filled == BUFFER_BYTES or not self._left:
            self._transport.pause_reading()
            self._wake()
        elif self._waiter is not None and self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHERING_SECONDS, self._wake)

    def eof_received(self) -> None:
        """Have the connection closed: the rest will not come."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and aiohttp."""
        self._lost = ConnectionResetError("The connection broke off.")
        self._handler.connection_lost(exc)
        if self._is_wanted:
            self._wake()
        else:
            self._end_when_all_came()

    def pause_writing(self) -> None:
        """Have aiohttp know that the response goes out slowly."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Have aiohttp go on with the response."""
        self._handler.resume_writing()

    async def _has_more(self) -> bool:
        """Wait until something came; False behind the last byte."""
        while not self._filled:
            if not self._left:
                return False
            if self._lost is not None:
                raise self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True

    def _go_on(self) -> None:
        """Have the connection read again, where it was stopped."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end_when_all_came(self) -> None:
        """Have aiohttp know that nothing of the body is to come, which it waits for behind the response."""
        if (not self._left or self._lost is not None) and not self._content.is_eof():
            self._content.feed_eof()
