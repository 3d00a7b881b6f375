"""DASH media presentation descriptions, written from the fragment index (ISO/IEC 23009-1).

A representation is a rendition: its segments are those of HLS, under the same URLs, and have picture and sound in
one. The interoperability guidelines of the DASH Industry Forum would have them apart, the standard does not.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from streamserver.domain.fragments import Segment

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"
"""Segments by template (§8.4); it is for what is complete, too."""
TEXT_BPS = 256
"""A bandwidth has to be named for text as well; players do not choose by it."""
LONGEST_OVER_TARGET_SECONDS = 0.5
"""The target duration is a rounded one (RFC 8216 §4.3.3.1): a segment may be this much longer."""

_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*").fullmatch
"""An xs:language."""
_UNSEEN = frozenset({"Cc", "Cs"})
"""Control characters, and halves of a surrogate pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One rendition."""

    id: str
    """Names it in the URLs of its segments."""
    bandwidth_bps: int
    """With this rate, and `target_seconds` ahead, it plays without a stall."""
    codecs: str
    """RFC 6381."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frame_rate: float
    """Frames in a second."""
    target_seconds: int
    """What its segments last at most, rounded."""
    timescale: int
    """Ticks in a second."""
    segments: Sequence[Segment]
    """As far as they are there."""

    @property
    def ticks(self) -> tuple[int, ...]:
        """How long each segment plays, on its own clock."""
        return tuple(round(segment.duration_seconds * self.timescale) for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text track."""

    url: str
    """Of the WebVTT file."""
    language: str
    """BCP 47."""
    label: str
    """What a menu shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What is known of a presentation that still grows."""

    created_at: datetime
    """A moment before anything of it was there (UTC)."""
    duration_seconds: float
    """How long it is going to be."""


def manifest(
    representations: Sequence[Representation], texts: Sequence[Text] = (), *, growth: Growth | None = None
) -> str:
    """Write the MPD, for `/media/{video_id}/manifest.mpd`: dynamic while it grows, then static."""
    seconds = max(sum(each.ticks) / each.timescale for each in representations)
    target_seconds = max(each.target_seconds for each in representations)
    root = Element("MPD", {"xmlns": NAMESPACE, "profiles": PROFILE, "minBufferTime": _duration(target_seconds)})
    root.set("maxSegmentDuration", _duration(target_seconds + LONGEST_OVER_TARGET_SECONDS))
    if growth is None:
        root.set("type", "static")
        root.set("mediaPresentationDuration", _duration(seconds))
    else:
        _grow(root, growth, seconds, target_seconds)
    period = SubElement(root, "Period", {"id": "0", "start": "PT0S"})
    _add_media(period, representations)
    for number, text in enumerate(texts, 1):
        _add_text(period, text, number)
    indent(root, space=" ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _grow(root: Element, growth: Growth, seconds: float, target_seconds: int) -> None:
    """Say what a player has to know of a presentation that grows (§5.3.1.2).

    A segment counts as available once the time since the start of availability has passed the segment's own. An
    encoder may be faster than that, so availability is said to have started so long before the upload that all
    segments could be there by now; which ones are, the timeline tells. With the duration, which is known, it is a
    recording in progress, which players begin at its beginning. The time of publication is reckoned from the
    media, so that it rises with every segment, and every node writes the same text.
    """
    began_at = growth.created_at - timedelta(seconds=growth.duration_seconds + target_seconds)
    root.set("type", "dynamic")
    root.set("availabilityStartTime", _moment(began_at))
    root.set("publishTime", _moment(began_at + timedelta(seconds=seconds)))
    root.set("minimumUpdatePeriod", _duration(target_seconds / 2))
    root.set("suggestedPresentationDelay", _duration(target_seconds))
    root.set("mediaPresentationDuration", _duration(max(growth.duration_seconds, seconds)))


def _add_media(period: Element, representations: Sequence[Representation]) -> None:
    timelines = {tuple(Fraction(tick, each.timescale) for tick in each.ticks) for each in representations}
    attributes = {
        "id": "0",
        "contentType": "video",
        "mimeType": "video/mp4",
        # Of those that were encoded together alone: a copy of the source has its own keyframes.
        "segmentAlignment": "true" if len(timelines) == 1 else "false",
        "startWithSAP": "1",
    }
    adaptation_set = SubElement(period, "AdaptationSet", attributes)
    for each in representations:
        representation = SubElement(
            adaptation_set,
            "Representation",
            {
                "id": each.id,
                "bandwidth": str(max(each.bandwidth_bps, 1)),
                "codecs": each.codecs,
                "width": str(each.width),
                "height": str(each.height),
                "frameRate": str(Fraction(each.frame_rate).limit_denominator(1001)),
                "sar": "1:1",
            },
        )
        _add_segments(representation, each)


def _add_segments(parent: Element, representation: Representation) -> None:
    """Write the template and the timeline (§5.3.9.6), equal segments in one line."""
    folder = f"hls/{representation.id}"
    attributes = {
        "timescale": str(representation.timescale),
        "startNumber": "0",
        "initialization": f"{folder}/init.mp4",
        "media": f"{folder}/$Number$.m4s",
    }
    timeline = SubElement(SubElement(parent, "SegmentTemplate", attributes), "SegmentTimeline")
    start = {"t": "0"}
    for ticks, run in groupby(representation.ticks):
        repeats = len(list(run)) - 1
        SubElement(timeline, "S", {**start, "d": str(ticks), **({"r": str(repeats)} if repeats else {})})
        start = {}


def _add_text(period: Element, text: Text, number: int) -> None:
    language = text.language if _LANGUAGE(text.language) else "und"
    attributes = {"id": str(number), "contentType": "text", "mimeType": "text/vtt", "lang": language}
    adaptation_set = SubElement(period, "AdaptationSet", attributes)
    SubElement(adaptation_set, "Label").text = _visible(text.label)
    SubElement(adaptation_set, "Role", {"schemeIdUri": "urn:mpeg:dash:role:2011", "value": "subtitle"})
    attributes = {"id": f"text-{number}", "bandwidth": str(TEXT_BPS)}
    SubElement(SubElement(adaptation_set, "Representation", attributes), "BaseURL").text = text.url


def _duration(seconds: float) -> str:
    """Write an xs:duration."""
    return f"PT{seconds:.3f}S"


def _moment(moment: datetime) -> str:
    """Write an xs:dateTime in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(text: str) -> str:
    """Leave out what XML 1.0 cannot hold (§2.2)."""
    return "".join(
        sign for sign in text if sign not in "\ufffe\uffff" and unicodedata.category(sign) not in _UNSEEN
    )
