"""How long picture and sound play, also where their container does not tell, or not of each, or not the truth."""

import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from streamserver.domain.ladder import REMUX_LEAD_SECONDS
from streamserver.domain.sources import OUTLASTING_SECONDS
from streamserver.encoder.asking import Asking
from streamserver.encoder.process import Running
from streamserver.errors import EncoderHung, SourceFault

MEASURING_SECONDS = 10.0
"""How long a file may be read to learn more than what its container tells; gigabytes are."""

TIMES_MAY_JUMP = frozenset({"mpegts", "mpeg"})
"""Containers of broadcasts. Where recordings were joined or cut their times jump; the last one says nothing."""
JUMP_AHEAD_SECONDS = 10.0
"""More than this between two pictures is a jump for ffmpeg too (`-dts_delta_threshold`)."""
JUMP_BACK_SECONDS = 2.0
"""Less than this is the order in which pictures are coded."""
_CLOCK = re.compile(r"(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")


async def file_seconds(asking: Asking, form: dict[str, Any], picture: dict[str, Any]) -> float:
    """Return how long a file plays; by its packets where its container does not tell, or cannot be believed."""
    told = number(form.get("duration"))
    if told and form["format_name"] not in TIMES_MAY_JUMP:
        return told
    if told:
        measured = await _measured(asking, picture, played_seconds)
        late_seconds = start_seconds(form, picture)
        # A copy begins with its picture, and leaves out a moment of sound before it.
        return measured + late_seconds * (late_seconds > REMUX_LEAD_SECONDS) if measured else told
    end = await asking.ask(latest_end, *_packet_times(picture))
    if end <= 0:
        raise SourceFault("The file does not tell how long it plays.")
    return end


def may_be_estimated(
    form: dict[str, Any], picture: dict[str, Any], sounds: list[dict[str, Any]], longest_seconds: float
) -> bool:
    """Tell whether a broadcast estimates a length that is possible, of picture and sound alike."""
    told = number(form.get("duration"))
    ends = [_told_seconds(form, stream) for stream in (picture, *sounds[:1])]
    return (
        form["format_name"] in TIMES_MAY_JUMP
        and 0 < told <= longest_seconds
        and max(ends) - min(ends) <= OUTLASTING_SECONDS
    )


def picture_seconds(form: dict[str, Any], picture: dict[str, Any], duration: float) -> float:
    """Return how long the picture plays, where its container tells that; what is beside it may go on longer."""
    if form["format_name"] in TIMES_MAY_JUMP:
        return duration
    told = _told_seconds(form, picture)
    # A tag that was left over from a longer recording is none of this one.
    return told if number(picture.get("duration")) else min(told or duration, duration)


async def sound_seconds(asking: Asking, form: dict[str, Any], sound: dict[str, Any], seen_seconds: float) -> float:
    """Return until when a sound is heard beside a picture that is seen for so long."""
    told = number(form.get("duration"))
    heard_seconds = min(_told_seconds(form, sound) or seen_seconds, told or math.inf)
    if told and form["format_name"] not in TIMES_MAY_JUMP:
        return heard_seconds
    if told and heard_seconds - seen_seconds <= OUTLASTING_SECONDS:
        return heard_seconds  # nothing is odd, so it is not worth to read all of the file
    return await _measured(asking, sound, played_seconds if told else latest_end) or seen_seconds


def start_seconds(form: dict[str, Any], stream: dict[str, Any]) -> float:
    """Return how long after the beginning of the file, which may be at any time, a track begins."""
    return round(max(0.0, number(stream.get("start_time")) - number(form.get("start_time"))), 6)


def number(text: str | None) -> float:
    """Read a number; 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _told_seconds(form: dict[str, Any], stream: dict[str, Any]) -> float:
    """Return when a track ends by what its container tells of it; 0 where that is nothing."""
    if told := number(stream.get("duration")):
        return told + start_seconds(form, stream)
    return seconds_of_clock(stream.get("tags", {}).get("DURATION", ""))


async def _measured(
    asking: Asking, stream: dict[str, Any], measure: Callable[[Running], Awaitable[float]]
) -> float:
    """Measure a track by its packets; 0 for a recording that is too large to be read once more."""
    with suppress(SourceFault, EncoderHung):
        return await asking.within(MEASURING_SECONDS).ask(measure, *_packet_times(stream))
    return 0.0


def _packet_times(stream: dict[str, Any]) -> tuple[str, ...]:
    shown = ("-show_entries", "packet=pts_time,duration_time", "-of", "csv=print_section=0")
    return "-select_streams", str(stream["index"]), *shown


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
