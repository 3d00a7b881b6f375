"""Which renditions a source gets, and the plan that an encoder carries out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from streamserver.domain.sources import SourceInfo

KEYFRAME_SECONDS = 2.0
"""Every encoded rendition has a keyframe, and so a fragment, at each multiple of this."""
FIRST_FRAGMENT_SECONDS = 1.0
"""There is one more keyframe here: the sooner the first fragment ends, the sooner it can be watched."""
LADDER_TARGET_SECONDS = 4
"""EXT-X-TARGETDURATION of encoded renditions: two fragments."""
REMUX_TARGET_SECONDS = 6
"""EXT-X-TARGETDURATION of a remuxed rendition, whose fragments end where the source has keyframes."""
MOST_TARGET_SECONDS = 12
"""The same where keyframes are known to lie farther apart: an encoder left to itself has one in 250 frames."""
TARGET_ROUNDING_SECONDS = 0.4
"""A segment may be longer than its target by less than half a second (RFC 8216 §4.3.3.1)."""
REMUX_FRAGMENT_SECONDS = 1.0
"""A fragment of a copy is no shorter: a source of keyframes alone would otherwise get one for each frame."""
REMUX_LEAD_SECONDS = 0.5
"""Sound that begins before the picture by no more than this is cut off from a copy; with more there is none."""
NEAR = 0.9
"""A rung this close below the source's own size is left out: nobody would see the difference."""
BIT_RATE_EXPONENT = 1.5
"""Between rungs the bit rate grows with this power of the size, and so stays above that of the rung below."""
SCALING_STEP = 1.99
"""A rendition is scaled out of the smallest one that is twice as large: out of a nearer one it would get soft."""
GENEROUS = 2.0
"""A source with this many times a rung's bit rate does not stand in for that rung."""
AUDIO_BIT_RATE_BPS = 128_000
"""Of the AAC track that is muxed into each encoded rendition."""
AUDIO_CHANNELS = 2
"""Of the same."""
MAX_FRAME_RATE = 60.0
"""Faster sources are halved until they fit."""
MIN_FRAME_RATE = 5.0
"""Slower sources repeat frames: a slide show would otherwise have no frame to put a keyframe on in time."""
UNTIMED = frozenset({"avi"})
"""Containers that do not tell when a frame is shown."""
SUBTITLE_CODECS = frozenset({"subrip", "srt", "webvtt", "mov_text", "ass", "ssa", "text"})
"""Text tracks that ffmpeg can turn into WebVTT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of the adaptive ladder."""

    short_side: int
    """Pixels of the shorter side, which also names it."""
    bit_rate_bps: int
    """Of the video, at most."""


LADDER = (
    Rung(short_side=1080, bit_rate_bps=6_780_000),
    Rung(short_side=720, bit_rate_bps=3_520_000),
    Rung(short_side=540, bit_rate_bps=2_210_000),
    Rung(short_side=360, bit_rate_bps=1_150_000),
    Rung(short_side=270, bit_rate_bps=720_000),
    Rung(short_side=180, bit_rate_bps=380_000),
)
"""Best first. Source: Azure Media Services, the `AdaptiveStreaming` preset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionSpec:
    """A rendition as it shall become."""

    name: str
    """What people call it, such as `720p`."""
    width: int
    """Pixels; even where it is encoded."""
    height: int
    """Pixels; even where it is encoded."""
    frame_rate: float
    """Frames in a second, constant where it is encoded."""
    bit_rate_bps: int
    """Of video and sound together, at most; for a remux what the source has."""
    is_remux: bool = False
    """Whether the source's streams are copied as they are."""
    target_seconds: int = LADDER_TARGET_SECONDS
    """Its EXT-X-TARGETDURATION."""

    @property
    def longest_fragment_seconds(self) -> float:
        """How long a fragment of it may be: each fits into a segment."""
        return self.target_seconds + TARGET_ROUNDING_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A rendition and where it grows."""

    spec: RenditionSpec
    """What it shall become."""
    path: str
    """The file that it is written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodePlan:
    """One run of an encoder: either one remux, or any number of renditions out of one decode."""

    source_path: str
    """The file that is read."""
    source: SourceInfo
    """What a probe found in it."""
    outputs: tuple[Output, ...]
    """What is written, best first."""


