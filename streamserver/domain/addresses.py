"""Media addresses: what lies behind `/media/{video_id}/`."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from streamserver.domain.answers import Delivery
from streamserver.domain.videos import AnyRendition, Rendition, Subtitle, Video
from streamserver.errors import NotFound


class Kind(Enum):
    """What an address leads to."""

    SOURCE = auto()
    FILE = auto()
    POSTER = auto()
    SUBTITLE = auto()
    MULTIVARIANT = auto()
    MANIFEST = auto()
    MEDIA_PLAYLIST = auto()
    INIT = auto()
    SEGMENT = auto()
    SUBTITLE_PLAYLIST = auto()
    CHAPTERS = auto()
    STORYBOARD = auto()
    STORYBOARD_SHEET = auto()
    IFRAME_PLAYLIST = auto()
    PICTURE_PLAYLIST = auto()
    PICTURE_INIT = auto()
    PICTURE_SEGMENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A media address, understood."""

    kind: Kind
    """What it leads to."""
    video_id: str
    """The video."""
    key: str = ""
    """Of a rendition, poster, text track or storyboard."""
    number: int = 0
    """Of a segment or sheet."""
    delivery: Delivery = Delivery.RANGE
    """How much comes in one answer."""


_KEY = r"(?P<key>[A-Za-z0-9_-]+)"
_NUMBER = r"(?P<number>0|[1-9][0-9]{0,8})"
_FORMS: tuple[tuple[str, Kind, Delivery], ...] = (
    (rf"hls/{_KEY}/{_NUMBER}\.m4s", Kind.SEGMENT, Delivery.RANGE),
    (rf"hls/{_KEY}/picture/{_NUMBER}\.m4s", Kind.PICTURE_SEGMENT, Delivery.RANGE),
    (rf"hls/{_KEY}/picture/init\.mp4", Kind.PICTURE_INIT, Delivery.RANGE),
    (rf"hls/{_KEY}/picture/index\.m3u8", Kind.PICTURE_PLAYLIST, Delivery.RANGE),
    (rf"hls/{_KEY}/iframes\.m3u8", Kind.IFRAME_PLAYLIST, Delivery.RANGE),
    (rf"hls/{_KEY}/init\.mp4", Kind.INIT, Delivery.RANGE),
    (rf"hls/{_KEY}/index\.m3u8", Kind.MEDIA_PLAYLIST, Delivery.RANGE),
    (r"hls/master\.m3u8", Kind.MULTIVARIANT, Delivery.RANGE),
    (r"manifest\.mpd", Kind.MANIFEST, Delivery.RANGE),
    (rf"hls/subtitles/{_KEY}\.m3u8", Kind.SUBTITLE_PLAYLIST, Delivery.RANGE),
    (rf"region/{_KEY}\.mp4", Kind.FILE, Delivery.REGION),
    (rf"{_KEY}\.mp4", Kind.FILE, Delivery.RANGE),
    (r"source", Kind.SOURCE, Delivery.RANGE),
    (rf"poster-{_KEY}\.jpg", Kind.POSTER, Delivery.RANGE),
    (rf"subtitles/{_KEY}\.vtt", Kind.SUBTITLE, Delivery.RANGE),
    (r"chapters\.vtt", Kind.CHAPTERS, Delivery.RANGE),
    (rf"storyboard-{_KEY}\.vtt", Kind.STORYBOARD, Delivery.RANGE),
    (rf"storyboard-{_KEY}-{_NUMBER}\.jpg", Kind.STORYBOARD_SHEET, Delivery.RANGE),
)
_PATTERNS = tuple(
    (re.compile(rf"(?P<video>[A-Za-z0-9_-]+)/{form}"), kind, delivery) for form, kind, delivery in _FORMS
)


def parse_address(path: str) -> Address:
    """Understand the part of a path behind `/media/`; raise `NotFound` for anything else."""
    for pattern, kind, delivery in _PATTERNS:
        match = pattern.fullmatch(path)
        if match:
            found = match.groupdict()
            return Address(
                kind=kind,
                video_id=found["video"],
                key=found.get("key", ""),
                number=int(found.get("number", 0)),
                delivery=delivery,
            )
    raise NotFound


def source_url(video: Video) -> str:
    """Return where a video's source is."""
    return f"/media/{video.id}/source"


def master_url(video: Video) -> str:
    """Return the one stable HLS address of a video."""
    return f"/media/{video.id}/hls/master.m3u8"


def manifest_url(video: Video) -> str:
    """Return the one stable DASH address of a video."""
    return f"/media/{video.id}/manifest.mpd"


def poster_url(video: Video) -> str | None:
    """Return where a video's poster is, if it has one."""
    return f"/media/{video.id}/poster-{video.poster_key}.jpg" if video.poster_key else None


def storyboard_url(video: Video) -> str | None:
    """Return where the text of a video's storyboard is, if it has one."""
    return f"/media/{video.id}/storyboard-{video.storyboard_key}.vtt" if video.storyboard_key else None


def chapters_url(video: Video) -> str | None:
    """Return where a video's chapters are, if it has any."""
    return f"/media/{video.id}/chapters.vtt" if video.chapters else None


def file_url(rendition: AnyRendition) -> str:
    """Return where a rendition is delivered by Range."""
    return f"/media/{rendition.video_id}/{rendition.key}.mp4"


def region_url(rendition: Rendition) -> str:
    """Return where a rendition is delivered region by region."""
    return f"/media/{rendition.video_id}/region/{rendition.key}.mp4"


def playlist_url(rendition: AnyRendition) -> str:
    """Return where a rendition's media playlist is."""
    return f"/media/{rendition.video_id}/hls/{rendition.key}/index.m3u8"


def subtitle_url(subtitle: Subtitle) -> str:
    """Return where a text track is."""
    return f"/media/{subtitle.video_id}/subtitles/{subtitle.key}.vtt"
