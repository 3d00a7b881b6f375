"""Reading what is in memory as if it were a file."""

from collections.abc import Iterable
from itertools import pairwise

from streamserver.domain.scanning import Reader


def reader(content: bytes) -> Reader:
    """Return what reads of these bytes."""
    return lambda position, count: content[position : position + count]


def longest_gap(times: Iterable[float]) -> float:
    """Return how far two times are apart at most that follow each other."""
    return max((after - before for before, after in pairwise(times)), default=0.0)
