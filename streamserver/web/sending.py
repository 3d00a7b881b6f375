"""An `Answer` is written to the client, its regions by `os.sendfile` on the connection's own socket.

The socket belongs to the transport. Writing to it behind the transport's back keeps the bytes in order only while
the transport has nothing left to write itself, and hits the right client only while the connection is open: a
descriptor's number is given to the next connection as soon as this one is closed. Both are looked at anew before
every call of `sendfile`, with no `await` in between.

Where the kernel takes no more, a few bytes are written through the transport, which waits for the socket in its
own way; with a high-water mark of 0 it reports when they are gone. So it needs no second descriptor and works on
asyncio and uvloop alike.

No private field of aiohttp is used. What keeps a connection usable after this: the header is written by
`StreamResponse.prepare`, which decides on keep-alive, and the body is exactly as long as its Content-Length.
"""

import asyncio
import logging
import os
import socket

from aiohttp import web
from multidict import CIMultiDict

from streamserver.domain.answers import Answer
from streamserver.domain.multipart import Body
from streamserver.domain.ranges import ResourceRegion

SMALL_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its header."""
STEP_BYTES = 1024 * 1024
"""The most that one call of `sendfile` moves, and the most a connection sends before others get their turn."""
WAIT_BYTES = 4 * 1024
"""What the transport is given to wait with; it is the memory that a slow client costs."""
COPY_BYTES = 64 * 1024
"""The size of ordinary writes where `sendfile` cannot be used."""
UNSENT_BYTES = 512 * 1024
"""How far the kernel may run ahead of the network: enough for full speed, and bearable for 5,000 slow clients."""

_NO_RESOURCE = -1
"""A descriptor that fails every read."""

_log = logging.getLogger(__name__)


class TruncatedResourceError(Exception):
    """A resource ends before the end of a region that was promised of it."""


async def send(request: web.BaseRequest, answer: Answer, fd: int | None) -> web.StreamResponse:
    """Write an answer to the client and return its response, for the handler to return.

    `fd` is the resource that the regions lie in, open for reading until this returns; None where there are no
    regions. A large body is with the kernel when this returns, a small one leaves when the handler returns.
    A client that goes away is no error, and a truncated resource is logged as one; either way the connection is
    aborted and nothing is raised.
    """
    resource = _NO_RESOURCE if fd is None else fd
    headers = CIMultiDict(answer.headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    try:
        if answer.body_length <= SMALL_BYTES:
            content = b"".join(_piece(piece, resource) for piece in answer.body)
            return web.Response(status=answer.status, headers=headers, body=content or None)
        await _LargeBody(request, response, resource).send(answer.body)
    except (ConnectionError, TimeoutError):
        _abort(request, response)
        _log.debug("client left %s", request.rel_url.raw_path)
    except TruncatedResourceError as error:
        _abort(request, response)
        _log.error("cannot send %s in full: %s", request.rel_url.raw_path, error)
    except BaseException:
        # Nothing may follow a body that was cut short, on this connection.
        _abort(request, response)
        raise
    return response


def _abort(request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.force_close()
    if request.transport is not None:
        request.transport.abort()


class _LargeBody:
    """The sending of one body that is too large for one write."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse, resource: int) -> None:
        self._request = request
        self._response = response
        self._resource = resource
        self._sent_in_turn = 0

    async def send(self, body: Body) -> None:
        transport = self._transport()
        has_sendfile = _has_sendfile(transport)
        if has_sendfile:
            transport.set_write_buffer_limits(high=0)
            _limit_unsent(transport.get_extra_info("socket"))
        await self._response.prepare(self._request)
        for piece in body:
            if isinstance(piece, bytes):
                await self._response.write(piece)
            elif has_sendfile:
                await self._sendfile(piece)
            else:
                await self._copy(piece)

    def _transport(self) -> asyncio.Transport:
        """Return the open transport; ask again after every `await`."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        return transport

    async def _sendfile(self, region: ResourceRegion) -> None:
        position = region.position
        while position < region.end:
            transport = self._transport()
            if transport.get_write_buffer_size():
                await self._drain()
                continue
            client = transport.get_extra_info("socket").fileno()
            count = min(region.end - position, STEP_BYTES - self._sent_in_turn)
            try:
                sent = os.sendfile(client, self._resource, position, count)
            except BlockingIOError:
                sent = min(count, WAIT_BYTES)
                await self._copy(ResourceRegion(position=position, count=sent))
            else:
                if sent == 0:
                    raise TruncatedResourceError(f"it ends at byte {position}, {region} was promised")
                self._request.writer.output_size += sent  # for the access log
                await self._give_way(sent)
            position += sent

    async def _copy(self, region: ResourceRegion) -> None:
        for position in range(region.position, region.end, COPY_BYTES):
            piece = ResourceRegion(position=position, count=min(region.end - position, COPY_BYTES))
            await self._response.write(_read(self._resource, piece))
            await self._request.writer.drain()
            await self._give_way(piece.count)

    async def _drain(self) -> None:
        """Wait until the transport has written what it holds, and let the loop run in any case."""
        await self._request.writer.drain()
        await asyncio.sleep(0)

    async def _give_way(self, count: int) -> None:
        """Let other connections have a turn once this one has had its share."""
        self._sent_in_turn += count
        if self._sent_in_turn >= STEP_BYTES:
            self._sent_in_turn = 0
            await asyncio.sleep(0)


def _has_sendfile(transport: asyncio.Transport) -> bool:
    """Tell whether bytes may be given to the socket as they are: never where the transport encrypts."""
    return hasattr(os, "sendfile") and transport.get_extra_info("ssl_object") is None


def _limit_unsent(client: socket.socket) -> None:
    if client.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _piece(piece: bytes | ResourceRegion, resource: int) -> bytes:
    return piece if isinstance(piece, bytes) else _read(resource, piece)


def _read(resource: int, region: ResourceRegion) -> bytes:
    content = os.pread(resource, region.count, region.position)
    if len(content) < region.count:
        raise TruncatedResourceError(f"it ends at byte {region.position + len(content)}, {region} was promised")
    return content
