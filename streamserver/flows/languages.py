"""The other languages of a video: each sound track as a rendition of its own."""

import asyncio
import logging
import secrets

from streamserver.domain.failures import failure_of
from streamserver.domain.ladder import AUDIO_BIT_RATE_BPS, LADDER_TARGET_SECONDS
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import AudioRendition, RenditionStatus, Video
from streamserver.errors import Conflict, EncodingFailed, MachineFault, NotFound
from streamserver.flows.extras import track_labels
from streamserver.flows.indexes import rendition_key
from streamserver.flows.receive import source_key
from streamserver.flows.renditions import Renditions
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)


class Languages:
    """Makes them out of sources with several sound tracks; without them a video is a video all the same."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder, renditions: Renditions) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder
        self._renditions = renditions

    async def take(self, video: Video, source: SourceInfo) -> None:
        """Encode all sound tracks in one run, unless they are there; they can be heard while they grow."""
        if len(source.audio) < 2:
            return
        if len(video.audio) == len(source.audio) and all(map(_is_complete, video.audio)):
            return
        await self._renditions.drop(video.audio)
        tracks = tuple(
            AudioRendition(
                key=f"sound-{secrets.token_hex(4)}",
                video_id=video.id,
                number=number,
                language=track.language,
                label=label,
                target_seconds=LADDER_TARGET_SECONDS,
                bit_rate_bps=AUDIO_BIT_RATE_BPS,
            )
            for number, (track, label) in enumerate(
                zip(source.audio, track_labels(source.audio, "Track"), strict=True)
            )
        )
        is_done = False
        try:
            await self._catalog.add_renditions(tracks)
            targets = [self._blobs.path(rendition_key(track)) for track in tracks]
            await self._encoder.sound(self._blobs.path(source_key(video.id)), source.audio, targets)
            for track in tracks:
                await self._renditions.finish(track)
            is_done = True
        except (EncodingFailed, NotFound, Conflict, OSError) as failure:
            if isinstance(failure_of(failure), MachineFault):
                raise
            log.info("video %s is without its other languages: %s", video.id, failure)
        finally:
            if not is_done:
                await asyncio.shield(self._renditions.drop(tracks))


def _is_complete(track: AudioRendition) -> bool:
    return track.status is RenditionStatus.COMPLETE
