"""Byte ranges (RFC 9110 §14): header text → `ByteRange` → `ResourceRegion`.

Two outcomes that are easily confused are kept apart. A header that is malformed, or speaks of a unit other than
bytes, is ignored as §14.2 allows, and the whole is sent (`parse_range` gives None). A header that is well formed
but asks for nothing that is there is unsatisfiable, which is status 416 (`resolve` and `bounded` give nothing).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAX_RANGES = 100
"""A header with more range-specs than this is ignored: nobody who plays a video sends it."""
DEFAULT_REGION_BYTES = 1024 * 1024
"""The most that one answer of the ResourceRegion delivery carries."""

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_BEYOND = 10**18
"""Larger than every file: longer numbers count as this one (§14.1.1 asks to be ready for any)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRegion:
    """Bytes of a resource that stand in a row. Only a region touches bytes."""

    position: int
    """Of the first byte."""
    count: int
    """How many bytes, at least one."""

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.position + self.count

    def at_most(self, count: int) -> "ResourceRegion":
        """Return this region cut down to at most so many bytes."""
        return ResourceRegion(position=self.position, count=min(self.count, count))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntRange:
    """`first-last` or `first-` (§14.1.2, int-range)."""

    first: int
    """Position of the first byte asked for."""
    last: int | None
    """Position of the last byte asked for; None asks for all that follow."""

    def within(self, length: int) -> ResourceRegion | None:
        """Return what a representation of this length has of the range; None where that is nothing."""
        if self.first >= length:
            return None
        end = length if self.last is None else min(self.last + 1, length)
        return ResourceRegion(position=self.first, count=end - self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuffixRange:
    """`-length` (§14.1.2, suffix-range)."""

    length: int
    """How many of the final bytes are asked for; 0 can never be satisfied."""

    def within(self, length: int) -> ResourceRegion | None:
        """Return what a representation of this length has of the range; None where that is nothing."""
        count = min(self.length, length)
        return ResourceRegion(position=length - count, count=count) if count else None


ByteRange: TypeAlias = IntRange | SuffixRange


def parse_range(header: str) -> tuple[ByteRange, ...] | None:
    """Read a Range header; None where it is to be ignored (§14.1.1, §14.2).

    One range-spec that is malformed spoils the whole header, as does a `last` before its `first`. Empty list
    elements are passed over (§5.6.1.2).
    """
    unit, _, range_set = header.partition("=")
    if unit.lower() != "bytes":
        return None
    specs = [spec for element in range_set.split(",") if (spec := element.strip(" \t"))]
    if not 0 < len(specs) <= MAX_RANGES:
        return None
    ranges: list[ByteRange] = []
    for spec in specs:
        byte_range = _parse_spec(spec)
        if byte_range is None:
            return None
        ranges.append(byte_range)
    return tuple(ranges)


def _parse_spec(spec: str) -> ByteRange | None:
    match = _SPEC.fullmatch(spec)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return SuffixRange(length=_number(last)) if last else None
    if not last:
        return IntRange(first=_number(first), last=None)
    if _number(last) < _number(first):
        return None
    return IntRange(first=_number(first), last=_number(last))


def _number(digits: str) -> int:
    """Return the number, without ever handing thousands of digits to `int`, which refuses them."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= len(str(_BEYOND)) - 1 else _BEYOND


def resolve(ranges: Iterable[ByteRange], length: int) -> tuple[ResourceRegion, ...]:
    """Return what a representation of this length has of the ranges; empty where none can be satisfied.

    Regions that overlap or touch are merged, so that no byte is sent twice however often it is asked for. A
    merged region stands where the earliest of its ranges stood: otherwise parts keep the order of the request
    (§15.3.7.2). Ranges with a gap between them stay apart, though the section would let a small gap be sent along.
    """
    regions = [region for byte_range in ranges if (region := byte_range.within(length))]
    return _merge(regions)


def _merge(regions: Sequence[ResourceRegion]) -> tuple[ResourceRegion, ...]:
    """Merge in one pass over the regions sorted by position, at most `MAX_RANGES` of them."""
    merged: list[tuple[int, ResourceRegion]] = []
    for order, region in sorted(enumerate(regions), key=lambda item: item[1].position):
        if not merged or region.position > merged[-1][1].end:
            merged.append((order, region))
            continue
        earliest, growing = merged[-1]
        count = max(growing.end, region.end) - growing.position
        merged[-1] = (min(earliest, order), ResourceRegion(position=growing.position, count=count))
    return tuple(region for _, region in sorted(merged, key=lambda item: item[0]))


def bounded(
    ranges: Iterable[ByteRange], length: int, region_bytes: int = DEFAULT_REGION_BYTES
) -> tuple[ResourceRegion, ...]:
    """Return at most one region of at most `region_bytes`; empty where no range can be satisfied.

    It is the beginning of the first range that can be satisfied. A server may send a subset of what was asked
    for, because Content-Range tells the client what it got and the client asks for the rest (§15.3.7). That holds
    for several ranges as well, and one part in a plain 206 is what every client understands, so this delivery
    never sends multipart/byteranges.
    """
    for byte_range in ranges:
        region = byte_range.within(length)
        if region is not None:
            return (region.at_most(region_bytes),)
    return ()
