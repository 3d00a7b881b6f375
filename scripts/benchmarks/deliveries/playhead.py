"""What plays, and what there is to play: the part of a player that is the same in every delivery."""

import asyncio
from collections.abc import Callable

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.timeline import NOTHING_SECONDS, Spans


class Playhead:
    """A position that moves while it plays, over the stretches of media that a player holds."""

    def __init__(
        self,
        clock: Clock,
        duration_seconds: float,
        *,
        on_arrival: Callable[[float, float], None] = lambda _start, _end: None,
    ) -> None:
        self._clock = clock
        self._on_arrival = on_arrival
        self._duration = duration_seconds
        self._rests_at = 0.0
        self._plays_since: float | None = None
        self._held = Spans()
        self.changed = asyncio.Event()
        """Set when media arrives and when the position jumps; who waits for it clears it first."""

    @property
    def position(self) -> float:
        """What plays now, on the video's own time."""
        if self._plays_since is None:
            return self._rests_at
        return min(self._rests_at + self._clock.now() - self._plays_since, self.held_end)

    @property
    def held_end(self) -> float:
        """Up to where it can play on without anything new."""
        return self._held.end_of(self._rests_at)

    @property
    def ahead_seconds(self) -> float:
        """How long it can play on without anything new."""
        return self.held_end - self.position

    @property
    def is_at_end(self) -> bool:
        """Whether all is held up to the end of the video."""
        return self.held_end > self._duration - 2 * NOTHING_SECONDS

    def can_play(self, seconds: float) -> bool:
        """Say whether so much is held from here on, or all that is left."""
        return self.is_at_end or self.ahead_seconds > seconds - NOTHING_SECONDS

    def next_held(self, moment: float) -> float | None:
        """Return where the next stretch behind a moment begins that is held already."""
        return self._held.next_start(moment)

    def held_end_of(self, moment: float) -> float:
        """Return up to where all is held from a moment on."""
        return self._held.end_of(moment)

    def play(self) -> None:
        """Begin to move."""
        self._plays_since = self._clock.now()

    def rest(self, at: float) -> None:
        """Stop moving, here."""
        self._rests_at, self._plays_since = at, None

    def jump(self, to_seconds: float) -> None:
        """Go elsewhere."""
        self.rest(to_seconds)
        self.changed.set()

    def arrive(self, start: float, end: float) -> None:
        """Hold one more stretch."""
        self._held.add(start, end)
        self._on_arrival(start, end)
        self.changed.set()

    def drop_all(self) -> None:
        """Hold nothing any more: what is held is of another quality."""
        self._held.clear()
