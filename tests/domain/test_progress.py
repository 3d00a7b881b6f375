"""How far a job is, as one honest percentage, and how long it will take."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.ladder import ladder_specs
from streamserver.domain.progress import (
    MOST_SAMPLES,
    PUBLISH_PERCENT,
    REMUX_PERCENT,
    REMUX_SPAN,
    Pace,
    encode_span,
    is_news,
    work_of,
)
from streamserver.domain.sources import SourceInfo, VideoStream

WORKS = st.floats(0.001, 1e9)


@pytest.mark.parametrize(
    ("percent", "work", "later_work", "span"),
    [
        (0, 1, 0, (1, 99)),
        (REMUX_PERCENT, 1, 0, (4, 99)),
        (0, 1, 1, (1, 50)),
        (4, 1, 4, (4, 23)),
        (50, 9, 0, (50, 99)),
    ],
)
def test_runs_weigh_what_they_cost(
    percent: float, work: float, later_work: float, span: tuple[float, float]
) -> None:
    """A run has the part of what is left that its work has of all the work that is left."""
    found = encode_span(percent, work=work, later_work=later_work)
    assert (found.begin, found.end) == pytest.approx(span)


@pytest.mark.parametrize(("fraction", "percent"), [(-3, 1), (0, 1), (0.5, 2.5), (1, 4), (1.7, 4)])
def test_a_share_of_a_run(fraction: float, percent: float) -> None:
    """A share outside of 0 to 1 counts as its nearest bound."""
    assert REMUX_SPAN.at(fraction) == pytest.approx(percent)


@given(st.floats(0, PUBLISH_PERCENT), st.lists(WORKS, min_size=1, max_size=4), st.floats(0, 1))
def test_it_never_falls_as_work_goes_on(percent: float, works: list[float], fraction: float) -> None:
    """From run to run the percentage goes on where it was, and the last one ends where publishing begins."""
    at = percent
    for number, work in enumerate(works):
        span = encode_span(at, work=work, later_work=sum(works[number + 1 :]))
        assert at <= span.begin <= span.at(fraction) <= span.end + 1e-9
        at = span.end
    assert at == pytest.approx(PUBLISH_PERCENT)


def source(width: int, height: int, seconds: float = 10) -> SourceInfo:
    video = VideoStream(
        index=0,
        codec="mpeg4",
        pixel_format="yuv420p",
        coded_width=width,
        coded_height=height,
        width=width,
        height=height,
        frame_rate=25,
    )
    return SourceInfo(format_name="avi", duration_seconds=seconds, bit_rate_bps=1_000_000, video=video)


class TestWork:
    """How much a run has to do."""

    def test_it_grows_with_time_and_renditions(self) -> None:
        """Twice as long is twice the work; each rendition more is more."""
        specs = ladder_specs(source(1920, 1080))
        works = [work_of(source(1920, 1080), specs[number:]) for number in range(len(specs) + 1)]
        assert all(more > less for more, less in pairwise(works))
        assert works[-1] == 0
        assert work_of(source(1920, 1080, seconds=20), specs) == pytest.approx(2 * works[0])

    def test_two_runs_decode_twice(self) -> None:
        """A ladder in two runs is more work than in one."""
        info = source(1920, 1080)
        specs = ladder_specs(info)
        assert work_of(info, specs[-1:]) + work_of(info, specs[:-1]) > work_of(info, specs)


def noted(*samples: tuple[float, float]) -> Pace:
    pace = Pace()
    for at_seconds, share in samples:
        pace = pace.noted(at_seconds, share)
    return pace


class TestPace:
    """How long a run still takes."""

    @pytest.mark.parametrize("samples", [(), ((0.5, 0.1),), ((4.0, 0.0),)])
    def test_it_is_not_told_too_early(self, samples: tuple[tuple[float, float], ...]) -> None:
        """Before a second has passed, or anything is done, nobody knows."""
        assert noted(*samples).seconds_left is None

    def test_a_steady_run(self) -> None:
        """At the same pace all the time the rest takes as long as it should."""
        assert noted(*((second, second / 40) for second in range(1, 11))).seconds_left == pytest.approx(30)

    def test_a_slow_beginning_is_forgotten(self) -> None:
        """A run that needed a while to get going is not thought to be slow for ever."""
        trace = [(second / 2, max(0.0, second / 2 - 4) / 40) for second in range(1, 33)]
        left = noted(*trace).seconds_left
        overall = (1 - trace[-1][1]) / (trace[-1][1] / trace[-1][0])
        assert left is not None
        assert 28 <= left < overall

    def test_another_pace_is_noticed(self) -> None:
        """A run that became half as fast is foretold to take longer than its average says."""
        fast = [(float(second), second / 40) for second in range(1, 11)]
        slow = [(10.0 + second, 0.25 + second / 80) for second in range(1, 11)]
        left = noted(*fast, *slow).seconds_left
        assert left is not None
        assert left > (1 - 0.375) * 20 / 0.375

    def test_the_end(self) -> None:
        """When all is done nothing is left."""
        assert noted((5, 0.5), (10, 1.0)).seconds_left == 0

    def test_a_long_run_is_remembered_in_short(self) -> None:
        """However often it is looked at, a pace stays small and keeps its newest and oldest moments."""
        pace = noted(*((number / 2, number / 20_000) for number in range(1, 10_001)))
        assert len(pace.samples) <= MOST_SAMPLES
        assert (pace.samples[0], pace.samples[-1]) == ((0.0, 0.0), (5000.0, 0.5))
        assert pace.seconds_left == pytest.approx(5000, rel=0.01)


@pytest.mark.parametrize(
    ("told_seconds", "eta_seconds", "is_told"),
    [
        (None, None, False),
        (None, 5.0, True),
        (5.0, None, True),
        (5.0, 3.5, False),
        (5.0, 2.5, True),
        (100.0, 91.0, False),
        (100.0, 89.0, True),
        (100.0, 111.0, True),
        (3600.0, 3585.0, False),
        (3600.0, 3575.0, True),
    ],
)
def test_what_is_news_to_those_who_wait(
    told_seconds: float | None, eta_seconds: float | None, is_told: bool
) -> None:
    """Not each second; but what takes an hour is not told the same for minutes either."""
    assert is_news(told_seconds, eta_seconds) is is_told
