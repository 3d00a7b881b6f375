"""Reading the boxes of an MP4 (ISO/IEC 14496-12): only as much as a fragment index needs."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VISUAL_ENTRY_BYTES = 78
"""Of a VisualSampleEntry before its boxes (§12.1.3), behind the box header."""
AUDIO_ENTRY_BYTES = 28
"""Of a version 0 AudioSampleEntry before its boxes (§12.2.3), behind the box header."""


class Malformed(ValueError):
    """The bytes are not the boxes that were expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a box lies in its buffer or file."""

    kind: str
    """Its four-character type."""
    position: int
    """Of its header."""
    body: int
    """Position of what follows the header."""
    end: int
    """Position of what follows the box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What the init segment says of one track."""

    id: int
    """As in `tkhd`."""
    handler: str
    """`vide`, `soun` or another."""
    timescale: int
    """Ticks in a second."""
    codec: str
    """RFC 6381; empty where we have no rule for it."""
    default_duration_ticks: int = 0
    """Of a sample, from `trex`."""
    default_size: int = 0
    """Bytes of a sample, from `trex`."""
    default_flags: int = 0
    """Of a sample, from `trex` (§8.8.3.1)."""


def box_at(header: bytes, position: int) -> Box:
    """Read a box header (§4.2); `header` is 16 bytes, or what is left of them, found at `position`."""
    if len(header) < 8:
        raise Malformed(f"a box header is cut off at {position}")
    size, kind = struct.unpack_from(">I4s", header)
    length = 8
    if size == 1:
        if len(header) < 16:
            raise Malformed(f"a large box header is cut off at {position}")
        (size,) = struct.unpack_from(">Q", header, 8)
        length = 16
    if size < length:
        raise Malformed(f"a box of {size} bytes at {position}")
    return Box(kind=kind.decode("latin-1"), position=position, body=position + length, end=position + size)


def boxes(buffer: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Walk the boxes that lie side by side in a buffer."""
    limit = len(buffer) if end is None else end
    while start < limit:
        box = box_at(buffer[start : start + 16], start)
        if box.end > limit:
            raise Malformed(f"{box.kind} at {start} is larger than what holds it")
        yield box
        start = box.end


def find(buffer: bytes, parent: Box, *path: str) -> Box:
    """Follow a path of box types below a box; raise `Malformed` where it breaks off."""
    box = parent
    for kind in path:
        for child in boxes(buffer, box.body, box.end):
            if child.kind == kind:
                box = child
                break
        else:
            raise Malformed(f"no {kind} in {box.kind}")
    return box


def read_tracks(moov: bytes) -> tuple[Track, ...]:
    """Read the tracks of an init segment; `moov` is the whole box."""
    top = only_box(moov)
    defaults = dict(_trex(moov, find(moov, top, "mvex")))
    return tuple(_track(moov, trak, defaults) for trak in boxes(moov, top.body, top.end) if trak.kind == "trak")


def track_id_of(moov: bytes, trak: Box) -> int:
    """Return the id of a track (§8.3.2)."""
    return _behind_times(moov, find(moov, trak, "tkhd"))


def mdhd_timescale(moov: bytes, trak: Box) -> int:
    """Return how many ticks a second of a track has (§8.4.2)."""
    timescale = _behind_times(moov, find(moov, trak, "mdia", "mdhd"))
    if not timescale:
        raise Malformed("a track without a timescale")
    return timescale


def h264_configuration(moov: bytes) -> bytes:
    """Return the body of the `avcC` box of the first track of H.264; raise `Malformed` where there is none."""
    top = only_box(moov)
    for trak in boxes(moov, top.body, top.end):
        if trak.kind == "trak":
            stsd = find(moov, trak, "mdia", "minf", "stbl", "stsd")
            for entry in boxes(moov, stsd.body + 8, stsd.end):
                if entry.kind == "avc1":
                    box = _avcc(moov, entry)
                    return moov[box.body : box.end]
    raise Malformed("no track of H.264")


def only_box(buffer: bytes) -> Box:
    """Read the header of the box that a buffer is; raise `Malformed` where it is more or less than one."""
    box = box_at(buffer[:16], 0)
    if box.end != len(buffer):
        raise Malformed(f"{box.kind} of {box.end} bytes in {len(buffer)}")
    return box


