"""From a media address to what it stands for: which bytes, of which blob, for how long caches may keep them."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from streamserver.domain.addresses import Address, Kind, parse_address
from streamserver.domain.answers import Delivery, Representation
from streamserver.domain.caching import FINISHED_PLAYLIST, IMMUTABLE, multivariant_policy, playlist_policy
from streamserver.domain.chapters import chapters_webvtt
from streamserver.domain.conditions import EntityTag
from streamserver.domain.fast_start import fast_start
from streamserver.domain.fragments import Segment, plan_keyframes
from streamserver.domain.media_types import JPEG, MANIFEST, MP4, PLAYLIST, SEGMENT, WEBVTT
from streamserver.domain.mp4 import Malformed
from streamserver.domain.multipart import Body, body_length
from streamserver.domain.playlists import (
    iframe_playlist,
    media_playlist,
    multivariant_playlist,
    subtitle_playlist,
)
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
from streamserver.flows.indexes import Indexes, Plan, rendition_key
from streamserver.flows.receive import (
    poster_key,
    source_key,
    storyboard_key,
    storyboard_sheet_key,
    subtitle_key,
)
from streamserver.flows.variants import iframe_variant, variant
from streamserver.flows.views import picture_init, picture_segment
from streamserver.ports import Blobs, Catalog

REMEMBERED = 10_000
"""Addresses whose meaning is kept in memory."""
FRESH_SECONDS = 0.5
"""How long the meaning of an address that may change is kept."""


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """What a media address stands for."""

    representation: Representation
    """What conditions and ranges are judged by."""
    parts: Body
    """What the representation is made of."""
    blob_key: str | None = None
    """The blob that regions among the parts lie in; None where there are none."""
    delivery: Delivery = Delivery.RANGE
    """How much comes in one answer."""


class Deliver:
    """The verb of the data plane. What an address means is remembered, so that a hot one costs a look-up."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, indexes: Indexes) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._indexes = indexes
        self._known: dict[str, tuple[float | None, Deliverable]] = {}
        self._asking: dict[str, asyncio.Task[Deliverable]] = {}

    def remembered(self, path: str) -> Deliverable | None:
        """Return what `resolve` would, where that is known without asking anyone."""
        known = self._known.get(path)
        if known is None or (known[0] is not None and known[0] <= asyncio.get_running_loop().time()):
            return None
        return known[1]

    async def resolve(self, path: str) -> Deliverable:
        """Return what the part of a path behind `/media/` stands for.

        Raises `NotFound`, or `NotReady` for what is still to come.
        """
        known = self.remembered(path)
        if known is not None:
            return known
        asking = self._asking.get(path)
        if asking is None:
            asking = asyncio.create_task(self._ask(path, parse_address(path)), name=path)
            self._asking[path] = asking
            asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    async def _ask(self, path: str, address: Address) -> Deliverable:
        """Find out what an address means, once for all who want to know at the same time."""
        found = await self._find(await self._catalog.video(address.video_id), address)
        before = self._known.get(path)
        if before is not None and before[1] == found:
            found = before[1]  # so that whoever prepared it knows it again
        is_fixed = found.representation.cache_control == IMMUTABLE
        until = None if is_fixed else asyncio.get_running_loop().time() + FRESH_SECONDS
        self._known[path] = (until, found)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return found

    def _asked(self, asking: asyncio.Task[Deliverable]) -> None:
        del self._asking[asking.get_name()]
        if not asking.cancelled():
            asking.exception()  # seen, even where all who wanted to know have gone

    def forget(self, video: Video) -> None:
        """Drop what is known of a video that is no more."""
        for path in [path for path in self._known if path.startswith(f"{video.id}/")]:
            del self._known[path]
        for rendition in video.files:
            self._indexes.forget(rendition.key)

    async def _find(self, video: Video, address: Address) -> Deliverable:  # noqa: C901, PLR0911 - a line a kind
        match address.kind:
            case Kind.SOURCE:
                return self._source(video)
            case Kind.POSTER:
                return self._small_file(poster_key(video.id, address.key), JPEG, video.created_at)
            case Kind.SUBTITLE:
                return self._small_file(subtitle_key(_subtitle(video, address.key)), WEBVTT, video.created_at)
            case Kind.SUBTITLE_PLAYLIST:
                subtitle = _subtitle(video, address.key)
                text = subtitle_playlist(f"../../subtitles/{subtitle.key}.vtt", video.duration_seconds or 0)
                return _text(text, FINISHED_PLAYLIST)
            case Kind.MULTIVARIANT:
                return await self._multivariant(video)
            case Kind.MANIFEST:
                is_complete = video.status is VideoStatus.COMPLETE
                policy = multivariant_policy(is_complete=is_complete)
                return _text(await dash_manifest(video, self._indexes), policy, MANIFEST)
            case Kind.FILE:
                return await self._file(video, address)
            case Kind.CHAPTERS:
                return _chapters(video)
            case Kind.STORYBOARD:
                return self._small_file(storyboard_key(video.id, address.key), WEBVTT, video.created_at)
            case Kind.STORYBOARD_SHEET:
                key = storyboard_sheet_key(video.id, address.key, address.number)
                return self._small_file(key, JPEG, video.created_at)
            case Kind.PICTURE_INIT | Kind.PICTURE_SEGMENT:
                return await self._picture(_rendition(video, address.key), address, video.created_at)
            case _:
                return await self._hls(_any_rendition(video, address.key), address, video.created_at)

    def _source(self, video: Video) -> Deliverable:
        count = video.source.size_bytes
        return Deliverable(
            representation=Representation(
                length=count,
                content_type=video.source.content_type,
                etag=EntityTag(opaque=f"{video.id}-source"),
                last_modified=video.created_at,
                cache_control=IMMUTABLE,
                disposition="attachment",
            ),
            parts=(ResourceRegion(position=0, count=count),),
            blob_key=source_key(video.id),
        )

    async def _file(self, video: Video, address: Address) -> Deliverable:
        rendition = _any_rendition(video, address.key)
        if rendition.status is RenditionStatus.GROWING:
            raise NotReady("This rendition is still being encoded; by then it can be watched by HLS alone.")
        parts: Body = (ResourceRegion(position=0, count=rendition.size_bytes),)
        tag = rendition.key
        with self._blobs.lease(rendition_key(rendition)) as lease, suppress(Malformed):
            rearranged = await asyncio.to_thread(fast_start, lease.read, rendition.size_bytes)
            if rearranged is not None:
                parts, tag = rearranged, f"{rendition.key}-fast"
        return Deliverable(
            representation=Representation(
                length=body_length(parts),
                content_type=MP4,
                etag=EntityTag(opaque=tag),
                last_modified=video.created_at,
                cache_control=IMMUTABLE,
            ),
            parts=parts,
            blob_key=rendition_key(rendition),
            delivery=address.delivery,
        )

    def _small_file(self, key: str, content_type: str, created_at: datetime) -> Deliverable:
        with self._blobs.lease(key) as lease:
            count = lease.current_size()
        return Deliverable(
            representation=Representation(
                length=count,
                content_type=content_type,
                etag=EntityTag(opaque=key.rsplit("/", 1)[-1]),
                last_modified=created_at,
                cache_control=IMMUTABLE,
            ),
            parts=(ResourceRegion(position=0, count=count),),
            blob_key=key,
        )

    async def _hls(self, rendition: AnyRendition, address: Address, created_at: datetime) -> Deliverable:
        plan = await self._indexes.plan(rendition)
        is_complete = rendition.status is RenditionStatus.COMPLETE
        if address.kind in {Kind.MEDIA_PLAYLIST, Kind.PICTURE_PLAYLIST}:
            text = media_playlist(plan.segments, target_seconds=rendition.target_seconds, is_complete=is_complete)
            return _text(text, playlist_policy(rendition))
        if address.kind is Kind.IFRAME_PLAYLIST:
            keyframes = plan_keyframes(plan.index)
            if not keyframes:
                raise NotFound
            text = iframe_playlist(keyframes, target_seconds=rendition.target_seconds, is_complete=is_complete)
            return _text(text, playlist_policy(rendition))
        if address.kind is Kind.INIT:
            name, regions = "init", plan.index.init
        else:
            segment = _segment(plan, address.number)
            name, regions = str(segment.number), ((segment.position, segment.count),)
        parts = tuple(ResourceRegion(position=position, count=count) for position, count in regions)
        return _of_rendition(rendition, name, parts, created_at)

    async def _picture(self, rendition: Rendition, address: Address, created_at: datetime) -> Deliverable:
        """Deliver what a player gets that has the sound from elsewhere."""
        plan = await self._indexes.plan(rendition)
        if address.kind is Kind.PICTURE_INIT:
            init = await picture_init(self._blobs, rendition, plan)
            return _of_rendition(rendition, "picture-init", init, created_at)
        segment = _segment(plan, address.number)
        parts = await picture_segment(self._blobs, rendition, plan, segment)
        return _of_rendition(rendition, f"picture-{segment.number}", parts, created_at)

    async def _multivariant(self, video: Video) -> Deliverable:
        plans = await self._indexes.watchable(video)
        tracks = [track for track, _ in await self._indexes.ready(video.audio)]
        # Without the sound that all renditions have, there would be no way back to it.
        audio = [(track, f"{track.key}/index.m3u8") for track in tracks] if len(tracks) > 1 else []
        texts = [(subtitle, f"subtitles/{subtitle.key}.m3u8") for subtitle in video.subtitles]
        playlist = multivariant_playlist(
            [variant(rendition, plan, has_sound=not audio) for rendition, plan in plans],
            texts,
            audio,
            [iframes for rendition, plan in plans if (iframes := iframe_variant(rendition, plan))],
        )
        is_complete = video.status is VideoStatus.COMPLETE
        return _text(playlist, multivariant_policy(is_complete=is_complete))


