"""How long a picture plays, where its container does not tell, or not of the picture alone, or not the truth."""

import re
from collections.abc import AsyncIterator

from streamserver.encoder.process import Running

TIMES_MAY_JUMP = frozenset({"mpegts", "mpeg"})
"""Containers of broadcasts. Where recordings were joined or cut their times jump; the last one says nothing."""
JUMP_AHEAD_SECONDS = 10.0
"""More than this between two pictures is a jump for ffmpeg too (`-dts_delta_threshold`)."""
JUMP_BACK_SECONDS = 2.0
"""Less than this is the order in which pictures are coded."""
_CLOCK = re.compile(r"(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")


def seconds_of_clock(text: str) -> float:
    """Read `01:02:03.5`, as Matroska's statistics tell how long a track plays; 0 where it is no such time."""
    found = _CLOCK.fullmatch(text.strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


async def latest_end(process: Running) -> float:
    """Read a line for each packet, when it begins and for how long it plays, and return when the last one ends."""
    latest = 0.0
    async for begin, duration in _packets(process):
        latest = max(latest, begin + duration)
    return latest


async def played_seconds(process: Running) -> float:
    """Read the same of a picture whose times may jump, and return how long it plays: after a jump it goes on."""
    first: float | None = None
    end = shift = 0.0
    async for begin, duration in _packets(process):
        if first is None:
            first = end = begin
        ahead = begin + shift - end
        if not -JUMP_BACK_SECONDS <= ahead <= JUMP_AHEAD_SECONDS:
            shift -= ahead
        end = max(end, begin + shift + duration)
    return round(end - (first or 0.0), 6)


async def _packets(process: Running) -> AsyncIterator[tuple[float, float]]:
    """Read the lines as they come; an evening has a million of them. What has no time is left out."""
    rest = b""
    async for chunk in process.chunks():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            begin, duration, *_ = *line.split(b","), b""  # side data of a packet leaves one more comma
            try:
                yield float(begin), _seconds(duration)
            except ValueError:
                continue


def _seconds(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
