"""Looking into a file with ffprobe before anything else touches it."""

import json
from fractions import Fraction
from typing import Any

from streamserver.domain.chapters import clean_chapters
from streamserver.domain.ladder import SUBTITLE_CODECS
from streamserver.domain.languages import UNDETERMINED, language_tag
from streamserver.domain.sources import (
    OUTLASTING_SECONDS,
    AudioStream,
    SourceInfo,
    SubtitleStream,
    VideoStream,
)
from streamserver.encoder.asking import Asking
from streamserver.encoder.lengths import (
    file_seconds,
    may_be_estimated,
    number,
    picture_seconds,
    sound_seconds,
    start_seconds,
)
from streamserver.encoder.limits import Limits
from streamserver.encoder.process import Running
from streamserver.encoder.sandbox import UNSANDBOXED, Sandbox
from streamserver.errors import SourceFault

OUTPUT_BYTES = 16 * 1024 * 1024
COVER_CODECS = frozenset({"png", "apng", "mjpeg", "gif", "bmp", "tiff", "webp"})
"""Beside another picture, one that is coded so is a cover or a preview."""
UNTOLD = frozenset({None, "unknown", "unspecified", "reserved", "gbr"})


async def probe(
    ffprobe: str, path: str, limits: Limits, sandbox: Sandbox = UNSANDBOXED, *, measures: bool = True
) -> SourceInfo:
    """Return what is in a file; raise `SourceFault` with a sentence where it cannot be used.

    Where it does not measure, the length of a broadcast is what its container estimates.
    """
    shown = ("-show_format", "-show_streams", "-show_chapters")
    asking = Asking(ffprobe=ffprobe, path=path, limits=limits, sandbox=sandbox)
    info = json.loads(await asking.ask(_all, "-of", "json", *shown) or "{}")
    streams: list[dict[str, Any]] = info.get("streams", [])
    if len(streams) > limits.max_streams:
        raise SourceFault(f"The file holds {len(streams)} streams; at most {limits.max_streams} are accepted.")
    pictures = sorted(filter(_is_moving, streams), key=_is_beside)
    if not pictures:
        raise SourceFault("There is no video in the file.")
    form: dict[str, Any] = info["format"]
    sounds = sorted(filter(_is_sound, streams), key=_is_optional)
    is_estimate = not measures and may_be_estimated(form, pictures[0], sounds, limits.max_duration_seconds)
    duration = number(form["duration"]) if is_estimate else await file_seconds(asking, form, pictures[0])
    seen_seconds = picture_seconds(form, pictures[0], duration)
    heard_seconds = await sound_seconds(asking, form, sounds[0], seen_seconds) if sounds else 0.0
    is_heard_on = heard_seconds - seen_seconds > OUTLASTING_SECONDS
    source = SourceInfo(
        format_name=form["format_name"],
        duration_seconds=heard_seconds if is_heard_on else seen_seconds,
        bit_rate_bps=round(int(form["size"]) * 8 / duration) if duration else 0,
        video=_video(pictures[0], start_seconds(form, pictures[0])),
        audio=tuple(_audio(sound, start_seconds(form, sound)) for sound in sounds),
        still_seconds=heard_seconds - seen_seconds if is_heard_on else 0.0,
        silent_seconds=_by_more_than_a_moment(seen_seconds - heard_seconds) if sounds else 0.0,
        is_estimate=is_estimate,
        subtitles=tuple(_subtitle(stream) for stream in streams if stream.get("codec_name") in SUBTITLE_CODECS),
        chapters=clean_chapters(map(_chapter, info.get("chapters", [])), duration),
    )
    limits.enforce(source)
    return source


async def _all(process: Running) -> bytes:
    return await process.output(OUTPUT_BYTES)


def _by_more_than_a_moment(seconds: float) -> float:
    return seconds if seconds > OUTLASTING_SECONDS else 0.0


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


def _is_beside(stream: dict[str, Any]) -> tuple[bool, bool]:
    """Tell how little a picture is the one to show: a cover that is not told to be one, a view to choose."""
    return stream["codec_name"] in COVER_CODECS, _is_optional(stream)


def _is_optional(stream: dict[str, Any]) -> bool:
    """Tell whether the container does not want a stream heard unless somebody chooses it."""
    return not stream.get("disposition", {}).get("default")


def _video(stream: dict[str, Any], begin_seconds: float) -> VideoStream:
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
        start_seconds=begin_seconds,
        rotation_degrees=rotation,
        is_mirrored=_is_mirrored(stream),
        has_square_pixels=aspect == 1,
        is_reordered=bool(stream.get("has_b_frames")),
        is_interlaced=stream.get("field_order") in {"tt", "bb", "tb", "bt"},
        bit_rate_bps=int(stream["bit_rate"]) if stream.get("bit_rate") else None,
        transfer=stream.get("color_transfer", ""),
        matrix="" if stream.get("color_space") in UNTOLD else stream["color_space"],
    )


def _audio(stream: dict[str, Any], begin_seconds: float) -> AudioStream:
    return AudioStream(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=int(stream["channels"]),
        sample_rate_hz=int(stream["sample_rate"]),
        start_seconds=begin_seconds,
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
    return number(chapter.get("start_time")), number(chapter.get("end_time")), title


def _language(tags: dict[str, str]) -> str:
    """Return a language tag, `und` where there is none; a container may hold anything."""
    return language_tag(tags.get("language", "")) or UNDETERMINED


def _rotation(stream: dict[str, Any]) -> int:
    """Return the clockwise turn in degrees; ffprobe tells the counter-clockwise one."""
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return 0


def _is_mirrored(stream: dict[str, Any]) -> bool:
    """Tell whether a display matrix (ISO/IEC 14496-12 §8.3.2) swaps left and right, which no turn does.

    ffprobe shows it as lines of three numbers, each after its address; `a b` and `c d` begin the first two.
    """
    for data in stream.get("side_data_list", []):
        rows = [
            line.partition(":")[2].split() for line in data.get("displaymatrix", "").split("\n") if ":" in line
        ]
        if len(rows) > 1 and all(len(row) > 1 for row in rows[:2]):
            (a, b), (c, d) = (map(int, row[:2]) for row in rows[:2])
            return a * d - b * c < 0
    return False


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
