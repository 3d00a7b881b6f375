"""What goes with the renditions of a video: its poster, texts, chapters, other languages, pictures for seeking."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path

from streamserver.domain.failures import failure_of
from streamserver.domain.languages import language_name
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream
from streamserver.domain.storyboard import Storyboard, plan_storyboard, storyboard_webvtt
from streamserver.domain.titles import clean_label
from streamserver.domain.videos import RenditionStatus, Subtitle, Video
from streamserver.domain.webvtt import clean_text
from streamserver.errors import BadInput, EncodingFailed, MachineFault, NotFound, StorageFault, StorageFull
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

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""Of a text track as it is taken: typeset ones are large, but a source's may have no end at all."""
LEFT_OUT = (EncodingFailed, BadInput, NotFound, StorageFault, StorageFull, OSError)
"""What ends the taking of one thing, and of nothing else, unless it is the machine's fault."""


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
        smallest, key = complete[-1], _key(video, "storyboard")
        board = plan_storyboard(video.duration_seconds or 0.0, smallest.width, smallest.height)
        sheets = [storyboard_sheet_key(video_id, key, number) for number in range(board.sheets)]
        text = storyboard_key(video_id, key)
        names = [sheet.rsplit("/", 1)[-1] for sheet in sheets]
        webvtt = storyboard_webvtt(board, video.duration_seconds or 0.0, names)
        making = self._make_storyboard(self._blobs.path(rendition_key(smallest)), board, sheets, text, webvtt)
        if await self._has([*sheets, text], making, f"the storyboard of video {video_id}"):
            await self._catalog.set_storyboard(video_id, key)

    async def _make_storyboard(
        self, source: Path, board: Storyboard, sheets: Sequence[str], text: str, webvtt: str
    ) -> None:
        await self._encoder.storyboard(source, board, [self._blobs.path(sheet) for sheet in sheets])
        await self._write(text, webvtt)

    async def _poster(self, video: Video, source: SourceInfo) -> None:
        """Take a picture that stands for the video; a video without one is no failure."""
        if video.poster_key:
            return
        key = _key(video, "poster")
        target = poster_key(video.id, key)
        making = self._encoder.poster(self._blobs.path(source_key(video.id)), source, self._blobs.path(target))
        if await self._has([target], making, f"the poster of video {video.id}"):
            await self._catalog.set_poster(video.id, key)

    async def _subtitles(self, video: Video, source: SourceInfo) -> None:
        """Turn the source's text tracks into WebVTT; one that cannot be read is left out."""
        labels = track_labels(source.subtitles, "Subtitles")
        texts: list[tuple[SubtitleStream, Subtitle]] = []
        for number, (track, label) in enumerate(zip(source.subtitles, labels, strict=True)):
            key = f"{number:02x}{_key(video, f'text {track.index}')[:6]}"  # in the order of the source
            texts.append((track, Subtitle(key=key, video_id=video.id, language=track.language, label=label)))
        # All in one go, for which the source is read once; where one spoils that each has another go.
        if not await self._has_texts(video, texts) and len(texts) > 1:
            for text in texts:
                await self._has_texts(video, [text])

    async def _has_texts(self, video: Video, texts: Sequence[tuple[SubtitleStream, Subtitle]]) -> bool:
        """Take texts, and tell whether all of them could be had; otherwise there is none of them."""
        if not texts:
            return True
        targets = [subtitle_key(subtitle) for _, subtitle in texts]
        making = self._make_texts(video, [track for track, _ in texts], targets)
        if not await self._has(targets, making, f"text of video {video.id}"):
            return False
        for _, subtitle in texts:
            await self._catalog.add_subtitle(subtitle)
        return True

    async def _make_texts(self, video: Video, tracks: Sequence[SubtitleStream], targets: Sequence[str]) -> None:
        paths = [self._blobs.path(target) for target in targets]
        await self._encoder.texts(self._blobs.path(source_key(video.id)), tracks, paths)
        for target, path in zip(targets, paths, strict=True):
            await self._write(target, await asyncio.to_thread(_text_of, path))

    async def _has(self, targets: Sequence[str], making: Awaitable[None], name: str) -> bool:
        """Wait for blobs, and make them durable; where one cannot be had, nothing of them remains."""
        try:
            await making
            for target in targets:
                await self._blobs.settle(target)
        except (asyncio.CancelledError, *LEFT_OUT) as failure:
            for target in targets:
                with suppress(StorageFault):
                    await self._blobs.delete(target)
            if isinstance(failure, asyncio.CancelledError) or isinstance(failure_of(failure), MachineFault):
                raise
            log.info("%s is left out: %s", name, failure)
            return False
        return True

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


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise BadInput("The text track is larger than any that could be read along.")
    return clean_text(content)


def _key(video: Video, name: str) -> str:
    """Return the same key in each attempt: what a server that was killed could not record is overwritten."""
    return hashlib.sha256(f"{video.id} {name}".encode()).hexdigest()[:8]
