"""How far apart keyframes are in a file, by the tables of its header (ISO/IEC 14496-12 §8.6.1 and §8.6.2)."""

import struct

from streamserver.domain.mp4 import Box, Malformed, boxes, find, mdhd_timescale, only_box

MOST_ENTRIES = 2_000_000
"""Of a table that is looked through: thirty hours of 60 frames a second have three times as many frames."""


def longest_gap_seconds(moov: bytes) -> float:
    """Return for how long the picture goes on at most from one keyframe to the next, or to the end.

    `moov` is the whole box of a file that holds its samples at a time, not in fragments. Raises `Malformed` where
    it does not tell, or where the picture is coded in more than one way.
    """
    top = only_box(moov)
    if any(child.kind == "mvex" for child in boxes(moov, top.body, top.end)):
        raise Malformed("its samples are in fragments")
    pictures = [trak for trak in boxes(moov, top.body, top.end) if trak.kind == "trak" and _is_picture(moov, trak)]
    if len(pictures) != 1:
        raise Malformed(f"{len(pictures)} pictures")
    table = find(moov, pictures[0], "mdia", "minf", "stbl")
    if _count(moov, find(moov, table, "stsd")) != 1:
        raise Malformed("a picture that is coded in more than one way")
    timescale = mdhd_timescale(moov, pictures[0])
    durations = _entries(moov, find(moov, table, "stts"), ">II")
    stss = [box for box in boxes(moov, table.body, table.end) if box.kind == "stss"]
    if not stss:  # every picture is a keyframe
        return max((ticks for _, ticks in durations), default=0) / timescale
    numbers = [number for (number,) in _entries(moov, stss[0], ">I")]
    if numbers[:1] != [1]:
        raise Malformed("a first picture that is no keyframe")
    return _longest(numbers, durations) / timescale


def _longest(numbers: list[int], durations: list[tuple[int, ...]]) -> int:
    """Return the longest time between samples of these numbers, which count from 1, or from the last one on."""
    longest = previous = 0
    wanted = iter([*numbers[1:], None])
    number = next(wanted)
    first, begin = 1, 0
    for count, ticks in durations:
        while number is not None and number < first + count:
            at = begin + (number - first) * ticks
            longest, previous = max(longest, at - previous), at
            number = next(wanted)
        first, begin = first + count, begin + count * ticks
    return max(longest, begin - previous)


def _is_picture(moov: bytes, trak: Box) -> bool:
    hdlr = find(moov, trak, "mdia", "hdlr")
    return moov[hdlr.body + 8 : hdlr.body + 12] == b"vide"


def _count(moov: bytes, box: Box) -> int:
    if box.end - box.body < 8:
        raise Malformed(f"{box.kind} at {box.position} is too short")
    (count,) = struct.unpack_from(">I", moov, box.body + 4)
    return int(count)


def _entries(moov: bytes, box: Box, form: str) -> list[tuple[int, ...]]:
    """Read a table: version and flags, how many entries, and these."""
    count, size = _count(moov, box), struct.calcsize(form)
    if count > MOST_ENTRIES or box.body + 8 + count * size > box.end:
        raise Malformed(f"{box.kind} at {box.position} has more entries than can be")
    return list(struct.iter_unpack(form, moov[box.body + 8 : box.body + 8 + count * size]))
