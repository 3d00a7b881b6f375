"""Figures that noise cannot fool: whoever is compared is measured in the same round, and medians of ratios count.

A machine's speed changes within minutes by more than what is being looked for. So nothing is compared across
rounds: in each round every candidate does the same work, in an order that is shuffled anew, and is divided by the
reference of that very round.
"""

import math
import random
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Row = TypeVar("Row", bound=Hashable)
Candidate = TypeVar("Candidate", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a row of figures comes to."""

    median: float
    """The middle one."""
    low: float
    """The lower quartile."""
    high: float
    """The upper quartile."""
    count: int
    """How many figures there were."""


def quantile(figures: Iterable[float], share: float) -> float:
    """Return the figure below which this share of them lies, between two figures in proportion (type 7)."""
    ordered = sorted(figures)
    if not ordered:
        raise ValueError("there are no figures")
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def summarize(figures: Iterable[float]) -> Summary:
    """Return the median and the quartiles; `ValueError` where there are no figures."""
    known = list(figures)
    return Summary(
        median=quantile(known, 0.5), low=quantile(known, 0.25), high=quantile(known, 0.75), count=len(known)
    )


def paired_ratios(figures: Mapping[int, float], reference: Mapping[int, float]) -> list[float]:
    """Divide each round's figure by the reference of the same round; rounds that lack either are left out."""
    shared = sorted(figures.keys() & reference.keys())
    return [figures[number] / reference[number] for number in shared if reference[number]]


def shuffled_rounds(
    rows: Mapping[Row, Sequence[Candidate]], *, rounds: int, seed: int
) -> Iterator[tuple[int, Row, Candidate]]:
    """Yield (round, row, candidate): every candidate of every row once a round.

    The candidates of a row follow each other directly, so that they meet the same machine.
    """
    shuffle = random.Random(seed).shuffle  # noqa: S311 - an order, not a secret
    for number in range(rounds):
        order = list(rows)
        shuffle(order)
        for row in order:
            candidates = list(rows[row])
            shuffle(candidates)
            for candidate in candidates:
                yield number, row, candidate
