"""How much is measured: in full, and as a check that it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.deliveries.figures import Way
from benchmarks.deliveries.hold import Search
from benchmarks.deliveries.library import Library, Plan
from benchmarks.deliveries.sessions import CABLE, Model, Seek, Session, Switch, draw_sessions, planned_seconds

SEED = 2026
RENDITION_SHARES = (0.6, 0.3, 0.1)
"""How often each quality is chosen, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    plan: Plan
    """What is watched."""
    viewers: int
    """At once."""
    replay_seconds: float
    """How long each replay lasts, on the viewers' clock."""
    scale: float
    """How much faster that clock goes."""
    touch_viewers: int
    """Of these, so many are there while system calls are counted, which slows the servers down."""
    touch_scale: float
    """How much faster the clock goes then."""
    touch_ways: Sequence[Way]
    """Where they are counted."""
    search: Search
    """How the number of viewers that a link holds is looked for."""


FULL = Extent(
    plan=Plan(videos=5, seconds=180),
    viewers=100,
    replay_seconds=45,
    scale=1,
    touch_viewers=25,
    touch_scale=3,
    touch_ways=tuple(Way),
    search=Search(link_bps=800_000_000, scale=8, trials=5),
)
QUICK = Extent(
    plan=Plan(videos=2, seconds=20),
    viewers=6,
    replay_seconds=6,
    scale=4,
    touch_viewers=6,
    touch_scale=4,
    touch_ways=(Way.STRAIGHT,),
    search=Search(link_bps=200_000_000, scale=20, trials=1),
)


def sessions_for(extent: Extent, library: Library) -> tuple[Session, ...]:
    """Draw what the viewers do."""
    model = Model(
        viewers=extent.viewers,
        horizon_seconds=extent.replay_seconds,
        video_seconds=[video.duration_seconds for video in library.videos],
        rendition_shares=RENDITION_SHARES,
    )
    return draw_sessions(model, seed=SEED)


def telling_session(sessions: Sequence[Session]) -> Session:
    """Return the session that shows most of what players do: from the start, there and back, in one quality."""

    def tells(session: Session) -> tuple[bool, bool, bool, float]:
        seeks = [action for action in session.actions if isinstance(action, Seek)]
        is_one_quality = not any(isinstance(action, Switch) for action in session.actions)
        is_ordinary = session.starts_at_seconds == 0 and session.rendition == 0 and session.line == CABLE
        return is_ordinary, is_one_quality, len(seeks) in {2, 3, 4}, planned_seconds(session)

    return max(sessions, key=tells)
