"""The short way for hot media: from aiohttp's parser straight to the socket, without a task.

How it fits in. aiohttp's `RequestHandler.data_received` parses, queues the messages and wakes the task of its
connection, `start()`. Here that task sleeps on while the message is looked at. A plain GET for a hot deliverable
is answered at the end of the loop's round, with all the others that came in it; everything else is left in the
queue, untouched, and the task is woken to do what it always does. An answer that the kernel does not take at once
is begun here and finished by the task (`sending.finish`).

When it is used: the task waits for a request, exactly one came, it has no body and wants the connection kept, it
is HTTP/1.1, and the transport, which is not TLS, holds no bytes of its own. Then nobody else writes. Until it is
answered the message stays in the queue; whatever happens meanwhile, the task finds it there.

The private fields of aiohttp that this depends on, named by a test: `_waiter`, `_messages`, `_parser`,
`_next_keepalive_close_time`, `_keepalive_timeout`.
"""

import asyncio
import contextlib
import os
import time
from typing import Any, NamedTuple, cast

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDictProxy

from streamserver.domain.ranges import ResourceRegion
from streamserver.web.access_log import AccessLog, Entry, RequestLog
from streamserver.web.hot import HotDeliverable, HotSet, Reply
from streamserver.web.page_cache import NOWAIT
from streamserver.web.sending import SMALL_BYTES, Begun
from streamserver.web.sockets import send_more
from streamserver.web.timestamps import Timestamps
from streamserver.web.turns import STEP_BYTES

CORKED_BYTES = 512 * 1024
"""Up to here the header waits for the body, so that both leave in one packet; past it, it makes no difference."""

_timestamps = Timestamps()
_view = memoryview(bytearray(SMALL_BYTES))
"""Where small bodies pass through; nothing of it is needed once the call that filled it returns."""


class Decided(NamedTuple):
    """The answer to a GET, not yet begun."""

    hot: HotDeliverable
    """What it is made of."""
    reply: Reply
    """Which part."""
    header: bytes
    """All of it."""
    at: float
    """When it was decided on; monotonic seconds."""


class Round:
    """The requests that one round of the loop brings: all are decided on, then all are answered.

    Moving the bytes of one answer drives everything else out of the processor's caches, and what Python does next
    starts from cold memory. Most of its work is to understand a request; so that is not done in between.
    """

    __slots__ = ("_decided", "_log", "hot")

    def __init__(self, hot: HotSet, log: AccessLog | None) -> None:
        self.hot = hot
        """What can be answered."""
        self._log = log
        self._decided: list[FastHandler] = []

    def add(self, connection: "FastHandler") -> None:
        """Have a connection answer at the end of the round."""
        if not self._decided:
            asyncio.get_running_loop().call_soon(self._answer)
        self._decided.append(connection)

    def _answer(self) -> None:
        decided, self._decided = self._decided, []
        entries = [connection.answer() for connection in decided]
        if self._log is not None:
            self._log.add(*(entry for entry in entries if entry is not None))


class FastHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_begun", "_client", "_decided", "_remote", "_round")

    def __init__(self, manager: web.Server, shared: Round | None, log: AccessLog | None) -> None:
        """Without a round shared by all connections, which TLS cannot have, aiohttp's task does everything."""
        loop = asyncio.get_running_loop()
        # aiohttp hands what it takes for a logger to the class that writes to it, and does nothing else with it.
        super().__init__(manager, loop=loop, access_log=cast(Any, log), access_log_class=RequestLog)
        self._round = shared
        self._client = -1
        self._remote: str | None = None
        self._decided: Decided | None = None
        self._begun: Begun | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note whose connection this is; its number is good until `connection_lost`."""
        super().connection_made(transport)
        if self._round is not None:
            cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        self._client = transport.get_extra_info("socket").fileno()
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if peer else None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the number before the system gives it to another connection."""
        self._client = -1
        self._decided = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let aiohttp parse; decide on what can be answered at once, and wake aiohttp's task for the rest."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self._round is None:
            super().data_received(data)
            return
        self._waiter = None  # so that nobody is woken yet
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if len(self._messages) == 1:
            self._decided = self._decide(*self._messages[0])
        if self._decided is not None:
            self._round.add(self)
        elif self._messages:
            waiter.set_result(None)

    def answer(self) -> Entry | None:
        """Answer what was decided on and tell the log of it; None leaves it, or the rest of it, to the task."""
        decided, self._decided = self._decided, None
        waiter = self._waiter
        if decided is None or self._parser is None or waiter is None or waiter.done():
            return None  # more came before the round ended, and the task answers in order; or all is over
        begun = self._begin(decided)
        if begun is None or begun.rest is not None:
            self._begun = begun
            waiter.set_result(None)
            return None
        message, _ = self._messages.popleft()
        assert isinstance(message, RawRequestMessage)  # noqa: S101 - nothing else is decided on
        self._parser.message_consumed()
        self._next_keepalive_close_time = decided.at + self._keepalive_timeout
        asked, agent = message.headers.get(hdrs.RANGE), message.headers.get(hdrs.USER_AGENT)
        seconds = time.monotonic() - decided.at
        return (self._remote, "GET", message.path, asked, begun.status, begun.sent, seconds, agent)

    def take_begun(self) -> Begun | None:
        """Return the answer that the request at hand has got the beginning of, if it has."""
        begun, self._begun = self._begun, None
        return begun

    def begin(self, target: str, headers: CIMultiDictProxy[str]) -> Begun | None:
        """Write as much of the answer to a GET as the kernel takes; None where nothing was, and nothing can be.

        Only for whoever has the connection to itself.
        """
        decided = self._reply(target, headers)
        return None if decided is None else self._begin(decided)

    def _decide(self, message: object, payload: StreamReader) -> Decided | None:
        """Decide on a request; None where it is for the task."""
        if (
            not isinstance(message, RawRequestMessage)
            or payload is not EMPTY_PAYLOAD
            or message.method != "GET"
            or message.should_close
            or message.upgrade
            or message.version != HttpVersion11
        ):
            return None
        return self._reply(message.path, message.headers)

    def _reply(self, target: str, headers: CIMultiDictProxy[str]) -> Decided | None:
        hot = None if self._round is None else self._round.hot.get(target)
        reply = None if hot is None else hot.reply(headers)
        if hot is None or reply is None:
            return None
        _timestamps.refresh()
        return Decided(hot, reply, reply.header + _timestamps.end_of_header, time.monotonic())

    def _begin(self, decided: Decided) -> Begun | None:
        hot, reply, header, _ = decided
        transport = self.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        if hot.lease is not None and not hot.lease.is_current():
            return None  # whatever ran since it was decided on may have closed the file
        try:
            if hot.content is not None or not reply.size:
                content = (hot.content or b"")[reply.position : reply.position + reply.size]
                transport.write(header + content)
                return Begun(reply.status, len(header) + len(content))
            return self._begin_file(transport, hot, reply, header)
        except BlockingIOError:
            return None
        except OSError:
            transport.abort()  # the client has gone
            return Begun(reply.status, 0)

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
            return Begun(reply.status, sent)
        if sent < len(header):
            transport.write(header[sent:])
            sent = len(header)
        done = sent - len(header)
        rest = ResourceRegion(position=position + done, count=size - done)
        return Begun(reply.status, sent, rest, hot.deliverable.blob_key, hot.warm)
