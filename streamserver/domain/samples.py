"""What the fragments of an MP4 say of their samples (ISO/IEC 14496-12 §8.8)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from streamserver.domain.mp4 import Box, Malformed, Track, boxes, fields, find, only_box


@dataclass(frozen=True, slots=True)
class Sample:
    """What a fragment says of a sample (§8.8.8)."""

    duration_ticks: int
    """How long it plays."""
    offset_ticks: int
    """How much later it is shown than decoded."""
    flags: int
    """As in §8.8.3.1."""


def fragment_ticks(moof: bytes, track: Track) -> int | None:
    """Return how long a fragment plays in one track, in its ticks; None where it has nothing of that track."""
    total = None
    for traf, default in _parts(moof, track):
        runs = (_trun_ticks(moof, box, default) for box in boxes(moof, traf.body, traf.end) if box.kind == "trun")
        total = (total or 0) + sum(runs)
    return total


def shown_ticks(moof: bytes, track: Track) -> tuple[int, int] | None:
    """Return when the first sample of a fragment in one track is shown, and until when all of them are, in ticks.

    Samples lie in the order of decoding, each with its offset to when it is shown (§8.8.8). None where the
    fragment has nothing of that track.
    """
    shown: list[tuple[int, int]] = []
    for traf, default in _parts(moof, track):
        at = _tfdt_ticks(moof, find(moof, traf, "tfdt"))
        for trun in (box for box in boxes(moof, traf.body, traf.end) if box.kind == "trun"):
            for sample in _trun_samples(moof, trun, default, 0):
                begin = at + sample.offset_ticks
                shown.append((begin, begin + sample.duration_ticks))
                at += sample.duration_ticks
    return (shown[0][0], max(end for _, end in shown)) if shown else None


def fragment_samples(moof: bytes, track: Track) -> Iterator[Sample]:
    """Yield what a fragment says of the samples of one track, in the order of decoding."""
    for traf, default in _parts(moof, track):
        default_flags = _tfhd_flags(moof, find(moof, traf, "tfhd"), track.default_flags)
        for trun in (box for box in boxes(moof, traf.body, traf.end) if box.kind == "trun"):
            yield from _trun_samples(moof, trun, default, default_flags)


def begin_ticks(moof: bytes, track: Track, otherwise: int) -> int:
    """Return when a fragment begins in one track, as it says itself (§8.8.12), or as is known otherwise."""
    for traf, _ in _parts(moof, track):
        for box in boxes(moof, traf.body, traf.end):
            if box.kind == "tfdt":
                return _tfdt_ticks(moof, box)
    return otherwise


def count_samples(moof: bytes, track: Track) -> int:
    """Return how many samples of one track a fragment says to have; it may say anything."""
    truns = (
        box for traf, _ in _parts(moof, track) for box in boxes(moof, traf.body, traf.end) if box.kind == "trun"
    )
    return sum(fields(">I", moof, trun, 4)[0] for trun in truns)


def _parts(moof: bytes, track: Track) -> Iterator[tuple[Box, int]]:
    """Return what a fragment has of a track: each `traf`, and the duration of samples that tell none."""
    top = only_box(moof)
    for traf in boxes(moof, top.body, top.end):
        if traf.kind == "traf":
            tfhd = find(moof, traf, "tfhd")
            if fields(">I", moof, tfhd, 4) == (track.id,):
                yield traf, _tfhd_duration(moof, tfhd) or track.default_duration_ticks


def _tfhd_duration(moof: bytes, tfhd: Box) -> int:
    """Return the default sample duration of a `tfhd` (§8.8.7), 0 where it has none."""
    (flags,) = fields(">I", moof, tfhd, 0)
    if not flags & 0x08:
        return 0
    skipped = (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
    duration: int = fields(">I", moof, tfhd, 8 + skipped)[0]
    return duration


def _tfdt_ticks(moof: bytes, tfdt: Box) -> int:
    (version,) = fields("B", moof, tfdt, 0)
    ticks: int = fields(">Q" if version else ">I", moof, tfdt, 4)[0]
    return ticks


def _tfhd_flags(moof: bytes, tfhd: Box, default_flags: int) -> int:
    """Return the default sample flags of a `tfhd` (§8.8.7), or those of its track where it has none."""
    (flags,) = fields(">I", moof, tfhd, 0)
    if not flags & 0x20:
        return default_flags
    skipped = sum(size for flag, size in ((0x01, 8), (0x02, 4), (0x08, 4), (0x10, 4)) if flags & flag)
    sample_flags: int = fields(">I", moof, tfhd, 8 + skipped)[0]
    return sample_flags


def _trun_ticks(moof: bytes, trun: Box, default_ticks: int) -> int:
    """Add up the sample durations of a `trun` (§8.8.8)."""
    flags, samples = fields(">II", moof, trun, 0)
    if not flags & 0x100:
        return int(samples) * default_ticks
    at = trun.body + 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    if at + stride * samples > trun.end:
        raise Malformed("a trun with more samples than bytes")
    return sum(struct.unpack_from(">I", moof, at + stride * number)[0] for number in range(samples))


def _trun_samples(moof: bytes, trun: Box, default_ticks: int, default_flags: int) -> Iterator[Sample]:
    """Yield the samples of a `trun` (§8.8.8)."""
    flags, count = fields(">II", moof, trun, 0)
    at = trun.body + 8 + (4 if flags & 0x01 else 0)
    first_flags = None
    if flags & 0x04:
        (first_flags,) = fields(">I", moof, trun, at - trun.body)
        at += 4
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    if at + stride * count > trun.end:
        raise Malformed("a trun with more samples than bytes")
    flags_at = 4 * (flags >> 8 & 0x3).bit_count()
    offset_form = ">i" if moof[trun.body] else ">I"  # only version 1 has negative ones
    for number in range(count):
        start = at + stride * number
        (duration,) = struct.unpack_from(">I", moof, start) if flags & 0x100 else (default_ticks,)
        (own_flags,) = struct.unpack_from(">I", moof, start + flags_at) if flags & 0x400 else (default_flags,)
        (offset,) = struct.unpack_from(offset_form, moof, start + stride - 4) if flags & 0x800 else (0,)
        yield Sample(duration, offset, own_flags if number or first_flags is None else first_flags)
