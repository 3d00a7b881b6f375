"""Whether a copy begins where its edit lists tell (ISO/IEC 14496-12 §8.6.6), in any player.

One that is handed segments (Media Source Extensions) takes the media time of a first edit for the beginning, but
passes over an empty edit: what that puts off comes too early. And where an edit cuts off a keyframe, there is no
picture until the next one.
"""

import struct

from streamserver.domain.mp4 import Box, Malformed, boxes, find, only_box, track_id_of

TOLERANCE_SECONDS = 0.04
"""As far apart as picture and sound may be."""
EMPTY = -1
HAS_SAMPLE_OFFSETS = 0x800


def begins_as_told(moov: bytes, moof: bytes) -> bool:
    """Tell whether every track of an init segment begins in time in any player, its picture with a keyframe.

    `moof` is that of the first fragment.
    """
    top = only_box(moov)
    return all(
        _is_in_time(moov, trak, _first_offset_ticks(moof, track_id_of(moov, trak)))
        for trak in boxes(moov, top.body, top.end)
        if trak.kind == "trak"
    )


def _is_in_time(moov: bytes, trak: Box, first_offset_ticks: int) -> bool:
    edits = _edits(moov, trak)
    timescale = _timescale(moov, find(moov, trak, "mdia", "mdhd"))
    begin_ticks = next((media_time for _, media_time in edits if media_time != EMPTY), 0)
    if edits and edits[0][1] == EMPTY:
        movie_timescale = _timescale(moov, find(moov, only_box(moov), "mvhd"))
        return abs(edits[0][0] / movie_timescale - begin_ticks / timescale) <= TOLERANCE_SECONDS
    (handler,) = struct.unpack_from("4s", moov, find(moov, trak, "mdia", "hdlr").body + 8)
    # Each frame of sound can be decoded by itself: whatever is cut off there leaves no hole.
    return handler != b"vide" or (begin_ticks - first_offset_ticks) / timescale <= TOLERANCE_SECONDS


def _edits(moov: bytes, trak: Box) -> list[tuple[int, int]]:
    """Return (duration in ticks of the movie, media time in ticks of the track) of each edit."""
    try:
        elst = find(moov, trak, "edts", "elst")
    except Malformed:
        return []
    version, count = struct.unpack_from(">B3xI", moov, elst.body)
    form = struct.Struct(">Qqi" if version else ">Iii")
    if elst.body + 8 + count * form.size > elst.end:
        raise Malformed("an elst with more edits than bytes")
    return [form.unpack_from(moov, elst.body + 8 + number * form.size)[:2] for number in range(count)]


def _first_offset_ticks(moof: bytes, track_id: int) -> int:
    """Return how much later than decoded the first sample of a track is shown (§8.8.8); 0 where nothing tells."""
    top = only_box(moof)
    for traf in boxes(moof, top.body, top.end):
        if traf.kind == "traf" and struct.unpack_from(">I", moof, find(moof, traf, "tfhd").body + 4) == (
            track_id,
        ):
            trun = find(moof, traf, "trun")
            flags, samples = struct.unpack_from(">II", moof, trun.body)
            # Behind the flags and the number, what is there once; then of each sample what is there of each.
            at = trun.body + 8 + 4 * (bool(flags & 0x01) + bool(flags & 0x04) + (flags >> 8 & 0x7).bit_count())
            if flags & HAS_SAMPLE_OFFSETS and samples and at + 4 <= trun.end:
                offset: int = struct.unpack_from(">i", moof, at)[0]
                return offset
    return 0


def _timescale(moov: bytes, box: Box) -> int:
    """Read the timescale of an `mvhd` (§8.2.2) or `mdhd` (§8.4.2)."""
    version = moov[box.body]
    ticks: int = struct.unpack_from(">I", moov, box.body + (20 if version else 12))[0]
    if not ticks:
        raise Malformed(f"an {box.kind} without a timescale")
    return ticks
