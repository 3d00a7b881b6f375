"""Large answers go on without a task, and with one when something is in the way: no byte is lost between them."""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamserver.web.fast import FastHandler
from tests.web.loopback import Connection, assert_right, content_of, on_each_loop
from tests.web.media_server import MediaServer, media_path, media_server

LENGTH = 20 * 1024 * 1024 + 321
"""More than any socket takes at once."""
LARGE = media_path("large.mp4")
PLAYLIST = media_path("hls/large/index.m3u8")


@pytest.fixture(scope="module")
def contents() -> Mapping[str, bytes]:
    return {"large": content_of("large", LENGTH), "small": content_of("small", 50_000)}


@pytest.fixture
def media(loop: str, tmp_path: Path, contents: Mapping[str, bytes]) -> Iterator[MediaServer]:
    with media_server(tmp_path, loop, contents) as server:
        yield server


@on_each_loop
def test_no_task_is_woken_for_a_large_answer(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Nor is one for the next on the same connection."""
    with _waiting_connection(media) as connection:
        bodies, tasked = media.count_tasked(
            lambda: [connection.ask(LARGE, {"Range": f"bytes={first}-"}).body for first in (0, 1000)]
        )
    assert bodies == [contents["large"], contents["large"][1000:]]
    assert tasked == 0


@on_each_loop
def test_a_request_in_the_middle_of_an_answer_waits_for_its_end(
    media: MediaServer, contents: Mapping[str, bytes]
) -> None:
    """The task takes over where the answer is, and goes on with what was asked for meanwhile."""
    with _waiting_connection(media) as connection:
        connection.send(LARGE)
        status, _ = connection.read_header()
        beginning = connection.read_some(100_000)
        media.run(_going(media))
        connection.send(media_path("small.mp4"), {"Range": "bytes=5-99"})
        rest = connection.read_some(LENGTH - len(beginning))
        assert (status, beginning + rest == contents["large"]) == (200, True)
        assert connection.read_header()[0] == 206
        assert connection.read_some(95) == contents["small"][5:100]
        assert_right(connection.ask(LARGE), contents["large"])


@on_each_loop
def test_a_server_that_stops_finishes_the_answer(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """A connection that is to be closed is closed behind the last byte."""

    async def close() -> None:
        (await _going(media)).close()

    with _waiting_connection(media) as connection:
        connection.send(LARGE)
        connection.read_header()
        media.run(close())
        assert connection.read_some(LENGTH) == contents["large"]
        assert connection.read_some(1) == b""


@on_each_loop
def test_whoever_takes_time_is_not_idle(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """The end of the time in which a next request would have to come does not end an answer."""

    async def run_out() -> None:
        handler = await _going(media)
        handler._next_keepalive_close_time = 0.0
        handler._process_keepalive()

    with _waiting_connection(media) as connection:
        connection.send(LARGE)
        connection.read_header()
        media.run(run_out())
        assert connection.read_some(LENGTH) == contents["large"]
        assert_right(connection.ask(media_path("small.mp4")), contents["small"])


@on_each_loop
def test_a_file_that_is_closed_is_opened_again(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Descriptors are given back when others are needed more; an answer goes on with another one."""

    async def close_files() -> None:
        await _going(media)
        await media.blobs.close()

    with _waiting_connection(media) as connection:
        connection.send(LARGE)
        connection.read_header()
        media.run(close_files())
        assert connection.read_some(LENGTH) == contents["large"]


@on_each_loop
def test_a_truncated_file_ends_the_connection(media: MediaServer, tmp_path: Path) -> None:
    """What was promised cannot be kept; nothing else is sent in its place."""

    async def truncate() -> int:
        going = (await _going(media))._going
        assert going is not None
        length = going.position + 1000
        os.truncate(tmp_path / "media" / "v" / "large.mp4", length)
        return length

    with _waiting_connection(media) as connection:
        connection.send(LARGE)
        connection.read_header()
        length = media.run(truncate())
        assert 0 < len(connection.read_to_end()) <= length


@on_each_loop
def test_every_answer_is_logged_once(loop: str, tmp_path: Path, contents: Mapping[str, bytes]) -> None:
    """Those that went on to their end, and those whose client left, with the bytes that were sent."""
    log_path = tmp_path / "access.log"
    with media_server(tmp_path, loop, contents, log_path=log_path) as media:
        with _waiting_connection(media) as connection:
            connection.ask(LARGE)
        with _waiting_connection(media) as connection:
            connection.send(LARGE, {"Range": "bytes=7-"})
            media.run(_going(media))
            connection.reset()
            media.run(_gone(media))
    lines = log_path.read_text().splitlines()
    assert len(lines) == 4
    whole, left = lines[1].split('"'), lines[3].split('"')
    assert int(whole[2].split()[2]) > LENGTH
    assert left[2].split()[:2] == ["bytes=7-", "206"]
    assert 0 < int(left[2].split()[2]) < LENGTH


@on_each_loop
def test_small_answers_wait_for_a_client_that_reads_none(media: MediaServer) -> None:
    """Each comes whole, in order, once it does read: what the kernel took in part, and what it took none of."""

    async def narrow() -> None:
        (connection,) = media.server.connections
        transport = connection.transport
        assert transport is not None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    async def is_full(asked: int) -> bool:
        (connection,) = media.server.connections
        assert isinstance(connection, FastHandler)
        while True:
            if connection._request_count == asked and (not connection._messages or connection._holds_bytes()):
                break
            await asyncio.sleep(0)
        return connection._holds_bytes()

    with _waiting_connection(media) as connection:
        whole = [connection.ask(PLAYLIST) for _ in range(2)][-1]
        media.run(media.settle())
        media.run(narrow())
        asked, before = 1, media.run(_requests(media))
        connection.send(PLAYLIST)
        while not media.run(is_full(before + asked)):
            connection.send(PLAYLIST)
            asked += 1
        for _ in range(3):
            connection.send(PLAYLIST)
        replies = [connection.read() for _ in range(asked + 3)]
    assert asked > 3
    assert {(reply.status, reply.body) for reply in replies} == {(200, whole.body)}


@contextmanager
def _waiting_connection(media: MediaServer) -> Iterator[Connection]:
    """Give a connection whose task waits for requests: the first one may come before it does."""
    with Connection(media.port, receive_buffer=65536) as connection:
        assert connection.ask(LARGE, {"Range": "bytes=0-0"}).status == 206
        media.run(media.settle())
        yield connection


async def _going(media: MediaServer) -> FastHandler:
    """Return the connection that is in the middle of an answer, once it has to wait for its client."""
    while True:
        for connection in media.server.connections:
            assert isinstance(connection, FastHandler)
            if connection._going is not None and connection._holds_bytes():
                return connection
        await asyncio.sleep(0)


async def _requests(media: MediaServer) -> int:
    (connection,) = media.server.connections
    return connection._request_count


async def _gone(media: MediaServer) -> None:
    while media.server.connections:  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0)
