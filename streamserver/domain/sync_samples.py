"""When an MP4 has keyframes: by its header's tables (ISO/IEC 14496-12 §8.6.1 and §8.6.2), or by its fragments."""

import struct
from collections.abc import Iterable, Iterator

from streamserver.domain.mp4 import (
    Box,
    Malformed,
    Track,
    box_at,
    boxes,
    find,
    mdhd_timescale,
    only_box,
    read_tracks,
)
from streamserver.domain.samples import begin_ticks, count_samples, fragment_samples
from streamserver.domain.scanning import MAX_HEADER_BYTES, Reader

MOST_ENTRIES = 2_000_000
"""Of a table that is looked through: thirty hours of 60 frames a second have three times as many frames."""
BOX_HEADER_BYTES = 16
MOST_BOXES = 64
"""Those of a file that its header is looked for among."""
NON_SYNC = 0x01010000
"""Among the flags of a sample (§8.8.3.1): it is not one to begin with, or depends on others."""


def table_times(read: Reader) -> Iterator[float]:
    """Yield when keyframes are decoded, and last when the last picture ends, in seconds.

    Raises `Malformed` where the header does not tell, or where the picture is coded in more than one way.
    """
    moov = _moov(read)
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
    samples = sum(count for count, _ in durations)
    numbers: Iterable[int] = range(1, samples + 1)  # every picture is a keyframe
    if not stss and samples > MOST_ENTRIES:
        raise Malformed(f"{samples} keyframes")
    if stss:
        numbers = [number for (number,) in _entries(moov, stss[0], ">I")]
        if numbers[:1] != [1]:
            raise Malformed("a first picture that is no keyframe")
    return (ticks / timescale for ticks in _times(numbers, durations))


def fragment_times(read: Reader) -> Iterator[float]:
    """Yield the same of a file that holds its samples in fragments (§8.8), of which all headers are read."""
    picture: Track | None = None
    position = ticks = 0
    while len(header := read(position, BOX_HEADER_BYTES)) == BOX_HEADER_BYTES:
        box = box_at(header, position)
        if box.kind == "moov":
            pictures = [track for track in read_tracks(_whole(read, box)) if track.handler == "vide"]
            if len(pictures) != 1:
                raise Malformed(f"{len(pictures)} pictures")
            picture = pictures[0]
        elif box.kind == "moof" and picture is not None:
            moof = _whole(read, box)
            ticks = begin_ticks(moof, picture, ticks)
            if count_samples(moof, picture) > MOST_ENTRIES:
                raise Malformed(f"a moof at {position} with more samples than can be")
            for sample in fragment_samples(moof, picture):
                if not sample.flags & NON_SYNC:
                    yield ticks / picture.timescale
                ticks += sample.duration_ticks
        position = box.end
    if picture is None:
        raise Malformed("no moov")
    yield ticks / picture.timescale


def _moov(read: Reader) -> bytes:
    position = 0
    for _ in range(MOST_BOXES):
        box = box_at(read(position, BOX_HEADER_BYTES), position)
        if box.kind == "moov":
            return _whole(read, box)
        position = box.end
    raise Malformed("no moov among the first boxes")


def _whole(read: Reader, box: Box) -> bytes:
    return read(box.position, min(box.end - box.position, MAX_HEADER_BYTES))


def _times(numbers: Iterable[int], durations: Iterable[tuple[int, ...]]) -> Iterator[int]:
    """Yield when samples of these numbers, which count from 1, are decoded, and when the last of all ends."""
    wanted = iter(numbers)
    number = next(wanted, None)
    first, begin = 1, 0
    for count, ticks in durations:
        while number is not None and number < first + count:
            yield begin + (number - first) * ticks
            number = next(wanted, None)
        first, begin = first + count, begin + count * ticks
    yield begin


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
