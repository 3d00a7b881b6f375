"""Every bus tells job reports to everyone who listens, as `Bus` says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streamserver.bus.memory import MemoryBus
from streamserver.domain.jobs import Job, JobError, JobEvent, claimed, completed, failed, waiting_again
from streamserver.ports import Bus, Subscription

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
READY = Job(id="j", video_id="v", created_at=NOON, sequence=1)
RUNNING = claimed(READY, now=NOON)
FAULT = JobError(code="encoder_failed", message="The encoder stopped.")
PATIENCE_SECONDS = 5


@pytest.fixture(params=["memory"])
async def bus() -> AsyncIterator[Bus]:
    bus = MemoryBus()
    yield bus
    await bus.close()


def progress(job: Job, steps: int = 1, percent: float = 0) -> Job:
    return replace(job, sequence=job.sequence + steps, percent=percent)


def of_another(job: Job, job_id: str = "other") -> Job:
    return replace(job, id=job_id)


async def hear(subscription: Subscription, count: int = 1) -> list[Job]:
    """Return the next reports."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(subscription) for _ in range(count)]


async def hear_all(subscription: Subscription) -> list[Job]:
    """Return what is still heard until the subscription ends."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [job async for job in subscription]


async def is_silent(subscription: Subscription) -> bool:
    """Tell whether there is nothing to hear; a wait that is given up loses nothing."""
    waiting = asyncio.ensure_future(anext(subscription))
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    return waiting.cancelled()


class TestMulticast:
    """One report, any number of listeners."""

    async def test_everyone_hears_every_report(self, bus: Bus) -> None:
        """Each listener hears what is published while it listens, in order."""
        with bus.subscribe("j") as one, bus.subscribe() as all_jobs:
            for job in (READY, RUNNING, completed(RUNNING, now=NOON)):
                await bus.publish(job)
                assert await hear(one) == await hear(all_jobs) == [job]

    async def test_many_listeners(self, bus: Bus) -> None:
        """Hundreds listen to one job."""
        subscriptions = [bus.subscribe("j") for _ in range(300)]
        listeners = [subscription.__enter__() for subscription in subscriptions]
        await bus.publish(RUNNING)
        for listener in listeners:
            assert await hear(listener) == [RUNNING]
        for subscription in subscriptions:
            subscription.__exit__(None, None, None)

    async def test_a_job_or_all_jobs(self, bus: Bus) -> None:
        """Who listens to one job hears of no other; who listens to all hears each."""
        with bus.subscribe("j") as one, bus.subscribe() as all_jobs:
            await bus.publish(of_another(RUNNING))
            await bus.publish(RUNNING)
            assert await hear(one) == [RUNNING]
            assert await is_silent(one)
            assert await hear(all_jobs, 2) == [of_another(RUNNING), RUNNING]

    async def test_who_leaves_is_forgotten(self, bus: Bus) -> None:
        """A listener that left hears nothing more, and disturbs no one."""
        with bus.subscribe("j") as gone:
            pass
        with bus.subscribe("j") as here:
            await bus.publish(RUNNING)
            assert await hear(here) == [RUNNING]
        assert await is_silent(gone)

    async def test_a_wait_that_is_given_up_loses_nothing(self, bus: Bus) -> None:
        """A listener may stop waiting, and hears later what was published meanwhile."""
        with bus.subscribe("j") as listener:
            assert await is_silent(listener)
            await bus.publish(RUNNING)
            assert await hear(listener) == [RUNNING]
            assert await is_silent(listener)


class TestReplay:
    """What was said before somebody came."""

    async def test_the_latest_report_comes_first(self, bus: Bus) -> None:
        """Who joins late hears the latest report of the job, or of each job, and none that is older."""
        for job in (READY, RUNNING, progress(RUNNING), of_another(READY)):
            await bus.publish(job)
        with bus.subscribe("j") as one, bus.subscribe() as all_jobs, bus.subscribe("unknown") as none:
            assert await hear(one) == [progress(RUNNING)]
            assert await is_silent(one)
            assert await hear(all_jobs, 2) == [progress(RUNNING), of_another(READY)]
            assert await is_silent(none)

    async def test_what_is_over_is_not_replayed(self, bus: Bus) -> None:
        """A job that has ended is the catalog's to tell of; one that is tried again is replayed again."""
        over = failed(RUNNING, FAULT, now=NOON)
        for job in (RUNNING, over):
            await bus.publish(job)
        with bus.subscribe() as listener:
            assert await is_silent(listener)
        again = waiting_again(over, JobEvent.RETRY)
        await bus.publish(again)
        with bus.subscribe() as listener:
            assert await hear(listener) == [again]

    async def test_the_latest_can_be_asked_for(self, bus: Bus) -> None:
        """The latest report of a job is known until the job is over."""
        assert bus.latest("j") is None
        await bus.publish(READY)
        await bus.publish(RUNNING)
        assert bus.latest("j") == RUNNING
        assert bus.latest("other") is None
        await bus.publish(completed(RUNNING, now=NOON))
        assert bus.latest("j") is None


