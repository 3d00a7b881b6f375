"""A large request body, read from the connection's own socket by the thread that stores it.

aiohttp's parser copies each byte of a body several times on the event loop, where everybody else waits meanwhile.
So once the header fields are understood the transport is told to stop reading, and what is left of the body is the
kernel's: whoever stores it reads it from there (`readv`), and the loop is asked only to wait while nothing comes.
So is a body that nobody wants: its sender may be about to send gigabytes before it reads that they are refused.

The parser then knows nothing of these bytes, so the connection ends with the answer. TLS is left out, whose bytes
only the transport can decrypt.
"""

import asyncio
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

LEAST_BYTES: Final = 1024 * 1024
"""Smaller bodies are not worth a connection of their own."""
TOGETHER_BYTES: Final = 1024 * 1024
"""The kernel wakes nobody for less, unless that is all there is (SO_RCVLOWAT, socket(7))."""
TOGETHER_SECONDS: Final = 0.25
"""After so long less is worth to be read, too."""
AT_ONCE_MILLISECONDS: Final = 5
"""How long a thread waits for the next bytes of a fast sender; a slow one is waited for by the loop."""
LINGERING_SECONDS: Final = 300.0
"""How long a refused body is still read, so that its sender gets to read the refusal."""
SILENT_SECONDS: Final = 5.0
"""After so long without a byte of it, its sender has had the time to read it."""
ENDLESS: Final = sys.maxsize
"""Left of a body whose length is not known: where it ends is of no interest to whoever passes it over."""


class SocketBody:
    """What is left of a body in the kernel."""

    def __init__(
        self, transport: asyncio.Transport, first: bytes, left_bytes: int, *, is_over: Callable[[], bool]
    ) -> None:
        self.first = first
        """What the parser had read before."""
        self._is_over = is_over
        # The loop watches the number that the transport has, and lets nobody else watch it.
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._left_bytes = left_bytes
        self._turn = threading.Lock()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    async def more(self) -> bool:
        """Wait until there is something to read; False once all was. `ConnectionResetError` where it is cut."""
        if not self._left_bytes:
            return False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(self._left_bytes, TOGETHER_BYTES))
        while True:
            if self._is_over():
                raise ConnectionResetError("The connection was closed before all of the body was there.")
            await self._wait()
            if self._has_some():
                return True

    def read_into(self, view: memoryview) -> int:
        """Read what is there by now into memory; 0 where that is nothing. For another thread than the loop's.

        Raises `ConnectionResetError` however the connection ended, or once it was let go of.
        """
        with self._turn:
            count = self._read_into(view[: self._left_bytes])
            self._left_bytes -= count
            return count

    async def pass_over(self) -> None:
        """Read what is left for nobody, if that does not take too long."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGERING_SECONDS):
                await self._pass_over()

    def close(self) -> None:
        """Let go of the connection, which ends once it is answered."""
        with self._turn:  # a thread that nobody waits for any more would read from the next one of this number
            self._socket.close()

    def _read_into(self, view: memoryview) -> int:
        while view:
            try:
                count = os.readv(self._socket.fileno(), [view])
            except BlockingIOError:
                if self._poll.poll(AT_ONCE_MILLISECONDS):
                    continue
                return 0
            except OSError as error:  # such as TimeoutError, for a peer that has vanished
                raise ConnectionResetError("The connection was lost.") from error
            if not count:
                raise ConnectionResetError("The connection ended before all of the body was there.")
            return count
        return 0

    async def _wait(self) -> None:
        """Wait until it is worth to read, or for so long."""
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        loop.add_reader(self._socket, _set, over)
        timer = loop.call_later(TOGETHER_SECONDS, _set, over)
        try:
            await over
        finally:
            timer.cancel()
            loop.remove_reader(self._socket)

    def _has_some(self) -> bool:
        """Tell whether there is anything, be it the end."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:  # whoever reads on meets it as the end
            return True
        return True

    async def _pass_over(self) -> None:
        rubbish = memoryview(bytearray(TOGETHER_BYTES))
        while await asyncio.wait_for(self.more(), SILENT_SECONDS):
            while await asyncio.to_thread(self.read_into, rubbish):
                pass


def take_over(request: web.BaseRequest) -> SocketBody | None:
    """Take a body out of aiohttp's hands, to be closed; None where that cannot be, or is not worth it."""
    length = request.content_length
    if length is None or length < LEAST_BYTES or request.headers.get("Content-Encoding"):
        return None
    return _take(request, length)


def take_leavings(request: web.BaseRequest) -> SocketBody | None:
    """Take what nobody has read of a body, only to pass it over; None where that cannot be, or is not worth it."""
    length = request.content_length
    if request.content.is_eof() or request.content.exception() or (length is not None and length < LEAST_BYTES):
        return None
    # In chunks or compressed it is of another length on the way.
    return _take(request, ENDLESS if length is None or "Content-Encoding" in request.headers else length)


def _take(request: web.BaseRequest, length: int) -> SocketBody | None:
    transport = request.transport
    if transport is None or transport.is_closing() or transport.get_extra_info("ssl_object") is not None:
        return None
    first = bytearray()
    while chunk := request.content.read_nowait():
        first += chunk  # each of them lets the parser go on with what it has
    # Until the loop goes round nothing more can come this way.
    transport.pause_reading()
    left_bytes = length - request.content.total_bytes

    def is_over() -> bool:
        # To stop a server aiohttp fails what it thinks that everybody reads.
        return transport.is_closing() or request.content.exception() is not None

    return SocketBody(transport, bytes(first), left_bytes, is_over=is_over)


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
