"""How long the fragments of a copy will be, known by when its source has keyframes before there is a copy.

Times are in seconds, and the last one is not a keyframe's: it is when the picture ends.
"""

import math
from collections.abc import Iterable, Iterator

from streamserver.domain import flv, matroska, sync_samples, transport_stream
from streamserver.domain.ladder import REMUX_FRAGMENT_SECONDS
from streamserver.domain.mp4 import Malformed
from streamserver.domain.scanning import Reader, windowed

HEAD_BYTES = 1024
"""As many tell of which kind a file is."""


def listed(read: Reader, picture_seconds: float = math.inf) -> Iterator[float]:
    """Return the times of a file that lists them, which are soon looked up; `Malformed` where it does not.

    `picture_seconds` is how long the picture plays, where that is known otherwise: cues tell when a file ends.
    """
    head = read(0, HEAD_BYTES)
    if matroska.is_one(head):
        return (min(time, picture_seconds) for time in matroska.cue_times(read))
    return sync_samples.table_times(read)


def walked(read: Reader) -> Iterator[float]:
    """Return the times of a file by walking through all of it; `Malformed` where it has none."""
    head = read(0, HEAD_BYTES)
    if matroska.is_one(head):
        return matroska.block_times(windowed(read))
    if flv.is_one(head):
        return flv.keyframe_times(windowed(read))
    if transport_stream.is_one(head):
        return transport_stream.keyframe_times(read)
    return sync_samples.fragment_times(read)


def longest_fragment_seconds(times: Iterable[float]) -> float:
    """Return how long the longest fragment of a copy will be; each begins with a keyframe.

    One that comes too soon begins none. Raises `Malformed` where there is no keyframe.
    """
    begin, longest, last = None, 0.0, None
    for time in times:
        if begin is None:
            begin = time
            continue
        if time - begin >= REMUX_FRAGMENT_SECONDS:
            begin, longest = time, max(longest, time - begin)
        last = time
    if begin is None or last is None:
        raise Malformed("no keyframe")
    return max(longest, last - begin)
