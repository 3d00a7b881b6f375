"""The fragment index of a rendition, and the segments that are made of it.

A fragment is one `moof` with its `mdat` (ISO/IEC 14496-12 §8.8); a segment is one or more whole fragments that
begin with a keyframe (RFC 8216 §3.3).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

QUICK_SEGMENTS = 3
"""The first segments are short, so that playback starts after one of them."""
QUICK_SECONDS = 1.5
"""A quick segment is closed once it is this long: after one fragment of about 2 s."""
STEADY_SECONDS = 3.5
"""Any later segment is closed once it is this long: after two fragments of about 2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One `moof` and its `mdat`."""

    position: int
    """Of the first byte in the file."""
    count: int
    """Bytes in both boxes together."""
    duration_ticks: int
    """How long its video plays (its audio where it has no video), in units of the index's timescale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentIndex:
    """Where everything lies in a rendition's file. Growing only adds fragments."""

    timescale: int
    """Ticks in a second."""
    init: tuple[tuple[int, int], ...]
    """(position, count) of the `ftyp` and of the first `moov`: the init segment."""
    fragments: tuple[Fragment, ...] = ()
    """In the order of time, and of the file."""

    @property
    def duration_seconds(self) -> float:
        """How long all fragments play."""
        return sum(fragment.duration_ticks for fragment in self.fragments) / self.timescale


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one HLS media segment URL stands for."""

    number: int
    """Counted from 0."""
    position: int
    """Of the first byte in the file."""
    count: int
    """Bytes."""
    duration_seconds: float
    """How long it plays."""


def plan_segments(index: FragmentIndex, *, is_complete: bool) -> tuple[Segment, ...]:
    """Group fragments into segments of about 4 s, the first ones of about 2 s.

    Whether a segment is closed depends on what came before alone, so the plan of a growing file is always a
    prefix of its later plans: a published segment never changes. What is left over at the end becomes the last
    segment once the file is complete.
    """
    segments: list[Segment] = []
    group: list[Fragment] = []
    for fragment in index.fragments:
        if group and _is_long_enough(group, index.timescale, len(segments)):
            segments.append(_segment(len(segments), group, index.timescale))
            group = []
        group.append(fragment)
    if group and (is_complete or _is_long_enough(group, index.timescale, len(segments))):
        segments.append(_segment(len(segments), group, index.timescale))
    return tuple(segments)


def _is_long_enough(group: list[Fragment], timescale: int, number: int) -> bool:
    seconds = sum(fragment.duration_ticks for fragment in group) / timescale
    return seconds >= (QUICK_SECONDS if number < QUICK_SEGMENTS else STEADY_SECONDS)


def _segment(number: int, group: list[Fragment], timescale: int) -> Segment:
    return Segment(
        number=number,
        position=group[0].position,
        count=group[-1].position + group[-1].count - group[0].position,
        duration_seconds=sum(fragment.duration_ticks for fragment in group) / timescale,
    )


def pack_index(index: FragmentIndex) -> str:
    """Write an index as compact JSON, for keeping."""
    rows: Iterable[tuple[int, int, int]] = (
        (fragment.position, fragment.count, fragment.duration_ticks) for fragment in index.fragments
    )
    packed = {"timescale": index.timescale, "init": index.init, "fragments": list(rows)}
    return json.dumps(packed, separators=(",", ":"))


def unpack_index(text: str) -> FragmentIndex:
    """Read what `pack_index` wrote."""
    packed = json.loads(text)
    return FragmentIndex(
        timescale=packed["timescale"],
        init=tuple((position, count) for position, count in packed["init"]),
        fragments=tuple(
            Fragment(position=position, count=count, duration_ticks=duration)
            for position, count, duration in packed["fragments"]
        ),
    )
