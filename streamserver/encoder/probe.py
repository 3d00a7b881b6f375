"""Looking into a file with ffprobe before anything else touches it."""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

from streamserver.domain.chapters import clean_chapters
from streamserver.domain.ladder import SUBTITLE_CODECS
from streamserver.domain.languages import UNDETERMINED, language_tag
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream, VideoStream
from streamserver.encoder.lengths import TIMES_MAY_JUMP, latest_end, played_seconds, seconds_of_clock
from streamserver.encoder.limits import Limits
from streamserver.encoder.process import Running, running
from streamserver.encoder.sandbox import UNSANDBOXED, Sandbox
from streamserver.encoder.verdict import is_not_the_file, verdict
from streamserver.encoder.whitelists import INPUT_OPTIONS
from streamserver.errors import SourceFault

OUTPUT_BYTES = 16 * 1024 * 1024
MEASURING_SECONDS = 10.0
"""How long a file may be read to learn more than what its container tells; gigabytes are."""
UNTOLD = frozenset({None, "unknown", "unspecified", "reserved", "gbr"})
UNLISTED_CODEC = re.compile(r"Codec \((\w+)\) not on whitelist")

Found = TypeVar("Found")


async def probe(ffprobe: str, path: str, limits: Limits, sandbox: Sandbox = UNSANDBOXED) -> SourceInfo:
    """Return what is in a file; raise `SourceFault` with a sentence where it cannot be used."""
    shown = ("-show_format", "-show_streams", "-show_chapters")
    said = await _ask(ffprobe, path, limits, sandbox, _all, "-of", "json", *shown)
    info = json.loads(said or "{}")
    streams: list[dict[str, Any]] = info.get("streams", [])
    if len(streams) > limits.max_streams:
        raise SourceFault(f"The file holds {len(streams)} streams; at most {limits.max_streams} are accepted.")
    pictures = [stream for stream in streams if _is_moving(stream)]
    if not pictures:
        raise SourceFault("There is no video in the file.")
    form: dict[str, Any] = info["format"]
    duration = await _duration(ffprobe, path, limits, sandbox, form=form, picture=pictures[0])
    may_jump = form["format_name"] in TIMES_MAY_JUMP
    begin = _number(form.get("start_time"))
    source = SourceInfo(
        format_name=form["format_name"],
        duration_seconds=_picture_seconds(pictures[0], duration, begin, may_jump=may_jump),
        bit_rate_bps=round(int(form["size"]) * 8 / duration) if duration else 0,
        video=_video(pictures[0], begin),
        audio=tuple(map(_audio, sorted(filter(_is_sound, streams), key=_is_optional))),
        subtitles=tuple(_subtitle(stream) for stream in streams if stream.get("codec_name") in SUBTITLE_CODECS),
        chapters=clean_chapters(map(_chapter, info.get("chapters", [])), duration),
    )
    limits.enforce(source)
    return source


async def _ask(
    ffprobe: str,
    path: str,
    limits: Limits,
    sandbox: Sandbox,
    read: Callable[[Running], Awaitable[Found]],
    *arguments: str,
) -> Found:
    """Return what `read` makes of what ffprobe says of a file."""
    guard = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", value)]
    command = [ffprobe, "-v", "error", *guard, *arguments, "-i", path]
    try:
        confinement = sandbox.around(command, limits.for_a_look())
        async with limits.probe_timeout(), running(command, confinement) as process:
            found = await read(process)
            code, complaints = await process.end()
    except TimeoutError:
        raise SourceFault("The file could not be understood in time.") from None
    except ValueError:
        raise SourceFault("The file describes itself at unreasonable length.") from None
    failure = verdict(code, complaints)
    if failure is None:
        return found
    if is_not_the_file(failure, complaints):
        raise failure
    raise SourceFault(_in_plain_words(complaints))


async def _all(process: Running) -> bytes:
    return await process.output(OUTPUT_BYTES)


def _in_plain_words(complaints: str) -> str:
    """Say what ffprobe complains of to somebody who does not know it."""
    if "moov atom not found" in complaints:
        return "The file is incomplete: its end, which describes the video, is missing. Please upload it again."
    if coding := UNLISTED_CODEC.search(complaints):
        return f"A track of the file is coded as {coding[1]}, which this server does not accept."
    if "not on whitelist" in complaints:
        return "The file is not a video in a format that this server accepts."
    if "exceeds max_streams" in complaints:
        return "The file holds more streams than any video does."
    return "The file is not a video, or it is damaged beyond reading."


