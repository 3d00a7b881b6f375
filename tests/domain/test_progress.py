"""How far a job is, as one honest percentage."""

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.jobs import Stage
from streamserver.domain.progress import PUBLISH_PERCENT, EncoderReport, percent_done, seconds_left

ORDER = [Stage.UPLOAD, Stage.PROBE, Stage.REMUX, Stage.ENCODE, Stage.PUBLISH]
FRACTIONS = st.floats(allow_nan=False)


@pytest.mark.parametrize(
    ("stage", "fraction", "has_remux", "percent"),
    [
        (Stage.UPLOAD, 0.5, False, 0),
        (Stage.PROBE, 0, False, 0),
        (Stage.PROBE, 1, True, 1),
        (Stage.REMUX, 0.5, True, 2.5),
        (Stage.ENCODE, 0, True, 4),
        (Stage.ENCODE, 0, False, 1),
        (Stage.ENCODE, 0.5, False, 50),
        (Stage.ENCODE, 1, True, PUBLISH_PERCENT),
        (Stage.ENCODE, 1.7, True, PUBLISH_PERCENT),
        (Stage.ENCODE, -3, True, 4),
        (Stage.PUBLISH, 0, True, PUBLISH_PERCENT),
    ],
)
def test_stages_weigh_what_they_cost(stage: Stage, fraction: float, has_remux: bool, percent: float) -> None:
    """Encoding is nearly all of it; a fraction outside of 0 to 1 counts as its nearest bound."""
    assert percent_done(stage, fraction, has_remux=has_remux) == pytest.approx(percent)


@given(st.lists(st.tuples(st.sampled_from(ORDER), st.floats(0, 1)), min_size=2), st.booleans())
def test_it_never_falls_as_work_goes_on(points: list[tuple[Stage, float]], has_remux: bool) -> None:
    """Through the stages in their order, and on within each, the percentage rises or stands."""
    points.sort(key=lambda point: (ORDER.index(point[0]), point[1]))
    percents = [percent_done(stage, fraction, has_remux=has_remux) for stage, fraction in points]
    assert percents == sorted(percents)


@given(st.sampled_from(ORDER), FRACTIONS, st.booleans())
def test_only_the_end_is_100(stage: Stage, fraction: float, has_remux: bool) -> None:
    """No stage reaches 100: that is said by completing alone."""
    assert 0 <= percent_done(stage, fraction, has_remux=has_remux) < 100


@pytest.mark.parametrize(
    ("encoded_seconds", "speed", "left"),
    [(0, None, None), (10, None, None), (0, 2.0, 30), (45, 3.0, 5), (60, 1.0, 0), (61.5, 1.0, 0), (30, 0.0, None)],
)
def test_time_left(encoded_seconds: float, speed: float | None, left: float | None) -> None:
    """What a minute of video still takes at a speed; unknown without one, and never less than nothing."""
    report = EncoderReport(encoded_seconds=encoded_seconds, speed=speed, frames_per_second=None)
    assert seconds_left(60, report) == left
