"""Waiting for somebody who may have gone away."""

import asyncio

import pytest

from streamserver.flows.patience import Patience
from tests.web.clock import skip

SECONDS = 30.0


async def let_timers_go_off() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_speaks_is_waited_for() -> None:
    """However long it all takes, as long as something is heard in time."""
    async with Patience(SECONDS) as patience:
        for _ in range(10):
            skip(SECONDS * 0.9)
            await let_timers_go_off()
            with patience.busy():
                pass
    assert not patience.is_over


@pytest.mark.parametrize("heard", [0, 1, 5])
async def test_who_is_silent_is_not(heard: int) -> None:
    """After so many seconds without a word it is over, whatever had been heard before."""
    patience = Patience(SECONDS)

    async def fall_silent() -> None:
        async with patience:
            for _ in range(heard):
                skip(SECONDS * 0.5)
                await let_timers_go_off()
                with patience.busy():
                    pass
            skip(SECONDS + 0.1)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await fall_silent()
    assert patience.is_over


async def test_what_is_being_dealt_with_is_no_silence() -> None:
    """A long wait of our own does not count, and afterwards the time begins anew."""
    async with Patience(SECONDS) as patience:
        with patience.busy():
            skip(SECONDS * 10)
            await let_timers_go_off()
        skip(SECONDS * 0.9)
        await let_timers_go_off()
    assert not patience.is_over


async def test_it_can_be_ended() -> None:
    """At once, also where it had no end."""
    patience = Patience(None)

    async def be_ended() -> None:
        async with patience:
            patience.end()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await be_ended()
    assert patience.is_over


async def test_without_an_end() -> None:
    """Nobody is ever too slow."""
    async with Patience(None) as patience:
        skip(10**9)
        await let_timers_go_off()
    assert not patience.is_over


async def test_what_has_ended_by_itself_cannot_be_ended() -> None:
    """Somebody may want it to end while it is being put away."""
    async with Patience(SECONDS) as patience:
        pass
    patience.end()
    assert not patience.is_over
