"""When a Flash video has keyframes."""

import random
from contextlib import suppress

import pytest

from streamserver.domain.flv import is_one, keyframe_times
from streamserver.domain.mp4 import Malformed
from tests.domain.reading import reader

HEADER = b"FLV\x01\x05" + (9).to_bytes(4) + bytes(4)
SOUND, VIDEO = 8, 9
PARAMETERS, PICTURE = 0, 1


def tag(kind: int, milliseconds: int, *head: int) -> bytes:
    body = bytes(head) + bytes(50)
    times = (milliseconds & 0xFFFFFF).to_bytes(3) + (milliseconds >> 24).to_bytes(1)
    whole = bytes([kind]) + len(body).to_bytes(3) + times + bytes(3) + body
    return whole + len(whole).to_bytes(4)


def key(milliseconds: int) -> bytes:
    return tag(VIDEO, milliseconds, 0x17, PICTURE)


def other(milliseconds: int) -> bytes:
    return tag(VIDEO, milliseconds, 0x27, PICTURE)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((key(0), other(40), key(2000), other(2040)), [0.0, 2.0, 2.04]),
        ((tag(VIDEO, 0, 0x17, PARAMETERS), key(40), tag(SOUND, 9000, 0xAF, 1)), [0.04, 0.04]),
        ((key(0x01000000),), [16777.216, 16777.216]),
        ((key(0), key(1000)[:30]), [0.0, 1.0, 1.0]),
        ((key(0), key(1000)[:12]), [0.0, 0.0]),
        ((tag(VIDEO, 0)[:11] + bytes(4), key(80)), [0.08, 0.08]),
        ((), [0.0]),
    ],
)
def test_keyframes(tags: tuple[bytes, ...], expected: list[float]) -> None:
    """Pictures alone count, and of these keyframes; the last time is that of the last picture."""
    content = HEADER + b"".join(tags)
    if tags and tags[0][3] == 50:
        content = HEADER + VIDEO.to_bytes() + bytes(14) + tags[1]
    assert list(keyframe_times(reader(content))) == pytest.approx(expected)


@pytest.mark.parametrize("head", [(0x12, 0), (0x97, 0)])
def test_other_codecs(head: tuple[int, int]) -> None:
    """What is no H.264 is told by other rules, and would not be copied."""
    with pytest.raises(Malformed):
        list(keyframe_times(reader(HEADER + tag(VIDEO, 0, *head))))


def test_what_it_is_known_by() -> None:
    """The first bytes tell."""
    assert is_one(HEADER)
    assert not is_one(b"FLV\x02")


def test_whatever_comes() -> None:
    """Bytes that are wrong anywhere lead to times or to `Malformed`, and to nothing else."""
    chance = random.Random(6)  # noqa: S311 - repeatable, not secret
    right = HEADER + key(0) + other(40) + tag(SOUND, 60, 0xAF, 1) + key(2000)
    for _ in range(5000):
        wrong = bytearray(right)
        for _ in range(chance.randrange(1, 4)):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        with suppress(Malformed):
            assert all(time >= 0 for time in keyframe_times(reader(bytes(wrong))))
