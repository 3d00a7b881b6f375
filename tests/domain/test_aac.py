"""Frames of AAC by what they begin with."""

import pytest

from streamserver.domain.aac import changes_channels

MONO, STEREO, DATA, FILL = b"\x01", b"\x21", b"\x80", b"\xde"


@pytest.mark.parametrize(
    ("frames", "does"),
    [
        ([], False),
        ([MONO, MONO], False),
        ([FILL, STEREO, STEREO, DATA], False),
        ([STEREO, b"", STEREO], False),
        ([STEREO, STEREO, MONO], True),
        ([FILL, MONO, DATA, STEREO], True),
    ],
)
def test_a_change_of_channels_is_seen(frames: list[bytes], *, does: bool) -> None:
    """One channel and a pair of them do not go together; data and filling go with either."""
    assert changes_channels(frames) is does
