"""The short way for hot media: from aiohttp's parser straight to the socket, in one call and without a task.

How it fits in. aiohttp's `RequestHandler.data_received` parses, queues the messages and wakes the task of its
connection, `start()`. Here that task sleeps on while the message is looked at. A plain GET for a hot deliverable
is answered at once; everything else is left in the queue, untouched, and the task is woken to do what it always
does. An answer that the kernel does not take at once is begun here and finished by the task (`sending.finish`).

When it is used: the task waits for a request, exactly one came, it has no body and wants the connection kept, it
is HTTP/1.1, and the transport, which is not TLS, holds no bytes of its own. Then nobody else writes.

The private fields of aiohttp that this depends on, named by a test: `_waiter`, `_messages`, `_parser`,
`_next_keepalive_close_time`, `_keepalive_timeout`.
"""

import asyncio
import contextlib
import os
import time
from typing import Any, cast

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDictProxy

from streamserver.domain.ranges import ResourceRegion
from streamserver.web.access_log import AccessLog, RequestLog
from streamserver.web.hot import HotDeliverable, HotSet, Reply
from streamserver.web.page_cache import NOWAIT
from streamserver.web.sending import SMALL_BYTES, STEP_BYTES, Begun
from streamserver.web.sockets import send_more
from streamserver.web.timestamps import Timestamps

CORKED_BYTES = 512 * 1024
"""Up to here the header waits for the body, so that both leave in one packet; past it, it makes no difference."""

_timestamps = Timestamps()
_view = memoryview(bytearray(SMALL_BYTES))
"""Where small bodies pass through; nothing of it is needed once the call that filled it returns."""


class FastHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_begun", "_client", "_hot", "_log", "_remote")

    def __init__(self, manager: web.Server, hot: HotSet | None, log: AccessLog | None) -> None:
        """Without `hot`, which TLS cannot have, aiohttp's task does everything."""
        loop = asyncio.get_running_loop()
        # aiohttp hands what it takes for a logger to the class that writes to it, and does nothing else with it.
        super().__init__(manager, loop=loop, access_log=cast(Any, log), access_log_class=RequestLog)
        self._hot = hot
        self._log = log
        self._client = -1
        self._remote: str | None = None
        self._begun: Begun | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note whose connection this is; its number is good until `connection_lost`."""
        super().connection_made(transport)
        if self._hot is not None:
            cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        self._client = transport.get_extra_info("socket").fileno()
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if peer else None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the number before the system gives it to another connection."""
        self._client = -1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let aiohttp parse; answer what can be answered at once, and wake aiohttp's task for the rest."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self._hot is None:
            super().data_received(data)
            return
        self._waiter = None  # so that nobody is woken yet
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if len(self._messages) == 1 and self._parser is not None and self._answer(*self._messages[0]):
            self._messages.clear()
            self._parser.message_consumed()
        elif self._messages:
            waiter.set_result(None)

    def take_begun(self) -> Begun | None:
        """Return the answer that the request at hand has got the beginning of, if it has."""
        begun, self._begun = self._begun, None
        return begun

    def begin(self, target: str, headers: CIMultiDictProxy[str]) -> Begun | None:
        """Write as much of the answer to a GET as the kernel takes; None where nothing was, and nothing can be.

        Only for whoever has the connection to itself.
        """
        hot = None if self._hot is None else self._hot.get(target)
        transport = self.transport
        if hot is None or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        reply = hot.reply(headers)
        if reply is None:
            return None
        _timestamps.refresh()
        header = reply.header + _timestamps.end_of_header
        try:
            if hot.content is not None or not reply.size:
                content = (hot.content or b"")[reply.position : reply.position + reply.size]
                transport.write(header + content)
                return Begun(reply.status, len(header) + len(content), None, None)
            return self._begin_file(transport, hot, reply, header)
        except BlockingIOError:
            return None
        except OSError:
            transport.abort()  # the client has gone
            return Begun(reply.status, 0, None, None)

    def _answer(self, message: object, payload: StreamReader) -> bool:
        """Answer a request in full and return True; False leaves it, or the rest of the answer, to the task."""
        if (
            not isinstance(message, RawRequestMessage)
            or payload is not EMPTY_PAYLOAD
            or message.method != "GET"
            or message.should_close
            or message.upgrade
            or message.version != HttpVersion11
        ):
            return False
        started = time.monotonic()
        headers = message.headers
        begun = self.begin(message.path, headers)
        if begun is None or begun.rest is not None:
            self._begun = begun
            return False
        self._next_keepalive_close_time = started + self._keepalive_timeout
        if self._log is not None:
            asked, agent = headers.get(hdrs.RANGE), headers.get(hdrs.USER_AGENT)
            seconds = time.monotonic() - started
            self._log.add((self._remote, "GET", message.path, asked, begun.status, begun.sent, seconds, agent))
        return True

    def _begin_file(
        self, transport: asyncio.Transport, hot: HotDeliverable, reply: Reply, header: bytes
    ) -> Begun | None:
        assert hot.lease is not None  # noqa: S101 - what has no content lies in a blob
        fd, position, size = hot.lease.fd, reply.position, reply.size
        if size <= SMALL_BYTES:
            body = _view[:size]
            if os.preadv(fd, [body], position, NOWAIT) < size:
                return None
            sent = os.writev(self._client, [header, body])
        else:
            step = min(size, STEP_BYTES)
            if not hot.warm.have(fd, position, step):
                return None
            sent = send_more(self._client, header) if size <= CORKED_BYTES else os.write(self._client, header)
            if sent == len(header):
                with contextlib.suppress(BlockingIOError):
                    sent += os.sendfile(self._client, fd, position, step)
        if sent == len(header) + size:
            return Begun(reply.status, sent, None, None)
        if sent < len(header):
            transport.write(header[sent:])
            sent = len(header)
        done = sent - len(header)
        rest = ResourceRegion(position=position + done, count=size - done)
        return Begun(reply.status, sent, rest, hot.deliverable.blob_key)
