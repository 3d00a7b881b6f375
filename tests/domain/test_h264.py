"""Parameters of H.264 in the header and before keyframes."""

import pytest

from streamserver.domain.h264 import Configuration, changes_parameters, read_configuration

SMALL, LARGE = b"\x67small", b"\x67large"
AVCC = b"\x01\x4d\x40\x0c\xff\xe1" + len(SMALL).to_bytes(2) + SMALL + b"\x01\x00\x02\x68\x00"
DELIMITER, PICTURE = b"\x09\xf0", b"\x65picture"


def sample(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4) + unit for unit in units)


def test_what_a_header_tells() -> None:
    """It has the length of lengths, and all parameters."""
    assert read_configuration(AVCC) == Configuration(length_bytes=4, parameters=frozenset({SMALL}))


@pytest.mark.parametrize(
    ("keyframe", "changes"),
    [
        (sample(PICTURE), False),
        (sample(DELIMITER, SMALL, PICTURE), False),
        (sample(DELIMITER, SMALL + bytes(1), PICTURE), False),
        (sample(DELIMITER, LARGE, PICTURE), True),
        (sample(SMALL, LARGE, PICTURE), True),
        (sample(PICTURE, LARGE), False),
        (sample(DELIMITER, LARGE)[:-1], False),
        (b"\0\0\0\0" * 3, False),
        (b"", False),
    ],
)
def test_other_parameters_are_found(keyframe: bytes, changes: bool) -> None:
    """Those before the picture count that are there whole and not in the header."""
    assert changes_parameters(read_configuration(AVCC), [sample(SMALL, PICTURE), keyframe]) is changes
