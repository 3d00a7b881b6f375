"""Large bodies take turns, and the loop goes round after each two megabytes of theirs.

Whoever asks for little has that much to wait for, however many are served with a lot. A turn is a call and no
task is woken for it: waking one costs more than the rest of a turn does.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

STEP_BYTES = 2 * 1024 * 1024
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
        self._line: deque[tuple[Callable[[int], Turn], asyncio.Future[None]]] = deque()
        self._is_scheduled = False
        self._others_until = 0.0
        self._looked_at = 0.0

    async def take(self, turn: Callable[[int], Turn]) -> None:
        """Have something sent in turn with others, each time told how much at most, for as long as it may go on.

        What it raises is raised here. It is not called once this is cancelled.
        """
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        self._line.append((turn, over))
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._send, loop)
        await over

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        begun_at = time.monotonic()
        sent = 0
        while sent < STEP_BYTES and self._line:
            sent += self._call(*self._line.popleft(), STEP_BYTES - sent)
        self._looked_at = time.monotonic()
        self._others_until = self._looked_at + OTHERS_SHARE * (self._looked_at - begun_at)
        loop.call_soon(self._look, loop)

    def _call(self, turn: Callable[[int], Turn], over: asyncio.Future[None], most: int) -> int:
        """Let one of the line have its turn; return how many bytes it sent."""
        if over.done():
            return 0
        try:
            sent, may_go_on = turn(most)
        except Exception as error:  # noqa: BLE001 - raised where the turn is waited for
            over.set_exception(error)
            return 0
        if may_go_on:
            self._line.append((turn, over))
        else:
            over.set_result(None)
        return sent

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on if the others have had their share, or needed nothing of it."""
        before, self._looked_at = self._looked_at, time.monotonic()
        if self._looked_at - before > QUIET_SECONDS and self._looked_at < self._others_until:
            loop.call_soon(self._look, loop)
        elif self._line:
            self._send(loop)
        else:
            self._is_scheduled = False
