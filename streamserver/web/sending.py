"""An `Answer` is written to the client, its regions by `os.sendfile` on the connection's own socket.

The socket belongs to the transport. Writing to it behind the transport's back keeps the bytes in order only while
the transport has nothing left to write itself, and hits the right client only while the connection is open: a
descriptor's number is given to the next connection as soon as this one is closed. Both are looked at anew before
every call of `sendfile`, with no `await` in between.

Where the kernel takes no more, a few bytes are written through the transport, which waits for the socket in its
own way; with a high-water mark of 0 it reports when they are gone. So it needs no second descriptor and works on
asyncio and uvloop alike.

Large bodies take turns, and the loop goes round after each megabyte of theirs: whoever asks for little has that
much to wait for, however many are served with a lot.

`sendfile` waits for the disk where a file is not in memory, and the whole loop with it. So each step is asked for
first, and read by a thread if need be.

No private field of aiohttp is used. What keeps a connection usable after this: the header is written by
`StreamResponse.prepare`, which decides on keep-alive, and the body is exactly as long as its Content-Length.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from streamserver.domain.answers import Answer
from streamserver.domain.multipart import Body
from streamserver.domain.ranges import ResourceRegion
from streamserver.ports import Blobs
from streamserver.web.page_cache import is_cached, load
from streamserver.web.sockets import UNSENT_BYTES, has_sendfile, limit_unsent

__all__ = ["UNSENT_BYTES", "Begun", "TruncatedResourceError", "Turns", "finish", "send"]

SMALL_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its header."""
STEP_BYTES = 1024 * 1024
"""The most that one call of `sendfile` moves, and the most that large bodies send while others wait."""
WAIT_BYTES = 4 * 1024
"""What the transport is given to wait with; it is the memory that a slow client costs."""
COPY_BYTES = 64 * 1024
"""The size of ordinary writes where `sendfile` cannot be used."""

OTHERS_SHARE = 3
"""So many times as long as large bodies had the loop, others may have it."""
QUIET_SECONDS = 0.0001
"""A loop that goes round in less than this has nothing else to do."""

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
    rest: ResourceRegion | None
    """What is still to be sent; None where that is nothing."""
    blob_key: str | None
    """The resource that the rest lies in."""


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


class Turns:
    """How large bodies share a loop: it goes round after each megabyte, and is theirs a quarter of the time.

    For that others have to be busy; where nobody else is, they go on at once.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._bytes = 0
        self._seconds = 0.0

    async def take(self, step: Callable[[int], int]) -> int:
        """Wait in line, send something, told how much at most, and let others have the loop; return the count."""
        async with self._lock:
            begun_at = time.monotonic()
            sent = step(STEP_BYTES - self._bytes)
            now = time.monotonic()
            self._bytes += sent
            self._seconds += now - begun_at
            if self._bytes >= STEP_BYTES:
                await self._give_way(now)
        return sent

    async def _give_way(self, now: float) -> None:
        until = now + OTHERS_SHARE * self._seconds
        self._bytes, self._seconds = 0, 0.0
        is_busy = True
        while is_busy and now < until:
            await asyncio.sleep(0)
            before, now = now, time.monotonic()
            is_busy = now - before > QUIET_SECONDS


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
                await _LargeBody(request, lease.fd, turns).send((begun.rest,))
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

    def __init__(self, request: web.BaseRequest, resource: int, turns: Turns) -> None:
        self._request = request
        self._turns = turns
        self._resource = resource
        self._has_sendfile = has_sendfile(self._transport())

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
        position = region.position
        while position < region.end:
            step = ResourceRegion(position=position, count=min(region.end - position, STEP_BYTES))
            if not is_cached(self._resource, step):
                await load(self._resource, step)
            sent = await self._turns.take(partial(self._step, step))
            if not sent:
                await self._drain()
            position += sent

    def _step(self, step: ResourceRegion, most: int) -> int:
        """Send as much as the kernel takes at once; 0 where the transport has to be waited for."""
        transport = self._transport()
        if transport.get_write_buffer_size():
            return 0
        client = transport.get_extra_info("socket").fileno()
        try:
            sent = os.sendfile(client, self._resource, step.position, min(step.count, most))
        except BlockingIOError:
            piece = _read(self._resource, step.position, min(step.count, WAIT_BYTES))
            transport.write(piece)
            sent = len(piece)
        if sent == 0:
            raise TruncatedResourceError(f"it ends at byte {step.position}, {step} was promised")
        self._request.writer.output_size += sent  # for the access log
        return sent

    async def _copy(self, region: ResourceRegion) -> None:
        for position in range(region.position, region.end, COPY_BYTES):
            piece = ResourceRegion(position=position, count=min(region.end - position, COPY_BYTES))
            content = await _piece(piece, self._resource)
            await self._turns.take(partial(self._write, content))
            await self._request.writer.drain()

    def _write(self, content: bytes, _most: int) -> int:
        self._transport().write(content)
        self._request.writer.output_size += len(content)
        return len(content)

    async def _drain(self) -> None:
        """Wait until the transport has written what it holds, and let the loop run in any case."""
        await self._request.writer.drain()
        await asyncio.sleep(0)


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
