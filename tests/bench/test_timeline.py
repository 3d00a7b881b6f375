"""Stretches of time merge, and time is turned into bytes by whole fragments."""

import pytest
from benchmarks.deliveries.timeline import Spans, timeline_of

from streamserver.domain.fragments import Fragment, FragmentIndex
from tests.bench.media_server import timeline


def test_stretches_that_touch_become_one() -> None:
    """Wherever they were added, what touches is played through without a break."""
    spans = Spans()
    for start, end in ((4.0, 6.0), (0.0, 2.0), (2.0004, 4.0)):
        spans.add(start, end)
    assert spans.end_of(1.0) == 6.0
    assert spans.end_of(6.0) == 6.0
    assert spans.next_start(0.0) is None


def test_a_gap_stays_a_gap() -> None:
    """Playing ends where nothing is held, and the next stretch is known."""
    spans = Spans()
    spans.add(0.0, 2.0)
    spans.add(4.0, 6.0)
    assert spans.end_of(0.0) == 2.0
    assert spans.end_of(3.0) == 3.0
    assert spans.next_start(2.0) == 4.0
    spans.clear()
    assert spans.end_of(0.0) == 0.0


def test_a_moment_on_the_edge_belongs_to_what_follows() -> None:
    """The end of a fragment is the beginning of the next, also where rounding leaves it just before."""
    laid_out = timeline(3)
    assert [laid_out.fragment_at(moment) for moment in (0.0, 1.9, 2.0, 1.9999, 5.9, 6.0)] == [0, 0, 1, 1, 2, 2]
    assert laid_out.span(1) == (2.0, 4.0)


@pytest.mark.parametrize(
    ("start", "end", "numbers"), [(0.0, 2.0, [0]), (0.5, 2.5, [0, 1]), (2.0, 6.0, [1, 2]), (3.0, 3.0, [])]
)
def test_what_played_took_whole_fragments(start: float, end: float, numbers: list[int]) -> None:
    """A second of a fragment takes all of its bytes; its end does not take the next."""
    assert list(timeline(3).bytes_of(start, end)) == numbers


def test_a_fragment_index_is_laid_out() -> None:
    """Times come from durations, positions from the fragments, one more from the end of the last."""
    index = FragmentIndex(
        timescale=10,
        init=((0, 20), (50, 40)),
        fragments=(
            Fragment(position=90, count=100, duration_ticks=20),
            Fragment(position=190, count=60, duration_ticks=15),
        ),
    )
    laid_out = timeline_of(index, 300)
    assert laid_out.ends == (2.0, 3.5)
    assert laid_out.positions == (90, 190, 250)
    assert (laid_out.duration_seconds, laid_out.media_position) == (3.5, 90)
