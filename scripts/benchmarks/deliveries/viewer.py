"""One viewer: carries a session's actions out with a player, and notes what had to be waited for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.players import Player, Stage, Video
from benchmarks.deliveries.playhead import Playhead
from benchmarks.deliveries.sessions import Seek, Session, Switch, Watch
from benchmarks.deliveries.timeline import NOTHING_SECONDS
from benchmarks.deliveries.wire import Pace, Tally, Wire, WireError

ENOUGH_SECONDS = 1.0
"""What has to be there before anything plays: the first playable second."""
PATIENCE_SECONDS = 30.0
"""After so long without a picture a viewer leaves."""


class Cause(StrEnum):
    """Why a viewer waits."""

    START = "start"
    SEEK = "seek"
    SWITCH = "switch"
    STALL = "stall"


class MarkKind(StrEnum):
    """What a mark marks."""

    PLAY = "play"
    REST = "rest"
    ARRIVE = "arrive"
    DROP = "drop"


class GaveUp(Exception):
    """The viewer's patience is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One time that nothing played though it should have."""

    cause: Cause
    """Why."""
    seconds: float
    """How long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment in which something began or ended, for drawing a session."""

    at_seconds: float
    """Since the session began."""
    kind: MarkKind
    """Playing began or rested, media arrived, or all that was held was dropped."""
    start: float
    """What played, or where what arrived begins, on the video's own time."""
    end: float
    """The same, or where what arrived ends."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a session."""

    session: Session
    """What was to be done."""
    tally: Tally = field(default_factory=Tally)
    """What went over the wire."""
    waits: list[Wait] = field(default_factory=list)
    """What was waited for."""
    watched_seconds: float = 0.0
    """Of media that played, again where it was played again."""
    shown_bytes: int = 0
    """Of the fragments that played, each once a rendition."""
    marks: list[Mark] = field(default_factory=list)
    """The session's course."""
    fault: str = ""
    """Why it was cut short; empty where it was not."""
    gave_up: bool = False
    """Whether patience ended it."""


class Viewer:
    """One session with one player."""

    def __init__(
        self,
        session: Session,
        video: Video,
        *,
        address: tuple[str, int],
        clock: Clock,
        make_player: Callable[[Stage], Player],
        link: Pace | None = None,
        on_wait: Callable[[Wait], None] = lambda _wait: None,
    ) -> None:
        self.outcome = Outcome(session=session)
        self._session = session
        self._video = video
        self._clock = clock
        self._began = clock.now()
        self._playhead = Playhead(clock, video.duration_seconds, on_arrival=self._mark_arrival)
        self._playhead.jump(session.starts_at_seconds)
        self._wire = Wire(address, session.line, clock, self.outcome.tally, link=link)
        self._player = make_player(Stage(video=video, playhead=self._playhead, wire=self._wire, clock=clock))
        self._rendition = session.rendition
        self._shown: dict[tuple[int, int], int] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._fault: Exception | None = None
        self._on_wait = on_wait

    async def run(self) -> Outcome:
        """Live the session through, from the first request to leaving."""
        try:
            self._start_fetching()
            await self._wait_for_picture(Cause.START)
            for action in self._session.actions:
                await self._act(action)
        except GaveUp:
            self.outcome.gave_up = True
        except (WireError, OSError) as error:
            self.outcome.fault = str(error)
        finally:
            await self._stop_fetching()
            self._wire.close()
        self.outcome.shown_bytes = sum(self._shown.values())
        return self.outcome

    async def _act(self, action: Watch | Seek | Switch) -> None:
        match action:
            case Watch():
                await self._watch(action.seconds)
            case Seek():
                await self._seek(action.to_seconds)
            case Switch():
                self._rendition = action.rendition
                await self._stop_fetching()
                self._playhead.drop_all()
                self._mark(MarkKind.DROP, self._playhead.position, self._playhead.position)
                self._start_fetching()
                await self._wait_for_picture(Cause.SWITCH)

    async def _watch(self, seconds: float) -> None:
        """Play for so long, waiting whenever nothing is left to play."""
        left = seconds
        while left > NOTHING_SECONDS:
            position = self._playhead.position
            step = min(left, self._playhead.held_end - position)
            if step < NOTHING_SECONDS:
                if self._playhead.is_at_end:
                    return
                await self._wait_for_picture(Cause.STALL)
                continue
            self._mark(MarkKind.PLAY, position, position)
            self._playhead.play()
            await self._clock.sleep(step)
            self._playhead.rest(position + step)
            self._mark(MarkKind.REST, position + step, position + step)
            self._show(position, position + step)
            left -= step

    async def _seek(self, to_seconds: float) -> None:
        is_there = self._playhead.held_end_of(to_seconds) > to_seconds
        goes_on = self._player.is_on_the_way_to(self._playhead.held_end_of(to_seconds))
        self._playhead.jump(to_seconds)
        if not goes_on:
            await self._stop_fetching()
            self._start_fetching()
        if not is_there or not self._playhead.can_play(ENOUGH_SECONDS):
            await self._wait_for_picture(Cause.SEEK)
        else:
            self._note(Wait(cause=Cause.SEEK, seconds=0.0))

    async def _wait_for_picture(self, cause: Cause) -> None:
        """Wait until the next second can be played."""
        began = self._clock.now()
        deadline = began + PATIENCE_SECONDS
        while not self._playhead.can_play(ENOUGH_SECONDS):
            if self._fault is not None:
                raise self._fault
            if self._clock.now() >= deadline:
                self._note(Wait(cause=cause, seconds=self._clock.now() - began))
                raise GaveUp
            # The player waits for changes as well, and may have cleared this one when it is our turn.
            self._playhead.changed.clear()
            await self._clock.wait(self._playhead.changed, deadline - self._clock.now())
        self._note(Wait(cause=cause, seconds=self._clock.now() - began))

    def _note(self, wait: Wait) -> None:
        self.outcome.waits.append(wait)
        self._on_wait(wait)

    def _show(self, start: float, end: float) -> None:
        """Account for what played."""
        self.outcome.watched_seconds += end - start
        timeline = self._video.renditions[self._rendition].timeline
        for number, count in timeline.bytes_of(start, end).items():
            self._shown[self._rendition, number] = count

    def _mark_arrival(self, start: float, end: float) -> None:
        self._mark(MarkKind.ARRIVE, start, end)

    def _mark(self, kind: MarkKind, start: float, end: float) -> None:
        now = self._clock.now() - self._began
        self.outcome.marks.append(Mark(at_seconds=now, kind=kind, start=start, end=end))

    def _start_fetching(self) -> None:
        self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            await self._player.fetch(self._rendition)
        except (WireError, OSError, ValueError) as error:
            self._fault = error
            self._playhead.changed.set()

    async def _stop_fetching(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
            self._wire.abandon()
