"""Every queue keeps jobs in line as `Queue` says."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from streamserver.domain.order import Task, Turn
from streamserver.ports import Queue
from streamserver.queue.memory import MemoryQueue

PATIENCE_SECONDS = 5
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(params=["memory"])
def queue() -> Queue:
    return MemoryQueue()


def turn(job_id: str, task: Task = Task.PREPARE, *, work: float = 0.0, later_work: float = 0.0) -> Turn:
    """Return a turn of a job that arrived as many minutes after noon as its letter tells."""
    arrived_at = NOON + timedelta(minutes=ord(job_id))
    return Turn(job_id=job_id, arrived_at=arrived_at, task=task, work=work, later_work=later_work)


async def offer(queue: Queue, *job_ids: str, task: Task = Task.PREPARE) -> None:
    for job_id in job_ids:
        await queue.offer(turn(job_id, task))


async def take(queue: Queue, count: int = 1) -> list[str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [(await queue.take()).job_id for _ in range(count)]


async def take_beside(queue: Queue, encoders: int = 1) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return (await queue.take_beside(encoders)).job_id


def line(queue: Queue) -> list[str]:
    return [it.job_id for it in queue.waiting()]


async def settle() -> None:
    """Let tasks run as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_first_come_first_served(queue: Queue) -> None:
    """Jobs are taken in the order in which they arrived, whenever they were offered."""
    await offer(queue, "b", "c", "a")
    assert line(queue) == ["a", "b", "c"]
    assert await take(queue, 3) == ["a", "b", "c"]
    assert line(queue) == []


async def test_tasks_that_are_quick_go_first(queue: Queue) -> None:
    """A job that waits for its ladder lets those go first that wait for less."""
    await queue.offer(turn("a", Task.LADDER))
    await queue.offer(turn("b", Task.LOWEST))
    await queue.offer(turn("c"))
    assert line(queue) == ["c", "b", "a"]
    assert await take(queue, 3) == ["c", "b", "a"]


async def test_a_job_stands_in_line_once(queue: Queue) -> None:
    """A job that is offered again keeps its place and its task, and is taken once."""
    await offer(queue, "a", "b")
    await queue.offer(turn("a", Task.LADDER))
    assert await take(queue, 2) == ["a", "b"]
    assert line(queue) == []


async def test_a_job_comes_back_for_its_next_task(queue: Queue) -> None:
    """A job that was taken can be offered again; then it is no longer begun."""
    await offer(queue, "a", "b")
    await take(queue)
    assert [it.job_id for it in queue.begun()] == ["a"]
    await queue.offer(turn("a", Task.LADDER))
    assert queue.begun() == ()
    assert await take(queue, 2) == ["b", "a"]


async def test_what_was_taken_is_begun_until_it_is_over(queue: Queue) -> None:
    """Who took a turn says when it is over; to say it twice is no harm."""
    await offer(queue, "a")
    await take(queue)
    await queue.finish("a")
    await queue.finish("a")
    assert queue.begun() == ()


async def test_one_process_where_nobody_comes_between(queue: Queue) -> None:
    """Alone in line, a lowest rendition is taken together with the rest."""
    await queue.offer(turn("a", Task.LOWEST, work=1, later_work=9))
    taken = await queue.take()
    assert (taken.task, taken.work, taken.later_work) == (Task.LADDER, 10, 0)


async def test_one_process_each_where_somebody_does(queue: Queue) -> None:
    """While another video is being prepared, a lowest rendition is taken alone."""
    await offer(queue, "b")
    await take(queue)
    await queue.offer(turn("a", Task.LOWEST, work=1, later_work=9))
    taken = await queue.take()
    assert (taken.task, taken.work, taken.later_work) == (Task.LOWEST, 1, 9)


async def test_who_takes_beside_leaves_what_is_not_quick(queue: Queue) -> None:
    """Beside encoders nobody's ladder is begun; what is quick is waited for."""
    await offer(queue, "a", task=Task.LADDER)
    taking = asyncio.create_task(take_beside(queue))
    await settle()
    assert not taking.done()
    await offer(queue, "b")
    assert await taking == "b"
    assert line(queue) == ["a"]


async def test_who_takes_beside_goes_on_once_encoders_are_busy(queue: Queue) -> None:
    """A lowest rendition is taken beside an encoder as soon as that has begun somebody's ladder."""
    await offer(queue, "b", task=Task.LADDER)
    await offer(queue, "c", task=Task.LADDER)
    await take(queue)
    taking = asyncio.create_task(take_beside(queue, encoders=2))
    await queue.offer(turn("d", Task.LOWEST, work=1, later_work=9))
    await settle()
    assert not taking.done()
    await queue.withdraw("d")
    await take(queue)
    await queue.offer(turn("d", Task.LOWEST, work=1, later_work=9))
    assert await taking == "d"


async def test_older_jobs_remember_who_passed_them(queue: Queue) -> None:
    """Who was passed by a younger video remembers it; who is served beside the line passes nobody."""
    await offer(queue, "a", task=Task.LADDER)
    await offer(queue, "b", "c")
    await take_beside(queue)
    assert [it.passed for it in queue.waiting() if it.job_id == "a"] == [0]
    await take(queue)
    assert [it.passed for it in queue.waiting()] == [1]


async def test_an_empty_line_is_waited_for(queue: Queue) -> None:
    """Who takes from an empty line gets the next job that is offered."""
    taking = asyncio.create_task(take(queue))
    await settle()
    assert not taking.done()
    await offer(queue, "a")
    assert await taking == ["a"]


async def test_each_job_goes_to_one_taker(queue: Queue) -> None:
    """Of many who wait, each gets another job, and who gets none goes on waiting."""
    takers = [asyncio.create_task(take(queue)) for _ in range(5)]
    await settle()
    await offer(queue, "a", "b", "c")
    await settle()
    taken = [taker.result() for taker in takers if taker.done()]
    assert sorted(taken) == [["a"], ["b"], ["c"]]
    await offer(queue, "d", "e")
    await asyncio.gather(*takers)
    assert line(queue) == []


async def test_a_taker_that_gives_up_takes_nothing(queue: Queue) -> None:
    """A wait that is cancelled leaves the line as it is."""
    giving_up = asyncio.create_task(take(queue))
    await settle()
    giving_up.cancel()
    await asyncio.wait({giving_up})
    await offer(queue, "a")
    assert await take(queue) == ["a"]


async def test_a_job_may_leave_the_line(queue: Queue) -> None:
    """A job that is withdrawn is not taken; withdrawing tells whether it was waiting."""
    await offer(queue, "a", "b", "c")
    assert await queue.withdraw("b") is True
    assert await queue.withdraw("b") is False
    assert await queue.withdraw("unknown") is False
    assert await take(queue, 2) == ["a", "c"]
    assert await queue.withdraw("a") is False


async def test_nobody_is_woken_for_a_job_that_left(queue: Queue) -> None:
    """A job that is offered and withdrawn at once reaches no taker."""
    taking = asyncio.create_task(take(queue))
    await settle()
    await offer(queue, "a")
    await queue.withdraw("a")
    await settle()
    assert not taking.done()
    await offer(queue, "b")
    assert await taking == ["b"]
