"""How many viewers a link holds before the first of them stalls, found by bisection."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.crowd import PLAYERS, Delivery, run
from benchmarks.deliveries.players import Video
from benchmarks.deliveries.sessions import CABLE, Line, Session, Watch, zipf_weights
from benchmarks.deliveries.viewer import Cause, Viewer, Wait
from benchmarks.deliveries.wire import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the number is looked for."""

    link_bps: int
    """What the link carries, on our clock."""
    scale: float
    """How many of the viewers' seconds pass in one of ours: each connection stands for so many viewers."""
    trials: int
    """How often the interval is halved."""
    most_share: float = 1.2
    """Where the interval ends: more viewers than the link can carry."""
    join_seconds: float = 20.0
    """In each trial, all join within this time …"""
    trial_seconds: float = 60.0
    """… and watch until this one: for longer than any buffer lasts."""
    longest_start_seconds: float = 5.0
    """Who waits longer for the first picture is not held either."""
    line: Line = CABLE
    """How each viewer is connected."""
    zipf_exponent: float = 0.8
    """How unequally the videos are watched, as in the replay."""
    seed: int = 1
    """Of who watches what, from where on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was found."""

    viewers: float
    """The most that all played without a stall, each connection counted as often as time was scaled."""
    possible: float
    """So many could the link carry if each of them took just the bit rate."""


def find_held(
    search: Search, videos: Sequence[Video], *, delivery: Delivery, port: int, is_link_real: bool
) -> Held:
    """Try crowds of different sizes, all in the best quality.

    Where the link is not real the viewers keep to it among themselves, by reading no faster.
    """
    weights = zipf_weights(len(videos), search.zipf_exponent)
    rates = (weight * video.renditions[0].bit_rate_bps for weight, video in zip(weights, videos, strict=True))
    possible = search.link_bps / (sum(rates) / sum(weights))
    low, high = 0.0, search.most_share * possible / search.scale
    for _ in range(search.trials):
        middle = round((low + high) / 2)
        if run(_Trial(search, videos, delivery, port, is_link_real=is_link_real).passes(middle)):
            low = middle
        else:
            high = middle
    return Held(viewers=low * search.scale, possible=possible)


class _Trial:
    """One crowd on one link."""

    def __init__(
        self, search: Search, videos: Sequence[Video], delivery: Delivery, port: int, *, is_link_real: bool
    ) -> None:
        self._search = search
        self._videos = videos
        self._delivery = delivery
        self._port = port
        self._is_link_real = is_link_real
        self._has_failed = asyncio.Event()

    async def passes(self, viewers: int) -> bool:
        """Let so many watch; say whether none of them had to wait."""
        search = self._search
        clock = Clock(search.scale)
        link = Line(name="link", rate_bps=search.link_bps / search.scale, round_trip_seconds=0.0)
        shared = None if self._is_link_real else Pace(link, clock)
        watching = [asyncio.create_task(self._watch(session, clock, shared)) for session in self._crowd(viewers)]
        try:
            return not await clock.wait(self._has_failed, search.trial_seconds)
        finally:
            for task in watching:
                task.cancel()
            if watching:
                await asyncio.wait(watching)

    def _crowd(self, viewers: int) -> list[Session]:
        search = self._search
        weights = zipf_weights(len(self._videos), search.zipf_exponent)
        chance = random.Random(search.seed)  # noqa: S311 - a replay
        return [self._session(number, viewers, weights, chance) for number in range(viewers)]

    def _session(self, number: int, viewers: int, weights: Sequence[float], chance: random.Random) -> Session:
        """Watch on from anywhere from which the video lasts as long as the trial does, if it is that long."""
        search = self._search
        video = chance.choices(range(len(weights)), weights)[0]
        duration = self._videos[video].duration_seconds
        return Session(
            viewer=number,
            begins_seconds=search.join_seconds * number / viewers,
            video=video,
            rendition=0,
            starts_at_seconds=chance.uniform(0, max(duration - search.trial_seconds, 0)),
            line=search.line,
            actions=(Watch(duration),),
        )

    async def _watch(self, session: Session, clock: Clock, link: Pace | None) -> None:
        await clock.sleep(session.begins_seconds)
        viewer = Viewer(
            session,
            self._videos[session.video],
            address=("127.0.0.1", self._port),
            clock=clock,
            make_player=PLAYERS[self._delivery],
            link=link,
            on_wait=self._judge,
        )
        outcome = await viewer.run()
        if outcome.fault:
            self._has_failed.set()

    def _judge(self, wait: Wait) -> None:
        if wait.cause is Cause.STALL or wait.seconds > self._search.longest_start_seconds:
            self._has_failed.set()
