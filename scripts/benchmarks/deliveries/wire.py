"""One viewer's connection: HTTP/1.1 on a socket that is read no faster than a line would carry the bytes.

Where only the number of bytes counts they are never copied out of the kernel: Linux drops what is read from a TCP
socket with MSG_TRUNC (tcp(7)). A small receive buffer hands the viewer's pace on to the server as back-pressure.
"""

import asyncio
import fcntl
import re
import socket
import struct
import termios
from dataclasses import dataclass, field

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.sessions import Line

SEGMENT_BYTES = 1448
"""TCP payload of an Ethernet frame; loopback would take 64 KiB at once, which no network does."""
RECEIVE_BUFFER_BYTES = 128 * 1024
"""Asked for; Linux doubles it for its own needs (socket(7))."""
HEAD_BYTES = 4096
"""What is read at once where a head is to come."""
TURN_SECONDS = 0.02
"""How much a line hands over at once, as the time that takes on our clock."""
LEAST_TURN_BYTES = 8 * 1024
MOST_TURN_BYTES = 256 * 1024


class WireError(Exception):
    """The server did not answer as HTTP has it; the text says how."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What went over a viewer's wire."""

    connections: int = 0
    """Opened."""
    requests: int = 0
    """Sent."""
    received_bytes: int = 0
    """All that came: heads, and what was never looked at, too."""
    index_bytes: int = 0
    """What of it came for an index: playlists, init segments, the `moov`."""
    first_byte_seconds: list[float] = field(default_factory=list)
    """For each request, from wanting something to the first byte of the answer, a connect included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of an answer, understood."""

    status: int
    """The status code."""
    position: int
    """Where the body lies in the whole representation (RFC 9110 §14.4)."""
    length: int
    """Bytes in the body."""


