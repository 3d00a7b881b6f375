"""When a Matroska file has keyframes: by its cues (RFC 9559 §5.1.5; EBML is RFC 8794), or block by block.

For the cues only as much is read as leads there: the file's info, its tracks, and the cues, wherever they lie.
Muxers write one for each keyframe; where they write fewer, keyframes seem to be farther apart than they are.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streamserver.domain.mp4 import Malformed
from streamserver.domain.scanning import Reader

EBML, SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, TIMESTAMP_SCALE, DURATION = 0x1549A966, 0x2AD7B1, 0x4489
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, VIDEO = 0x1654AE6B, 0xAE, 0xD7, 0x83, 1
CUES, CUE_POINT, CUE_TIME, CUE_TRACK_POSITIONS, CUE_TRACK = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7
CLUSTER, TIMESTAMP, BLOCK_GROUP, BLOCK, REFERENCE_BLOCK, SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA0, 0xA1, 0xFB, 0xA3
KEYFRAME: Final = 0x80
"""Among the flags of a simple block (§10.2)."""

USUAL_SCALE: Final = 1_000_000
"""Nanoseconds of a tick, unless the file tells another number."""
HEADER_BYTES: Final = 12
"""An ID has at most 4 bytes, a size 8."""
CONTENT_BYTES: Final = 4 * 1024 * 1024
"""Of an element that is read as a whole; the cues of an evening have a quarter of that."""
NUMBER_BYTES: Final = 8
"""An integer has at most so many."""
BLOCK_HEAD_BYTES: Final = HEADER_BYTES + 11
"""Behind these a track's number has at most 8 bytes, a time 2 and flags 1."""
MOST_ELEMENTS: Final = 64
"""Those at the beginning of a segment that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Element:
    """Where an element lies in its buffer or file."""

    id: int
    body: int
    """Position of its content."""
    end: int
    """Position of what follows it; of one whose size is not known, that of its content."""


def is_one(head: bytes) -> bool:
    """Tell whether a file that begins like this is one."""
    return head.startswith(EBML.to_bytes(4))


def cue_times(read: Reader) -> Iterator[float]:
    """Yield when keyframes are shown, and last when the file ends, in seconds; the first one is at its beginning.

    Raises `Malformed` where the file does not tell.
    """
    found = _found(read, _segment(read))
    if not {INFO, TRACKS, CUES} <= found.keys():
        raise Malformed("no index of keyframes")
    tick_seconds, duration_ticks = _times(_content(read, found[INFO]))
    number = _picture(_content(read, found[TRACKS]))
    cues = sorted(_cues(_content(read, found[CUES]), number))
    if not cues:
        raise Malformed("an index without keyframes")
    yield from (ticks * tick_seconds for ticks in (0, *cues, max(duration_ticks, cues[-1])))


def block_times(read: Reader) -> Iterator[float]:
    """Yield when keyframes are shown, and last when the last block of the picture is, in seconds.

    Raises `Malformed` where the file does not tell which blocks are of the picture.
    """
    segment = _segment(read)
    found = _found(read, segment)
    if not {INFO, TRACKS} <= found.keys():
        raise Malformed("no tracks")
    tick_seconds = _tick_seconds(dict(_elements(_content(read, found[INFO]))))
    number = _picture(_content(read, found[TRACKS]))
    last = 0
    for ticks, is_keyframe in _blocks(read, segment.body, number):
        if is_keyframe:
            yield ticks * tick_seconds
        last = max(last, ticks)
    yield last * tick_seconds


def _segment(read: Reader) -> _Element:
    header = _element(read(0, HEADER_BYTES), 0)
    segment = _element(read(header.end, HEADER_BYTES), header.end)
    if (header.id, segment.id) != (EBML, SEGMENT):
        raise Malformed("no Matroska file")
    return segment


def _blocks(read: Reader, position: int, number: int) -> Iterator[tuple[int, bool]]:
    """Walk the blocks of a track: when each is shown, in ticks, and whether it is a keyframe."""
    cluster_ticks = 0
    while head := read(position, BLOCK_HEAD_BYTES):
        element = _element(head, position)
        body = head[element.body - position :]
        if element.id == TIMESTAMP:
            cluster_ticks = _number(body[: element.end - element.body])
        elif element.id == SIMPLE_BLOCK:
            track, ticks, flags = _block(body)
            if track == number:
                yield cluster_ticks + ticks, bool(flags & KEYFRAME)
        elif element.id == BLOCK_GROUP:
            fields = dict(_elements(_content(read, element)))
            track, ticks, _ = _block(fields.get(BLOCK, b""))
            if track == number:
                yield cluster_ticks + ticks, REFERENCE_BLOCK not in fields
        position = element.body if element.id == CLUSTER else element.end


def _block(body: bytes) -> tuple[int, int, int]:
    """Read what a block begins with (§10.1): its track, when it is shown from its cluster on, and flags."""
    length = _length(body, 0)
    if len(body) < length + 3:
        raise Malformed("a block that is cut off")
    track = int.from_bytes(body[:length]) & ((1 << 7 * length) - 1)
    return track, int.from_bytes(body[length : length + 2], signed=True), body[length + 2]


def _found(read: Reader, segment: _Element) -> dict[int, _Element]:
    """Find what a segment begins with, and what its beginning says to lie elsewhere."""
    found: dict[int, _Element] = {}
    position = segment.body
    for _ in range(MOST_ELEMENTS):
        head = read(position, HEADER_BYTES)
        if not head:
            break
        element = _element(head, position)
        if element.id == CLUSTER:
            break
        found.setdefault(element.id, element)
        position = element.end
    if CUES not in found and SEEK_HEAD in found:
        for sought, offset in _seeks(_content(read, found[SEEK_HEAD])):
            if sought == CUES:
                at = segment.body + offset
                found[CUES] = _element(read(at, HEADER_BYTES), at)
    if CUES in found and found[CUES].id != CUES:
        raise Malformed("an index that is not where it is said to be")
    return found


def _content(read: Reader, element: _Element) -> bytes:
    count = element.end - element.body
    if count > CONTENT_BYTES:
        raise Malformed(f"an element of {count} bytes")
    content = read(element.body, count)
    if len(content) < count:
        raise Malformed("an element that is cut off")
    return content


def _element(head: bytes, position: int) -> _Element:
    """Read an ID and a size (RFC 8794 §5 and §6), which `head` begins with, found at `position`."""
    id_length = _length(head, 0)
    size_length = _length(head, id_length)
    number = int.from_bytes(head[:id_length])
    size = int.from_bytes(head[id_length : id_length + size_length]) & ((1 << 7 * size_length) - 1)
    body = position + id_length + size_length
    is_open = size == (1 << 7 * size_length) - 1
    return _Element(id=number, body=body, end=body if is_open else body + size)


def _length(head: bytes, at: int) -> int:
    """Return how many bytes a number of variable length has: one more than its first byte has leading zeros."""
    if at >= len(head) or not head[at]:
        raise Malformed("a number that is cut off")
    length = 9 - head[at].bit_length()
    if at + length > len(head):
        raise Malformed("a number that is cut off")
    return length


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the elements that lie side by side: the ID and the content of each."""
    at = 0
    while at < len(content):
        element = _element(content[at : at + HEADER_BYTES], at)
        if element.end > len(content):
            raise Malformed("an element larger than what holds it")
        yield element.id, content[element.body : element.end]
        at = max(element.end, at + 1)


