"""Many viewers live side by side, each of them one session after the other."""

from collections import Counter
from collections.abc import Iterator

import pytest
from benchmarks.deliveries.crowd import Delivery, replay
from benchmarks.deliveries.figures import Costs, Way, check_watched, sum_up
from benchmarks.deliveries.hold import Search, find_held
from benchmarks.deliveries.sessions import Line, Model, draw_sessions, planned_seconds
from benchmarks.servers import BenchError

from tests.bench.media_server import MediaServer, media_server_beside, video

VIDEOS = [video("best", "low")]
FAST = Line(name="fast", rate_bps=8e9, round_trip_seconds=0.0)
MODEL = Model(
    viewers=5, horizon_seconds=20, video_seconds=[120.0], rendition_shares=(0.7, 0.3), lines=((FAST, 1.0),)
)
SESSIONS = draw_sessions(MODEL, seed=3)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with media_server_beside() as running:
        yield running


@pytest.mark.parametrize("delivery", Delivery)
def test_every_session_is_replayed(server: MediaServer, delivery: Delivery) -> None:
    """All sessions come to their end, and what was to be watched was watched."""
    ticks = Counter[str]()
    done = replay(
        SESSIONS,
        VIDEOS,
        delivery=delivery,
        port=server.port,
        scale=20,
        on_tick=lambda: ticks.update(["tick"]),
    )
    assert {outcome.session for outcome in done.outcomes} == set(SESSIONS)
    assert [outcome.fault for outcome in done.outcomes if outcome.fault] == []
    watched = sum(outcome.watched_seconds for outcome in done.outcomes)
    assert watched == pytest.approx(sum(map(planned_seconds, SESSIONS)), abs=0.1)
    assert ticks["tick"] >= 1


def test_what_viewers_counted_is_what_the_server_saw(server: MediaServer) -> None:
    """Requests and connections of the cell are those of the server."""
    done = replay(SESSIONS, VIDEOS, delivery=Delivery.HLS, port=server.port, scale=20)
    cell = sum_up(done, delivery=Delivery.HLS, way=Way.STRAIGHT, costs=Costs(server_cpu_seconds=1.0))
    assert cell.requests == len(server.asked)
    assert cell.connections == server.opened
    assert cell.received_bytes > cell.shown_bytes > 0
    assert cell.start is not None
    assert cell.start.count == cell.sessions == len(SESSIONS)
    assert cell.origin_share is None


def test_a_crowd_that_saw_nothing_is_no_measurement(server: MediaServer) -> None:
    """Where nobody could watch, the benchmark ends with the reason."""
    server.broken_path = "/hls/master.m3u8"
    done = replay(SESSIONS, VIDEOS, delivery=Delivery.HLS, port=server.port, scale=20)
    with pytest.raises(BenchError, match="status 404"):
        check_watched(done.outcomes)


@pytest.mark.parametrize("delivery", Delivery)
def test_a_link_holds_no_more_than_it_carries(server: MediaServer, delivery: Delivery) -> None:
    """Viewers who share a link are held up to its rate over the bit rate, and more are found not to be."""
    search = Search(link_bps=80_000_000, scale=20, trials=3, join_seconds=5, trial_seconds=40, line=FAST)
    held = find_held(search, VIDEOS, delivery=delivery, port=server.port, is_link_real=False)
    assert held.possible == pytest.approx(200)
    assert held.viewers < 1.1 * held.possible