def can_remux(source: SourceInfo) -> bool:
    """Tell whether browsers can play the source's own streams, if its keyframes lie close enough together."""
    video = source.video
    return (
        video.codec == "h264"
        and video.pixel_format in {"yuv420p", "yuvj420p"}
        and video.start_seconds <= REMUX_LEAD_SECONDS
        and video.rotation_degrees == 0
        and not video.is_mirrored
        and not video.is_interlaced
        and not video.is_hdr
        # Without a time of its own, each frame of a copy would be shown when it is decoded: out of order.
        and not (video.is_reordered and source.format_name in UNTIMED)
        # A copy's last segment would hold all the sound that follows the picture.
        and not source.still_seconds
        # Players of segments show nothing after the end of a sound that belongs to the picture.
        and not source.silent_seconds
        and all(track.codec == "aac" and track.profile == "LC" for track in source.audio[:1])
    )


def remux_spec(source: SourceInfo, fragment_seconds: float | None = None) -> RenditionSpec:
    """Describe the rendition that holds the source's own streams.

    `fragment_seconds` is how long its longest fragment will be. Where that is not known, it shows while the source
    is remuxed whether fragments are as short as is usual.

    It stands in for the rung of its size, by having its name, unless its bit rate is far above that rung's, its
    frames come faster than that rung's would, which not every device can show, or its keyframes lie far apart,
    which makes seeking slow.
    """
    video = source.video
    target_seconds = max(REMUX_TARGET_SECONDS, math.ceil(fragment_seconds or 0))
    name = f"{min(video.width, video.height)}p"
    is_heavy = is_generous(video.width, video.height, source.bit_rate_bps)
    if is_heavy or _is_fast(video.frame_rate) or target_seconds > REMUX_TARGET_SECONDS:
        name += " original"
    return RenditionSpec(
        name=name,
        width=video.coded_width,
        height=video.coded_height,
        frame_rate=video.frame_rate,
        bit_rate_bps=source.bit_rate_bps,
        is_remux=True,
        target_seconds=target_seconds,
    )


def is_generous(width: int, height: int, bit_rate_bps: int) -> bool:
    """Tell whether pictures have far more bits than the ladder gives to their size: not everybody can get them."""
    return bit_rate_bps > GENEROUS * _own_rung(min(width, height)).bit_rate_bps


def ladder_specs(source: SourceInfo, *, beside: RenditionSpec | None = None) -> tuple[RenditionSpec, ...]:
    """Choose the rungs for a source, best first and never above it: one of its own size and those below.

    The one of its own size is left out where `beside`, a remuxed rendition, stands in for it.
    """
    own = _own_rung(min(source.video.width, source.video.height))
    rungs = [own, *(rung for rung in LADDER if rung.short_side <= NEAR * own.short_side)]
    specs = (_spec(rung, source) for rung in rungs)
    return tuple(spec for spec in specs if beside is None or spec.name != beside.name)


def scaled_from(specs: Sequence[RenditionSpec]) -> tuple[int | None, ...]:
    """Choose for renditions, best first, which of them each is scaled out of, by number; None: out of the source.

    The fewer pixels a scaler reads, the less it costs.
    """
    return tuple(
        max(
            (number for number, larger in enumerate(specs) if larger.height >= SCALING_STEP * spec.height),
            default=None,
        )
        for spec in specs
    )


def encoded_frame_rate(source_frame_rate: float) -> float:
    """Halve a frame rate until it is at most 60; raise one that is below 5."""
    rate = source_frame_rate
    while _is_fast(rate):
        rate /= 2
    return max(rate, MIN_FRAME_RATE)


def _is_fast(frame_rate: float) -> bool:
    return frame_rate > MAX_FRAME_RATE * 1.01


def _own_rung(short_side: int) -> Rung:
    """Return the rung for a size: one of the ladder's, or one made for a size between or below them."""
    side = min(short_side, LADDER[0].short_side)
    above = min((rung for rung in LADDER if rung.short_side >= side), key=lambda rung: rung.short_side)
    share = (side / above.short_side) ** BIT_RATE_EXPONENT
    return Rung(short_side=side, bit_rate_bps=max(100_000, round(above.bit_rate_bps * share)))


def _spec(rung: Rung, source: SourceInfo) -> RenditionSpec:
    video = source.video
    scale = rung.short_side / min(video.width, video.height)
    return RenditionSpec(
        name=f"{rung.short_side}p",
        width=_even(video.width * scale),
        height=_even(video.height * scale),
        frame_rate=encoded_frame_rate(video.frame_rate),
        bit_rate_bps=rung.bit_rate_bps + (AUDIO_BIT_RATE_BPS if source.audio else 0),
    )


def _even(pixels: float) -> int:
    """Round down to what 4:2:0 can store, at least 2."""
    return max(2, int(pixels / 2 + 0.25) * 2)
