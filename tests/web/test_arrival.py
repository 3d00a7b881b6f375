"""Large bodies that go from the socket into a buffer: nothing is lost or added, and aiohttp hears what it must."""

import asyncio
import hashlib
import threading

import pytest
from aiohttp import web

from streamserver.web.arrival import BUFFER_BYTES, LEAST_BYTES, arriving, end_spent
from tests.web.loopback import TIMEOUT_SECONDS, Connection, content_of, on_each_loop, serving

LARGE = LEAST_BYTES + 12_345
SMALL = 100_000


async def digest(request: web.BaseRequest) -> web.StreamResponse:
    """Answer with the length and the SHA-256 of what came."""
    assert isinstance(request, web.Request)
    found, length = hashlib.sha256(), 0
    async with arriving(request) as chunks:
        async for chunk in chunks:
            found.update(chunk)
            length += len(chunk)
    return await answered(request, f"{length} {found.hexdigest()}")


async def refuse(request: web.BaseRequest) -> web.StreamResponse:
    """Answer after the first chunk."""
    assert isinstance(request, web.Request)
    async with arriving(request) as chunks:
        async for _ in chunks:
            break
    return await answered(request, "no more, please")


async def answered(request: web.Request, text: str) -> web.StreamResponse:
    response = web.Response(text=text)
    await end_spent(request, response)
    return response


def fields(length: int) -> dict[str, str]:
    return {"Content-Length": str(length)}


def expected(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


@on_each_loop
@pytest.mark.parametrize("length", [LEAST_BYTES, LARGE, LEAST_BYTES + BUFFER_BYTES])
def test_a_large_body_arrives_byte_for_byte(loop: str, length: int) -> None:
    """The bytes that came with the header and those behind it are all there, and the connection ends."""
    body = content_of(f"{length}", length)
    with serving(digest, loop, application=True) as port, Connection(port) as connection:
        connection.send("/", fields(length), method="PUT", body=body)
        reply = connection.read()
        assert reply.body == expected(body)
        assert reply.headers["connection"] == "close"
        assert connection.is_closed()


@on_each_loop
def test_a_small_body_keeps_its_connection(loop: str) -> None:
    """For what is soon over aiohttp reads, and the next request comes on the same connection."""
    with serving(digest, loop, application=True) as port, Connection(port) as connection:
        for number in range(2):
            body = content_of(f"small {number}", SMALL)
            connection.send("/", fields(SMALL), method="PUT", body=body)
            reply = connection.read()
            assert reply.body == expected(body)
            assert "connection" not in reply.headers


@on_each_loop
def test_who_is_refused_while_sending_gets_to_read_it(loop: str) -> None:
    """The rest of the body is read and dropped, so that the answer is not lost with the connection."""
    with serving(refuse, loop, application=True) as port, Connection(port) as connection:
        connection.send("/", fields(LARGE), method="PUT", body=bytes(LARGE))
        reply = connection.read()
        assert (reply.status, reply.body) == (200, b"no more, please")
        assert connection.is_closed()


@on_each_loop
def test_slow_bytes_are_not_waited_for_until_a_buffer_is_full(loop: str) -> None:
    """Each few bytes reach whoever asks for them while the rest is still to come."""
    came: list[int] = []

    async def count(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        async with arriving(request) as chunks:
            async for chunk in chunks:
                came.append(len(chunk))
                if sum(came) == 2000:
                    break
        return await answered(request, "")

    with serving(count, loop, application=True) as port, Connection(port) as connection:
        connection.send("/", fields(LARGE), method="PUT", body=bytes(1000))
        connection.socket.sendall(bytes(1000))
        assert connection.read_header()[0] == 200
    assert sum(came) == 2000


@on_each_loop
def test_what_came_before_the_connection_broke_is_given(loop: str) -> None:
    """The last bytes are given, and then it is told that no more come."""
    came: list[int] = []
    ended = threading.Event()

    async def count(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        try:
            async with arriving(request) as chunks:
                async for chunk in chunks:
                    came.append(len(chunk))
                    await asyncio.sleep(0)
        except ConnectionError:
            ended.set()
            raise
        return web.Response()

    with serving(count, loop, application=True) as port, Connection(port) as connection:
        connection.send("/", fields(LARGE), method="PUT", body=bytes(3 * BUFFER_BYTES + 5))
        connection.close()
        assert ended.wait(TIMEOUT_SECONDS)
    assert sum(came) == 3 * BUFFER_BYTES + 5
