"""From a media address to what it stands for: which bytes, of which blob, for how long caches may keep them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from streamserver.domain.addresses import Address, Kind
from streamserver.domain.caching import FINISHED_PLAYLIST, multivariant_policy, playlist_policy
from streamserver.domain.chapters import chapters_webvtt
from streamserver.domain.fast_start import fast_start
from streamserver.domain.fragments import Segment
from streamserver.domain.media_types import JPEG, MANIFEST, MP4, WEBVTT
from streamserver.domain.mp4 import Malformed
from streamserver.domain.multipart import Body
from streamserver.domain.playlists import subtitle_playlist
from streamserver.domain.ranges import ResourceRegion
from streamserver.domain.videos import (
    AnyRendition,
    Rendition,
    RenditionStatus,
    Subtitle,
    Video,
    VideoStatus,
)
from streamserver.errors import NotFound, NotReady
from streamserver.flows.dash import dash_manifest
from streamserver.flows.deliverable import Deliverable, lasting, part_of, text
from streamserver.flows.hls import hls_master, keyframe_playlist, rendition_playlist
from streamserver.flows.indexes import Indexes, Plan, rendition_key
from streamserver.flows.receive import (
    poster_key,
    source_key,
    storyboard_key,
    storyboard_sheet_key,
    subtitle_key,
)
from streamserver.flows.views import picture_init, picture_segment
from streamserver.ports import Blobs

Found = TypeVar("Found")


class Locate:
    """Finds what an address means at the moment."""

    def __init__(self, *, blobs: Blobs, indexes: Indexes) -> None:
        self._blobs = blobs
        self._indexes = indexes

    async def find(self, video: Video, address: Address) -> Deliverable:  # noqa: PLR0911 - a line a kind
        """Return what an address of a video stands for; `NotFound`, or `NotReady` for what is still to come."""
        match address.kind:
            case Kind.MULTIVARIANT:
                return text(await hls_master(video, self._indexes), _policy(video))
            case Kind.MANIFEST:
                return text(await dash_manifest(video, self._indexes), _policy(video), MANIFEST)
            case Kind.SOURCE:
                return _source(video)
            case Kind.FILE:
                return await self._file(video, address)
            case Kind.PICTURE_INIT | Kind.PICTURE_SEGMENT:
                return await self._picture(_rendition(video, address.key), address, video.created_at)
            case Kind.MEDIA_PLAYLIST | Kind.PICTURE_PLAYLIST | Kind.IFRAME_PLAYLIST | Kind.INIT | Kind.SEGMENT:
                return await self._hls(_any_rendition(video, address.key), address, video.created_at)
            case _:
                return self._beside(video, address)

    def _beside(self, video: Video, address: Address) -> Deliverable:
        """Find what goes with the renditions: pictures and texts."""
        match address.kind:
            case Kind.POSTER:
                return self._small_file(poster_key(video.id, address.key), JPEG, video.created_at)
            case Kind.SUBTITLE:
                return self._small_file(subtitle_key(_subtitle(video, address.key)), WEBVTT, video.created_at)
            case Kind.SUBTITLE_PLAYLIST:
                url = f"../../subtitles/{_subtitle(video, address.key).key}.vtt"
                return text(subtitle_playlist(url, video.duration_seconds or 0), FINISHED_PLAYLIST)
            case Kind.STORYBOARD:
                return self._small_file(storyboard_key(video.id, address.key), WEBVTT, video.created_at)
            case Kind.STORYBOARD_SHEET:
                key = storyboard_sheet_key(video.id, address.key, address.number)
                return self._small_file(key, JPEG, video.created_at)
            case Kind.CHAPTERS if video.chapters:
                return text(chapters_webvtt(video.chapters), FINISHED_PLAYLIST, WEBVTT)
        raise NotFound

    async def _file(self, video: Video, address: Address) -> Deliverable:
        rendition = _any_rendition(video, address.key)
        if rendition.status is RenditionStatus.GROWING:
            raise NotReady("This rendition is still being encoded; by then it can be watched by HLS alone.")
        parts: Body = (ResourceRegion(position=0, count=rendition.size_bytes),)
        tag, key = rendition.key, rendition_key(rendition)
        with self._blobs.lease(key) as lease, suppress(Malformed):
            rearranged = await asyncio.to_thread(fast_start, lease.read, rendition.size_bytes)
            if rearranged is not None:
                parts, tag = rearranged, f"{rendition.key}-fast"
        return lasting(parts, MP4, tag=tag, created_at=video.created_at, blob_key=key, delivery=address.delivery)

    def _small_file(self, key: str, content_type: str, created_at: datetime) -> Deliverable:
        with self._blobs.lease(key) as lease:
            parts = (ResourceRegion(position=0, count=lease.current_size()),)
        return lasting(parts, content_type, tag=key.rsplit("/", 1)[-1], created_at=created_at, blob_key=key)

    async def _hls(self, rendition: AnyRendition, address: Address, created_at: datetime) -> Deliverable:
        plan = await self._indexes.plan(rendition)
        match address.kind:
            case Kind.MEDIA_PLAYLIST | Kind.PICTURE_PLAYLIST:
                return text(rendition_playlist(rendition, plan), playlist_policy(rendition))
            case Kind.IFRAME_PLAYLIST:
                return text(keyframe_playlist(rendition, plan), playlist_policy(rendition))
            case Kind.INIT:
                name, regions = "init", plan.index.init
            case _:
                segment = _segment(plan, address.number)
                name, regions = str(segment.number), ((segment.position, segment.count),)
        parts = tuple(ResourceRegion(position=position, count=count) for position, count in regions)
        return part_of(rendition, name, parts, created_at)

    async def _picture(self, rendition: Rendition, address: Address, created_at: datetime) -> Deliverable:
        """Find what a player gets that has the sound from elsewhere."""
        plan = await self._indexes.plan(rendition)
        if address.kind is Kind.PICTURE_INIT:
            init = await picture_init(self._blobs, rendition, plan)
            return part_of(rendition, "picture-init", init, created_at)
        segment = _segment(plan, address.number)
        parts = await picture_segment(self._blobs, rendition, plan, segment)
        return part_of(rendition, f"picture-{segment.number}", parts, created_at)


def _policy(video: Video) -> str:
    return multivariant_policy(is_complete=video.status is VideoStatus.COMPLETE)


def _source(video: Video) -> Deliverable:
    return lasting(
        (ResourceRegion(position=0, count=video.source.size_bytes),),
        video.source.content_type,
        tag=f"{video.id}-source",
        created_at=video.created_at,
        blob_key=source_key(video.id),
        disposition="attachment",
    )


def _segment(plan: Plan, number: int) -> Segment:
    if number >= len(plan.segments):
        raise NotFound("There is no such segment, or not yet.")
    return plan.segments[number]


def _any_rendition(video: Video, key: str) -> AnyRendition:
    return _one([rendition for rendition in video.files if rendition.key == key])


def _rendition(video: Video, key: str) -> Rendition:
    return _one([rendition for rendition in video.renditions if rendition.key == key])


def _subtitle(video: Video, key: str) -> Subtitle:
    return _one([subtitle for subtitle in video.subtitles if subtitle.key == key])


def _one(found: Sequence[Found]) -> Found:
    if not found:
        raise NotFound
    return found[0]
