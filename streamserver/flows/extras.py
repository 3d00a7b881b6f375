"""What goes with the renditions of a video: a picture that stands for it, and its texts."""

import logging
import secrets

from streamserver.domain.sources import SourceInfo
from streamserver.domain.titles import clean_label
from streamserver.domain.videos import Subtitle, Video
from streamserver.errors import EncodingFailed, NotFound
from streamserver.flows.receive import poster_key, source_key, subtitle_key
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)


class Extras:
    """Takes them out of sources; what cannot be had is left out, and is no failure of the job."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder

    async def clear(self, video: Video) -> None:
        """Remove the texts that an attempt which was cut off took; the next one takes them anew."""
        for subtitle in video.subtitles:
            await self._blobs.delete(subtitle_key(subtitle))
        await self._catalog.delete_subtitles(video.id)

    async def take(self, video: Video, source: SourceInfo) -> None:
        """Take everything that a source offers."""
        await self._poster(video, source)
        await self._subtitles(video, source)

    async def _poster(self, video: Video, source: SourceInfo) -> None:
        """Take a picture that stands for the video; a video without one is no failure."""
        if video.poster_key:
            return
        key = secrets.token_hex(4)
        target = poster_key(video.id, key)
        try:
            await self._encoder.poster(self._blobs.path(source_key(video.id)), source, self._blobs.path(target))
            await self._blobs.settle(target)
            await self._catalog.set_poster(video.id, key)
        except (EncodingFailed, NotFound, OSError) as failure:
            log.info("video %s has no poster: %s", video.id, failure)
            await self._blobs.delete(target)

    async def _subtitles(self, video: Video, source: SourceInfo) -> None:
        """Turn the source's text tracks into WebVTT; one that cannot be read is left out."""
        for number, track in enumerate(source.subtitles, 1):
            language = track.language if track.language != "und" else ""
            label = clean_label(track.title) or language or f"Subtitles {number}"
            subtitle = Subtitle(key=secrets.token_hex(4), video_id=video.id, language=track.language, label=label)
            source_path, target = self._blobs.path(source_key(video.id)), subtitle_key(subtitle)
            try:
                await self._encoder.subtitle(source_path, track, self._blobs.path(target))
                await self._blobs.settle(target)
                await self._catalog.add_subtitle(subtitle)
            except (EncodingFailed, NotFound, OSError) as failure:
                log.info("video %s: text track %d is left out: %s", video.id, track.index, failure)
                await self._blobs.delete(target)
