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
from aiohttp.http import HttpProcessingError, HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDictProxy

from streamserver.web.access_log import AccessLog, Entry, RequestLog
from streamserver.web.going import Going, begin, decide, go_on
from streamserver.web.hot import HotSet, Reply
from streamserver.web.sending import Begun
from streamserver.web.socket_body import take_leavings
from streamserver.web.timestamps import Timestamps
from streamserver.web.turns import Turn, Turns

NOT_OURS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What aiohttp meets where a client breaks the protocol, or off."""


class Round:
    """The requests that one round of the loop brings: all are decided on, then all are sent, then all are noted.

    Moving the bytes of one answer drives everything else out of the processor's caches, and what Python does next
    starts from cold memory. Most of its work is to understand requests and to keep the books; so that is not done
    in between.
    """

    __slots__ = ("_asked", "_log", "_timestamps", "hot", "turns")

    def __init__(self, hot: HotSet, turns: Turns, log: AccessLog | None) -> None:
        self.hot = hot
        """What can be answered."""
        self.turns = turns
        """How large answers go on."""
        self._log = log
        self._asked: list[FastHandler] = []
        self._timestamps = Timestamps()

    def add(self, connection: "FastHandler") -> None:
        """Have a connection answer at the end of the round."""
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._answer)
        self._asked.append(connection)

    def end_of_header(self) -> bytes:
        """Return what every header ends with."""
        self._timestamps.refresh()
        return self._timestamps.end_of_header

    def note(self, entry: Entry) -> None:
        """Log an answer that took more than one round."""
        if self._log is not None:
            self._log.add(entry)

    def _answer(self) -> None:
        at = time.monotonic()
        asked, self._asked = self._asked, []
        end_of_header = self.end_of_header()
        decided = [
            (connection, connection.transport, reply)
            for connection in asked
            if (reply := connection.decide(end_of_header)) is not None
        ]
        begun = [
            (connection, reply, begin(transport, connection.client, reply), time.monotonic())
            for connection, transport, reply in decided
            if transport is not None
        ]
        entries = [
            entry
            for connection, reply, sent, now in begun
            if (entry := connection.note(reply, at, sent, now)) is not None
        ]
        if self._log is not None and entries:
            self._log.add(*entries)


class FastHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_begun", "_going", "_remote", "_round", "client")

    def __init__(self, manager: web.Server, shared: Round | None, log: AccessLog | None) -> None:
        """Without a round shared by all connections, which TLS cannot have, aiohttp's task does everything."""
        loop = asyncio.get_running_loop()
        # aiohttp hands what it takes for a logger to the class that writes to it, and does nothing else with it.
        super().__init__(manager, loop=loop, access_log=cast(Any, log), access_log_class=RequestLog)
        self._round = shared
        self.client = -1
        """The number of the connection's socket, for as long as it is open."""
        self._remote: str | None = None
        self._going: Going | None = None
        self._begun: Begun | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note whose connection this is; its number is good until `connection_lost`."""
        super().connection_made(transport)
        if self._round is not None:
            cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        self.client = transport.get_extra_info("socket").fileno()
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if peer else None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the number before the system gives it to another connection."""
        self.client = -1
        if self._going is not None and self._round is not None:
            self._round.note(self._entry(self._going.reply, self._going.at, self._going.sent, time.monotonic()))
        self._going = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let aiohttp parse; have a plain request wait for the end of the round, wake the task for the rest."""
        waiter, shared = self._waiter, self._round
        if self._going is not None:
            self._leave_the_rest()
        if waiter is None or waiter.done() or self._messages or shared is None:
            super().data_received(data)
            return
        self._waiter = None  # so that nobody is woken yet
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        messages = self._messages
        if len(messages) == 1 and _is_plain(*messages[0]):
            shared.add(self)
        elif messages:
            waiter.set_result(None)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; pass over what is left of a large body away from the loop, and end the connection."""
        left = take_leavings(request)
        if left is None:
            return await super().finish_response(request, resp, start_time)
        try:
            if not resp.prepared:
                resp.force_close()
            finished = await super().finish_response(request, resp, start_time)
            await left.pass_over()
        finally:
            left.close()
            self.force_close()
        return finished

    def decide(self, end_of_header: bytes) -> Reply | None:
        """Decide on the request that came in this round; None leaves it to the task."""
        waiter, transport = self._waiter, self.transport
        if self._parser is None or waiter is None or waiter.done():
            return None  # more came before the round ended, and the task answers in order; or all is over
        if transport is None or transport.is_closing():
            return None  # `connection_lost` is called next, and a task that is awake does not expect that
        message: Any = self._messages[0][0]
        reply = None
        if not transport.get_write_buffer_size() and self._round is not None:
            reply = decide(self._round.hot, message.path, message.headers, end_of_header)
        if reply is None:
            waiter.set_result(None)
        return reply

    def note(self, reply: Reply, at: float, sent: int | None, now: float) -> Entry | None:
        """Note what was sent of an answer at once, and see to the rest of it; return what the log is told."""
        if sent is None:
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)
            return None
        if sent == len(reply.header) + reply.size:
            return self._end(reply, at, sent, now)
        self._going = Going(reply, at, sent)
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

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp has them
        """Complain of faults of the server's own; with those of clients strangers could fill the log."""
        if isinstance(kw.get("exc_info"), NOT_OURS):
            self.logger.debug(*args, **kw)
        else:
            super().log_exception(*args, **kw)

    def take_begun(self) -> Begun | None:
        """Return the answer that the request at hand has got the beginning of, if it has."""
        begun, self._begun = self._begun, None
        return begun

    def begin(self, target: str, headers: CIMultiDictProxy[str]) -> Begun | None:
        """Write as much of the answer to a GET as the kernel takes; None where nothing was, and nothing can be.

        Only for whoever has the connection to itself.
        """
        at, transport = time.monotonic(), self.transport
        if self._round is None or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        reply = decide(self._round.hot, target, headers, self._round.end_of_header())
        sent = None if reply is None else begin(transport, self.client, reply)
        return None if reply is None or sent is None else Going(reply, at, sent).begun()

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
        turn = go_on(transport, self.client, going, most)
        if turn is None:
            self._leave_the_rest()
            return Turn(0, may_go_on=False)
        if going.position == going.end:
            self._going = None
            self._round.note(self._end(going.reply, going.at, going.sent, time.monotonic()))
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

    def _end(self, reply: Reply, at: float, sent: int, now: float) -> Entry:
        """Take what was answered from the queue, and return what the log is told."""
        entry = self._entry(reply, at, sent, now)
        self._messages.popleft()
        assert self._parser is not None  # noqa: S101 - there is one until the connection is lost
        self._parser.message_consumed()
        self._next_keepalive_close_time = now + self._keepalive_timeout
        return entry

    def _entry(self, reply: Reply, at: float, sent: int, now: float) -> Entry:
        message: Any = self._messages[0][0]
        headers = message.headers
        asked, agent = headers.get(hdrs.RANGE), headers.get(hdrs.USER_AGENT)
        return (self._remote, "GET", message.path, asked, reply.status, sent, now - at, agent)


def _is_plain(message: object, payload: object) -> bool:
    """Tell whether a message may be answered without aiohttp's task."""
    return (
        isinstance(message, RawRequestMessage)
        and payload is EMPTY_PAYLOAD
        and message.method == "GET"
        and not message.should_close
        and not message.upgrade
        and message.version == HttpVersion11
    )
