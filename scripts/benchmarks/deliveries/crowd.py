"""Many viewers at once, each living through one session after the other."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import uvloop

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.hls import HlsPlayer
from benchmarks.deliveries.media_element import MediaElement
from benchmarks.deliveries.players import Player, Stage, Video
from benchmarks.deliveries.sessions import Session
from benchmarks.deliveries.viewer import Outcome, Viewer

Result = TypeVar("Result")
TICK_SECONDS = 0.5


class Delivery(StrEnum):
    """How media comes to a viewer."""

    RANGE = "Range"
    REGION = "ResourceRegion"
    HLS = "HLS"


PLAYERS: dict[Delivery, Callable[[Stage], Player]] = {
    Delivery.RANGE: lambda stage: MediaElement(stage, lambda rendition: rendition.file_path),
    Delivery.REGION: lambda stage: MediaElement(stage, lambda rendition: rendition.region_path),
    Delivery.HLS: HlsPlayer,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a crowd went through."""

    outcomes: Sequence[Outcome]
    """Of every session."""
    seconds: float
    """How long it took, on our clock."""
    client_cpu_share: float
    """How much of one core the viewers themselves took; near 1 they would measure themselves."""


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on the fastest loop there is: viewers shall cost little."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def replay(
    sessions: Sequence[Session],
    videos: Sequence[Video],
    *,
    delivery: Delivery,
    port: int,
    scale: float = 1.0,
    on_tick: Callable[[], None] = lambda: None,
) -> Replay:
    """Live all sessions through against a server on this machine; `on_tick` is called twice a second."""
    began, spent = time.monotonic(), time.process_time()
    crowd = _Crowd(sessions, videos, delivery=delivery, port=port)
    outcomes = run(crowd.live(scale, on_tick))
    seconds = time.monotonic() - began
    share = (time.process_time() - spent) / seconds
    return Replay(outcomes=outcomes, seconds=seconds, client_cpu_share=share)


class _Crowd:
    """All viewers of a replay."""

    def __init__(
        self, sessions: Sequence[Session], videos: Sequence[Video], *, delivery: Delivery, port: int
    ) -> None:
        self._by_viewer: dict[int, list[Session]] = defaultdict(list)
        for session in sessions:
            self._by_viewer[session.viewer].append(session)
        self._videos = videos
        self._delivery = delivery
        self._port = port
        self._outcomes: list[Outcome] = []

    async def live(self, scale: float, on_tick: Callable[[], None]) -> list[Outcome]:
        """Let all of them live through their sessions."""
        clock = Clock(scale)
        ticking = asyncio.create_task(_tick(on_tick))
        try:
            async with asyncio.TaskGroup() as viewers:
                for own in self._by_viewer.values():
                    viewers.create_task(self._live_one(own, clock))
        finally:
            ticking.cancel()
        return self._outcomes

    async def _live_one(self, own: Sequence[Session], clock: Clock) -> None:
        for session in own:
            await clock.sleep(session.begins_seconds - clock.now())
            viewer = Viewer(
                session,
                self._videos[session.video],
                address=("127.0.0.1", self._port),
                clock=clock,
                make_player=PLAYERS[self._delivery],
            )
            self._outcomes.append(await viewer.run())


async def _tick(on_tick: Callable[[], None]) -> None:
    while True:
        on_tick()
        await asyncio.sleep(TICK_SECONDS)
