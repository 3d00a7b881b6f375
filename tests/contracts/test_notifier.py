"""Every notifier sends what it is given, and says how it was answered, as `Notifier` says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamserver.errors import Unavailable
from streamserver.notifier.http import HttpNotifier
from streamserver.notifier.memory import MemoryNotifier, Receiver
from streamserver.ports import Notifier

BODY = '{"ä": "🎬"}'.encode()
HEADERS = {"Content-Type": "application/json", "webhook-id": "x"}


class Ground(Protocol):
    """Where receivers are put up for a notifier."""

    @property
    def notifier(self) -> Notifier:
        """The notifier that is looked at."""

    async def receiver(self, receive: Receiver) -> str:
        """Let somebody listen, and return the URL."""

    async def nobody(self) -> str:
        """Return a URL where nobody listens."""


class MemoryGround:
    """Functions under made-up addresses."""

    def __init__(self) -> None:
        self.notifier = MemoryNotifier()

    async def receiver(self, receive: Receiver) -> str:
        url = f"http://receiver-{len(self.notifier.receivers)}/"
        self.notifier.receivers[url] = receive
        return url

    async def nobody(self) -> str:
        return "http://nobody/"


class HttpGround:
    """Servers on this machine."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.notifier = HttpNotifier()
        self._stack = stack

    async def receiver(self, receive: Receiver) -> str:
        async def handle(request: web.Request) -> web.Response:
            assert request.method == "POST"
            status = await receive(request.headers, await request.read())
            return web.Response(status=status, headers={"Location": "/elsewhere"}, body=bytes(100_000))

        app = web.Application()
        app.router.add_route("*", "/hook", handle)
        server = TestServer(app)
        await server.start_server()
        self._stack.push_async_callback(server.close)
        return str(server.make_url("/hook?token=1"))

    async def nobody(self) -> str:
        server = TestServer(web.Application())
        await server.start_server()
        url = str(server.make_url("/"))
        await server.close()
        return url


@pytest.fixture(params=["memory", "http"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    async with AsyncExitStack() as stack:
        ground: Ground = MemoryGround() if request.param == "memory" else HttpGround(stack)
        stack.push_async_callback(ground.notifier.close)
        yield ground


async def test_what_is_sent_arrives(ground: Ground) -> None:
    """The receiver gets the very bytes, with the header fields."""
    seen: list[tuple[dict[str, str], bytes]] = []

    async def receive(headers: Mapping[str, str], body: bytes) -> int:
        seen.append(({name: headers[name] for name in HEADERS}, body))
        return 200

    url = await ground.receiver(receive)
    assert await ground.notifier.post(url, BODY, HEADERS) == 200
    assert seen == [(HEADERS, BODY)]


@pytest.mark.parametrize("status", [200, 204, 302, 308, 400, 410, 500, 503])
async def test_any_answer_is_an_answer(ground: Ground, status: int) -> None:
    """Its status comes back, a redirect's too, which is not followed: the receiver is asked once."""
    asked = []

    async def receive(headers: Mapping[str, str], body: bytes) -> int:
        asked.append(body)
        return status

    assert await ground.notifier.post(await ground.receiver(receive), BODY, HEADERS) == status
    assert asked == [BODY]


async def test_nobody_there(ground: Ground) -> None:
    """Where nobody listens the reason is told, by a check and by a post."""
    url = await ground.nobody()
    with pytest.raises(Unavailable):
        await ground.notifier.check(url)
    with pytest.raises(Unavailable):
        await ground.notifier.post(url, BODY, HEADERS)


async def test_a_check_sends_nothing(ground: Ground) -> None:
    """Somebody who listens is not bothered."""

    async def receive(headers: Mapping[str, str], body: bytes) -> int:
        raise AssertionError("nothing was to be sent")

    await ground.notifier.check(await ground.receiver(receive))


async def test_waiting_can_be_cut_short(ground: Ground) -> None:
    """A receiver that never answers is waited for until the caller has enough; others are served meanwhile."""
    begun = asyncio.Event()
    never = asyncio.Event()

    async def sleep(headers: Mapping[str, str], body: bytes) -> int:
        begun.set()
        await never.wait()
        return 200

    async def receive(headers: Mapping[str, str], body: bytes) -> int:
        return 200

    slow = asyncio.create_task(ground.notifier.post(await ground.receiver(sleep), BODY, HEADERS))
    await begun.wait()
    assert await ground.notifier.post(await ground.receiver(receive), BODY, HEADERS) == 200
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    assert slow.cancelled()
    never.set()


@pytest.mark.parametrize("url", ["http://name.invalid/", "https://127.0.0.1:{port}/", "http://127.0.0.1:{port}/"])
async def test_what_is_no_web_server_is_unavailable(url: str) -> None:
    """A host that is not there, one without TLS, one that hangs up: each is `Unavailable` with a reason."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    notifier = HttpNotifier()
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable) as raised:
            await notifier.post(url.format(port=port), BODY, HEADERS)
        assert raised.value.message not in {"", Unavailable.__doc__}
    await notifier.close()
