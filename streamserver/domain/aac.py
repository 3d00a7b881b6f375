"""AAC frames, as far as a copy of them has to be judged (ISO/IEC 14496-3 §4.4.2.1)."""

from collections.abc import Iterable

SINGLE_CHANNEL = 0
"""What a frame of one channel begins with, and of most layouts with a centre."""
CHANNEL_PAIR = 1
"""What a frame of stereo begins with."""


def changes_channels(frames: Iterable[bytes]) -> bool:
    """Tell whether there are frames of different layouts among these; of each the first byte is enough.

    Frames that begin with another element, such as one of data or one that fills up, may be of any layout.
    """
    # The first three bits name the element; a frame without bytes has none.
    return {frame[0] >> 5 for frame in frames if frame} >= {SINGLE_CHANNEL, CHANNEL_PAIR}
