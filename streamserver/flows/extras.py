"""What goes with the renditions of a video: its poster, texts, chapters, other languages, pictures for seeking."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

from streamserver.domain.languages import language_name
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream
from streamserver.domain.storyboard import plan_storyboard, storyboard_webvtt
from streamserver.domain.titles import clean_label
from streamserver.domain.videos import RenditionStatus, Subtitle, Video
from streamserver.domain.webvtt import clean_webvtt, decode_text
from streamserver.errors import BadInput, EncodingFailed, NotFound, StorageFull
from streamserver.flows.indexes import rendition_key
from streamserver.flows.receive import (
    poster_key,
    source_key,
    storyboard_key,
    storyboard_sheet_key,
    subtitle_key,
)
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)

LEFT_OUT = (EncodingFailed, BadInput, NotFound, StorageFull, OSError)
"""What ends the taking of one thing, and of nothing else."""


class Extras:
    """Takes them out of sources; what cannot be had is left out, and is no failure of the job."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder

    async def clear(self, video: Video) -> None:
        """Remove the texts that an attempt which was cut off took; the next one takes them anew."""
        taken = [subtitle for subtitle in video.subtitles if not subtitle.is_uploaded]
        for subtitle in taken:
            await self._blobs.delete(subtitle_key(subtitle))
        await self._catalog.delete_subtitles(subtitle.key for subtitle in taken)

    async def take(self, video: Video, source: SourceInfo) -> None:
        """Take what is had in a moment: poster, chapters and texts."""
        await self._poster(video, source)
        if source.chapters != video.chapters:
            await self._catalog.set_chapters(video.id, source.chapters)
        await self._subtitles(video, source)

    async def storyboard(self, video_id: str) -> None:
        """Take the pictures for seeking out of the smallest rendition that is complete, unless they are there."""
        video = await self._catalog.video(video_id)
        complete = [rendition for rendition in video.renditions if rendition.status is RenditionStatus.COMPLETE]
        if video.storyboard_key or not complete:
            return
        smallest, key = complete[-1], secrets.token_hex(4)
        duration_seconds = video.duration_seconds or 0.0
        board = plan_storyboard(duration_seconds, smallest.width, smallest.height)
        sheets = [storyboard_sheet_key(video_id, key, number) for number in range(board.sheets)]
        names = [sheet.rsplit("/", 1)[-1] for sheet in sheets]
        text = storyboard_key(video_id, key)
        try:
            targets = [self._blobs.path(sheet) for sheet in sheets]
            await self._encoder.storyboard(self._blobs.path(rendition_key(smallest)), board, targets)
            for sheet in sheets:
                await self._blobs.settle(sheet)
            await self._write(text, storyboard_webvtt(board, duration_seconds, names))
            await self._catalog.set_storyboard(video_id, key)
        except LEFT_OUT as failure:
            log.info("video %s has no storyboard: %s", video_id, failure)
            for blob in (*sheets, text):
                await self._blobs.delete(blob)

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
        except LEFT_OUT as failure:
            log.info("video %s has no poster: %s", video.id, failure)
            await self._blobs.delete(target)

    async def _subtitles(self, video: Video, source: SourceInfo) -> None:
        """Turn the source's text tracks into WebVTT; one that cannot be read is left out."""
        for track, label in zip(source.subtitles, track_labels(source.subtitles, "Subtitles"), strict=True):
            subtitle = Subtitle(key=secrets.token_hex(4), video_id=video.id, language=track.language, label=label)
            source_path, target = self._blobs.path(source_key(video.id)), subtitle_key(subtitle)
            try:
                path = self._blobs.path(target)
                await self._encoder.subtitle(source_path, track, path)
                text = decode_text(await asyncio.to_thread(Path.read_bytes, path))
                await self._write(target, clean_webvtt(text))
                await self._catalog.add_subtitle(subtitle)
            except LEFT_OUT as failure:
                log.info("video %s: text track %d is left out: %s", video.id, track.index, failure)
                await self._blobs.delete(target)

    async def _write(self, key: str, text: str) -> None:
        """Make a text durable."""
        async with self._blobs.draft() as draft:
            await draft.write(text.encode())
            await draft.keep(key)


def track_labels(tracks: Sequence[AudioStream | SubtitleStream], kind: str) -> list[str]:
    """Return what a menu calls each track, no two alike: its title, or its language, or its number."""
    labels: list[str] = []
    for number, track in enumerate(tracks, 1):
        label = clean_label(track.title) or language_name(track.language) or f"{kind} {number}"
        labels.append(f"{label} ({number})" if label in labels else label)
    return labels