class Pace:
    """A line: whoever takes bytes waits as long as it would have carried them."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._clock = clock
        self._bytes_a_second = line.rate_bps / 8
        self._free_at = 0.0
        turn = round(self._bytes_a_second * TURN_SECONDS * clock.scale)
        self.turn_bytes = min(max(turn, LEAST_TURN_BYTES), MOST_TURN_BYTES)

    async def carry(self, count: int) -> None:
        """Wait until so many bytes have come through."""
        now = self._clock.now()
        self._free_at = max(self._free_at, now) + count / self._bytes_a_second
        await self._clock.sleep(self._free_at - now)


class Wire:
    """A keep-alive connection, opened when it is needed, and again after it was closed."""

    def __init__(
        self, address: tuple[str, int], line: Line, clock: Clock, tally: Tally, *, link: Pace | None = None
    ) -> None:
        """`link` is what the line shares with others, where the network itself does not see to that."""
        self._address = address
        self._line = line
        self._clock = clock
        self.tally = tally
        """What came over it, for whoever wants to know."""
        self._pace = Pace(line, clock)
        self._link = link
        self._socket: socket.socket | None = None
        self._buffer = bytearray(MOST_TURN_BYTES)
        self._early = b""
        self._left = 0
        self._is_asking = False
        self._is_index = False

    async def request(self, path: str, ranges: str = "", *, is_index: bool = False) -> Head:
        """Ask for a path, or for ranges of it such as `bytes=0-`, and read the head of the answer."""
        if self._left:
            raise WireError("the answer before was neither read nor abandoned")
        began = self._clock.now()
        self._is_index = is_index
        self.tally.requests += 1
        lines = [f"GET {path} HTTP/1.1", f"Host: {self._address[0]}:{self._address[1]}", "Accept: */*"]
        message = "\r\n".join([*lines, *([f"Range: {ranges}"] if ranges else []), "", ""]).encode()
        self._is_asking = True
        was_open = self._socket is not None
        head = await self._exchange(message)
        if not head and was_open:
            # A server may end an idle connection just when it is asked again (RFC 9112 §9.3.1).
            self.close()
            head = await self._exchange(message)
        self.tally.first_byte_seconds.append(self._clock.now() - began)
        understood = _understand(head)
        self._left, self._is_asking = understood.length, False
        return understood

    def end_index(self) -> None:
        """Count what is still to come of the answer as media."""
        self._is_index = False

    async def skip(self, most: int) -> int:
        """Let the next bytes of the body go by, so many at most; return how many, 0 at its end."""
        wanted = min(most, self._left, self._pace.turn_bytes)
        if not wanted:
            return 0
        count = min(len(self._early), wanted)
        if count:
            self._early = self._early[count:]
        else:
            count = await self._receive(wanted, socket.MSG_TRUNC)
        self._left -= count
        await self._carry(count)
        return count

    async def skip_all(self) -> None:
        """Let the rest of the body go by."""
        while await self.skip(MOST_TURN_BYTES):
            pass

    async def text(self) -> str:
        """Read the rest of the body."""
        parts = [self._early]
        self._left -= len(self._early)
        self._early = b""
        while self._left:
            count = await self._receive(min(self._left, self._pace.turn_bytes), 0)
            self._left -= count
            parts.append(bytes(self._buffer[:count]))
        whole = b"".join(parts)
        await self._carry(len(whole))
        return whole.decode()

    def abandon(self) -> None:
        """Want no more of an answer: unless all of it came, HTTP/1.1 can only close the connection."""
        if self._left or self._is_asking:
            self.close()

    def close(self) -> None:
        """Close the connection. What had come by then has used the line, though nobody looked at it."""
        if self._socket is None:
            return
        self._count(self.unread_bytes())
        self._socket.close()
        self._socket = None
        self._early, self._left, self._is_asking = b"", 0, False

    def unread_bytes(self) -> int:
        """Return how many bytes have come that nobody took from the socket yet."""
        if self._socket is None:
            return 0
        (count,) = struct.unpack("i", fcntl.ioctl(self._socket, termios.FIONREAD, bytes(4)))
        return int(count)

    async def _exchange(self, message: bytes) -> bytes:
        """Send a request and read the head of its answer; nothing where the server closed the connection."""
        if self._socket is None:
            await self._connect()
        await self._clock.sleep(self._line.round_trip_seconds)
        assert self._socket is not None  # noqa: S101 - just connected, and nobody else closes it
        try:
            self._socket.send(message)
            head = b""
            while b"\r\n\r\n" not in head:
                count = await self._receive(HEAD_BYTES, 0)
                head += self._buffer[:count]
        except (ConnectionError, WireError):
            return b""
        head, _, self._early = head.partition(b"\r\n\r\n")
        return head

    async def _connect(self) -> None:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket = client
        self.tally.connections += 1
        await self._clock.sleep(self._line.round_trip_seconds)
        await asyncio.get_running_loop().sock_connect(client, self._address)

    async def _receive(self, most: int, flags: int) -> int:
        """Take what has come, or wait for something; `WireError` where the server is gone."""
        assert self._socket is not None  # noqa: S101 - a body is read on the connection that it was asked on
        while True:
            try:
                count = self._socket.recv_into(self._buffer, most, flags)
            except BlockingIOError:
                await _readable(self._socket)
                continue
            if not count:
                raise WireError("the server closed the connection within an answer")
            self._count(count)
            return count

    async def _carry(self, count: int) -> None:
        await self._pace.carry(count)
        if self._link is not None:
            await self._link.carry(count)

    def _count(self, count: int) -> None:
        self.tally.received_bytes += count
        if self._is_index:
            self.tally.index_bytes += count


async def _readable(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    # It may be called once more before the one who waits gets its turn.
    loop.add_reader(client, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(client)


def _understand(head: bytes) -> Head:
    text = head.decode("latin-1")
    status = re.match(r"HTTP/1\.1 (\d{3}) ", text)
    length = re.search(r"(?im)^content-length: *(\d+)", text)
    content_range = re.search(r"(?im)^content-range: *bytes (\d+)-", text)
    if not status or not length:
        raise WireError(f"an answer that says neither status nor length: {text[:200]!r}")
    if int(status[1]) not in {200, 206}:
        raise WireError(f"status {status[1]}")
    return Head(
        status=int(status[1]), position=int(content_range[1]) if content_range else 0, length=int(length[1])
    )
