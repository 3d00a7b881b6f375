"""The fragment index of a rendition, and the segments that are made of it.

A fragment is one `moof` with its `mdat` (ISO/IEC 14496-12 §8.8); a segment is one or more whole fragments that
begin with a keyframe (RFC 8216 §3.3).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

QUICK_SECONDS = (0.75, 0.75, 1.5, 1.5)
"""The first segments are short, so that playback starts soon: each is closed once it is this long, after one
fragment of about 1 or 2 s."""
STEADY_SECONDS = 3.5
"""Any later segment is closed once it is this long: after two fragments of about 2 s."""
LONGEST_GROUP_SECONDS = 6.0
"""No fragment is added to a segment that would become longer by it: one may be longer only by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One `moof` and its `mdat`."""

    position: int
    """Of the first byte in the file."""
    count: int
    """Bytes in both boxes together."""
    duration_ticks: int
    """How long its video plays (its audio where it has no video), in units of the index's timescale."""
    keyframe_count: int = 0
    """Bytes from its position to the end of its first picture, a keyframe; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentIndex:
    """Where everything lies in a rendition's file. Growing only adds fragments."""

    timescale: int
    """Ticks in a second."""
    init: tuple[tuple[int, int], ...]
    """(position, count) of the `ftyp` and of the first `moov`: the init segment."""
    fragments: tuple[Fragment, ...] = ()
    """In the order of time, and of the file."""
    plan: tuple[int, ...] = ()
    """How many fragments each segment takes, fixed once the file is complete; empty while it grows."""

    @property
    def duration_seconds(self) -> float:
        """How long all fragments play."""
        return sum(fragment.duration_ticks for fragment in self.fragments) / self.timescale

    @property
    def longest_fragment_seconds(self) -> float:
        """How long the longest fragment plays; 0 where there is none."""
        return max((fragment.duration_ticks for fragment in self.fragments), default=0) / self.timescale


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframe:
    """What one line of an I-frame playlist stands for: a `moof` and its first picture (RFC 8216 §4.3.3.6)."""

    segment: int
    """The number of the segment that it lies in."""
    offset: int
    """Of its first byte, in the segment."""
    count: int
    """Bytes."""
    duration_seconds: float
    """How long until the next one."""


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


def plan_segments(index: FragmentIndex) -> tuple[Segment, ...]:
    """Return the segments that a playlist lists: by the index's plan, or as far as they are closed by now.

    Segments take about 4 s, the first ones 1 or 2 s. Whether one is closed depends on what there is by then
    alone, so the segments of a growing file are always the first ones of its final plan: a published segment never
    changes.
    """
    plan = index.plan or _closed(index)
    segments: list[Segment] = []
    start = 0
    for number, size in enumerate(plan):
        segments.append(_segment(number, index.fragments[start : start + size], index.timescale))
        start += size
    return tuple(segments)


def plan_keyframes(index: FragmentIndex) -> tuple[Keyframe, ...]:
    """Return the keyframes of the segments that `plan_segments` lists; none where one of them is not known."""
    keyframes: list[Keyframe] = []
    start = 0
    for number, size in enumerate(index.plan or _closed(index)):
        group = index.fragments[start : start + size]
        keyframes += (
            Keyframe(
                segment=number,
                offset=fragment.position - group[0].position,
                count=fragment.keyframe_count,
                duration_seconds=fragment.duration_ticks / index.timescale,
            )
            for fragment in group
        )
        start += size
    return tuple(keyframes) if all(keyframe.count for keyframe in keyframes) else ()


def with_plan(index: FragmentIndex) -> FragmentIndex:
    """Fix the plan of a file that grows no more: what was left over becomes the last segment."""
    closed = _closed(index)
    rest = len(index.fragments) - sum(closed)
    return replace(index, plan=(*closed, rest) if rest else closed)


def without_last(index: FragmentIndex) -> FragmentIndex:
    """Leave out the last fragment, of which it is not known yet how long it lasts."""
    return replace(index, fragments=index.fragments[:-1])


def ending_with(index: FragmentIndex, shown: tuple[int, int], most_ticks: int) -> FragmentIndex:
    """Make the last fragment last until its last picture was shown, but no longer than may be.

    `shown` is when the first picture of all is, and until when the last one is, in ticks. Fragments are as long as
    their pictures in the order of decoding. Where these come out of order, and not at a constant rate, that ends
    too soon: what is decoded last is not what is shown last.
    """
    begin, end = shown
    *others, last = index.fragments
    missing = end - begin - sum(fragment.duration_ticks for fragment in index.fragments)
    wanted_ticks = min(last.duration_ticks + missing, most_ticks)
    longer = replace(last, duration_ticks=max(last.duration_ticks, wanted_ticks))
    return replace(index, fragments=(*others, longer))


def _closed(index: FragmentIndex) -> tuple[int, ...]:
    """Return how many fragments each segment takes that nothing will be added to."""
    plan: list[int] = []
    size = ticks = 0
    for fragment in index.fragments:
        if size and (ticks + fragment.duration_ticks) / index.timescale > LONGEST_GROUP_SECONDS:
            plan.append(size)
            size = ticks = 0
        size, ticks = size + 1, ticks + fragment.duration_ticks
        wanted_seconds = QUICK_SECONDS[len(plan)] if len(plan) < len(QUICK_SECONDS) else STEADY_SECONDS
        if ticks / index.timescale >= wanted_seconds:
            plan.append(size)
            size = ticks = 0
    return tuple(plan)


def _segment(number: int, group: Sequence[Fragment], timescale: int) -> Segment:
    return Segment(
        number=number,
        position=group[0].position,
        count=group[-1].position + group[-1].count - group[0].position,
        duration_seconds=sum(fragment.duration_ticks for fragment in group) / timescale,
    )


def pack_index(index: FragmentIndex) -> str:
    """Write an index as compact JSON, for keeping."""
    rows: Iterable[tuple[int, int, int, int]] = (
        (fragment.position, fragment.count, fragment.duration_ticks, fragment.keyframe_count)
        for fragment in index.fragments
    )
    packed = {"timescale": index.timescale, "init": index.init, "fragments": list(rows), "plan": index.plan}
    return json.dumps(packed, separators=(",", ":"))


def unpack_index(text: str) -> FragmentIndex:
    """Read what `pack_index` wrote."""
    packed = json.loads(text)
    return FragmentIndex(
        timescale=packed["timescale"],
        init=tuple((position, count) for position, count in packed["init"]),
        fragments=tuple(
            Fragment(position=position, count=count, duration_ticks=duration, keyframe_count=sum(keyframe))
            for position, count, duration, *keyframe in packed["fragments"]
        ),
        plan=tuple(packed["plan"]),
    )
