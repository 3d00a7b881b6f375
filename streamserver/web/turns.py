"""Large bodies take turns, and the loop goes round after each megabyte of theirs.

Whoever asks for little has that much to wait for, however many are served with a lot. A turn is a call and no
task is woken for it: waking one costs more than the rest of a turn does.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

STEP_BYTES = 1024 * 1024
"""The most that they send before the loop goes round."""
OTHERS_SHARE = 3
"""So many times as long as large bodies had the loop, others may have it."""
QUIET_SECONDS = 0.0001
"""A loop that goes round in less than this has nothing else to do."""


class Turn(NamedTuple):
    """What came of a turn."""

    sent: int
    """Bytes."""
    may_go_on: bool
    """False at the end of the body, and where something has to be waited for."""


class Turns:
    """How large bodies share a loop: it goes round after each step of theirs, and is theirs a quarter of the time.

    For that others have to be busy; where nobody else is, they go on at once.
    """

    def __init__(self) -> None:
        self._line: deque[Callable[[int], Turn]] = deque()
        self._is_scheduled = False
        self._others_until = 0.0
        self._looked_at = 0.0

    def add(self, turn: Callable[[int], Turn]) -> None:
        """Have something sent in turn with others, each time told how much at most, for as long as it may go on.

        It raises nothing.
        """
        self._line.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self._send, loop)

    async def take(self, turn: Callable[[int], Turn]) -> None:
        """Do as `add` does, and wait until it may not go on; what it raises is raised here.

        It is not called once this is cancelled.
        """
        over = asyncio.get_running_loop().create_future()
        self.add(partial(_until, over, turn))
        await over

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        begun_at = time.monotonic()
        left = STEP_BYTES
        while left > 0 and self._line:
            turn = self._line.popleft()
            sent, may_go_on = turn(left)
            left -= sent
            if may_go_on:
                self._line.append(turn)
        self._looked_at = time.monotonic()
        self._others_until = self._looked_at + OTHERS_SHARE * (self._looked_at - begun_at)
        loop.call_soon(self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on if the others have had their share, or needed nothing of it."""
        before, self._looked_at = self._looked_at, time.monotonic()
        if self._looked_at - before > QUIET_SECONDS and self._looked_at < self._others_until:
            loop.call_soon(self._look, loop)
        elif self._line:
            self._send(loop)
        else:
            self._is_scheduled = False


def _until(over: asyncio.Future[None], turn: Callable[[int], Turn], most: int) -> Turn:
    """Take a turn that somebody waits for the end of."""
    if over.done():
        return Turn(0, may_go_on=False)
    try:
        taken = turn(most)
    except Exception as error:  # noqa: BLE001 - raised where the turn is waited for
        over.set_exception(error)
        return Turn(0, may_go_on=False)
    if not taken.may_go_on:
        over.set_result(None)
    return taken
