"""Every fetcher asks, follows and refuses as `Fetcher` says."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from streamserver.domain.downloads import MAX_REDIRECTS
from streamserver.domain.links import Link, Reach, Trusted, read_link
from streamserver.errors import LinkAway, LinkCut, LinkFault, LinkForbidden
from streamserver.fetcher.http import HttpFetcher
from streamserver.fetcher.memory import MemoryFetcher, Served, Server
from streamserver.ports import Fetcher
from tests.services.site import Request, Say, answer, running_site

CONTENT = bytes(range(256)) * 100


class Ground(Protocol):
    """Where sites are put up for a fetcher."""

    @property
    def fetcher(self) -> Fetcher:
        """The fetcher that is looked at."""

    async def site(self, server: Server) -> Link:
        """Let somebody answer, and return where."""

    async def nobody(self) -> Link:
        """Return a link to where nobody answers."""


class MemoryGround:
    """Functions under made-up addresses."""

    def __init__(self) -> None:
        self.fetcher = MemoryFetcher(Reach())

    async def site(self, server: Server) -> Link:
        link = read_link(f"http://site-{len(self.fetcher.servers)}.example/film.mp4")
        self.fetcher.servers[link.url] = server
        return link

    async def nobody(self) -> Link:
        return read_link("http://nobody.example/")


class HttpGround:
    """Servers on this machine, which it finds under other names."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._trusted: tuple[Trusted, ...] = ()
        self.fetcher = HttpFetcher(Reach(), lookup=self._look_up)

    async def _look_up(self, _name: str) -> list[str]:
        return ["127.0.0.1"]

    async def site(self, server: Server) -> Link:
        async def page(request: Request, say: Say) -> None:
            served = await server(request.headers)
            length = sum(len(chunk) for chunk in served.chunks)
            fields = {"Content-Length": str(length + (1 if served.is_cut_off else 0)), **served.headers}
            await say(answer(served.status, fields))
            for chunk in served.chunks:
                await say(chunk)

        site = await self._stack.enter_async_context(running_site(page))
        return self._trust(site.port)

    async def nobody(self) -> Link:
        async with running_site(lambda _request, say: say(b"")) as site:
            return self._trust(site.port)

    def _trust(self, port: int) -> Link:
        host = f"site-{port}.example"
        self._trusted += (Trusted(host=host, port=port),)
        self.fetcher = HttpFetcher(Reach(trusted=self._trusted), lookup=self._look_up)
        return read_link(f"http://{host}:{port}/film.mp4")


@pytest.fixture(params=["memory", "http"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    async with AsyncExitStack() as stack:
        ground: Ground = MemoryGround() if request.param == "memory" else HttpGround(stack)
        stack.push_async_callback(ground.fetcher.close)
        yield ground


async def bytes_of(ground: Ground, link: Link) -> bytes:
    """Return all that a link leads to."""
    found = bytearray()
    async with ground.fetcher.ask(link, {}) as answer:
        while chunk := await answer.read():
            found += chunk
    return bytes(found)


async def test_what_is_there_comes(ground: Ground) -> None:
    """An answer has its status, its header fields by lower-case name, and its body to the last byte."""
    seen: list[Mapping[str, str]] = []

    async def server(headers: Mapping[str, str]) -> Served:
        seen.append(headers)
        return Served(status=206, headers={"x-it": "is"}, chunks=(CONTENT, b"end"))

    link = await ground.site(server)
    async with ground.fetcher.ask(link, {"range": "bytes=7-"}) as found:
        assert (found.head.link, found.head.status, found.head.hops) == (link, 206, 0)
        assert found.head.headers["x-it"] == "is"
        body = bytearray()
        while chunk := await found.read():
            body += chunk
    assert bytes(body) == CONTENT + b"end"
    assert seen[0]["range"] == "bytes=7-"


@pytest.mark.parametrize("status", [200, 304, 404, 416, 500])
async def test_any_answer_is_an_answer(ground: Ground, status: int) -> None:
    """What a status means is not the fetcher's to judge."""

    async def server(_headers: Mapping[str, str]) -> Served:
        return Served(status=status)

    link = await ground.site(server)
    async with ground.fetcher.ask(link, {}) as found:
        assert found.head.status == status


async def test_a_loss_is_noticed(ground: Ground) -> None:
    """A body that ends before its end is told from one that is whole."""

    async def server(_headers: Mapping[str, str]) -> Served:
        return Served(chunks=(CONTENT,), is_cut_off=True)

    with pytest.raises(LinkCut):
        await bytes_of(ground, await ground.site(server))


async def test_redirections_are_followed(ground: Ground) -> None:
    """The answer is the last one, and says where it came from and over how many others."""

    async def there(_headers: Mapping[str, str]) -> Served:
        return Served(chunks=(CONTENT,))

    target = await ground.site(there)

    async def on(_headers: Mapping[str, str]) -> Served:
        return Served(status=302, headers={"location": target.url})

    link = await ground.site(on)
    async with ground.fetcher.ask(link, {}) as found:
        assert (found.head.link, found.head.hops, found.head.status) == (target, 1, 200)


async def test_circles_end(ground: Ground) -> None:
    """A site that leads on without end is given up, after as many requests as may be."""
    asked = []

    async def on(_headers: Mapping[str, str]) -> Served:
        asked.append(1)
        return Served(status=302, headers={"location": "/film.mp4"})

    with pytest.raises(LinkFault):
        await bytes_of(ground, await ground.site(on))
    assert len(asked) == MAX_REDIRECTS + 1


async def test_redirections_do_not_lead_inside(ground: Ground) -> None:
    """A site cannot send the fetcher where a link may not lead."""

    async def on(_headers: Mapping[str, str]) -> Served:
        return Served(status=302, headers={"location": "http://[::ffff:a9fe:a9fe]/latest/meta-data/"})

    with pytest.raises(LinkForbidden):
        await bytes_of(ground, await ground.site(on))


async def test_links_do_not_lead_inside(ground: Ground) -> None:
    """A link is refused before anything is sent."""
    for text in ("http://127.0.0.1/", "http://2130706433/", "http://a.example:22/"):
        with pytest.raises(LinkForbidden):
            await bytes_of(ground, read_link(text))


async def test_nobody_there(ground: Ground) -> None:
    """Where nobody answers the reason is told."""
    with pytest.raises(LinkAway):
        await bytes_of(ground, await ground.nobody())
