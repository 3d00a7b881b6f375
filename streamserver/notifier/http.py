"""The notifier that sends real requests."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from streamserver.errors import Unavailable

CONNECT_SECONDS = 5.0
"""How long a receiver that is only looked at may take."""
PORTS = {"http": 80, "https": 443}


class HttpNotifier:
    """`Notifier` with one pool of connections. It keeps no cookies and looks at no proxy of the environment."""

    def __init__(self) -> None:
        self._session = ClientSession(
            timeout=ClientTimeout(total=None),  # callers know how long they wait
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "streamserver"},
            auto_decompress=False,
        )

    async def check(self, url: str) -> None:
        """See `Notifier.check`."""
        address = urlsplit(url)
        host, port = address.hostname or "", address.port or PORTS[address.scheme]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port, ssl=address.scheme == "https" or None)
        except TimeoutError:
            raise Unavailable(f"{host}:{port} did not answer within {CONNECT_SECONDS:g} seconds.") from None
        except (OSError, UnicodeError) as error:  # SSLError is an OSError; UnicodeError: no name of a host
            raise Unavailable(f"{host}:{port} cannot be reached: {_reason(error)}.") from error
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """See `Notifier.post`."""
        try:
            # The answer's own body is of no interest, and may be without end: it is never read.
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                answer.close()
                return answer.status
        except (ClientError, OSError, UnicodeError) as error:
            raise Unavailable(_reason(error)) from error

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._session.close()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
