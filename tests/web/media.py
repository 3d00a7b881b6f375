"""The addresses of media, one of each kind."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.videos import Source, Subtitle, Video, VideoStatus
from streamserver.flows.receive import source_key, subtitle_key
from tests.web.house import Document, House


class Kind(StrEnum):
    """What an address leads to."""

    SOURCE = "source"
    POSTER = "poster"
    FILE = "file"
    REGION = "region delivery"
    MULTIVARIANT = "multivariant playlist"
    MANIFEST = "manifest"
    PLAYLIST = "media playlist"
    INIT = "init segment"
    SEGMENT = "segment"
    SUBTITLE = "subtitle"
    SUBTITLE_PLAYLIST = "subtitle playlist"


IMMUTABLE = "public, max-age=31536000, immutable"
"""The policy of what never changes."""
SHORT = "public, max-age=60, stale-while-revalidate=600"
"""The policy of a finished video's playlists."""
PLAYLISTS = frozenset({Kind.MULTIVARIANT, Kind.MANIFEST, Kind.PLAYLIST, Kind.SUBTITLE_PLAYLIST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A complete video with a text track."""

    video: Document
    """As the server describes it."""
    addresses: dict[Kind, str]
    """Where to find one of each kind."""


async def complete_media(house: House, *, seconds: float = 10) -> Media:
    """Bring a video with a text track into the library."""
    video = await house.complete(seconds=seconds)
    subtitle = Subtitle(key=f"en-{video['id']}", video_id=video["id"], language="en", label="English")
    house.blobs.path(subtitle_key(subtitle)).write_bytes(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    await house.catalog.add_subtitle(subtitle)
    video = await house.json(f"/api/videos/{video['id']}")
    rendition = video["renditions"][0]
    folder = rendition["playlist_url"].rsplit("/", 1)[0]
    addresses = {
        Kind.SOURCE: video["source_url"],
        Kind.POSTER: video["poster_url"],
        Kind.FILE: rendition["file_url"],
        Kind.REGION: rendition["region_url"],
        Kind.MULTIVARIANT: video["hls_url"],
        Kind.MANIFEST: video["dash_url"],
        Kind.PLAYLIST: rendition["playlist_url"],
        Kind.INIT: f"{folder}/init.mp4",
        Kind.SEGMENT: f"{folder}/1.m4s",
        Kind.SUBTITLE: video["subtitles"][0]["url"],
        Kind.SUBTITLE_PLAYLIST: f"/media/{video['id']}/hls/subtitles/{subtitle.key}.m3u8",
    }
    return Media(video=video, addresses=addresses)


async def add_source(house: House, content: bytes) -> str:
    """Put bytes into the library as the source of a video that is complete; return their address."""
    now = datetime.now(UTC)
    video = Video(
        id="v",
        title="Any bytes",
        created_at=now,
        job_id="j",
        status=VideoStatus.COMPLETE,
        source=Source(file_name="any", size_bytes=len(content)),
    )
    house.blobs.path(source_key(video.id)).write_bytes(content)
    await house.catalog.add_video(video, Job(id="j", video_id="v", created_at=now, status=JobStatus.COMPLETE))
    return f"/media/{video.id}/source"
