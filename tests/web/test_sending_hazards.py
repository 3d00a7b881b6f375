"""What can go wrong behind a transport's back does not."""

import asyncio
import os
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from streamserver.blobs.local import LocalBlobs
from streamserver.domain.answers import Answer
from streamserver.domain.ranges import ResourceRegion
from streamserver.errors import NotFound
from streamserver.web.errors import problem
from streamserver.web.sending import UNSENT_BYTES, WAIT_BYTES, Begun, finish, send
from streamserver.web.turns import STEP_BYTES, Turns
from tests.web.loopback import (
    Connection,
    assert_right,
    chance_of,
    content_of,
    folder_handler,
    on_each_loop,
    serving,
)

LARGE_BYTES = 5 * 1024 * 1024 + 321
"""More than the kernel takes of a connection that is not read."""
HELD_BYTES = 1024 * 1024
"""Less than that."""
ANSWER_SECONDS = 30
"""When a handler's finding is given up."""

pytestmark = on_each_loop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    (folder / "large").write_bytes(content_of("large", LARGE_BYTES))
    (folder / "small").write_bytes(content_of("small", 1000))
    return folder


def test_no_client_gets_the_bytes_of_another(loop: str, tmp_path: Path) -> None:
    """While connections come and are cut off at random, slow and fast readers each get their own file, in full."""
    names = [f"viewer-{number}" for number in range(6)]
    contents = {name: content_of(name, 3_000_000) for name in names}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    def leave_early(port: int, seed: int) -> None:
        chance = chance_of(f"leaver {seed}")
        for _ in range(60):
            name = chance.choice(names)
            connection = Connection(port, receive_buffer=chance.choice([0, 4096]))
            connection.send(f"/{name}")
            connection.read_header()
            count = chance.choice([0, 1, 10_000, 500_000, 2_000_000])
            assert connection.read_some(count) == contents[name][:count]
            chance.choice([connection.reset, connection.close])()

    def stay(port: int, name: str, receive_buffer: int) -> None:
        with Connection(port, receive_buffer=receive_buffer) as connection:
            for start in (0, 1_234_567):
                reply = connection.ask(f"/{name}", {"Range": f"bytes={start}-"})
                assert_right(reply, contents[name])

    with serving(folder_handler(tmp_path), loop) as port, ThreadPoolExecutor(max_workers=12) as pool:
        tasks = [pool.submit(leave_early, port, seed) for seed in range(4)]
        tasks += [pool.submit(stay, port, name, size) for name in names for size in (4096, 0)]
        for task in tasks:
            task.result()


def test_a_client_that_leaves_is_no_error(loop: str, folder: Path) -> None:
    """A reset in the middle of a body ends the handler in the ordinary way."""
    ended: Future[web.StreamResponse] = Future()
    handle = folder_handler(folder)

    async def watched(request: web.BaseRequest) -> web.StreamResponse:
        response = await handle(request)
        ended.set_result(response)
        return response

    with serving(watched, loop) as port:
        connection = Connection(port, receive_buffer=4096)
        connection.send("/large")
        connection.read_some(100_000)
        connection.reset()
        assert ended.result(ANSWER_SECONDS).keep_alive is False


def test_a_truncated_file_ends_the_connection(loop: str, folder: Path) -> None:
    """A body that cannot be sent in full is never passed off as whole, and is logged; others are served on."""
    complaints: list[str] = []
    with serving(folder_handler(folder), loop, complaints=complaints) as port:
        with Connection(port) as connection:
            connection.send(f"/large?length={LARGE_BYTES + 1}")
            status, headers = connection.read_header()
            assert (status, headers["content-length"]) == (200, str(LARGE_BYTES + 1))
            assert connection.read_to_end() == content_of("large", LARGE_BYTES)
        with Connection(port) as connection:
            connection.send("/small?length=1001")
            assert connection.is_closed()
        with Connection(port) as connection:
            assert connection.ask("/small").status == 200
    assert [complaint.split(":")[0] for complaint in complaints] == [
        "ERROR cannot send /large in full",
        "ERROR cannot send /small in full",
    ]


def test_nothing_follows_a_body_that_was_cut_short(loop: str, folder: Path) -> None:
    """A handler that is interrupted while sending cannot spoil the connection with another response."""

    async def impatient(request: web.BaseRequest) -> web.StreamResponse:
        with (folder / "large").open("rb") as file:
            sending = asyncio.create_task(send(request, plain_answer(LARGE_BYTES), file.fileno(), Turns()))
            await writing_is_paused(request)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        return web.Response(text="late")

    with serving(impatient, loop) as port, Connection(port, receive_buffer=4096) as connection:
        connection.send("/")
        connection.read_header()
        received = connection.read_to_end()
    assert len(received) < LARGE_BYTES
    assert received == content_of("large", LARGE_BYTES)[: len(received)]


async def writing_is_paused(request: web.BaseRequest) -> None:
    while not request.protocol.writing_paused:  # noqa: ASYNC110 the transport announces it to nobody else
        await asyncio.sleep(0)


