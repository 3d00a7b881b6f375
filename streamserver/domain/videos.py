"""The nouns of the library: a video, its source, its renditions and its subtitles."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from streamserver.domain.chapters import Chapter


class VideoStatus(StrEnum):
    """What a viewer can do with a video."""

    PROCESSING = "processing"
    """Nothing can be watched yet."""
    PLAYABLE = "playable"
    """Something can be watched while the rest is encoded."""
    COMPLETE = "complete"
    """All renditions are there."""
    ERROR = "error"
    """Nothing of it will be watched."""


class RenditionStatus(StrEnum):
    """Whether a rendition's file still grows."""

    GROWING = "growing"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The file as it was received."""

    file_name: str
    """The uploader's name for it, without folders."""
    size_bytes: int
    """How long it is."""
    content_type: str = "application/octet-stream"
    """What it was found to be once probed."""
    sha256: str | None = None
    """Of all its bytes, in hexadecimal; None for as long as nobody needed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One encoded version of a video: one MP4 that is also all of its HLS segments."""

    key: str
    """Names it in URLs; opaque, and new for every encode."""
    video_id: str
    """The video it belongs to."""
    name: str
    """What people call it, such as `720p`."""
    width: int
    """Of the picture, in pixels."""
    height: int
    """Of the picture, in pixels."""
    frame_rate: float
    """Frames in a second."""
    target_seconds: int
    """Its EXT-X-TARGETDURATION, which may not change while it grows (RFC 8216 §6.2.1)."""
    status: RenditionStatus = RenditionStatus.GROWING
    """Whether its file still grows."""
    codecs: str = ""
    """RFC 6381, such as `avc1.64001f,mp4a.40.2`; empty until the init segment is there."""
    bit_rate_bps: int = 0
    """The average over the whole file; planned while it grows."""
    size_bytes: int = 0
    """Of the finished file; 0 while it grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRendition:
    """One sound track of a video that has several: a file as a rendition's, without a picture."""

    key: str
    """Names it in URLs; opaque, and new for every encode."""
    video_id: str
    """The video it belongs to."""
    number: int
    """Its place among the sound tracks of the source; 0 is the one that is in every rendition, too."""
    language: str
    """BCP 47; `und` where the source does not tell."""
    label: str
    """What the menu shows; another one for each track of a video."""
    target_seconds: int
    """Its EXT-X-TARGETDURATION."""
    status: RenditionStatus = RenditionStatus.GROWING
    """Whether its file still grows."""
    codecs: str = ""
    """RFC 6381, such as `mp4a.40.2`; empty until the init segment is there."""
    bit_rate_bps: int = 0
    """The average over the whole file; planned while it grows."""
    size_bytes: int = 0
    """Of the finished file; 0 while it grows."""


AnyRendition: TypeAlias = Rendition | AudioRendition
"""One MP4 that is also all of its HLS segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtitle:
    """A WebVTT text track."""

    key: str
    """Names it in URLs; opaque."""
    video_id: str
    """The video it belongs to."""
    language: str
    """BCP 47; `und` where the source does not tell."""
    label: str
    """What the menu shows."""
    is_uploaded: bool = False
    """Whether somebody sent it; the others were found in the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video in the library."""

    id: str
    """Opaque."""
    title: str
    """As its uploader wants it called."""
    created_at: datetime
    """When it was uploaded (UTC)."""
    job_id: str
    """The job that encodes it."""
    source: Source
    """The file as it was received."""
    status: VideoStatus = VideoStatus.PROCESSING
    """What a viewer can do with it."""
    duration_seconds: float | None = None
    """None until it was probed."""
    width: int | None = None
    """As displayed, after rotation; None until it was probed."""
    height: int | None = None
    """As displayed, after rotation; None until it was probed."""
    poster_key: str | None = None
    """Names the poster in URLs; None until there is one."""
    renditions: tuple[Rendition, ...] = ()
    """Best first."""
    subtitles: tuple[Subtitle, ...] = ()
    """By language."""
    audio: tuple[AudioRendition, ...] = ()
    """Its sound tracks by number, where there are several."""
    chapters: tuple[Chapter, ...] = ()
    """In the order of time."""
    storyboard_key: str | None = None
    """Names the storyboard in URLs; None until there is one."""

    @property
    def files(self) -> tuple[AnyRendition, ...]:
        """All of it that has segments, with or without a picture."""
        return *self.renditions, *self.audio


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page of videos or jobs ended: the newest come first, ties by id."""

    created_at: datetime
    """Of the last one shown (UTC)."""
    id: str
    """Of the last one shown."""
