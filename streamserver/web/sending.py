"""An `Answer` is written to the client, its regions by `os.sendfile` on the connection's own socket.

The socket belongs to the transport. Writing to it behind the transport's back keeps the bytes in order only while
the transport has nothing left to write itself, and hits the right client only while the connection is open: a
descriptor's number is given to the next connection as soon as this one is closed. Both are looked at anew before
every call of `sendfile`, with no `await` in between.

Where the kernel takes no more, a few bytes are written through the transport, which waits for the socket in its
own way; with a high-water mark of 0 it reports when they are gone. So it needs no second descriptor and works on
asyncio and uvloop alike.

Large bodies take turns (`turns`): whoever asks for little need not wait for all who are served with a lot.

`sendfile` waits for the disk where a file is not in memory, and the whole loop with it. So each step is asked for
first, and read by a thread if need be.

No private field of aiohttp is used. What keeps a connection usable after this: the header is written by
`StreamResponse.prepare`, which decides on keep-alive, and the body is exactly as long as its Content-Length.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from streamserver.domain.answers import Answer
from streamserver.domain.multipart import Body
from streamserver.domain.ranges import ResourceRegion
from streamserver.ports import Blobs
from streamserver.web.page_cache import WarmPieces, is_cached, load
from streamserver.web.sockets import UNSENT_BYTES, has_sendfile, limit_unsent
from streamserver.web.turns import Turn, Turns

__all__ = ["UNSENT_BYTES", "Begun", "TruncatedResourceError", "finish", "send", "send_some"]

SMALL_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its header."""
WAIT_BYTES = 4 * 1024
"""What the transport is given to wait with; it is the memory that a slow client costs."""
COPY_BYTES = 64 * 1024
"""The size of ordinary writes where `sendfile` cannot be used."""

LOAD_BYTES = 1024 * 1024
"""What is read from the disk at a time; more would leave less of the processor to whoever needs no disk."""

_NO_RESOURCE = -1
"""A descriptor that fails every read."""

_log = logging.getLogger(__name__)


class TruncatedResourceError(Exception):
    """A resource ends before the end of a region that was promised of it."""


class Begun(NamedTuple):
    """An answer whose header is with the kernel or the transport already."""

    status: int
    """HTTP status code."""
    sent: int
    """Bytes so far, with the header."""
    rest: ResourceRegion | None = None
    """What is still to be sent; None where that is nothing."""
    blob_key: str | None = None
    """The resource that the rest lies in."""
    warm: WarmPieces | None = None
    """What is known of where that one lies."""


class _BegunResponse(web.StreamResponse):
    """What a handler returns for an answer that aiohttp has nothing to add to."""

    _is_cut_short = False

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow."""
        return not self._is_cut_short

    def force_close(self) -> None:
        """Let nothing follow on this connection."""
        self._is_cut_short = True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no header."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no end: the header told the length."""