class TestSlowListeners:
    """The publisher never waits; what a slow listener misses is progress alone."""

    async def test_progress_gives_way_to_newer_progress(self, bus: Bus) -> None:
        """Of a thousand reports that nobody waited for, the last is heard."""
        with bus.subscribe("j") as slow:
            for step in range(1000):
                await bus.publish(progress(RUNNING, step, percent=step / 10))
            assert await hear(slow) == [progress(RUNNING, 999, percent=99.9)]
            assert await is_silent(slow)

    async def test_a_change_of_status_is_never_left_out(self, bus: Bus) -> None:
        """Every status that a job went through is heard, with its latest report, in order."""
        over = failed(progress(RUNNING, 50), FAULT, now=NOON)
        again = waiting_again(over, JobEvent.RETRY)
        second = claimed(again, now=NOON)
        whole = completed(progress(second, 7), now=NOON)
        with bus.subscribe("j") as slow:
            for job in (READY, progress(READY), RUNNING, progress(RUNNING, 50), over, again, second):
                await bus.publish(job)
            for job in (progress(second, 5), progress(second, 7), whole):
                await bus.publish(job)
            heard = await hear(slow, 6)
            assert await is_silent(slow)
        assert heard == [progress(READY), progress(RUNNING, 50), over, again, progress(second, 7), whole]

    async def test_jobs_do_not_push_one_another_out(self, bus: Bus) -> None:
        """Progress of one job takes no place from another."""
        with bus.subscribe() as slow:
            for number in range(100):
                for step in range(5):
                    await bus.publish(of_another(progress(RUNNING, step), f"j{number}"))
            heard = await hear(slow, 100)
        assert {job.id for job in heard} == {f"j{number}" for number in range(100)}
        assert {job.sequence - RUNNING.sequence for job in heard} == {4}

    async def test_one_that_is_slow_holds_up_no_one(self, bus: Bus) -> None:
        """A listener that never reads costs the others nothing."""
        with bus.subscribe("j"), bus.subscribe("j") as quick:
            for step in range(100):
                await bus.publish(progress(RUNNING, step))
                assert await hear(quick) == [progress(RUNNING, step)]


class TestOrder:
    """The reports of a job are heard by rising sequence numbers."""

    async def test_a_report_that_comes_too_late_is_not_told(self, bus: Bus) -> None:
        """A report with a lower number than one that was published is old news: for listeners, and as latest."""
        with bus.subscribe("j") as listener:
            await bus.publish(RUNNING)
            await bus.publish(progress(READY))
            await bus.publish(RUNNING)
            assert await hear(listener) == [RUNNING]
            assert await is_silent(listener)
        assert bus.latest("j") == RUNNING


class TestClosing:
    """The end of the server."""

    async def test_everyone_hears_the_rest_and_ends(self, bus: Bus) -> None:
        """What was published before is heard, then every subscription ends, those that wait too."""
        with bus.subscribe() as behind, bus.subscribe("other") as waiting:
            ends = asyncio.create_task(hear_all(waiting))
            await bus.publish(READY)
            await bus.publish(RUNNING)
            await bus.close()
            assert await hear_all(behind) == [READY, RUNNING]
            assert await ends == []

    async def test_who_comes_too_late_ends_at_once(self, bus: Bus) -> None:
        """After the end, a subscription has the latest reports and no more."""
        await bus.publish(RUNNING)
        await bus.close()
        with bus.subscribe("j") as late:
            assert await hear_all(late) == [RUNNING]
