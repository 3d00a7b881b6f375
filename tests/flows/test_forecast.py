"""When jobs will be done is foretold from what encoders did over a while, not from what one did a moment ago."""

from datetime import UTC, datetime

import pytest

from streamserver.domain.order import Task, Turn
from streamserver.flows.forecast import MEMORY_SECONDS, Forecast
from streamserver.queue.memory import MemoryQueue

WAITING = Turn(job_id="waiting", arrived_at=datetime(2026, 7, 1, tzinfo=UTC), task=Task.LADDER, work=600.0)


@pytest.fixture
async def forecast() -> Forecast:
    """Give the forecast of a line in which one job waits, and nobody is before it."""
    queue = MemoryQueue()
    await queue.offer(WAITING)
    return Forecast(queue=queue, encoders=1)


def seconds_to_go(forecast: Forecast) -> float:
    return forecast.ends()[WAITING.job_id]


async def test_without_any_run_nothing_is_foretold(forecast: Forecast) -> None:
    """Nobody knows how fast this machine is before it has encoded anything."""
    assert forecast.ends() == {}


async def test_the_first_run_is_all_that_is_known(forecast: Forecast) -> None:
    """Its pace is taken as it is, however young it is."""
    forecast.note("first", seconds=0.0, seconds_left=5, rate=10)
    assert seconds_to_go(forecast) == pytest.approx(60)


async def test_a_run_that_has_just_begun_changes_little(forecast: Forecast) -> None:
    """An encoder is slow at first: what waits is not told six times as long for that."""
    forecast.note("old", seconds=30, seconds_left=5, rate=10)
    forecast.forget("old")
    forecast.note("young", seconds=0.3, seconds_left=50, rate=1)
    assert seconds_to_go(forecast) == pytest.approx(60, rel=0.05)


async def test_two_runs_count_by_how_long_they_run(forecast: Forecast) -> None:
    """Whichever was heard last, what waits is told the same."""
    forecast.note("ladder", seconds=30, seconds_left=5, rate=12)
    forecast.note("lowest", seconds=10, seconds_left=5, rate=4)
    before = seconds_to_go(forecast)
    forecast.note("ladder", seconds=30, seconds_left=5, rate=12)
    assert seconds_to_go(forecast) == before == pytest.approx(60)


async def test_what_was_long_ago_fades(forecast: Forecast) -> None:
    """A machine that has become slower is believed after a while, however long it was fast before."""
    forecast.note("old", seconds=100 * MEMORY_SECONDS, seconds_left=0, rate=100)
    forecast.forget("old")
    for number in range(10):
        forecast.note(f"new {number}", seconds=MEMORY_SECONDS, seconds_left=0, rate=10)
        forecast.forget(f"new {number}")
    assert seconds_to_go(forecast) == pytest.approx(60, rel=0.1)
