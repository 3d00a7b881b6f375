"""What viewers do is drawn from a seed, and drawn like people."""

from collections import Counter
from dataclasses import replace

import pytest
from benchmarks.deliveries.sessions import Model, Seek, Session, Switch, Watch, draw_sessions, planned_seconds

MODEL = Model(
    viewers=200, horizon_seconds=60, video_seconds=[120.0, 90.0, 60.0, 300.0], rendition_shares=(0.6, 0.3, 0.1)
)
SESSIONS = draw_sessions(MODEL, seed=1)


def test_the_same_seed_draws_the_same_sessions() -> None:
    """A session is data: the same seed gives the same again, another seed gives others."""
    assert draw_sessions(MODEL, seed=1) == SESSIONS
    assert draw_sessions(MODEL, seed=2) != SESSIONS


def test_a_further_viewer_changes_nobody_else() -> None:
    """More viewers are the same ones and some besides."""
    more = draw_sessions(replace(MODEL, viewers=201), seed=1)
    assert tuple(session for session in more if session.viewer < 200) == SESSIONS


def test_every_viewer_is_there_all_the_time() -> None:
    """A viewer's sessions follow each other from the first seconds to the horizon, on one line."""
    for viewer in range(MODEL.viewers):
        own = [session for session in SESSIONS if session.viewer == viewer]
        assert own[0].begins_seconds < MODEL.watch_median_seconds
        assert len({session.line for session in own}) == 1
        ends = [session.begins_seconds + planned_seconds(session) for session in own]
        gaps = [session.begins_seconds - end for session, end in zip(own[1:], ends, strict=False)]
        assert all(gap == pytest.approx(MODEL.pause_seconds) for gap in gaps)
        assert MODEL.horizon_seconds - 2 < ends[-1] <= MODEL.horizon_seconds + 1e-9


@pytest.mark.parametrize("session", SESSIONS[:100], ids=lambda session: f"at-{session.begins_seconds:.1f}")
def test_nobody_leaves_the_video(session: Session) -> None:
    """Positions lie in the video, and a change of quality is one."""
    duration = MODEL.video_seconds[session.video]
    position, rendition = session.starts_at_seconds, session.rendition
    assert isinstance(session.actions[0], Watch)
    for action in session.actions:
        match action:
            case Watch():
                position += action.seconds
            case Seek():
                position = action.to_seconds
            case Switch():
                assert action.rendition != rendition
                rendition = action.rendition
        assert 0 <= position <= duration + 1e-9


def test_the_first_video_is_watched_most() -> None:
    """Popularity follows Zipf's law: the fourth video is watched about a third as often as the first."""
    counts = Counter(session.video for session in SESSIONS)
    assert counts[0] > counts[1] > counts[3]
    assert counts[3] / counts[0] == pytest.approx(4**-MODEL.zipf_exponent, abs=0.12)


def test_people_do_all_kinds_of_things() -> None:
    """Some seek forward, some back, some change the quality, some leave early, some were here before."""
    kinds = Counter(type(action) for session in SESSIONS for action in session.actions)
    assert kinds[Seek] > kinds[Switch] > 0
    assert min(planned_seconds(session) for session in SESSIONS) < 5
    resumed = sum(session.starts_at_seconds > 0 for session in SESSIONS) / len(SESSIONS)
    assert resumed == pytest.approx(MODEL.resume_share, abs=0.05)