async def send(request: web.BaseRequest, answer: Answer, fd: int | None, turns: Turns) -> web.StreamResponse:
    """Write an answer to the client and return its response, for the handler to return.

    `fd` is the resource that the regions lie in, open for reading until this returns; None where there are no
    regions. `turns` are shared by all that is sent on a loop. A large body is with the kernel when this returns, a
    small one leaves when the handler returns. A client that goes away is no error, and a truncated resource is
    logged as one; either way the connection is aborted and nothing is raised.
    """
    resource = _NO_RESOURCE if fd is None else fd
    headers = CIMultiDict(answer.headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    with _failure_ends_connection(request, response):
        if answer.body_length <= SMALL_BYTES:
            content = b"".join([await _piece(piece, resource) for piece in answer.body])
            return web.Response(status=answer.status, headers=headers, body=content or None)
        body = _LargeBody(request, resource, turns)
        body.prepare()
        await response.prepare(request)
        await body.send(answer.body)
    return response


async def finish(request: web.BaseRequest, begun: Begun, blobs: Blobs, turns: Turns) -> web.StreamResponse:
    """Write the rest of an answer; otherwise as `send`; before anything is raised, the connection is aborted."""
    response = _BegunResponse(status=begun.status)
    request.writer.output_size = begun.sent
    with _failure_ends_connection(request, response):
        if begun.rest is not None and begun.blob_key is not None:
            with blobs.lease(begun.blob_key) as lease:
                await _LargeBody(request, lease.fd, turns, begun.warm).send((begun.rest,))
    return response


@contextmanager
def _failure_ends_connection(request: web.BaseRequest, response: web.StreamResponse) -> Iterator[None]:
    try:
        yield
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


def _abort(request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.force_close()
    if request.transport is not None:
        request.transport.abort()


class _LargeBody:
    """The sending of one body that is too large for one write."""

    def __init__(
        self, request: web.BaseRequest, resource: int, turns: Turns, warm: WarmPieces | None = None
    ) -> None:
        self._request = request
        self._turns = turns
        self._resource = resource
        self._warm = warm or WarmPieces()
        self._has_sendfile = has_sendfile(self._transport())
        self._position = self._end = 0

    def prepare(self) -> None:
        """Make the connection report when the transport holds nothing; before the header is written."""
        if self._has_sendfile:
            transport = self._transport()
            transport.set_write_buffer_limits(high=0)
            limit_unsent(transport.get_extra_info("socket"))

    async def send(self, body: Body) -> None:
        """Write everything; return when the kernel has all of it, or the transport its last bytes."""
        for piece in body:
            if isinstance(piece, bytes):
                await self._request.writer.write(piece)
            elif self._has_sendfile:
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
        self._position, self._end = region.position, region.end
        while self._position < self._end:
            before = self._position
            await self._turns.take(self._step)
            if self._transport().get_write_buffer_size():
                await self._drain()
            elif self._position == before:
                next_region = ResourceRegion(position=before, count=self._count(LOAD_BYTES))
                await load(self._resource, next_region)

    def _step(self, most: int) -> Turn:
        """Send as much as the kernel takes at once of what lies in memory."""
        transport = self._transport()
        count = self._count(most)
        if not self._is_warm(count):
            count = self._count(min(most, LOAD_BYTES))
        if transport.get_write_buffer_size() or not self._is_warm(count):
            return Turn(0, may_go_on=False)
        client = transport.get_extra_info("socket").fileno()
        sent, is_full = send_some(transport, client, self._resource, self._position, count)
        self._position += sent
        self._request.writer.output_size += sent  # for the access log
        return Turn(sent, may_go_on=not is_full and self._position < self._end)

    def _count(self, most: int) -> int:
        """Return how many bytes come next."""
        return min(self._end - self._position, most)

    def _is_warm(self, count: int) -> bool:
        return not count or self._warm.have(self._resource, self._position, count)

    async def _copy(self, region: ResourceRegion) -> None:
        for position in range(region.position, region.end, COPY_BYTES):
            piece = ResourceRegion(position=position, count=min(region.end - position, COPY_BYTES))
            content = await _piece(piece, self._resource)
            await self._turns.take(partial(self._write, content))
            await self._request.writer.drain()

    def _write(self, content: bytes, _most: int) -> Turn:
        self._transport().write(content)
        self._request.writer.output_size += len(content)
        return Turn(len(content), may_go_on=False)

    async def _drain(self) -> None:
        """Wait until the transport has written what it holds, and let the loop run in any case."""
        await self._request.writer.drain()
        await asyncio.sleep(0)


def send_some(
    transport: asyncio.Transport, client: int, resource: int, position: int, count: int
) -> tuple[int, bool]:
    """Send what the kernel takes at once of a resource; return how much, and whether the transport got some of it.

    That happens where the kernel took less than all: the transport says when there is room again. It must hold
    nothing before.
    """
    try:
        sent = os.sendfile(client, resource, position, count)
    except BlockingIOError:
        sent = 0
    if sent == count:
        return sent, False
    try:
        piece = _read(resource, position + sent, min(count - sent, WAIT_BYTES))
    except TruncatedResourceError:
        if sent:
            return sent, False  # so much is gone; it is raised the next time
        raise
    transport.write(piece)
    return sent + len(piece), True


async def _piece(piece: bytes | ResourceRegion, resource: int) -> bytes:
    if isinstance(piece, bytes):
        return piece
    if not is_cached(resource, piece):
        await load(resource, piece)
    return _read(resource, piece.position, piece.count)


def _read(resource: int, position: int, count: int) -> bytes:
    content = os.pread(resource, count, position)
    if len(content) < count:
        raise TruncatedResourceError(
            f"it ends at byte {position + len(content)}, {count} from {position} on were promised"
        )
    return content
