"""When a Flash video has keyframes (Adobe Flash Video File Format Specification 10.1, annex E): tag by tag."""

from collections.abc import Iterator
from typing import Final

from streamserver.domain.mp4 import Malformed
from streamserver.domain.scanning import Reader

SIGNATURE: Final = b"FLV\x01"
SIZE_BYTES: Final = 4
"""Behind each tag stands how long it is."""
TAG_BYTES: Final = 11
"""The header of a tag (E.4.1)."""
VIDEO, AVC, KEYFRAME, PICTURE = 9, 7, 1, 1


def is_one(head: bytes) -> bool:
    """Tell whether a file that begins like this is one."""
    return head.startswith(SIGNATURE)


def keyframe_times(read: Reader) -> Iterator[float]:
    """Yield when keyframes of H.264 are decoded, and last when the last picture is, in seconds.

    Raises `Malformed` where the picture is coded otherwise.
    """
    header = read(0, 9)
    position, time = int.from_bytes(header[5:9]) + SIZE_BYTES, 0.0
    while len(head := read(position, TAG_BYTES + 2)) == TAG_BYTES + 2:
        kind, size = head[0] & 0x1F, int.from_bytes(head[1:4])
        if kind == VIDEO and size >= 2:
            if head[11] & 0x8F != AVC:
                raise Malformed("a picture that is no H.264")
            if head[12] == PICTURE:
                time = int.from_bytes(head[7:8] + head[4:7]) / 1000
                if head[11] >> 4 == KEYFRAME:
                    yield time
        position += TAG_BYTES + size + SIZE_BYTES
    yield time
