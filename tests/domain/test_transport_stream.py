"""When a transport stream has keyframes."""

import random
from contextlib import suppress

import pytest

from streamserver.domain.mp4 import Malformed
from streamserver.domain.transport_stream import BLOCK_PACKETS, CLOCK_TICKS, H264, is_one, keyframe_times
from tests.domain.reading import reader

SECOND = 90_000
PMT_PID, PICTURE_PID, SOUND_PID = 0x1000, 0x100, 0x101
AAC = 0x0F
PARAMETERS = b"\0\0\0\1\x09\xf0\0\0\0\1\x67\x64"


def packet(pid: int, payload: bytes, *, begins: bool = True, field: bytes | None = None) -> bytes:
    """Return a packet; what is left of it is in its adaptation field."""
    room = 184 - len(payload)
    control, filling = 0x10, b""
    if room or field is not None:
        content = (field or b"\0")[: max(0, room - 1)].ljust(max(0, room - 1), b"\xff")
        control, filling = 0x30, bytes([len(content)]) + content
    return bytes([0x47, 0x40 * begins | pid >> 8, pid & 0xFF, control]) + filling + payload


def section(table: int, content: bytes) -> bytes:
    body = bytes(5) + content + bytes(4)
    return bytes([0, table]) + (0xB000 | len(body)).to_bytes(2) + body


def programmes(*pids: int) -> bytes:
    return packet(0, section(0, b"".join((n + 1).to_bytes(2) + pid.to_bytes(2) for n, pid in enumerate(pids))))


def streams(*each: tuple[int, int]) -> bytes:
    listed = b"".join(bytes([kind]) + (0xE000 | pid).to_bytes(2) + b"\xf0\x02ab" for kind, pid in each)
    return packet(PMT_PID, section(2, b"\xe1\x00\xf0\x03abc" + listed))


TABLES = programmes(PMT_PID) + streams((H264, PICTURE_PID), (AAC, SOUND_PID))


def clock(ticks: int, mark: int) -> bytes:
    high, middle, low = ticks >> 30 & 7, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    return bytes([mark << 4 | high << 1 | 1]) + (middle << 1 | 1).to_bytes(2) + (low << 1 | 1).to_bytes(2)


def picture(
    ticks: int,
    *,
    is_marked: bool = False,
    has_parameters: bool = False,
    shown: int | None = None,
    pid: int = PICTURE_PID,
) -> bytes:
    """Return the packets of a picture that is decoded at a time, and shown then or later."""
    times = clock(ticks, 2) if shown is None else clock(shown, 3) + clock(ticks, 1)
    header = b"\0\0\1\xe0\0\0\x80" + bytes([0x80 if shown is None else 0xC0, len(times)]) + times
    begin = header + (PARAMETERS if has_parameters else b"\0\0\0\1\x41")
    return packet(pid, begin, field=b"\x40" if is_marked else None) + packet(pid, bytes(184), begins=False)


def stream(*pictures: bytes) -> bytes:
    return TABLES + b"".join(pictures) + packet(0x1FFF, b"", begins=False) * 5


@pytest.mark.parametrize(
    ("units", "is_marked", "expected"),
    [
        (b"\x65\x88", False, True),
        (b"\x09\xf0\0\0\1\x65\x88", False, True),
        (b"\x41\x9a", True, False),
        (b"\x41\x88", True, True),
        (b"\x41\xb8", True, True),
        (b"\x41\x88", False, False),
        (b"\x67\x64\0\0\1\x68\0\0\1\x41\x9a", False, False),
        (b"\x67\x64\0\0\1\x68\0\0\1\x06\x06\0\0\1\x61\x88", False, True),
        (b"\x67\x64", False, True),
        (b"\x06\x05", True, True),
        (b"\x06\x05", False, False),
    ],
)
def test_what_a_keyframe_is_known_by(units: bytes, is_marked: bool, expected: bool) -> None:
    """By its slices, where the first packet has one; else by its mark, or by the parameters in front of it."""
    header = b"\0\0\1\xe0\0\0\x80\x80\x05" + clock(SECOND, 2)
    begin = packet(PICTURE_PID, header + b"\0\0\0\1" + units, field=b"\x40" if is_marked else None)
    assert len(list(keyframe_times(reader(stream(begin))))) == 1 + expected


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ((picture(0, is_marked=True), picture(SECOND)), [0.0, 1.0]),
        ((picture(9, has_parameters=True), picture(SECOND + 9, has_parameters=True)), [0.0, 1.0, 1.0]),
        (
            (picture(SECOND, is_marked=True), picture(2 * SECOND, shown=9 * SECOND, is_marked=True)),
            [0.0, 1.0, 1.0],
        ),
        ((picture(CLOCK_TICKS - SECOND, is_marked=True), picture(SECOND, is_marked=True)), [0.0, 2.0, 2.0]),
        ((picture(0, is_marked=True), picture(5, is_marked=True, pid=SOUND_PID)), [0.0, 0.0]),
        ((picture(0), picture(3 * SECOND)), [3.0]),
        ((), [0.0]),
    ],
)
@pytest.mark.parametrize("lead", [0, 4])
def test_keyframes(pictures: tuple[bytes, ...], expected: list[float], lead: int) -> None:
    """Those that are marked, or come with parameters; when they are decoded, also where the clock begins anew."""
    content = stream(*pictures)
    content = b"".join(bytes(lead) + content[at : at + 188] for at in range(0, len(content), 188))
    assert is_one(content[:1024])
    assert list(keyframe_times(reader(content))) == pytest.approx(expected)


def test_all_of_it() -> None:
    """What comes in a later block is found, and a last packet that is cut off does no harm."""
    filling = packet(0x1FFF, b"", begins=False) * (BLOCK_PACKETS - 5)
    content = stream(picture(0, is_marked=True)) + filling + picture(SECOND, is_marked=True) + filling
    assert list(keyframe_times(reader(content + picture(SECOND)[:100]))) == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(2000),
        packet(0x1FFF, b"") * 10,
        programmes(PMT_PID, PMT_PID + 1) + packet(0x1FFF, b"") * 9,
        programmes() + packet(0x1FFF, b"") * 9,
        programmes(PMT_PID) + packet(0x1FFF, b"") * 9,
        programmes(PMT_PID) + streams((AAC, SOUND_PID)) + packet(0x1FFF, b"") * 9,
        programmes(PMT_PID) + streams((H264, 1), (H264, 2)) + packet(0x1FFF, b"") * 9,
        stream(picture(2 * SECOND, is_marked=True), picture(SECOND)),
        stream(picture(0, is_marked=True), picture(100 * SECOND)),
        stream(picture(0)) + b"\0" + stream(picture(0)),
    ],
)
def test_what_does_not_tell(content: bytes) -> None:
    """No tables, two programmes, two pictures, times that jump, packets out of step: nothing is guessed."""
    with pytest.raises(Malformed):
        list(keyframe_times(reader(content)))


def test_whatever_comes() -> None:
    """Bytes that are wrong anywhere lead to times or to `Malformed`, and to nothing else."""
    chance = random.Random(4)  # noqa: S311 - repeatable, not secret
    right = stream(picture(0, is_marked=True), picture(SECOND, has_parameters=True), picture(2 * SECOND, shown=0))
    for _ in range(5000):
        wrong = bytearray(right)
        for _ in range(chance.randrange(1, 6)):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        with suppress(Malformed):
            assert all(time >= 0 for time in keyframe_times(reader(bytes(wrong))))
