"""The file in a large form, found without aiohttp's reader of forms, which copies all of it several times."""

from collections.abc import AsyncGenerator

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.helpers import parse_mimetype

from streamserver.errors import BadInput
from streamserver.web.arrival import Chunks, arriving, is_large

FRAMING_BYTES = 64 * 1024
"""What a form may be larger than the file in it."""


def can_be_found(request: web.Request, part: BodyPartReader) -> bool:
    """Tell whether a file can be read by `file_chunks`: in a large form, and up to a delimiter."""
    return is_large(request) and hdrs.CONTENT_LENGTH not in part.headers


async def file_chunks(request: web.Request) -> AsyncGenerator[bytes | memoryview, None]:
    """Give the content of the part that is at hand, of which nothing was read; to aiohttp it is then empty.

    Raises `BadInput` where the form ends within it, or goes on for long behind it.
    """
    boundary = parse_mimetype(request.headers[hdrs.CONTENT_TYPE]).parameters["boundary"]
    delimiter = f"\r\n--{boundary}".encode()  # RFC 2046 §5.1.1
    async with arriving(request) as chunks:
        window = b""
        async for chunk in chunks:
            window = b"".join((window, chunk))
            place = window.find(delimiter)
            if place >= 0:
                yield memoryview(window)[:place]
                request.content.feed_data(await _rest(window[place:], chunks))
                return
            # The delimiter may have begun.
            certain = max(0, len(window) - len(delimiter) + 1)
            if certain:
                yield memoryview(window)[:certain]
            window = window[certain:]
    raise BadInput("The form is malformed or cut off.")


async def _rest(begun: bytes, chunks: Chunks) -> bytes:
    rest = bytearray(begun)
    async for chunk in chunks:
        rest += chunk
        if len(rest) > FRAMING_BYTES:
            raise BadInput("The form may hold one file, in a field named file, and a title.")
    return bytes(rest)
