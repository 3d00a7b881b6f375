"""Hot answers are written to the connection's own socket, a piece at a time, and never waited for."""

import asyncio
import contextlib
import os
from typing import NamedTuple

from streamserver.domain.ranges import ResourceRegion
from streamserver.web.hot import HotDeliverable, Reply
from streamserver.web.page_cache import NOWAIT
from streamserver.web.sending import SMALL_BYTES, Begun, TruncatedResourceError, send_some
from streamserver.web.turns import STEP_BYTES, Turn

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


class Going:
    """An answer whose beginning is with the kernel or the transport, and how far it is."""

    __slots__ = ("decided", "end", "position", "sent")

    def __init__(self, decided: Decided, sent: int) -> None:
        self.decided = decided
        """What is sent."""
        self.sent = sent
        """Bytes so far, with the header."""
        self.position = decided.reply.position + max(0, sent - len(decided.header))
        """Of what comes next, in the blob."""
        self.end = decided.reply.position + decided.reply.size
        """Where it ends there."""

    def begun(self) -> Begun:
        """Return it as what somebody else can finish."""
        hot, reply, _, _ = self.decided
        if self.position == self.end:
            return Begun(reply.status, self.sent)
        rest = ResourceRegion(position=self.position, count=self.end - self.position)
        return Begun(reply.status, self.sent, rest, hot.deliverable.blob_key, hot.warm)


def begin(transport: asyncio.Transport | None, client: int, decided: Decided) -> Going | None:
    """Write as much of an answer as the kernel takes; None where nothing was, and nothing can be."""
    hot, reply, header, _ = decided
    if transport is None or transport.is_closing() or transport.get_write_buffer_size():
        return None
    if hot.lease is not None and not hot.lease.is_current():
        return None  # whatever ran since it was decided on may have closed the file
    try:
        if hot.content is None and reply.size:
            return _begin_file(transport, client, decided)
        content = (hot.content or b"")[reply.position : reply.position + reply.size]
        transport.write(header + content)
        return Going(decided, len(header) + len(content))
    except BlockingIOError:
        return None
    except OSError:
        transport.abort()  # the client has gone
        return Going(decided, 0)


def _begin_file(transport: asyncio.Transport, client: int, decided: Decided) -> Going | None:
    hot, (_, _, position, size), header, _ = decided
    assert hot.lease is not None  # noqa: S101 - what has no content lies in a blob
    fd = hot.lease.fd
    if size <= SMALL_BYTES:
        body = _view[:size]
        if os.preadv(fd, [body], position, NOWAIT) < size:
            return None
        sent = os.writev(client, [header, body])
    else:
        step = min(size, STEP_BYTES)
        if not hot.warm.have(fd, position, step):
            return None
        # Not MSG_MORE: where the system paces (BBR), a header that waits for its body costs more than a packet.
        sent = os.write(client, header)
        if sent == len(header):
            with contextlib.suppress(TruncatedResourceError):  # it is met again by whoever can tell of it
                sent += send_some(transport, client, fd, position, step)[0]
    if sent < len(header):
        transport.write(header[sent:])
        sent = len(header)
    return Going(decided, sent)


def go_on(transport: asyncio.Transport, client: int, going: Going, most: int) -> Turn | None:
    """Write as much more of an answer as the kernel takes; None where nothing was, and somebody must see why.

    The transport holds nothing before. It may go on unless the transport holds something after.
    """
    lease, warm = going.decided.hot.lease, going.decided.hot.warm
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
