"""Hot answers are written to the connection's own socket, a piece at a time, and never waited for."""

import asyncio
import os

from multidict import CIMultiDictProxy

from streamserver.domain.ranges import ResourceRegion
from streamserver.web.hot import HotSet, Reply
from streamserver.web.page_cache import read_cached
from streamserver.web.sending import SMALL_BYTES, Begun, TruncatedResourceError, send_some
from streamserver.web.turns import STEP_BYTES, Turn

_view = memoryview(bytearray(SMALL_BYTES))
"""Where small bodies pass through; nothing of it is needed once the call that filled it returns."""


class Going:
    """An answer whose beginning is with the kernel or the transport, and how far it is."""

    __slots__ = ("at", "end", "position", "reply", "sent")

    def __init__(self, reply: Reply, at: float, sent: int) -> None:
        self.reply = reply
        """What is sent."""
        self.at = at
        """When it was decided on; monotonic seconds."""
        self.sent = sent
        """Bytes so far, with the header."""
        self.position = reply.position + max(0, sent - len(reply.header))
        """Of what comes next, in the blob."""
        self.end = reply.position + reply.size
        """Where it ends there."""

    def begun(self) -> Begun:
        """Return it as what somebody else can finish."""
        hot, status, _, _, _ = self.reply
        if self.position == self.end:
            return Begun(status, self.sent)
        rest = ResourceRegion(position=self.position, count=self.end - self.position)
        return Begun(status, self.sent, rest, hot.deliverable.blob_key, hot.warm)


def decide(ready: HotSet, target: str, headers: CIMultiDictProxy[str], end_of_header: bytes) -> Reply | None:
    """Decide on a GET; None where it is not plain, and where the disk would have to be waited for."""
    reply = ready.reply(target, headers, end_of_header)
    if reply is None or reply.size <= SMALL_BYTES or reply.hot.lease is None:
        return reply
    first_step = min(reply.size, STEP_BYTES)
    return reply if reply.hot.warm.have(reply.hot.lease.fd, reply.position, first_step) else None


def begin(transport: asyncio.Transport, client: int, reply: Reply) -> int | None:
    """Write as much of an answer as the kernel takes; return how much, with all of the header.

    The transport is open and holds nothing before. None where nothing was written, and nothing can be. What runs
    from one call to the next finds the processor's caches full of other things: so this is kept short.
    """
    header = reply.header
    try:
        sent = _send(transport, client, reply)
    except BlockingIOError:
        return None
    except TruncatedResourceError:
        return len(header)  # it is met again by whoever can tell of it
    except OSError:
        transport.abort()  # the client has gone
        return 0
    if sent is not None and sent < len(header):
        transport.write(header[sent:])
        return len(header)
    return sent


def _send(transport: asyncio.Transport, client: int, reply: Reply) -> int | None:
    hot, _, header, position, size = reply
    if hot.content is not None:
        return _write(transport, client, header + hot.content[position : position + size])
    if hot.lease is None:
        return None
    if size <= SMALL_BYTES:
        body = _view[:size]
        if size and read_cached(hot.lease.fd, body, position) < size:
            return None
        return os.writev(client, (header, body))
    # Not MSG_MORE: where the system paces (BBR), a header that waits for its body costs more than a packet.
    sent = os.write(client, header)
    if sent == len(header):
        sent += send_some(transport, client, hot.lease.fd, position, min(size, STEP_BYTES))[0]
    return sent


def _write(transport: asyncio.Transport, client: int, whole: bytes) -> int:
    """Write bytes that nobody could go on with; what the kernel does not take at once is the transport's."""
    sent = os.write(client, whole)
    if sent < len(whole):
        transport.write(whole[sent:])
    return len(whole)


def go_on(transport: asyncio.Transport, client: int, going: Going, most: int) -> Turn | None:
    """Write as much more of an answer as the kernel takes; None where nothing was, and somebody must see why.

    The transport holds nothing before. It may go on unless the transport holds something after.
    """
    lease, warm = going.reply.hot.lease, going.reply.hot.warm
    count = min(going.end - going.position, most)
    if lease is None or not lease.is_current() or not warm.have(lease.fd, going.position, count):
        return None
    try:
        sent, has_to_wait = send_some(transport, client, lease.fd, going.position, count)
    except TruncatedResourceError:
        return None
    except OSError:
        transport.abort()  # the client has gone
        return Turn(0, may_go_on=False)
    going.sent += sent
    going.position += sent
    return Turn(sent, may_go_on=going.position < going.end and not has_to_wait)
