"""The fetcher of tests, which shows what a fetcher means."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamserver.domain.downloads import AnswerHead, redirected
from streamserver.domain.links import Link, Reach
from streamserver.errors import LinkAway, LinkCut


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a server says."""

    status: int = 200
    """Status code."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields by lower-case name."""
    chunks: tuple[bytes, ...] = ()
    """The body, as it is read."""
    is_cut_off: bool = False
    """Whether the connection is lost where the body should end."""


Server = Callable[[Mapping[str, str]], Awaitable[Served]]
"""Takes the header fields of a request, and answers."""


class MemoryFetcher:
    """`Fetcher` inside of one process: servers are functions, by URL."""

    def __init__(self, reach: Reach, servers: Mapping[str, Server] | None = None) -> None:
        self._reach = reach
        self.servers: dict[str, Server] = dict(servers or {})

    @asynccontextmanager
    async def ask(self, link: Link, headers: Mapping[str, str]) -> AsyncIterator["MemoryAnswer"]:
        """See `Fetcher.ask`."""
        self._reach.check(link)
        following: Link | None = link
        hops = 0
        while following:
            answer = await self._answer(following, headers, hops)
            following = redirected(answer.head, self._reach)
            hops += 1
        yield answer

    async def close(self) -> None:
        """Hold nothing, so give nothing back."""

    async def _answer(self, link: Link, headers: Mapping[str, str], hops: int) -> "MemoryAnswer":
        if link.url not in self.servers:
            raise LinkAway(f"{link.host}:{link.port} refuses connections.")
        return MemoryAnswer(await self.servers[link.url](headers), link, hops)


class MemoryAnswer:
    """`Answer` that was there all along."""

    def __init__(self, served: Served, link: Link, hops: int) -> None:
        self.head = AnswerHead(link=link, status=served.status, headers=served.headers, hops=hops)
        self._chunks = list(served.chunks)
        self._is_cut_off = served.is_cut_off

    async def read(self) -> bytes:
        """See `Answer.read`."""
        if self._chunks:
            return self._chunks.pop(0)
        if self._is_cut_off:
            raise LinkCut
        return b""
