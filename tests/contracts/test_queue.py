"""Every queue keeps jobs in line as `Queue` says."""

import asyncio

import pytest

from streamserver.ports import Queue
from streamserver.queue.memory import MemoryQueue

PATIENCE_SECONDS = 5


@pytest.fixture(params=["memory"])
def queue() -> Queue:
    return MemoryQueue()


async def take(queue: Queue, count: int = 1) -> list[str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await queue.take() for _ in range(count)]


async def settle() -> None:
    """Let tasks run as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_first_come_first_served(queue: Queue) -> None:
    """Jobs are taken in the order in which they were offered."""
    for job_id in ("a", "b", "c"):
        await queue.offer(job_id)
    assert list(queue.waiting()) == ["a", "b", "c"]
    assert await take(queue, 3) == ["a", "b", "c"]
    assert list(queue.waiting()) == []


async def test_a_job_stands_in_line_once(queue: Queue) -> None:
    """A job that is offered again keeps its place and is taken once."""
    for job_id in ("a", "b", "a"):
        await queue.offer(job_id)
    assert await take(queue, 2) == ["a", "b"]
    assert list(queue.waiting()) == []


async def test_a_job_may_come_back(queue: Queue) -> None:
    """A job that was taken can be offered again, and stands last."""
    await queue.offer("a")
    await queue.offer("b")
    await take(queue)
    await queue.offer("a")
    assert await take(queue, 2) == ["b", "a"]


async def test_an_empty_line_is_waited_for(queue: Queue) -> None:
    """Who takes from an empty line gets the next job that is offered."""
    taking = asyncio.create_task(take(queue))
    await settle()
    assert not taking.done()
    await queue.offer("a")
    assert await taking == ["a"]


async def test_each_job_goes_to_one_taker(queue: Queue) -> None:
    """Of many who wait, each gets another job, and who gets none goes on waiting."""
    takers = [asyncio.create_task(take(queue)) for _ in range(5)]
    await settle()
    for job_id in ("a", "b", "c"):
        await queue.offer(job_id)
    await settle()
    taken = [taker.result() for taker in takers if taker.done()]
    assert sorted(taken) == [["a"], ["b"], ["c"]]
    for job_id in ("d", "e"):
        await queue.offer(job_id)
    await asyncio.gather(*takers)
    assert list(queue.waiting()) == []


async def test_a_taker_that_gives_up_takes_nothing(queue: Queue) -> None:
    """A wait that is cancelled leaves the line as it is."""
    giving_up = asyncio.create_task(take(queue))
    await settle()
    giving_up.cancel()
    await asyncio.wait({giving_up})
    await queue.offer("a")
    assert await take(queue) == ["a"]


async def test_a_job_may_leave_the_line(queue: Queue) -> None:
    """A job that is withdrawn is not taken; withdrawing tells whether it was waiting."""
    for job_id in ("a", "b", "c"):
        await queue.offer(job_id)
    assert await queue.withdraw("b") is True
    assert await queue.withdraw("b") is False
    assert await queue.withdraw("unknown") is False
    assert await take(queue, 2) == ["a", "c"]
    assert await queue.withdraw("a") is False


async def test_nobody_is_woken_for_a_job_that_left(queue: Queue) -> None:
    """A job that is offered and withdrawn at once reaches no taker."""
    taking = asyncio.create_task(take(queue))
    await settle()
    await queue.offer("a")
    await queue.withdraw("a")
    await settle()
    assert not taking.done()
    await queue.offer("b")
    assert await taking == ["b"]
