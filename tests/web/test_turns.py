"""Large bodies take turns on a loop."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from streamserver.web.turns import STEP_BYTES, Turn, Turns


def _sender(name: str, steps: int, said: list[str], *, count: int = STEP_BYTES) -> Callable[[int], Turn]:
    """Return turns that end after some steps, and note who had each."""
    left = steps

    def turn(most: int) -> Turn:
        nonlocal left
        left -= 1
        said.append(name)
        return Turn(min(most, count), may_go_on=left > 0)

    return turn


async def test_each_has_a_turn_before_anyone_has_another() -> None:
    """Who came first does not hold up who came second."""
    turns, said = Turns(), list[str]()
    await asyncio.gather(turns.take(_sender("a", 3, said)), turns.take(_sender("b", 2, said)))
    assert said == ["a", "b", "a", "b", "a"]


async def test_the_loop_goes_round_after_a_step() -> None:
    """No more than one step is sent in a round, by however many; small sendings share one."""
    turns, said, rounds = Turns(), list[str](), list[int]()

    async def look() -> None:
        while True:
            rounds.append(len(said))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(turns.take(_sender("a", 2, said)) for _ in range(3)))
    assert max(after - before for before, after in pairwise(rounds)) == 1
    said.clear()
    rounds.clear()
    await asyncio.gather(*(turns.take(_sender("b", 1, said, count=STEP_BYTES // 4)) for _ in range(4)))
    assert 4 in rounds[:6]
    looking.cancel()


async def test_who_gave_up_has_no_turn() -> None:
    """A sender that is cancelled is not called any more: what it sends from and to may be another's by then."""
    turns, said = Turns(), list[str]()
    first = asyncio.create_task(turns.take(_sender("a", 5, said)))
    second = asyncio.create_task(turns.take(_sender("b", 1, said)))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert "a" not in said
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_ends_one_turn_alone() -> None:
    """It is raised where the turn was asked for; the others go on."""
    turns, said = Turns(), list[str]()

    def failing(_most: int) -> Turn:
        raise ConnectionResetError("gone")

    first, second = await asyncio.gather(
        turns.take(failing), turns.take(_sender("b", 2, said)), return_exceptions=True
    )
    assert isinstance(first, ConnectionResetError)
    assert (second, said) == (None, ["b", "b"])


async def test_the_line_can_be_empty_for_a_while() -> None:
    """Who comes after all others are gone is served as well."""
    turns, said = Turns(), list[str]()
    for name in "abc":
        await turns.take(_sender(name, 1, said))
        for _ in range(3):
            await asyncio.sleep(0)
    assert said == ["a", "b", "c"]
