"""The segment plan of a fragment index."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.fragments import (
    Fragment,
    FragmentIndex,
    Segment,
    ending_with,
    pack_index,
    plan_segments,
    unpack_index,
    with_plan,
    without_last,
)
from streamserver.domain.ladder import (
    FIRST_FRAGMENT_SECONDS,
    KEYFRAME_SECONDS,
    LADDER_TARGET_SECONDS,
    MOST_TARGET_SECONDS,
    REMUX_TARGET_SECONDS,
    TARGET_ROUNDING_SECONDS,
    encoded_frame_rate,
)

TIMESCALE = 90_000
INIT = ((0, 28), (44, 1200))


def index_of(*seconds: float, count: int = 1000) -> FragmentIndex:
    """Put fragments that play for so long one behind the other."""
    fragments = tuple(
        Fragment(position=1244 + number * count, count=count, duration_ticks=round(duration * TIMESCALE))
        for number, duration in enumerate(seconds)
    )
    return FragmentIndex(timescale=TIMESCALE, init=INIT, fragments=fragments)


def durations(plan: tuple[Segment, ...]) -> list[float]:
    return [segment.duration_seconds for segment in plan]


INDEXES = st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 12)), max_size=60).map(
    lambda pairs: FragmentIndex(
        timescale=TIMESCALE,
        init=INIT,
        fragments=tuple(
            Fragment(
                position=1244 + sum(count for count, _ in pairs[:number]),
                count=count,
                duration_ticks=round(seconds * TIMESCALE),
            )
            for number, (count, seconds) in enumerate(pairs)
        ),
    )
)


class TestPlan:
    """Which fragments go together."""

    def test_a_quick_start_then_steady_segments(self) -> None:
        """Four fragments stand alone, and the others, of 2 s, go in pairs; the rest comes last."""
        assert durations(plan_segments(with_plan(index_of(1, 1, *[2.0] * 7)))) == [1, 1, 2, 2, 4, 4, 2]

    def test_what_is_not_yet_long_enough_is_held_back_while_growing(self) -> None:
        """A growing file's last fragment is listed once its segment can take no more."""
        assert durations(plan_segments(index_of(1, 1, *[2.0] * 7))) == [1, 1, 2, 2, 4, 4]
        assert durations(plan_segments(index_of(2, 2, 2, 2, 2))) == [2, 2, 2, 2]
        assert durations(plan_segments(index_of(0.5))) == []

    def test_nothing_makes_no_segments(self) -> None:
        """An index without fragments has no segments, complete or not."""
        assert plan_segments(index_of()) == ()
        assert plan_segments(with_plan(index_of())) == ()

    def test_a_long_fragment_stays_whole(self) -> None:
        """A segment is made of whole fragments, however long one is."""
        assert durations(plan_segments(with_plan(index_of(9, 0.5, 0.5, 9)))) == [9, 1, 9]

    def test_a_segment_is_the_bytes_of_its_fragments(self) -> None:
        """A segment begins where its first fragment does and ends where its last one does."""
        *_, pair = plan_segments(with_plan(index_of(2, 2, 2, 2, 2, 2, count=700)))
        assert (pair.number, pair.position, pair.count) == (4, 1244 + 4 * 700, 2 * 700)

    def test_a_recorded_plan_is_kept(self) -> None:
        """A complete file's segments follow the plan that was recorded, whatever one would choose today."""
        index = replace(index_of(2, 2, 2, 2), plan=(1, 3))
        assert durations(plan_segments(index)) == [2, 6]

    @pytest.mark.parametrize(("end_seconds", "expected"), [(7.5, [2, 2, 3.5]), (6.0, [2, 2, 2]), (5.0, [2, 2, 2])])
    def test_the_end_is_when_the_last_picture_was_shown(self, end_seconds: float, expected: list[float]) -> None:
        """The last fragment lasts until then; what begins at some other time than 0 is as long."""
        shown = (TIMESCALE // 2, TIMESCALE // 2 + round(end_seconds * TIMESCALE))
        assert (
            durations(plan_segments(with_plan(ending_with(index_of(2, 2, 2), shown, 9 * TIMESCALE)))) == expected
        )

    def test_the_end_is_no_later_than_may_be(self) -> None:
        """A segment is never longer than its playlist says that any is; nor shorter than what is there."""
        for most_seconds, expected in ((1.0, 2.0), (2.5, 2.5), (9.0, 6.0)):
            ended = ending_with(index_of(2, 2, 2), (0, 10 * TIMESCALE), round(most_seconds * TIMESCALE))
            assert ended.fragments[-1].duration_ticks / TIMESCALE == expected

    @given(INDEXES, st.floats(0, 20))
    def test_a_last_fragment_that_turns_out_longer_changes_nothing(
        self, index: FragmentIndex, seconds: float
    ) -> None:
        """What is published of a file whose end is not known yet stays as it is."""
        for known in range(len(index.fragments) + 1):
            growing = without_last(replace(index, fragments=index.fragments[:known]))
            before = plan_segments(replace(growing, plan=()))
            whole = replace(index, plan=())
            if whole.fragments:
                *others, last = whole.fragments
                longer = replace(last, duration_ticks=last.duration_ticks + round(seconds * TIMESCALE))
                whole = replace(whole, fragments=(*others, longer))
            assert plan_segments(with_plan(whole))[: len(before)] == before

    @given(INDEXES, st.data())
    def test_a_published_segment_never_changes(self, index: FragmentIndex, data: st.DataObject) -> None:
        """The plan of a growing file is a prefix of each of its later plans, and of the last one."""
        now = data.draw(st.integers(0, len(index.fragments)))
        later = data.draw(st.integers(now, len(index.fragments)))
        plans = [
            plan_segments(FragmentIndex(timescale=TIMESCALE, init=INIT, fragments=index.fragments[:known]))
            for known in (now, later)
        ]
        plans.append(plan_segments(with_plan(index)))
        for before, after in pairwise(plans):
            assert after[: len(before)] == before

    @given(INDEXES)
    def test_every_byte_and_every_second_is_in_one_segment(self, index: FragmentIndex) -> None:
        """The segments of a complete file follow one another, numbered from 0, with all bytes and all time."""
        plan = plan_segments(with_plan(index))
        assert [segment.number for segment in plan] == list(range(len(plan)))
        at = 1244
        for segment in plan:
            assert segment.position == at
            assert segment.count > 0
            at += segment.count
        assert at == 1244 + sum(fragment.count for fragment in index.fragments)
        assert math.isclose(sum(durations(plan)), index.duration_seconds, abs_tol=1e-9)


def encoded_fragments(frame_rate: float, seconds: float) -> list[float]:
    """Return how long each fragment plays when the first frame at or after 1 s and each 2 s is made a keyframe."""
    rate = Fraction(frame_rate).limit_denominator(1001)
    frames = max(1, round(seconds * rate))
    starts: list[Fraction] = []
    for number in range(frames):
        due = FIRST_FRAGMENT_SECONDS if len(starts) == 1 else max(0, len(starts) - 1) * KEYFRAME_SECONDS
        if number / rate >= Fraction(due):
            starts.append(number / rate)
    return [float(after - before) for before, after in pairwise([*starts, frames / rate])]


class TestTarget:
    """EXTINF, rounded to the nearest integer, is at most EXT-X-TARGETDURATION (RFC 8216 §4.3.3.1)."""

    @given(
        st.one_of(
            st.sampled_from([23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 120, 12.5, 10, 5, 1, 0.5, 1.2, 0.1]),
            st.floats(0.01, 1000),
        ),
        st.floats(0.1, 90),
    )
    def test_no_segment_of_the_ladder_is_longer(self, source_frame_rate: float, seconds: float) -> None:
        """Whatever the source's frame rate, an encoded rendition keeps to its target duration."""
        fragments = encoded_fragments(encoded_frame_rate(source_frame_rate), seconds)
        for segment in plan_segments(with_plan(index_of(*fragments))):
            assert math.floor(segment.duration_seconds + 0.5) <= LADDER_TARGET_SECONDS

    @given(
        st.integers(REMUX_TARGET_SECONDS, MOST_TARGET_SECONDS).flatmap(
            lambda target: st.tuples(
                st.just(target),
                st.lists(st.floats(0.04, target + TARGET_ROUNDING_SECONDS), min_size=1, max_size=50),
            )
        )
    )
    def test_no_segment_of_a_remux_is_longer(self, case: tuple[int, list[float]]) -> None:
        """Fragments that are as long as is allowed for a remux keep to its target duration."""
        target_seconds, seconds = case
        for segment in plan_segments(with_plan(index_of(*seconds))):
            assert math.floor(segment.duration_seconds + 0.5) <= target_seconds


@given(INDEXES.flatmap(lambda index: st.sampled_from([index, with_plan(index)])))
def test_an_index_comes_back_from_its_packed_form(index: FragmentIndex) -> None:
    """What was packed is unpacked as it was."""
    assert unpack_index(pack_index(index)) == index


def test_a_packed_index_is_compact() -> None:
    """Two hours of fragments take less than 128 KiB."""
    packed = pack_index(with_plan(index_of(*[2.0] * 3600, count=1_700_000)))
    assert len(packed) < 128 * 1024


@pytest.mark.parametrize(("seconds", "expected"), [((), 0.0), ((2.0, 1.5), 3.5)])
def test_an_index_plays_as_long_as_its_fragments(seconds: tuple[float, ...], expected: float) -> None:
    """The duration is the sum of all fragments."""
    assert index_of(*seconds).duration_seconds == expected
