"""A viewer's connection counts all that came, keeps what can be kept, and says what went wrong."""

from collections.abc import AsyncIterator

import pytest
from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.sessions import Line
from benchmarks.deliveries.wire import Pace, Tally, Wire, WireError

from tests.bench.media_server import FRAGMENT_BYTES, MediaServer, media_server

FAST = Line(name="fast", rate_bps=8e9, round_trip_seconds=0.0)


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    async with media_server() as running:
        yield running


@pytest.fixture
async def wire(server: MediaServer) -> AsyncIterator[Wire]:
    connection = Wire(("127.0.0.1", server.port), FAST, Clock(), Tally())
    yield connection
    connection.close()


async def test_a_body_goes_by_to_its_last_byte(server: MediaServer, wire: Wire) -> None:
    """Every byte of a body is counted, and so is its head."""
    head = await wire.request("/a.m4s")
    assert (head.status, head.position, head.length) == (200, 0, FRAGMENT_BYTES)
    await wire.skip_all()
    assert await wire.skip(1) == 0
    assert FRAGMENT_BYTES < wire.tally.received_bytes < FRAGMENT_BYTES + 200
    assert wire.tally.index_bytes == 0
    assert len(wire.tally.first_byte_seconds) == wire.tally.requests == 1


async def test_a_range_is_understood(wire: Wire) -> None:
    """Where the body lies is read from Content-Range."""
    head = await wire.request("/best.mp4", "bytes=700-799")
    assert (head.status, head.position, head.length) == (206, 700, 100)
    await wire.skip_all()


async def test_text_comes_whole(wire: Wire) -> None:
    """A playlist is kept, not dropped, and counts as index where that is said."""
    await wire.request("/hls/best/index.m3u8", is_index=True)
    text = await wire.text()
    assert text.startswith("#EXTM3U")
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert wire.tally.index_bytes == wire.tally.received_bytes > len(text)


async def test_a_connection_is_kept_while_answers_are_read_whole(server: MediaServer, wire: Wire) -> None:
    """Three answers come on one connection; one that is abandoned ends it."""
    for _ in range(3):
        await wire.request("/a.m4s")
        await wire.skip_all()
        wire.abandon()
    assert server.connections == [1, 1, 1]
    await wire.request("/a.m4s")
    await wire.skip(10)
    wire.abandon()
    await wire.request("/a.m4s")
    assert server.connections[-1] == 2
    assert wire.tally.connections == 2


async def test_what_nobody_looked_at_has_come_too(wire: Wire) -> None:
    """Bytes that wait in the socket when an answer is given up have used the line."""
    await wire.request("/best.mp4", "bytes=0-")
    while not wire.unread_bytes():
        await wire.skip(1)
    seen = wire.tally.received_bytes
    waiting = wire.unread_bytes()
    wire.abandon()
    assert wire.tally.received_bytes >= seen + waiting


async def test_an_answer_that_was_neither_read_nor_abandoned_is_a_mistake(wire: Wire) -> None:
    """Two answers never mix on a connection."""
    await wire.request("/a.m4s")
    with pytest.raises(WireError, match="neither read nor abandoned"):
        await wire.request("/b.m4s")


async def test_a_connection_that_the_server_ended_is_opened_again(server: MediaServer, wire: Wire) -> None:
    """An idle connection may end at any time: the request is sent once more, on a new one."""
    server.ends_idle_connections = True
    for _ in range(2):
        await wire.request("/a.m4s")
        await wire.skip_all()
    assert server.connections == [1, 2]
    assert wire.tally.requests == 2


async def test_a_bad_status_is_an_error(server: MediaServer, wire: Wire) -> None:
    """What is not 200 or 206 is told, not played."""
    server.broken_path = "/a.m4s"
    with pytest.raises(WireError, match="status 404"):
        await wire.request("/a.m4s")


async def test_a_server_that_goes_within_an_answer_is_an_error(server: MediaServer, wire: Wire) -> None:
    """A body that ends early is told."""
    server.cuts_path = "/a.m4s"
    await wire.request("/a.m4s")
    with pytest.raises(WireError, match="within an answer"):
        await wire.skip_all()


async def test_a_line_takes_its_time() -> None:
    """Bytes that follow each other wait for each other; time that passed in silence is not saved up."""
    clock = Clock(scale=1000)
    pace = Pace(Line(name="slow", rate_bps=8000, round_trip_seconds=0.0), clock)
    began = clock.now()
    await pace.carry(5000)
    await pace.carry(5000)
    assert clock.now() - began >= 10
    await clock.sleep(20)
    began = clock.now()
    await pace.carry(5000)
    assert clock.now() - began >= 5
