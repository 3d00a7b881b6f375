"""Which moments of a video a player has, and which bytes they take."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from streamserver.domain.fragments import FragmentIndex

NOTHING_SECONDS = 1e-3
"""Two moments that lie closer together than this are one: durations in playlists are rounded."""


class Spans:
    """Stretches of time, merged where they touch."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []

    def add(self, start: float, end: float) -> None:
        """Take in a stretch."""
        apart = []
        for other_start, other_end in self._spans:
            if other_end < start - NOTHING_SECONDS or other_start > end + NOTHING_SECONDS:
                apart.append((other_start, other_end))
            else:
                start, end = min(start, other_start), max(end, other_end)
        self._spans = sorted([*apart, (start, end)])

    def clear(self) -> None:
        """Drop all."""
        self._spans = []

    def end_of(self, moment: float) -> float:
        """Return up to where all is there from a moment on; the moment itself where nothing is."""
        for start, end in self._spans:
            if start - NOTHING_SECONDS <= moment < end:
                return end
        return moment

    def next_start(self, moment: float) -> float | None:
        """Return where the next stretch behind a moment begins."""
        return next((start for start, _end in self._spans if start > moment + NOTHING_SECONDS), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Time against bytes in one rendition's file.

    A fragment holds all of its video and behind that all of its sound, so the smallest thing that plays is a whole
    fragment, whichever way its bytes came.
    """

    ends: Sequence[float]
    """When each fragment ends, in seconds from the beginning."""
    positions: Sequence[int]
    """Of the first byte of each fragment, as it is delivered; one more for the end of the last."""
    size_bytes: int
    """Of the whole file."""

    @property
    def duration_seconds(self) -> float:
        """How long it plays."""
        return self.ends[-1]

    @property
    def media_position(self) -> int:
        """Where the media begins; the `moov` lies ahead of it."""
        return self.positions[0]

    def fragment_at(self, moment: float) -> int:
        """Return the number of the fragment that plays at a moment."""
        return min(bisect_right(self.ends, moment + NOTHING_SECONDS), len(self.ends) - 1)

    def span(self, number: int) -> tuple[float, float]:
        """Return when a fragment begins and ends."""
        return (self.ends[number - 1] if number else 0.0), self.ends[number]

    def bytes_of(self, start: float, end: float) -> dict[int, int]:
        """Return the fragments that play between two moments, with the bytes of each."""
        if end - start < NOTHING_SECONDS:
            return {}
        first, last = self.fragment_at(start), self.fragment_at(end - 2 * NOTHING_SECONDS)
        return {number: self.positions[number + 1] - self.positions[number] for number in range(first, last + 1)}


def timeline_of(index: FragmentIndex, size_bytes: int) -> Timeline:
    """Lay out a finished file by its fragment index."""
    ticks = accumulate(fragment.duration_ticks for fragment in index.fragments)
    last = index.fragments[-1]
    return Timeline(
        ends=tuple(tick / index.timescale for tick in ticks),
        positions=(*(fragment.position for fragment in index.fragments), last.position + last.count),
        size_bytes=size_bytes,
    )
