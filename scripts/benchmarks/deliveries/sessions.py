"""What viewers do, as data: drawn once from a seed, then replayed against every delivery alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a viewer is connected."""

    name: str
    """What people call it."""
    rate_bps: float
    """What comes through, towards the viewer."""
    round_trip_seconds: float
    """What a connect, and every request, waits for at least."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch on."""

    seconds: float
    """Of media that play; a stall makes it last longer."""


@dataclass(frozen=True, slots=True)
class Seek:
    """Go elsewhere, and play there."""

    to_seconds: float
    """On the video's own time."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Change the quality, at the moment that plays."""

    rendition: int
    """Which one, best first."""


Action = Watch | Seek | Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One viewer with one video. When the actions are over, the viewer leaves."""

    viewer: int
    """Who; a viewer's sessions follow each other."""
    begins_seconds: float
    """When, counted from the beginning of the replay; later if the session before takes longer."""
    video: int
    """Which one, most popular first."""
    rendition: int
    """What it begins with, best first."""
    starts_at_seconds: float = 0.0
    """Where it begins to play; not 0 for who was there before."""
    line: Line
    """How the viewer is connected."""
    actions: tuple[Action, ...]
    """In their order; `Watch` is what makes time pass."""


FIBRE = Line(name="fibre", rate_bps=50e6, round_trip_seconds=0.010)
CABLE = Line(name="cable", rate_bps=20e6, round_trip_seconds=0.025)
MOBILE = Line(name="mobile", rate_bps=6e6, round_trip_seconds=0.060)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """How people watch. The shares are those of short web video: most look in, skip about and leave early."""

    viewers: int
    """At once, from the beginning to the end."""
    horizon_seconds: float
    """How long the replay lasts."""
    video_seconds: Sequence[float]
    """How long each video plays, most popular first."""
    rendition_shares: Sequence[float]
    """How often each quality is chosen, best first."""
    zipf_exponent: float = 0.8
    """The n-th video is watched n to the minus this times as often as the first (Breslau et al. 1999, table 1)."""
    lines: Sequence[tuple[Line, float]] = ((FIBRE, 0.3), (CABLE, 0.5), (MOBILE, 0.2))
    """How viewers are connected, with how often that is."""
    watch_median_seconds: float = 6.0
    """How long viewers watch until they do something."""
    watch_sigma: float = 0.8
    """The spread of that, which is log-normal."""
    longest_watch_seconds: float = 40.0
    """The longest that is drawn."""
    resume_share: float = 0.15
    """How often viewers go on where they were another day."""
    leave_share: float = 0.22
    """How often the next thing that viewers do is to leave."""
    forward_share: float = 0.34
    """… to seek forward."""
    back_share: float = 0.18
    """… to seek back."""
    switch_share: float = 0.08
    """… to change the quality; for the rest, they watch on."""
    farthest_forward_seconds: float = 90.0
    """The longest seek forward."""
    farthest_back_seconds: float = 30.0
    """The longest seek back."""
    pause_seconds: float = 0.5
    """Between two sessions of a viewer."""


def draw_sessions(model: Model, *, seed: int) -> tuple[Session, ...]:
    """Draw the sessions of all viewers; the same seed gives the same, and a further viewer changes no other's."""
    return tuple(
        session
        for viewer in range(model.viewers)
        for session in _Viewer(model, viewer, random.Random(f"{seed}/{viewer}")).sessions()  # noqa: S311 - a replay
    )


def planned_seconds(session: Session) -> float:
    """Return how long a session takes where nothing has to be waited for."""
    return sum(action.seconds for action in session.actions if isinstance(action, Watch))


def zipf_weights(count: int, exponent: float) -> list[float]:
    """Return how often each of so many things is wanted."""
    return [rank**-exponent for rank in range(1, count + 1)]


class _Viewer:
    """One viewer's chances."""

    def __init__(self, model: Model, viewer: int, chance: random.Random) -> None:
        self._model = model
        self._viewer = viewer
        self._chance = chance
        lines, shares = zip(*model.lines, strict=True)
        self._line: Line = chance.choices(lines, shares)[0]

    def sessions(self) -> list[Session]:
        """Draw one session after the other until the horizon."""
        model, sessions = self._model, []
        now = self._chance.uniform(0, model.watch_median_seconds)
        while now + 1 < model.horizon_seconds:
            session = self._session(now)
            sessions.append(session)
            now += planned_seconds(session) + model.pause_seconds
        return sessions

    def _session(self, begins: float) -> Session:
        model, chance = self._model, self._chance
        weights = zipf_weights(len(model.video_seconds), model.zipf_exponent)
        video = chance.choices(range(len(weights)), weights)[0]
        rendition = chance.choices(range(len(model.rendition_shares)), model.rendition_shares)[0]
        duration = model.video_seconds[video]
        starts_at = chance.uniform(0, duration * 0.8) if chance.random() < model.resume_share else 0.0
        actions = self._actions(starts_at, duration, rendition, model.horizon_seconds - begins)
        return Session(
            viewer=self._viewer,
            begins_seconds=begins,
            video=video,
            rendition=rendition,
            starts_at_seconds=starts_at,
            line=self._line,
            actions=tuple(actions),
        )

    def _actions(self, position: float, duration: float, rendition: int, left: float) -> list[Action]:
        """Draw what happens until the viewer leaves, the video ends or the replay does."""
        actions: list[Action] = []
        while True:
            seconds = min(self._watch_seconds(), duration - position, left)
            actions.append(Watch(seconds))
            position, left = position + seconds, left - seconds
            if left < 1 or duration - position < 1:
                return actions
            next_action = self._next_action(position, duration, rendition)
            match next_action:
                case None:
                    return actions
                case Seek():
                    position = next_action.to_seconds
                case Switch():
                    rendition = next_action.rendition
            if not isinstance(next_action, Watch):
                actions.append(next_action)

    def _watch_seconds(self) -> float:
        model = self._model
        drawn = model.watch_median_seconds * self._chance.lognormvariate(0, model.watch_sigma)
        return min(max(drawn, 1.0), model.longest_watch_seconds)

    def _next_action(self, position: float, duration: float, rendition: int) -> Action | None:
        """Draw what comes after watching for a while; None to leave."""
        model, chance = self._model, self._chance
        shares = (model.leave_share, model.forward_share, model.back_share, model.switch_share)
        leave, forward, back, switch = accumulate(shares)
        drawn = chance.random()
        if drawn < leave:
            return None
        if drawn < forward:
            farthest = min(position + model.farthest_forward_seconds, duration - 2)
            return Seek(chance.uniform(min(position + 5, farthest), farthest))
        if drawn < back:
            return Seek(max(0.0, position - chance.uniform(5, model.farthest_back_seconds)))
        others = [other for other in range(len(model.rendition_shares)) if other != rendition]
        if drawn < switch and others:
            return Switch(chance.choice(others))
        return Watch(0)
