"""The file in a large form, told from what stands behind it by the thread that stores it.

aiohttp's reader of forms copies each byte several times on the event loop.
"""

import asyncio
from typing import Final

from streamserver.errors import BadInput
from streamserver.web.socket_body import SocketBody

FRAMING_BYTES: Final = 64 * 1024
"""What a form may be larger than the file in it."""
CUT_OFF: Final = "The form is malformed or cut off."
FIELDS: Final = "The form may hold one file, in a field named file, and a title."


class FormFile:
    """A file of which nothing was read yet, in a body that was taken out of aiohttp's hands."""

    def __init__(self, body: SocketBody, boundary: str) -> None:
        self._body = body
        self._delimiter = f"\r\n--{boundary}".encode()  # RFC 2046 §5.1.1
        self._window = bytearray()
        self._kept = b""
        self._is_whole = False

    def first(self) -> bytes:
        """Return what of it had been read before; to be called once, before anything else."""
        first = self._body.first
        return first[: self._sift(first, len(first))]

    async def more(self) -> bool:
        """Wait until there is something to read; False once all was. `BadInput` where the form ends before."""
        if self._is_whole:
            return False
        if not await self._body.more():
            raise BadInput(CUT_OFF)
        return True

    def read_into(self, view: memoryview) -> int:
        """Read what is there by now into memory; 0 where that is nothing. For another thread than the loop's."""
        held = len(self._kept)
        if self._is_whole or len(view) <= held:
            return 0
        if len(self._window) < len(view):
            self._window = bytearray(len(view))
        window = memoryview(self._window)
        window[:held] = self._kept
        count = self._body.read_into(window[held : len(view)])
        if count:
            count = self._sift(self._window, held + count)
            view[:count] = window[:count]
        return count

    async def behind(self) -> bytes:
        """Return the rest of the form, from the delimiter on; `BadInput` where that is too much."""
        rest, view = bytearray(self._kept), memoryview(bytearray(FRAMING_BYTES))
        while await self._body.more():
            rest += view[: await asyncio.to_thread(self._body.read_into, view)]
            if len(rest) > FRAMING_BYTES:
                raise BadInput(FIELDS)
        return bytes(rest)

    def _sift(self, window: bytes | bytearray, end: int) -> int:
        """Return how many bytes up to an end are certainly the file's; the others are kept."""
        count = window.find(self._delimiter, 0, end)
        self._is_whole = count >= 0
        if count < 0:
            count = self._where_it_may_begin(window, end)
        self._kept = bytes(window[count:end])
        return count

    def _where_it_may_begin(self, window: bytes | bytearray, end: int) -> int:
        """Return where the bytes end that cannot be the delimiter's beginning."""
        place = max(0, end - len(self._delimiter) + 1)
        while (place := window.find(b"\r", place, end)) >= 0:
            if self._delimiter.startswith(bytes(window[place:end])):
                return place
            place += 1
        return end
