"""Medians, quartiles, and ratios of what was measured in the same round."""

from collections import Counter
from itertools import pairwise

import pytest
from benchmarks.statistics import Summary, paired_ratios, quantile, shuffled_rounds, summarize
from hypothesis import given, strategies as st

figures = st.lists(st.floats(0, 1e9), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("shares", "expected"), [((0, 0.25, 0.5, 0.75, 1), (1, 2, 3, 4, 5)), ((0.1, 0.9), (1.4, 4.6))]
)
def test_a_quantile_lies_between_its_neighbours_in_proportion(
    shares: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    """Of 1 to 5 in any order the quartiles are 2 and 4, and a tenth lies above 1.4."""
    assert [quantile([3, 5, 1, 4, 2], share) for share in shares] == pytest.approx(expected)


@given(figures)
def test_a_summary_stays_among_its_figures(known: list[float]) -> None:
    """The quartiles enclose the median and never leave what was measured."""
    found = summarize(known)
    assert min(known) <= found.low <= found.median <= found.high <= max(known)
    assert found.count == len(known)


def test_one_outlier_moves_no_median() -> None:
    """A round in which the machine was busy elsewhere does not count."""
    assert summarize([10, 11, 12, 13, 9000]).median == 12


def test_nothing_has_no_summary() -> None:
    """Where nothing was measured there is an error, not a zero."""
    with pytest.raises(ValueError, match="no figures"):
        summarize([])


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that becomes three times as fast meanwhile changes no ratio."""
    ours, reference = {0: 50.0, 1: 150.0, 2: 450.0}, {2: 900.0, 0: 100.0, 1: 300.0}
    assert paired_ratios(ours, reference) == [0.5, 0.5, 0.5]


def test_rounds_without_a_partner_are_left_out() -> None:
    """Neither a missing round nor a reference of zero is divided by."""
    assert paired_ratios({0: 1.0, 1: 1.0, 2: 1.0}, {1: 2.0, 2: 0.0, 3: 1.0}) == [0.5]


def test_every_candidate_meets_every_row_once_a_round() -> None:
    """Three rounds give each pair three turns, the candidates of a row directly after each other."""
    rows = {"small": ["a", "b", "c"], "large": ["a", "b"]}
    steps = list(shuffled_rounds(rows, rounds=3, seed=1))
    assert set(Counter((row, candidate) for _, row, candidate in steps).values()) == {3}
    changes = sum(before[:2] != after[:2] for before, after in pairwise(steps))
    assert changes == 3 * len(rows) - 1


def test_the_order_differs_between_rounds_and_can_be_repeated() -> None:
    """No candidate always comes first; the same seed gives the same order."""
    rows = {"row": list("abcdef")}
    steps = list(shuffled_rounds(rows, rounds=9, seed=1))
    orders = {tuple(candidate for number, _, candidate in steps if number == turn) for turn in range(9)}
    assert len(orders) > 1
    assert steps == list(shuffled_rounds(rows, rounds=9, seed=1))


def test_a_summary_of_one_has_no_spread() -> None:
    """A single figure is its own median and quartiles."""
    assert summarize([7]) == Summary(median=7, low=7, high=7, count=1)
