"""The fetcher that asks real servers.

A host's name is looked up once for each request. All the addresses that were found are checked, and a connection
is made to one of these and to no other: a name that leads elsewhere a moment later leads nowhere.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import (
    AddrInfoType,
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    SocketFactoryType,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from streamserver.domain.downloads import AnswerHead, redirected
from streamserver.domain.inside import Address, read_address
from streamserver.domain.links import Link, Reach
from streamserver.errors import ImportFailed, LinkAway, LinkCut, LinkFault, LinkForbidden

LOOKUP_SECONDS = 10.0
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
"""From the first attempt to connect until the header of the answer is there."""
BUFFER_BYTES = 256 * 1024
"""What may wait in memory to be read, about twice over."""

NO_SUCH_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})
"""What a resolver says that has asked and knows; everything else may be its own trouble."""
FAILURES: tuple[tuple[tuple[type[Exception], ...], type[ImportFailed], str], ...] = (
    (
        (ClientConnectorCertificateError,),
        LinkFault,
        "The certificate of {where} cannot be trusted: {reason}.",
    ),
    (
        (ClientSSLError,),
        LinkFault,
        "{where} does not speak TLS as it should; the link may have to begin with http://.",
    ),
    (
        (ClientResponseError, ClientPayloadError),
        LinkFault,
        "{where} does not speak HTTP as it should, or sends more bytes than it announced.",
    ),
    ((InvalidURL, UnicodeError), LinkFault, "{where} cannot be asked for such an address."),
    ((TimeoutError,), LinkAway, "{where} did not answer in time."),
    ((ClientConnectorError,), LinkAway, "{where} cannot be reached: {reason}."),
    ((Exception,), LinkAway, "{where} hung up before it answered."),
)
"""What keeps an answer away, the special before the general."""

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Finds the addresses that belong to a name; `OSError` where there are none."""


async def system_lookup(name: str) -> Sequence[str]:
    """Ask this machine's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def system_socket(info: AddrInfoType) -> socket.socket:
    """Make a socket for an address."""
    return socket.socket(*info[:3])


class HttpFetcher:
    """`Fetcher` with a connection of its own for each request; it keeps no cookies and looks at no proxy."""

    def __init__(
        self,
        reach: Reach,
        *,
        lookup: Lookup = system_lookup,
        make_socket: SocketFactoryType = system_socket,
        tls: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._reach = reach
        self._lookup = lookup
        self._make_socket = make_socket
        self._tls = tls
        self._answer_seconds = answer_seconds

    @asynccontextmanager
    async def ask(self, link: Link, headers: Mapping[str, str]) -> AsyncIterator["HttpAnswer"]:
        """See `Fetcher.ask`."""
        self._reach.check(link)
        following: Link | None = link
        hops = 0
        while following:
            async with self._answer(following, headers, hops) as answer:
                following = redirected(answer.head, self._reach)
                if following is None:
                    yield answer
            hops += 1

    async def close(self) -> None:
        """See `Fetcher.close`."""

    @asynccontextmanager
    async def _answer(self, link: Link, headers: Mapping[str, str], hops: int) -> AsyncIterator["HttpAnswer"]:
        """Give one server's answer, to one request."""
        checked = CheckedAddresses(await self._addresses(link), self._make_socket)
        connector = TCPConnector(
            resolver=checked,
            socket_factory=checked.new_socket,
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls or True,
        )
        session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "streamserver"},
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            read_bufsize=BUFFER_BYTES,
        )
        async with session:
            try:
                async with asyncio.timeout(self._answer_seconds):
                    response = await session.get(
                        URL(link.url, encoded=True), headers=headers, allow_redirects=False
                    )
            except (ClientError, OSError, ValueError) as error:
                raise _failure(error, link) from error
            try:
                yield HttpAnswer(response, link, hops)
            finally:
                response.close()

    async def _addresses(self, link: Link) -> Sequence[Address]:
        """Return the addresses of a link's host, once all of them were found to be allowed."""
        if link.address:
            self._reach.check_addresses(link, [link.address])
            return [link.address]
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                texts = await self._lookup(link.host)
        except (OSError, UnicodeError) as error:  # gaierror and TimeoutError are OSErrors
            if isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME:
                raise LinkFault(f"There is no server called {link.host}; please check the link.") from error
            raise LinkAway(f"The server {link.host} cannot be found at present.") from error
        addresses = [address for text in texts if (address := read_address(text))]
        if len(addresses) < len(texts):
            raise LinkForbidden(f"{link.host} leads to an address of one network alone.")
        if not addresses:
            raise LinkFault(f"There is no server called {link.host}; please check the link.")
        self._reach.check_addresses(link, addresses)
        return addresses


class CheckedAddresses(AbstractResolver):
    """The addresses that may be asked: the only ones that are found, and that sockets are made for."""

    def __init__(self, addresses: Sequence[Address], make_socket: SocketFactoryType) -> None:
        self._addresses = addresses
        self._make_socket = make_socket

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - `AbstractResolver` has it
    ) -> list[ResolveResult]:
        """Give what was found before."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Hold nothing, so give nothing back."""

    def new_socket(self, info: AddrInfoType) -> socket.socket:
        """Make a socket; `OSError` for an address that was not checked, however it came here."""
        if read_address(str(info[4][0])) not in self._addresses:
            raise OSError("The address was not checked.")
        return self._make_socket(info)


class HttpAnswer:
    """`Answer` that comes over a connection."""

    def __init__(self, response: ClientResponse, link: Link, hops: int) -> None:
        self._response = response
        self._protocol = response.connection.protocol if response.connection else None
        headers: dict[str, str] = {}
        for name, value in response.headers.items():  # lines of one field belong together (RFC 9110 §5.3)
            known = headers.get(name.lower())
            headers[name.lower()] = f"{known}, {value}" if known else value
        self.head = AnswerHead(link=link, status=response.status, headers=headers, hops=hops)

    async def read(self) -> bytes:
        """See `Answer.read`."""
        try:
            chunk = await self._response.content.readany()
        except (ClientError, OSError) as error:
            raise LinkCut from error
        if not chunk and self._protocol and isinstance(self._protocol.exception(), HttpProcessingError):
            raise LinkFault(f"{self.head.link.host} sends more bytes than it announced.")
        return chunk


def _failure(error: Exception, link: Link) -> ImportFailed:
    """Tell people why there is no answer."""
    kind, sentence = next((kind, sentence) for causes, kind, sentence in FAILURES if isinstance(error, causes))
    return kind(sentence.format(where=f"{link.host}:{link.port}", reason=_reason(error)))


def _reason(error: Exception) -> str:
    if isinstance(error, ClientConnectorCertificateError):
        return str(getattr(error.certificate_error, "verify_message", "") or error.certificate_error)
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) else type(error).__name__