def _seeks(content: bytes) -> Iterator[tuple[int, int]]:
    for number, seek in _elements(content):
        if number == SEEK:
            fields = dict(_elements(seek))
            yield _number(fields.get(SEEK_ID, b"")), _number(fields.get(SEEK_POSITION, b""))


def _times(content: bytes) -> tuple[float, float]:
    """Return how long a tick is in seconds, and how many of them the file lasts."""
    fields = dict(_elements(content))
    duration = fields.get(DURATION, b"")
    if len(duration) not in {4, 8}:
        raise Malformed("a file that does not tell how long it is")
    (ticks,) = struct.unpack(">f" if len(duration) == 4 else ">d", duration)
    if not math.isfinite(ticks):
        raise Malformed(f"a file of {ticks} ticks")
    return _tick_seconds(fields), ticks


def _tick_seconds(info: dict[int, bytes]) -> float:
    return (_number(info[TIMESTAMP_SCALE]) if TIMESTAMP_SCALE in info else USUAL_SCALE) / 1e9


def _number(content: bytes) -> int:
    """Read an unsigned integer (RFC 8794 §7.2)."""
    if len(content) > NUMBER_BYTES:
        raise Malformed(f"a number of {len(content)} bytes")
    return int.from_bytes(content)


def _picture(content: bytes) -> int:
    """Return the number of the only picture."""
    tracks = [dict(_elements(track)) for number, track in _elements(content) if number == TRACK_ENTRY]
    pictures = [track for track in tracks if _number(track.get(TRACK_TYPE, b"")) == VIDEO]
    if len(pictures) != 1:
        raise Malformed(f"{len(pictures)} pictures")
    return _number(pictures[0].get(TRACK_NUMBER, b""))


def _cues(content: bytes, number: int) -> Iterator[int]:
    """Yield when keyframes of a track are shown, in ticks."""
    for kind, point in _elements(content):
        if kind != CUE_POINT:
            continue
        fields = list(_elements(point))
        places = (dict(_elements(inside)) for name, inside in fields if name == CUE_TRACK_POSITIONS)
        if any(_number(place.get(CUE_TRACK, b"")) == number for place in places):
            yield _number(dict(fields).get(CUE_TIME, b""))