def fields(form: str, buffer: bytes, box: Box, offset: int) -> tuple[Any, ...]:
    """Read what stands so many bytes into the body of a box, as `struct` describes it."""
    if box.body + offset + struct.calcsize(form) > box.end:
        raise Malformed(f"{box.kind} at {box.position} is too short")
    return struct.unpack_from(form, buffer, box.body + offset)


def _behind_times(moov: bytes, box: Box) -> int:
    """Read the number behind the times of a `tkhd` or `mdhd`, which version 1 writes in eight bytes, not four.

    In the one it is the track's id (§8.3.2), in the other its timescale (§8.4.2).
    """
    (version,) = fields("B", moov, box, 0)
    number: int = fields(">I", moov, box, 20 if version else 12)[0]
    return number


def _trex(moov: bytes, mvex: Box) -> Iterator[tuple[int, tuple[int, int, int]]]:
    for box in boxes(moov, mvex.body, mvex.end):
        if box.kind == "trex":
            track_id, _description, duration, size, flags = fields(">IIIII", moov, box, 4)
            yield track_id, (duration, size, flags)


def _track(moov: bytes, trak: Box, defaults: dict[int, tuple[int, int, int]]) -> Track:
    track_id = track_id_of(moov, trak)
    timescale = mdhd_timescale(moov, trak)
    (handler,) = fields("4s", moov, find(moov, trak, "mdia", "hdlr"), 8)
    duration, size, flags = defaults.get(track_id, (0, 0, 0))
    return Track(
        id=track_id,
        handler=handler.decode("latin-1"),
        timescale=timescale,
        codec=_codec(moov, find(moov, trak, "mdia", "minf", "stbl", "stsd")),
        default_duration_ticks=duration,
        default_size=size,
        default_flags=flags,
    )


def _codec(moov: bytes, stsd: Box) -> str:
    """Name the codec of the first sample entry by RFC 6381 §3.3."""
    entry = next(boxes(moov, stsd.body + 8, stsd.end), None)
    if entry is None:
        raise Malformed("a track without a sample entry")
    if entry.kind == "avc1":
        (profile_and_level,) = fields("3s", moov, _avcc(moov, entry), 1)
        return f"avc1.{profile_and_level.hex()}"
    if entry.kind == "mp4a":
        inside = Box(kind=entry.kind, position=entry.position, body=entry.body + AUDIO_ENTRY_BYTES, end=entry.end)
        esds = find(moov, inside, "esds")
        try:
            return _aac(moov[esds.body + 4 : esds.end])
        except IndexError:
            raise Malformed("a descriptor is cut off") from None
    return ""


def _avcc(moov: bytes, entry: Box) -> Box:
    inside = Box(kind=entry.kind, position=entry.position, body=entry.body + VISUAL_ENTRY_BYTES, end=entry.end)
    return find(moov, inside, "avcC")


def _aac(descriptors: bytes) -> str:
    """Read the audio object type out of an ES_Descriptor (ISO/IEC 14496-1 §7.2.6.5, 14496-3 §1.6.2.1)."""
    at = _descriptor_body(descriptors, 0, tag=3)
    flags = descriptors[at + 2]
    at += 3 + (2 if flags & 0x80 else 0) + (1 + descriptors[at + 3] if flags & 0x40 else 0)
    at = _descriptor_body(descriptors, at + (2 if flags & 0x20 else 0), tag=4)
    object_type_indication = descriptors[at]
    at = _descriptor_body(descriptors, at + 13, tag=5)
    audio_object_type = descriptors[at] >> 3
    if audio_object_type == 31:  # the escape value: six more bits follow
        audio_object_type = 32 + ((descriptors[at] & 7) << 3 | descriptors[at + 1] >> 5)
    return f"mp4a.{object_type_indication:x}.{audio_object_type}"


def _descriptor_body(data: bytes, at: int, *, tag: int) -> int:
    """Step over a descriptor's tag and its length, which has a continuation bit in each byte."""
    if data[at] != tag:
        raise Malformed(f"descriptor {data[at]} where {tag} was expected")
    at += 1
    while data[at] & 0x80:
        at += 1
    return at + 1
