"""DASH media presentation descriptions, written from the fragment index (ISO/IEC 23009-1).

A representation is a rendition: its segments are those of HLS, under the same URLs. Where a video has one sound
track, picture and sound are in one; the interoperability guidelines of the DASH Industry Forum would have them
apart, the standard does not. Where it has several, each is an adaptation set beside that of the picture.
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
from streamserver.domain.ladder import AUDIO_CHANNELS
from streamserver.domain.languages import UNDETERMINED

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"
"""Segments by template (§8.4); it is for what is complete, too."""
CHANNELS_SCHEME = "urn:mpeg:mpegB:cicp:ChannelConfiguration"
"""ISO/IEC 23001-8 §8; the numbers of mono and stereo are those of their channels."""
ROLES_SCHEME = "urn:mpeg:dash:role:2011"
"""§5.8.5.5."""
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
    """Something that has segments."""

    id: str
    """Another one for each of a presentation."""
    folder: str
    """Of its segments' URLs, seen from the manifest."""
    bandwidth_bps: int
    """With this rate, and `target_seconds` ahead, it plays without a stall."""
    codecs: str
    """RFC 6381."""
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
class Picture(Representation):
    """One rendition, with or without its sound."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frame_rate: float
    """Frames in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound(Representation):
    """One sound track of several."""

    language: str
    """BCP 47."""
    label: str
    """What a menu shows."""
    is_main: bool
    """Whether it is heard unless somebody chooses."""


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
    pictures: Sequence[Picture],
    sounds: Sequence[Sound] = (),
    texts: Sequence[Text] = (),
    *,
    growth: Growth | None = None,
) -> str:
    """Write the MPD, for `/media/{video_id}/manifest.mpd`: dynamic while it grows, then static.

    Where there are `sounds`, the pictures are to be without.
    """
    everything = (*pictures, *sounds)
    seconds = max(sum(each.ticks) / each.timescale for each in everything)
    target_seconds = max(each.target_seconds for each in everything)
    root = Element("MPD", {"xmlns": NAMESPACE, "profiles": PROFILE, "minBufferTime": _duration(target_seconds)})
    root.set("maxSegmentDuration", _duration(target_seconds + LONGEST_OVER_TARGET_SECONDS))
    if growth is None:
        root.set("type", "static")
        root.set("mediaPresentationDuration", _duration(seconds))
    else:
        _grow(root, growth, seconds, target_seconds)
        root.set("publishTime", _moment(_published_at(growth, target_seconds, everything)))
    period = SubElement(root, "Period", {"id": "0", "start": "PT0S"})
    _add_pictures(period, pictures)
    for number, sound in enumerate(sounds, 1):
        _add_sound(period, sound, number)
    for number, text in enumerate(texts, 1 + len(sounds)):
        _add_text(period, text, number)
    indent(root, space=" ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _grow(root: Element, growth: Growth, seconds: float, target_seconds: int) -> None:
    """Say what a player has to know of a presentation that grows (§5.3.1.2).

    A segment counts as available once the time since the start of availability has passed the segment's own. An
    encoder may be faster than that, so availability is said to have started so long before the upload that all
    segments could be there by now; which ones are, the timeline tells. With the duration, which is known, it is a
    recording in progress, which players begin at its beginning.
    """
    root.set("type", "dynamic")
    root.set("availabilityStartTime", _moment(_began_at(growth, target_seconds)))
    root.set("minimumUpdatePeriod", _duration(target_seconds / 2))
    root.set("suggestedPresentationDelay", _duration(target_seconds))
    root.set("mediaPresentationDuration", _duration(max(growth.duration_seconds, seconds)))


def _began_at(growth: Growth, target_seconds: int) -> datetime:
    return growth.created_at - timedelta(seconds=growth.duration_seconds + target_seconds)


def _published_at(growth: Growth, target_seconds: int, representations: Sequence[Representation]) -> datetime:
    """Return a time that is another millisecond later for each segment, and the same on every node."""
    listed = sum(len(each.segments) for each in representations)
    return _began_at(growth, target_seconds) + timedelta(milliseconds=listed)


def _add_pictures(period: Element, pictures: Sequence[Picture]) -> None:
    timelines = {tuple(Fraction(tick, each.timescale) for tick in each.ticks) for each in pictures}
    attributes = {
        "id": "0",
        "contentType": "video",
        "mimeType": "video/mp4",
        # Of those that were encoded together alone: a copy of the source has its own keyframes.
        "segmentAlignment": "true" if len(timelines) == 1 else "false",
        "startWithSAP": "1",
    }
    adaptation_set = SubElement(period, "AdaptationSet", attributes)
    for each in pictures:
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


def _add_sound(period: Element, sound: Sound, number: int) -> None:
    attributes = {
        "id": str(number),
        "contentType": "audio",
        "mimeType": "audio/mp4",
        "lang": _language(sound.language),
        "segmentAlignment": "true",
        "startWithSAP": "1",
    }
    adaptation_set = SubElement(period, "AdaptationSet", attributes)
    channels = {"schemeIdUri": CHANNELS_SCHEME, "value": str(AUDIO_CHANNELS)}
    SubElement(adaptation_set, "AudioChannelConfiguration", channels)
    _add_label(adaptation_set, sound.label, role="main" if sound.is_main else "alternate")
    attributes = {"id": sound.id, "bandwidth": str(max(sound.bandwidth_bps, 1)), "codecs": sound.codecs}
    _add_segments(SubElement(adaptation_set, "Representation", attributes), sound)


def _add_segments(parent: Element, representation: Representation) -> None:
    """Write the template and the timeline (§5.3.9.6), equal segments in one line."""
    attributes = {
        "timescale": str(representation.timescale),
        "startNumber": "0",
        "initialization": f"{representation.folder}/init.mp4",
        "media": f"{representation.folder}/$Number$.m4s",
    }
    timeline = SubElement(SubElement(parent, "SegmentTemplate", attributes), "SegmentTimeline")
    start = {"t": "0"}
    for ticks, run in groupby(representation.ticks):
        repeats = len(list(run)) - 1
        SubElement(timeline, "S", {**start, "d": str(ticks), **({"r": str(repeats)} if repeats else {})})
        start = {}


def _add_text(period: Element, text: Text, number: int) -> None:
    language = _language(text.language)
    attributes = {"id": str(number), "contentType": "text", "mimeType": "text/vtt", "lang": language}
    adaptation_set = SubElement(period, "AdaptationSet", attributes)
    _add_label(adaptation_set, text.label, role="subtitle")
    attributes = {"id": f"text-{number}", "bandwidth": str(TEXT_BPS)}
    SubElement(SubElement(adaptation_set, "Representation", attributes), "BaseURL").text = text.url


def _add_label(adaptation_set: Element, label: str, *, role: str) -> None:
    SubElement(adaptation_set, "Label").text = _visible(label)
    SubElement(adaptation_set, "Role", {"schemeIdUri": ROLES_SCHEME, "value": role})


def _language(tag: str) -> str:
    return tag if _LANGUAGE(tag) else UNDETERMINED


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
