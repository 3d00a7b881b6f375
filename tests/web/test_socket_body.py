"""Large bodies, read from the socket itself: the same answers, the same bytes, whatever the connection does."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from streamserver.flows.tus import SILENCE_SECONDS
from streamserver.web.socket_body import LEAST_BYTES, SocketBody, take_over
from tests.web.clock import skip, until
from tests.web.house import House, open_house
from tests.web.test_tus import checksum_of
from tests.web.tus import CHUNK, VERSION, ask, create, offset_of, patch
from tests.web.wire import connection, exchange, hear, request_bytes

CONTENT = random.Random(5).randbytes(4 * LEAST_BYTES)  # noqa: S311 - repeatable, not secret
HEAD_BYTES = 300_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, max_upload_bytes=10 * len(CONTENT)) as house:
        yield house


def request(path: str, content: bytes = CONTENT, offset: int = 0, *, checksum: str | None = None) -> bytes:
    headers = {**VERSION, **CHUNK, "Upload-Offset": str(offset)}
    if checksum is not None:
        headers["Upload-Checksum"] = checksum
    return request_bytes(path, method="PATCH", headers=headers, body=content)


async def reached(house: House, path: str, offset: int) -> None:
    async with asyncio.timeout(20):
        while await offset_of(house, path) < offset:  # noqa: ASYNC110 - threads and sockets tell nobody here
            await asyncio.sleep(0.01)


async def test_it_is_stored_whole(house: House) -> None:
    """In one request or in several, with the end of the connection announced after each large one."""
    path = await create(house, len(CONTENT) + 5)
    for start, end in ((0, 3 * LEAST_BYTES), (3 * LEAST_BYTES, len(CONTENT))):
        answer = await exchange(house.port, request(path, CONTENT[start:end], start))
        assert (answer.status, answer.headers["connection"]) == (204, "close")
        assert answer.headers["upload-offset"] == str(end)
    assert await offset_of(house, path) == len(CONTENT)
    async with house.blobs.incoming(path.rsplit("/", 1)[1]) as incoming:
        assert await incoming.read(0, len(CONTENT)) == CONTENT
    assert (await patch(house, path, len(CONTENT), b"12345")).status == 204


@pytest.mark.parametrize("size", [LEAST_BYTES - 1, LEAST_BYTES, LEAST_BYTES + 1])
async def test_small_ones_keep_their_connection(house: House, size: int) -> None:
    """Only what is large enough to be worth it costs a connection."""
    path = await create(house, len(CONTENT))
    answer = await exchange(house.port, request(path, CONTENT[:size]))
    assert answer.status == 204
    assert (answer.headers.get("connection") == "close") == (size >= LEAST_BYTES)
    assert await offset_of(house, path) == size


async def test_a_whole_upload_in_its_creation(house: House) -> None:
    """The first request may bring everything."""
    headers = {**VERSION, **CHUNK, "Upload-Length": str(len(CONTENT))}
    answer = await exchange(
        house.port, request_bytes("/api/uploads", method="POST", headers=headers, body=CONTENT)
    )
    assert (answer.status, answer.headers["upload-offset"]) == (201, str(len(CONTENT)))
    assert (await ask(house, "HEAD", answer.headers["location"])).status == 200


async def test_checked_pieces_are_read_by_aiohttp(house: House) -> None:
    """A piece with a checksum is looked at as a whole first, however large it is."""
    path = await create(house, len(CONTENT) + 1)
    answer = await exchange(house.port, request(path, checksum=checksum_of(CONTENT)))
    assert answer.status == 204
    assert await offset_of(house, path) == len(CONTENT)


@pytest.mark.parametrize("sent", [0, HEAD_BYTES, 2 * LEAST_BYTES, len(CONTENT) - 1])
@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
async def test_a_connection_that_breaks_off(house: House, sent: int, is_reset: bool) -> None:
    """What came is kept, as far as the kernel had it; another connection goes on, and the file is the same."""
    path = await create(house, len(CONTENT) + 1)
    whole = request(path)
    async with connection(house.port) as (_, writer):
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(whole[: len(whole) - len(CONTENT) + sent])
        await until(lambda: house.services.receive.under_way == 1)
        await writer.drain()
        if not is_reset:
            writer.close()
            await writer.wait_closed()
    await until(lambda: house.services.receive.under_way == 0)
    offset = await offset_of(house, path)
    assert offset <= sent
    if not is_reset:
        assert offset == sent
    assert (await exchange(house.port, request(path, CONTENT[offset:], offset))).status == 204
    async with house.blobs.incoming(path.rsplit("/", 1)[1]) as incoming:
        assert await incoming.read(0, len(CONTENT)) == CONTENT


async def test_one_that_trickles(house: House) -> None:
    """Bytes that come few at a time are stored as they come."""
    path = await create(house, len(CONTENT) + 1)
    whole = request(path)
    async with connection(house.port) as (reader, writer):
        start = len(whole) - len(CONTENT)
        writer.write(whole[:start])
        for piece in (1, 10, 1000, 100_000, 500_000):
            writer.write(whole[start : start + piece])
            start += piece
            await until(lambda: house.services.receive.under_way == 1)
        stored = start - len(whole) + len(CONTENT)
        await reached(house, path, stored)
        writer.write(whole[start:])
        assert (await hear(reader, has_body=False)).status == 204
    assert await offset_of(house, path) == len(CONTENT)


async def test_one_that_falls_silent(house: House) -> None:
    """It is told so and closed; what came is kept."""
    path = await create(house, len(CONTENT))
    whole = request(path)
    async with connection(house.port) as (reader, writer):
        writer.write(whole[:-1000])
        await reached(house, path, len(CONTENT) - 1000)
        hearing = asyncio.create_task(hear(reader))
        while not hearing.done():
            skip(SILENCE_SECONDS + 1)
            await asyncio.sleep(0.01)
        answer = await hearing
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await reader.read() == b""
    assert await offset_of(house, path) == len(CONTENT) - 1000


async def test_one_that_is_ended_by_somebody_else(house: House) -> None:
    """Whoever sends is told that it is gone, although more was to come."""
    path = await create(house, len(CONTENT))
    whole = request(path)
    async with connection(house.port) as (reader, writer):
        writer.write(whole[: 2 * LEAST_BYTES])
        await until(lambda: house.services.receive.under_way == 1)
        assert (await ask(house, "DELETE", path)).status == 204
        writer.write(whole[2 * LEAST_BYTES :])
        assert (await hear(reader)).status == 410
    assert await house.blobs.incoming_sizes() == {}


async def test_a_refusal_is_read_to_the_end(house: House) -> None:
    """What is no video is refused once enough of it came, and its sender gets to read that."""
    content = b"A text of many words. " * 200_000
    path = await create(house, len(content))
    answer = await exchange(house.port, request(path, content))
    assert answer.status == 415
    assert json.loads(answer.body)["code"] == "unsupported_media"
    assert (await ask(house, "HEAD", path)).status == 410


async def test_the_next_request_is_none_of_it(house: House) -> None:
    """What a client sends after its body without waiting is not taken for a part of it."""
    path = await create(house, len(CONTENT) + 1)
    async with connection(house.port) as (reader, writer):
        writer.write(request(path) + request_bytes("/healthz"))
        assert (await hear(reader, has_body=False)).status == 204
        with suppress(ConnectionError):  # it was not read
            assert await reader.read() == b""
    assert await offset_of(house, path) == len(CONTENT)


async def test_too_many_bytes(house: House) -> None:
    """They are refused before the first of them is read."""
    path = await create(house, len(CONTENT))
    assert (await exchange(house.port, request(path, CONTENT + b"x"))).status == 413
    assert await offset_of(house, path) == 0


async def test_many_at_once(house: House) -> None:
    """Eight uploads side by side are eight files, and the server answers others meanwhile."""
    contents = [random.Random(number).randbytes(3 * LEAST_BYTES) for number in range(8)]  # noqa: S311 - not secret
    paths = [await create(house, len(content) + 1) for content in contents]
    answers = await asyncio.gather(
        *(exchange(house.port, request(path, content)) for path, content in zip(paths, contents, strict=True)),
        *(exchange(house.port, request_bytes("/healthz")) for _ in range(20)),
    )
    assert [answer.status for answer in answers] == [204] * 8 + [200] * 20
    for path, content in zip(paths, contents, strict=True):
        async with house.blobs.incoming(path.rsplit("/", 1)[1]) as incoming:
            assert await incoming.read(0, len(content)) == content


async def test_one_that_was_let_go_of_is_read_no_more() -> None:
    """A thread that is still at it does not read what belongs to another connection by now."""
    server_side, client_side = socket.socketpair()
    loop = asyncio.get_running_loop()
    server_side.setblocking(False)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=server_side)
    transport.pause_reading()
    body = SocketBody(transport, b"", 1000, is_over=transport.is_closing)
    client_side.send(b"of this one")
    assert await body.more()
    room = memoryview(bytearray(100))
    assert await asyncio.to_thread(body.read_into, room[:4]) == 4
    body.close()
    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(body.read_into, room)
    transport.abort()
    client_side.close()


async def test_a_server_that_stops_does_not_wait_for_it_twice() -> None:
    """Who reads a body without end hears that the server stops as soon as those do whose body aiohttp reads."""
    ends: list[type[BaseException]] = []
    is_taken = asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        body, room = take_over(request), memoryview(bytearray(LEAST_BYTES))
        assert body is not None
        is_taken.set()
        try:
            while await body.more():
                await asyncio.to_thread(body.read_into, room)
        except BaseException as error:
            ends.append(type(error))
            raise
        finally:
            body.close()
        return web.Response()

    app = web.Application(client_max_size=0)
    app.router.add_put("/", read)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with connection(runner.addresses[0][1]) as (_, writer):
        fields = {"Content-Length": str(10**15)}
        writer.write(request_bytes("/", method="PUT", headers=fields))

        async def send() -> None:
            with suppress(ConnectionError):
                while True:
                    writer.write(CONTENT)
                    await writer.drain()

        sending = asyncio.create_task(send())
        await is_taken.wait()
        await runner.cleanup()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    assert ends == [ConnectionResetError]
