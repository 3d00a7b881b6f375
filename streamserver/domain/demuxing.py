"""The picture of a rendition alone, out of a file that holds picture and sound (ISO/IEC 14496-12 §8.8).

A player that is to choose among sound tracks wants the picture without one (RFC 8216 §4.3.4.2.1). In a fragment
the samples of each track lie in a few runs, between those of the others, so what it gets is a new header, made in
memory, and regions of the file as it is.
"""

import struct
from dataclasses import dataclass, replace

from streamserver.domain.mp4 import Box, Malformed, boxes, find, only_box, track_id_of
from streamserver.domain.multipart import Body
from streamserver.domain.ranges import ResourceRegion

MDAT_HEADER_BYTES = 8
DEFAULT_BASE_IS_MOOF = 0x020000
BASE_DATA_OFFSET = 0x01
DATA_OFFSET = 0x01
FIRST_SAMPLE_FLAGS = 0x04
SAMPLE_SIZE = 0x200


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRun:
    """Samples of one track that lie behind each other in a fragment."""

    offset: int
    """Of the first byte, from the beginning of the `moof`."""
    sizes: tuple[int, ...]
    """Bytes of each sample."""

    @property
    def count(self) -> int:
        """Bytes of all samples."""
        return sum(self.sizes)

    @property
    def first(self) -> int:
        """Bytes of the first sample."""
        return self.sizes[0] if self.sizes else 0


def sample_runs(moof: bytes, track_id: int, default_size: int = 0) -> tuple[SampleRun, ...]:
    """Return where a fragment has the samples of a track, in their order; nothing where it has none.

    `default_size` is that of `trex`. Raises `Malformed` where it does not tell.
    """
    traf = _traf(moof, track_id)
    if traf is None:
        return ()
    size = _default_size(moof, find(moof, traf, "tfhd")) or default_size
    joined: list[SampleRun] = []
    for trun in _truns(moof, traf):
        run = _run(moof, trun, size)
        if joined and run.offset == joined[-1].offset + joined[-1].count:
            joined[-1] = replace(joined[-1], sizes=joined[-1].sizes + run.sizes)
        elif run.count:
            joined.append(run)
    return tuple(joined)


def fragment_of_track(moof: bytes, position: int, track_id: int, default_size: int = 0) -> Body:
    """Return a fragment with the samples of one track alone; empty where it has none.

    `moof` is the whole box, found at `position` of the file that the regions are of.
    """
    runs = sample_runs(moof, track_id, default_size)
    traf = _traf(moof, track_id)
    if not runs or traf is None:
        return ()
    top = only_box(moof)
    kept = [box for box in boxes(moof, top.body, top.end) if box.kind != "traf" or box == traf]
    header = bytearray(_boxed(b"moof", *(moof[box.position : box.end] for box in kept)))
    new_traf = _traf(bytes(header), track_id)
    assert new_traf is not None  # noqa: S101 - it was just kept
    offset, size = len(header) + MDAT_HEADER_BYTES, _default_size(moof, find(moof, traf, "tfhd")) or default_size
    for trun in _truns(bytes(header), new_traf):
        struct.pack_into(">i", header, trun.body + 8, offset)
        offset += _run(bytes(header), trun, size).count
    header += struct.pack(">I4s", MDAT_HEADER_BYTES + sum(run.count for run in runs), b"mdat")
    return bytes(header), *(ResourceRegion(position=position + run.offset, count=run.count) for run in runs)


def init_of_track(moov: bytes, track_id: int) -> bytes:
    """Return the `moov` of an init segment with one of its tracks alone."""
    top = only_box(moov)
    parts = []
    for box in boxes(moov, top.body, top.end):
        if box.kind == "trak" and track_id_of(moov, box) != track_id:
            continue
        if box.kind == "mvex":
            parts.append(_boxed(b"mvex", *_trex_of(moov, box, track_id)))
        else:
            parts.append(moov[box.position : box.end])
    return _boxed(b"moov", *parts)


def _trex_of(moov: bytes, mvex: Box, track_id: int) -> list[bytes]:
    return [
        moov[box.position : box.end]
        for box in boxes(moov, mvex.body, mvex.end)
        if box.kind != "trex" or struct.unpack_from(">I", moov, box.body + 4) == (track_id,)
    ]


def _traf(moof: bytes, track_id: int) -> Box | None:
    top = only_box(moof)
    for box in boxes(moof, top.body, top.end):
        if box.kind == "traf":
            tfhd = find(moof, box, "tfhd")
            if tfhd.end < tfhd.body + 8:
                raise Malformed("a tfhd that is too short")
            flags, found = struct.unpack_from(">II", moof, tfhd.body)
            if found == track_id:
                if not flags & DEFAULT_BASE_IS_MOOF or flags & BASE_DATA_OFFSET:
                    raise Malformed("a fragment whose offsets are not counted from its moof")
                return box
    return None


def _truns(moof: bytes, traf: Box) -> list[Box]:
    truns = [box for box in boxes(moof, traf.body, traf.end) if box.kind == "trun"]
    for trun in truns:
        if trun.end < trun.body + 12 or not struct.unpack_from(">I", moof, trun.body)[0] & DATA_OFFSET:
            raise Malformed("a trun that does not tell where its samples are")
    return truns


def _default_size(moof: bytes, tfhd: Box) -> int:
    """Return the default sample size of a `tfhd` (§8.8.7), 0 where it has none."""
    (flags,) = struct.unpack_from(">I", moof, tfhd.body)
    if not flags & 0x10:
        return 0
    at = tfhd.body + 8 + 8 * bool(flags & 0x01) + 4 * bool(flags & 0x02) + 4 * bool(flags & 0x08)
    if at + 4 > tfhd.end:
        raise Malformed("a tfhd that is too short")
    size: int = struct.unpack_from(">I", moof, at)[0]
    return size


def _run(moof: bytes, trun: Box, default_size: int) -> SampleRun:
    """Read where the samples of a `trun` (§8.8.8) lie."""
    flags, samples, offset = struct.unpack_from(">IIi", moof, trun.body)
    if not flags & SAMPLE_SIZE or not samples:
        return SampleRun(offset=offset, sizes=(default_size,) * samples)
    at = trun.body + 12 + (4 if flags & FIRST_SAMPLE_FLAGS else 0) + (4 if flags & 0x100 else 0)
    stride = 4 * (flags >> 8 & 0xF).bit_count()
    if at + stride * (samples - 1) + 4 > trun.end:
        raise Malformed("a trun with more samples than bytes")
    sizes = (struct.unpack_from(">I", moof, at + stride * number)[0] for number in range(samples))
    return SampleRun(offset=offset, sizes=tuple(sizes))


def _boxed(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body
