"""When a transport stream has keyframes (ISO/IEC 13818-1): packet by packet, by the first one of each picture.

A picture that can be begun with is marked so (`random_access_indicator`, §2.4.3.5) or has the sequence parameters
of H.264 in front of it (ISO/IEC 14496-10 §7.4.1.2).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streamserver.domain.mp4 import Malformed
from streamserver.domain.scanning import Reader

SYNC: Final = 0x47
PACKET_BYTES: Final = 188
LEADS: Final = (0, 4)
"""Bytes in front of each packet: a camera's file (BDAV) has a time there."""
SYNCED_PACKETS: Final = 5
"""So many are looked at to tell a stream by."""
TABLE_BYTES: Final = 1024 * 1024
"""How far from the beginning its tables are looked for."""
BLOCK_PACKETS: Final = 20_000
"""So many are read at a time."""
H264: Final = 0x1B
PAT_PID, PAT, PMT = 0, 0, 2
CLOCK_HZ: Final = 90_000
CLOCK_TICKS: Final = 1 << 33
"""Times begin again from 0 after so many."""
LONGEST_STEP_SECONDS: Final = 60.0
"""Times of pictures that are farther apart, or go back, are of another recording."""
UNIT: Final = re.compile(rb"\x00\x00\x01([^\x00])", re.DOTALL)
"""Begins a unit of H.264 (ISO/IEC 14496-10 annex B); its type is in the last five bits."""
SLICE, IDR_SLICE, PARAMETERS = 1, 5, 7
INTRA_SLICES: Final = frozenset({0x88, *range(0xB0, 0xC0)})
"""What the first slice of a picture begins with (§7.3.3) where it, or the whole picture (0x88), is coded alone."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How packets lie in a file."""

    lead: int
    """Bytes in front of each."""

    @property
    def stride(self) -> int:
        """From one to the next."""
        return self.lead + PACKET_BYTES


def is_one(head: bytes) -> bool:
    """Tell whether a file that begins like this is one."""
    return _layout(head) is not None


def keyframe_times(read: Reader) -> Iterator[float]:
    """Yield when keyframes of H.264 are decoded, and last when the last picture is, in seconds.

    Raises `Malformed` where there is not just one such picture, or its times jump.
    """
    layout = _layout(read(0, SYNCED_PACKETS * (PACKET_BYTES + max(LEADS))))
    if layout is None:
        raise Malformed("no transport stream")
    pid = _picture_pid(read(0, TABLE_BYTES), layout)
    ticks, last = 0, None
    for packet in _beginnings(read, layout, pid):
        is_keyframe, clock = _picture(packet)
        if clock is None:
            continue
        step = 0 if last is None else (clock - last) % CLOCK_TICKS
        if step > LONGEST_STEP_SECONDS * CLOCK_HZ:
            raise Malformed("times that jump")
        ticks, last = ticks + step, clock
        if is_keyframe:
            yield ticks / CLOCK_HZ
    yield ticks / CLOCK_HZ


def _layout(head: bytes) -> _Layout | None:
    for layout in map(_Layout, LEADS):
        signs = head[layout.lead :: layout.stride][:SYNCED_PACKETS]
        if signs == bytes([SYNC]) * SYNCED_PACKETS:
            return layout
    return None


def _beginnings(read: Reader, layout: _Layout, pid: int) -> Iterator[bytes]:
    """Yield the packets that pictures begin with (§2.4.3.2), out of all of a file.

    The bytes that tell them are compared for many packets at once: there are millions.
    """
    high, low = pid >> 8, pid & 0xFF
    begins = re.compile(b"[" + re.escape(bytes([0x40 | high])) + re.escape(bytes([0x60 | high])) + b"]")
    position = 0
    while block := read(position, BLOCK_PACKETS * layout.stride):
        count = len(block) // layout.stride
        whole = block[layout.lead : count * layout.stride]
        if whole[:: layout.stride].count(SYNC) < count:
            raise Malformed("packets that do not lie side by side")
        lows = whole[2 :: layout.stride]
        for match in begins.finditer(whole[1 :: layout.stride]):
            number = match.start()
            if lows[number] == low:
                yield whole[number * layout.stride : number * layout.stride + PACKET_BYTES]
        if count < BLOCK_PACKETS:
            return
        position += len(block)