def plain_answer(length: int) -> Answer:
    return Answer(
        status=200,
        headers=(("Content-Length", str(length)),),
        body=(ResourceRegion(position=0, count=length),),
    )


def test_a_slow_client_costs_little_memory(loop: str, folder: Path) -> None:
    """While a client does not read, the transport holds no more than it is given to wait with."""
    held: Future[int] = Future()

    async def measured(request: web.BaseRequest) -> web.StreamResponse:
        with (folder / "large").open("rb") as file:
            sending = asyncio.create_task(send(request, plain_answer(LARGE_BYTES), file.fileno(), Turns()))
            await writing_is_paused(request)
            assert request.transport is not None
            held.set_result(request.transport.get_write_buffer_size())
            return await sending

    with serving(measured, loop) as port, Connection(port, receive_buffer=4096) as connection:
        connection.send("/")
        assert 0 < held.result(ANSWER_SECONDS) <= WAIT_BYTES
        assert connection.read().body == content_of("large", LARGE_BYTES)


def test_others_get_their_turn_while_a_fast_client_is_served(loop: str, folder: Path) -> None:
    """Between two turns of the loop no more than one step is sent, even if the client takes it all at once."""
    steps: Future[list[int]] = Future()

    async def measured(request: web.BaseRequest) -> web.StreamResponse:
        sizes = [0]
        with (folder / "large").open("rb") as file:
            sending = asyncio.create_task(send(request, plain_answer(LARGE_BYTES), file.fileno(), Turns()))
            while not sending.done():
                await asyncio.sleep(0)
                sizes.append(request.writer.output_size)
        steps.set_result([after - before for before, after in pairwise(sizes)])
        return sending.result()

    with serving(measured, loop) as port, Connection(port) as connection:
        assert connection.ask("/").body == content_of("large", LARGE_BYTES)
        assert max(steps.result(ANSWER_SECONDS)) <= STEP_BYTES + 1000


def test_the_kernel_runs_only_so_far_ahead(loop: str, folder: Path) -> None:
    """A connection with a large body has TCP_NOTSENT_LOWAT set."""
    found: Future[int] = Future()
    handle = folder_handler(folder)

    async def measured(request: web.BaseRequest) -> web.StreamResponse:
        response = await handle(request)
        assert request.transport is not None
        client = request.transport.get_extra_info("socket")
        found.set_result(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))
        return response

    with serving(measured, loop) as port, Connection(port) as connection:
        connection.ask("/large")
        assert found.result(ANSWER_SECONDS) == UNSENT_BYTES


def test_a_number_that_is_given_anew_gets_no_bytes(loop: str, folder: Path) -> None:
    """When a connection ends while its sender waits, the next owner of the descriptor's number hears nothing."""
    heard: Future[bytes] = Future()

    async def cut_off(request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        number = transport.get_extra_info("socket").fileno()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with (folder / "large").open("rb") as file, ours, theirs:
            sending = asyncio.create_task(send(request, plain_answer(LARGE_BYTES), file.fileno(), Turns()))
            await writing_is_paused(request)
            transport.abort()
            await asyncio.sleep(0)
            assert not is_open(number)
            os.dup2(ours.fileno(), number)
            response = await sending
            os.close(number)
            ours.close()
            heard.set_result(theirs.recv(100))
        return response

    with serving(cut_off, loop) as port, Connection(port, receive_buffer=4096) as connection:
        connection.send("/")
        assert heard.result(ANSWER_SECONDS) == b""


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_bytes_do_not_overtake_what_the_transport_still_holds(loop: str, folder: Path) -> None:
    """The file waits for the transport's own bytes, also where the kernel would take it at once."""
    stuck: Future[int] = Future()
    has_read: Future[None] = Future()

    async def behind(request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        count = 0
        while not transport.get_write_buffer_size():
            transport.write(bytes(HELD_BYTES))
            count += HELD_BYTES
            await asyncio.sleep(0)
        stuck.set_result(count)
        has_read.result(ANSWER_SECONDS)  # stops the loop, so that the transport does not notice
        with (folder / "large").open("rb") as file:
            return await send(request, plain_answer(LARGE_BYTES), file.fileno(), Turns())

    with serving(behind, loop) as port, Connection(port) as connection:
        connection.send("/")
        before = stuck.result(ANSWER_SECONDS)
        assert connection.read_some(HELD_BYTES) == bytes(HELD_BYTES)
        has_read.set_result(None)
        assert connection.read_some(before - HELD_BYTES) == bytes(before - HELD_BYTES)
        assert connection.read().body == content_of("large", LARGE_BYTES)


def test_what_was_begun_is_not_followed_by_an_error(loop: str, tmp_path: Path) -> None:
    """Where a blob is gone before the rest of an answer is read of it, the connection ends without a word."""
    header = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    blobs = LocalBlobs(tmp_path)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(header)
        rest = ResourceRegion(position=0, count=100)
        try:
            return await finish(request, Begun(200, len(header), rest, "v/source"), blobs, Turns())
        except NotFound as error:
            return problem(request, error)

    with serving(handle, loop) as port, Connection(port) as connection:
        connection.send("/")
        assert header.startswith(connection.read_to_end())