def _text(text: str, cache_control: str, content_type: str = PLAYLIST) -> Deliverable:
    """Deliver a text; its tag is made of its content, so it is the same on every node."""
    content = text.encode()
    return Deliverable(
        representation=Representation(
            length=len(content),
            content_type=content_type,
            etag=EntityTag(opaque=hashlib.sha256(content).hexdigest()[:20]),
            cache_control=cache_control,
        ),
        parts=(content,),
    )


def _of_rendition(rendition: AnyRendition, name: str, parts: Body, created_at: datetime) -> Deliverable:
    """Deliver a part of a rendition, which never changes; it is named within the rendition."""
    return Deliverable(
        representation=Representation(
            length=body_length(parts),
            content_type=MP4 if name.endswith("init") else SEGMENT,
            etag=EntityTag(opaque=f"{rendition.key}-{name}"),
            last_modified=created_at,
            cache_control=IMMUTABLE,
        ),
        parts=parts,
        blob_key=rendition_key(rendition),
    )


def _segment(plan: Plan, number: int) -> Segment:
    if number >= len(plan.segments):
        raise NotFound("There is no such segment, or not yet.")
    return plan.segments[number]


def _chapters(video: Video) -> Deliverable:
    if not video.chapters:
        raise NotFound("This video has no chapters.")
    return _text(chapters_webvtt(video.chapters), FINISHED_PLAYLIST, WEBVTT)


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