def _picture(packet: bytes) -> tuple[bool, int | None]:
    """Tell of the first packet of a picture whether it is a keyframe, and when it is decoded, in ticks."""
    payload, is_marked = _payload(packet)
    if len(payload) < 9 or not payload.startswith(b"\0\0\1"):
        return False, None
    flags, length = payload[7], payload[8]
    fields = payload[9 : 9 + length]
    times = [fields[at : at + 5] for at, flag in ((5, 0x40), (0, 0x80)) if flags & flag]
    if not times or len(times[0]) < 5:
        return False, None
    high, middle, low = times[0][0], int.from_bytes(times[0][1:3]), int.from_bytes(times[0][3:5])
    clock = (high >> 1 & 0x07) << 30 | (middle >> 1) << 15 | low >> 1
    return _is_keyframe(payload, 9 + length, is_marked=is_marked), clock


def _is_keyframe(payload: bytes, start: int, *, is_marked: bool) -> bool:
    """Tell whether a picture that begins so is a keyframe; some mark every picture, or repeat parameters."""
    is_begun_with = is_marked
    for unit in UNIT.finditer(payload, start):
        kind = unit[1][0] & 0x1F
        is_begun_with = is_begun_with or kind == PARAMETERS
        if kind == IDR_SLICE:
            return True
        if kind == SLICE and unit.end() < len(payload):
            return is_begun_with and payload[unit.end()] in INTRA_SLICES
    return is_begun_with


def _payload(packet: bytes) -> tuple[bytes, bool]:
    """Return what a packet carries (§2.4.3.3), and whether one can begin with it."""
    control, at = packet[3] >> 4 & 3, 4
    is_marked = False
    if control & 2:
        is_marked = packet[4] > 0 and bool(packet[5] & 0x40)
        at += 1 + packet[4]
    return packet[at:] if control & 1 else b"", is_marked


def _picture_pid(start: bytes, layout: _Layout) -> int:
    """Find the packets of the only picture of the only programme, by the tables that lead there (§2.4.4)."""
    programmes = _section(start, layout, PAT_PID, PAT)[5:-4]
    pids = [
        int.from_bytes(programmes[at + 2 : at + 4]) & 0x1FFF
        for at in range(0, len(programmes) - 3, 4)
        if programmes[at : at + 2] != b"\0\0"
    ]
    if len(pids) != 1:
        raise Malformed(f"{len(pids)} programmes")
    table = _section(start, layout, pids[0], PMT)
    at = 9 + (int.from_bytes(table[7:9]) & 0x0FFF)
    pictures = []
    while at + 5 <= len(table) - 4:
        if table[at] == H264:
            pictures.append(int.from_bytes(table[at + 1 : at + 3]) & 0x1FFF)
        at += 5 + (int.from_bytes(table[at + 3 : at + 5]) & 0x0FFF)
    if len(pictures) != 1:
        raise Malformed(f"{len(pictures)} pictures of H.264")
    return pictures[0]


def _section(start: bytes, layout: _Layout, pid: int, table: int) -> bytes:
    """Return the first section of a table that fits into a packet, from behind its length to its end."""
    for at in range(layout.lead, len(start) - PACKET_BYTES + 1, layout.stride):
        packet = start[at : at + PACKET_BYTES]
        if int.from_bytes(packet[1:3]) & 0x5FFF != 0x4000 | pid:
            continue
        payload, _ = _payload(packet)
        section = payload[1 + payload[0] :] if payload else b""
        length = int.from_bytes(section[1:3]) & 0x0FFF
        if section[:1] == bytes([table]) and len(section) >= 3 + length:
            return section[3 : 3 + length]
    raise Malformed(f"no table {table}")