async def _duration(
    ffprobe: str, path: str, limits: Limits, sandbox: Sandbox, *, form: dict[str, Any], picture: dict[str, Any]
) -> float:
    """Return how long a file plays; by its packets where its container does not tell, or cannot be believed."""
    told = _number(form.get("duration"))
    if told and form["format_name"] not in TIMES_MAY_JUMP:
        return told
    arguments = ["-select_streams", str(picture["index"]), "-show_entries", "packet=pts_time,duration_time"]
    arguments += ["-of", "csv=print_section=0"]
    if told:
        patience = replace(limits, probe_seconds=min(limits.probe_seconds, MEASURING_SECONDS))
        with suppress(SourceFault):  # a recording too large to be read twice is as long as its last time says
            told = await _ask(ffprobe, path, patience, sandbox, played_seconds, *arguments) or told
        return told
    end = await _ask(ffprobe, path, limits, sandbox, latest_end, *arguments)
    if end <= 0:
        raise SourceFault("The file does not tell how long it plays.")
    return end


def _picture_seconds(picture: dict[str, Any], duration: float, begin: float, *, may_jump: bool) -> float:
    """Return how long the picture plays, where its container tells that; what is beside it may go on longer."""
    if may_jump:
        return duration
    tagged = seconds_of_clock(picture.get("tags", {}).get("DURATION", ""))
    if told := _number(picture.get("duration")):
        return told + _start_seconds(picture, begin)
    # A tag that was left over from a longer recording is none of this one.
    return min(tagged or duration, duration)


def _start_seconds(picture: dict[str, Any], begin: float) -> float:
    """Return how long after the beginning of the file, which may be at any time, the first picture is shown."""
    return round(max(0.0, _number(picture.get("start_time")) - begin), 6)


def _is_moving(stream: dict[str, Any]) -> bool:
    return (
        stream.get("codec_type") == "video"
        and not stream.get("disposition", {}).get("attached_pic")
        and stream.get("codec_name") not in {None, "unknown"}
    )


def _is_sound(stream: dict[str, Any]) -> bool:
    return (
        stream.get("codec_type") == "audio"
        and stream.get("codec_name") not in {None, "unknown"}
        and bool(stream.get("channels"))
        and int(stream.get("sample_rate") or 0) > 0
    )


def _is_optional(stream: dict[str, Any]) -> bool:
    """Tell whether the container does not want a stream heard unless somebody chooses it."""
    return not stream.get("disposition", {}).get("default")


def _video(stream: dict[str, Any], begin: float) -> VideoStream:
    width, height = int(stream.get("width") or 0), int(stream.get("height") or 0)
    aspect = _ratio(stream.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    rotation = _rotation(stream)
    shown = (round(width * aspect), height)
    if rotation in {90, 270}:
        shown = (shown[1], shown[0])
    return VideoStream(
        index=stream["index"],
        codec=stream["codec_name"],
        pixel_format=stream.get("pix_fmt", ""),
        coded_width=width,
        coded_height=height,
        width=shown[0],
        height=shown[1],
        frame_rate=_frame_rate(stream),
        start_seconds=_start_seconds(stream, begin),
        rotation_degrees=rotation,
        has_square_pixels=aspect == 1,
        is_interlaced=stream.get("field_order") in {"tt", "bb", "tb", "bt"},
        bit_rate_bps=int(stream["bit_rate"]) if stream.get("bit_rate") else None,
        transfer=stream.get("color_transfer", ""),
        matrix="" if stream.get("color_space") in UNTOLD else stream["color_space"],
    )


def _audio(stream: dict[str, Any]) -> AudioStream:
    return AudioStream(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=int(stream["channels"]),
        sample_rate_hz=int(stream["sample_rate"]),
        profile=stream.get("profile", ""),
        language=_language(stream.get("tags", {})),
        title=stream.get("tags", {}).get("title", ""),
    )


def _subtitle(stream: dict[str, Any]) -> SubtitleStream:
    tags = stream.get("tags", {})
    return SubtitleStream(
        index=stream["index"],
        codec=stream["codec_name"],
        language=_language(tags),
        title=tags.get("title", ""),
    )


def _chapter(chapter: dict[str, Any]) -> tuple[float, float, str]:
    title = chapter.get("tags", {}).get("title", "")
    return _number(chapter.get("start_time")), _number(chapter.get("end_time")), title


def _language(tags: dict[str, str]) -> str:
    """Return a language tag, `und` where there is none; a container may hold anything."""
    return language_tag(tags.get("language", "")) or UNDETERMINED


def _rotation(stream: dict[str, Any]) -> int:
    """Return the clockwise turn in degrees; ffprobe tells the counter-clockwise one."""
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return 0


def _frame_rate(stream: dict[str, Any]) -> float:
    """Choose the rate of a constant-rate copy.

    `r_frame_rate` is the lowest rate that can show every frame on time. Where it is far above the average it only
    mirrors the container's clock, and the average is the better answer.
    """
    exact, average = _ratio(stream.get("r_frame_rate")), _ratio(stream.get("avg_frame_rate"))
    if not average:
        return float(exact or 25)
    if exact and exact <= 2 * average and exact <= 60:
        return float(exact)
    return float(average)


def _ratio(text: str | None) -> Fraction | None:
    """Read `30000/1001`; None for `0/0` and the like."""
    try:
        ratio = Fraction(text or "0")
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if ratio > 0 else None


def _number(text: str | None) -> float:
    """Read a number; 0 where there is none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
