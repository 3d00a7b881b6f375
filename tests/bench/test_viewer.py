"""A viewer does what the session says, and what had to be waited for is told by its cause."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.crowd import PLAYERS, Delivery
from benchmarks.deliveries.sessions import Action, Line, Seek, Session, Switch, Watch
from benchmarks.deliveries.viewer import PATIENCE_SECONDS, Cause, MarkKind, Outcome, Viewer

from tests.bench.media_server import FRAGMENT_BYTES, MediaServer, media_server, video

FAST = Line(name="fast", rate_bps=8e9, round_trip_seconds=0.0)
SLOW = Line(name="slow", rate_bps=200_000, round_trip_seconds=0.0)
"""Half of what the media needs."""
SCALE = 50.0


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    async with media_server() as running:
        yield running


async def live(
    server: MediaServer,
    *actions: Action,
    delivery: Delivery = Delivery.HLS,
    line: Line = FAST,
    starts_at: float = 0.0,
    scale: float = SCALE,
) -> Outcome:
    """Live one session through."""
    session = Session(
        viewer=0, begins_seconds=0, video=0, rendition=0, starts_at_seconds=starts_at, line=line, actions=actions
    )
    viewer = Viewer(
        session,
        video("best", "low"),
        address=("127.0.0.1", server.port),
        clock=Clock(scale),
        make_player=PLAYERS[delivery],
    )
    return await viewer.run()


def causes(outcome: Outcome) -> list[Cause]:
    return [wait.cause for wait in outcome.waits]


@pytest.mark.parametrize("delivery", Delivery)
async def test_a_session_is_lived_through(server: MediaServer, delivery: Delivery) -> None:
    """Start, seek far, seek back and switch are waited for once each; all that was to be watched is."""
    actions = (Watch(3), Seek(80.0), Watch(2), Seek(1.0), Watch(1), Switch(1), Watch(2))
    outcome = await live(server, *actions, delivery=delivery)
    assert outcome.fault == ""
    assert causes(outcome) == [Cause.START, Cause.SEEK, Cause.SEEK, Cause.SWITCH]
    assert outcome.watched_seconds == pytest.approx(8)


async def test_what_is_there_is_not_waited_for(server: MediaServer) -> None:
    """A seek back to what was watched takes no time, and asks for nothing."""
    outcome = await live(server, Watch(3), Seek(0.5), Watch(1))
    assert outcome.waits[1].cause is Cause.SEEK
    assert outcome.waits[1].seconds == 0.0
    assert server.asked.count("/hls/best/0.m4s") == 1


async def test_a_slow_line_stalls(server: MediaServer) -> None:
    """Half of the bit rate that the media has is too little: playing stops, and goes on."""
    outcome = await live(server, Watch(8), line=SLOW)
    assert Cause.STALL in causes(outcome)
    assert outcome.watched_seconds == pytest.approx(8)


async def test_what_was_played_is_counted_once(server: MediaServer) -> None:
    """Four seconds take two fragments, however often they are watched."""
    outcome = await live(server, Watch(4), Seek(0.0), Watch(4))
    assert outcome.shown_bytes == 2 * FRAGMENT_BYTES
    assert outcome.watched_seconds == pytest.approx(8)


async def test_a_viewer_may_start_in_the_middle(server: MediaServer) -> None:
    """Who comes back goes on where they were: the first segment is the one that plays there."""
    await live(server, Watch(1), starts_at=60.5)
    assert next(path for path in server.asked if path.endswith(".m4s")) == "/hls/best/30.m4s"


async def test_the_end_of_the_video_ends_watching(server: MediaServer) -> None:
    """Nobody watches on behind the end."""
    outcome = await live(server, Watch(10), starts_at=118.0)
    assert outcome.watched_seconds == pytest.approx(2)
    assert Cause.STALL not in causes(outcome)


async def test_patience_ends(server: MediaServer) -> None:
    """Without a picture a viewer leaves, and how long that took is told."""
    server.silent_path = "/hls/best/0.m4s"
    outcome = await live(server, Watch(5), scale=PATIENCE_SECONDS * 20)
    assert outcome.gave_up
    assert outcome.waits[0].seconds >= PATIENCE_SECONDS
    assert outcome.watched_seconds == 0


async def test_an_error_ends_the_session(server: MediaServer) -> None:
    """A segment that is missing is a fault, not a wait."""
    server.broken_path = "/hls/best/0.m4s"
    outcome = await live(server, Watch(5))
    assert outcome.fault == "status 404"
    assert not outcome.gave_up


async def test_a_server_that_is_not_there_is_a_fault() -> None:
    """No connection is told like any other error."""
    async with media_server() as server:
        pass
    outcome = await live(server, Watch(5))
    assert "refused" in outcome.fault.lower() or "errno" in outcome.fault.lower()


async def test_the_course_of_a_session_is_told(server: MediaServer) -> None:
    """Media arrives before anything plays, and what plays rests again; a switch drops what is held."""
    outcome = await live(server, Watch(1), Switch(1), Watch(1))
    kinds = [mark.kind for mark in outcome.marks]
    assert kinds.index(MarkKind.ARRIVE) < kinds.index(MarkKind.PLAY)
    assert kinds.count(MarkKind.PLAY) == kinds.count(MarkKind.REST) == 2
    assert kinds.count(MarkKind.DROP) == 1
    moments = [mark.at_seconds for mark in outcome.marks]
    assert moments == sorted(moments)


async def test_nothing_is_left_behind(server: MediaServer) -> None:
    """A viewer who leaves takes the fetching along."""
    before = asyncio.all_tasks()
    await live(server, Watch(1))
    assert {task for task in asyncio.all_tasks() - before if "fetch" in repr(task)} == set()
