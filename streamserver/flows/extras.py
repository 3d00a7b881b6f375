"""What goes with the renditions of a video: a picture that stands for it, and its texts."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable

from streamserver.domain.failures import failure_of
from streamserver.domain.sources import SourceInfo
from streamserver.domain.titles import clean_label
from streamserver.domain.videos import Subtitle, Video
from streamserver.errors import EncodingFailed, MachineFault, NotFound
from streamserver.flows.receive import poster_key, source_key, subtitle_key
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)


class Extras:
    """Takes them out of sources; what a source does not yield is left out, and is no failure of the job.

    A fault of the machine is: the next attempt may get what this one could not.
    """

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
        key = _key(video, "poster")
        target = poster_key(video.id, key)
        making = self._encoder.poster(self._blobs.path(source_key(video.id)), source, self._blobs.path(target))
        if await self._has(target, making, f"the poster of video {video.id}"):
            await self._catalog.set_poster(video.id, key)

    async def _subtitles(self, video: Video, source: SourceInfo) -> None:
        """Turn the source's text tracks into WebVTT; one that cannot be read is left out."""
        for number, track in enumerate(source.subtitles, 1):
            language = track.language if track.language != "und" else ""
            label = clean_label(track.title) or language or f"Subtitles {number}"
            key = _key(video, f"text {track.index}")
            subtitle = Subtitle(key=key, video_id=video.id, language=track.language, label=label)
            source_path, target = self._blobs.path(source_key(video.id)), subtitle_key(subtitle)
            making = self._encoder.subtitle(source_path, track, self._blobs.path(target))
            if await self._has(target, making, f"text track {track.index} of video {video.id}"):
                await self._catalog.add_subtitle(subtitle)

    async def _has(self, target: str, making: Awaitable[None], name: str) -> bool:
        """Wait for a blob, and make it durable; where it cannot be had, nothing of it remains."""
        try:
            await making
            await self._blobs.settle(target)
        except (asyncio.CancelledError, EncodingFailed, NotFound, OSError) as failure:
            await self._blobs.delete(target)
            if isinstance(failure, asyncio.CancelledError) or isinstance(failure_of(failure), MachineFault):
                raise
            log.info("%s is left out: %s", name, failure)
            return False
        return True


def _key(video: Video, name: str) -> str:
    """Return the same key in each attempt: what a server that was killed could not record is overwritten."""
    return hashlib.sha256(f"{video.id} {name}".encode()).hexdigest()[:8]
