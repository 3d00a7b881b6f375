"""The short way for hot media: from aiohttp's parser straight to the socket, without a task.

How it fits in. aiohttp's `RequestHandler.data_received` parses, queues the messages and wakes the task of its
connection, `start()`. Here that task sleeps on while the message is looked at. A plain GET for a hot deliverable
is answered at the end of the loop's round, with all the others that came in it; everything else is left in the
queue, untouched, and the task is woken to do what it always does. An answer that the kernel does not take at once
is continued in turn with others (`turns`), whenever the transport holds nothing. Once that is not all that there
is to it — the disk must be waited for, the client sends something or takes nothing for long, the server wants to
close — the task is woken for the rest (`sending.finish`).

When it is used: the task waits for a request, exactly one came, it has no body and wants the connection kept, it
is HTTP/1.1, and the transport, which is not TLS, holds no bytes of its own. Then nobody else writes. Until it is
answered the message stays in the queue; whatever happens meanwhile, the task finds it there.

The private fields of aiohttp that this depends on, named by a test: `_waiter`, `_messages`, `_parser`,
`_next_keepalive_close_time`, `_keepalive_timeout`, `_process_keepalive`.
"""

import asyncio
import time
from typing import Any, cast

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDictProxy

from streamserver.web.access_log import AccessLog, Entry, RequestLog
from streamserver.web.going import Decided, Going, begin, go_on
from streamserver.web.hot import HotSet
from streamserver.web.sending import Begun
from streamserver.web.timestamps import Timestamps
from streamserver.web.turns import Turn, Turns

_timestamps = Timestamps()


class Round:
    """The requests that one round of the loop brings: all are decided on, then all are answered.

    Moving the bytes of one answer drives everything else out of the processor's caches, and what Python does next
    starts from cold memory. Most of its work is to understand a request; so that is not done in between.
    """

    __slots__ = ("_decided", "_log", "hot", "turns")

    def __init__(self, hot: HotSet, turns: Turns, log: AccessLog | None) -> None:
        self.hot = hot
        """What can be answered."""
        self.turns = turns
        """How large answers go on."""
        self._log = log
        self._decided: list[FastHandler] = []

    def add(self, connection: "FastHandler") -> None:
        """Have a connection answer at the end of the round."""
        if not self._decided:
            asyncio.get_running_loop().call_soon(self._answer)
        self._decided.append(connection)

    def note(self, entry: Entry) -> None:
        """Log an answer that took more than one round."""
        if self._log is not None:
            self._log.add(entry)

    def _answer(self) -> None:
        decided, self._decided = self._decided, []
        entries = [connection.answer() for connection in decided]
        if self._log is not None:
            self._log.add(*(entry for entry in entries if entry is not None))


class FastHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_begun", "_client", "_decided", "_going", "_remote", "_round")

    def __init__(self, manager: web.Server, shared: Round | None, log: AccessLog | None) -> None:
        """Without a round shared by all connections, which TLS cannot have, aiohttp's task does everything."""
        loop = asyncio.get_running_loop()
        # aiohttp hands what it takes for a logger to the class that writes to it, and does nothing else with it.
        super().__init__(manager, loop=loop, access_log=cast(Any, log), access_log_class=RequestLog)
        self._round = shared
        self._client = -1
        self._remote: str | None = None
        self._decided: Decided | None = None
        self._going: Going | None = None
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
        if self._going is not None and self._round is not None:
            self._round.note(self._entry(self._going))
        self._decided = self._going = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let aiohttp parse; decide on what can be answered at once, and wake aiohttp's task for the rest."""
        waiter = self._waiter
        if self._going is not None:
            self._leave_the_rest()
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
        transport = self.transport
        if transport is None or transport.is_closing():
            return None  # `connection_lost` is called next, and a task that is awake does not expect that
        going = begin(transport, self._client, decided)
        if going is None:
            waiter.set_result(None)
            return None
        if going.position == going.end:
            return self._end(going)
        self._going = going
        self._take_turns()
        return None

    def resume_writing(self) -> None:
        """Go on, for the transport holds nothing any more."""
        super().resume_writing()
        self._take_turns()

    def close(self) -> None:
        """Have what is being answered finished by the task, which then closes."""
        self._leave_the_rest()
        super().close()

    def _process_keepalive(self) -> None:
        """Do not take somebody for idle who only takes their time, for which the task has no bound."""
        self._leave_the_rest()
        super()._process_keepalive()

    def take_begun(self) -> Begun | None:
        """Return the answer that the request at hand has got the beginning of, if it has."""
        begun, self._begun = self._begun, None
        return begun

    def begin(self, target: str, headers: CIMultiDictProxy[str]) -> Begun | None:
        """Write as much of the answer to a GET as the kernel takes; None where nothing was, and nothing can be.

        Only for whoever has the connection to itself.
        """
        decided = self._reply(target, headers)
        going = None if decided is None else begin(self.transport, self._client, decided)
        return None if going is None else going.begun()

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

    def _take_turns(self) -> None:
        """Go on in turn with others, unless `resume_writing` will be called first."""
        if self._going is not None and self._round is not None and not self._holds_bytes():
            self._round.turns.add(self._go_on)

    def _go_on(self, most: int) -> Turn:
        """Send what the kernel takes at once; leave to the task whatever is in the way."""
        going, transport = self._going, self.transport
        if going is None or transport is None or transport.is_closing() or self._round is None:
            return Turn(0, may_go_on=False)
        if transport.get_write_buffer_size():
            return Turn(0, may_go_on=False)  # it waited in line for an answer that the task took over
        turn = go_on(transport, self._client, going, most)
        if turn is None:
            self._leave_the_rest()
            return Turn(0, may_go_on=False)
        if going.position == going.end:
            self._going = None
            self._round.note(self._end(going))
            return turn
        return turn if turn.may_go_on or self._holds_bytes() else Turn(turn.sent, may_go_on=True)

    def _holds_bytes(self) -> bool:
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def _leave_the_rest(self) -> None:
        """Have the task finish what was begun."""
        going, self._going = self._going, None
        if going is not None and self._waiter is not None and not self._waiter.done():
            self._begun = going.begun()
            self._waiter.set_result(None)

    def _end(self, going: Going) -> Entry:
        """Take what was answered from the queue, and return what the log is told."""
        entry = self._entry(going)
        self._messages.popleft()
        assert self._parser is not None  # noqa: S101 - there is one until the connection is lost
        self._parser.message_consumed()
        self._next_keepalive_close_time = time.monotonic() + self._keepalive_timeout
        return entry

    def _entry(self, going: Going) -> Entry:
        message, _ = self._messages[0]
        assert isinstance(message, RawRequestMessage)  # noqa: S101 - nothing else is decided on
        asked, agent = message.headers.get(hdrs.RANGE), message.headers.get(hdrs.USER_AGENT)
        seconds = time.monotonic() - going.decided.at
        return (self._remote, "GET", message.path, asked, going.decided.reply.status, going.sent, seconds, agent)
