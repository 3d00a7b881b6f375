"""How long the fragments of a copy will be."""

import pytest

from streamserver.domain.keyframes import listed, longest_fragment_seconds, walked
from streamserver.domain.mp4 import Malformed
from tests.domain.reading import reader


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0.0, 2.0, 5.0, 6.0), 3.0),
        ((0.0, 2.0, 12.0), 10.0),
        ((10.0, 12.0, 13.0), 2.0),
        ((0.0, 0.9, 2.8, 3.7, 4.0), 2.8),
        ((0.0, 1.0, 2.0, 2.5), 1.0),
        ((0.0, 0.04, 0.08), 0.08),
        ((0.0, 0.0), 0.0),
    ],
)
def test_fragments(times: tuple[float, ...], expected: float) -> None:
    """Each begins with the first keyframe a second after the one before, and the last one ends with all."""
    assert longest_fragment_seconds(times) == pytest.approx(expected)


def test_none() -> None:
    """There is no fragment without a keyframe."""
    for times in ((), (4.0,)):  # the last time is none
        with pytest.raises(Malformed):
            longest_fragment_seconds(times)


@pytest.mark.parametrize("content", [b"", b"RIFF....AVI ", bytes(5000), b"FLV", b"\x1a\x45\xdf\xa3"])
def test_other_files(content: bytes) -> None:
    """Of a file of another kind nothing is known."""
    for times in (listed, walked):
        with pytest.raises(Malformed):
            longest_fragment_seconds(times(reader(content)))
