"""What people add to a video: texts to read along, and another picture to stand for it."""

import asyncio
import logging
import secrets

from streamserver.domain.languages import language_name, language_tag
from streamserver.domain.sniffing import picture_kind
from streamserver.domain.titles import clean_label
from streamserver.domain.videos import Subtitle, Video, VideoStatus
from streamserver.domain.webvtt import clean_text
from streamserver.errors import BadInput, Conflict, EncodingFailed, NotFound, TooLarge, UnsupportedMedia
from streamserver.flows.deliver import Deliver
from streamserver.flows.receive import poster_key, subtitle_key
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)

MAX_TEXT_BYTES = 2 * 1024 * 1024
"""Of a text track."""
MAX_PICTURE_BYTES = 20 * 1024 * 1024
"""Of a poster as it is sent."""
MAX_SUBTITLES = 100
"""Text tracks of a video."""
NOT_A_PICTURE = "The file is not a picture that this server understands; please send a JPEG, PNG, WebP or GIF."


class Attachments:
    """The verbs behind what is sent later than the video."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder, deliver: Deliver) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder
        self._deliver = deliver

    async def add_subtitle(self, video_id: str, content: bytes, *, language: str, label: str = "") -> Subtitle:
        """Keep a WebVTT or SubRip file as a text track of a video.

        Raises `BadInput` where the language or the file is none, `TooLarge`, or `Conflict` past the last place.
        """
        tag = language_tag(language)
        if tag is None:
            raise BadInput("The language is not a language tag (BCP 47), such as en, de or pt-BR.")
        if len(content) > MAX_TEXT_BYTES:
            raise TooLarge(f"The subtitles are larger than {MAX_TEXT_BYTES // 1024**2} MiB.")
        text = await asyncio.to_thread(clean_text, content)  # seconds, where somebody means harm
        video = await self._usable(video_id)
        if len(video.subtitles) >= MAX_SUBTITLES:
            raise Conflict(f"The video has {MAX_SUBTITLES} text tracks already; please remove one first.")
        subtitle = Subtitle(
            key=secrets.token_hex(4),
            video_id=video_id,
            language=tag,
            label=clean_label(label) or language_name(tag) or "Subtitles",
            is_uploaded=True,
        )
        async with self._blobs.draft() as draft:
            await draft.write(text.encode())
            await draft.keep(subtitle_key(subtitle))
            await self._catalog.add_subtitle(subtitle)
        return subtitle

    async def remove_subtitle(self, video_id: str, key: str) -> None:
        """Forget a text track, whether it was sent or found in the source."""
        video = await self._catalog.video(video_id)
        for subtitle in video.subtitles:
            if subtitle.key == key:
                await self._catalog.delete_subtitles([key])
                self._deliver.forget(video)
                await self._blobs.delete(subtitle_key(subtitle))
                return
        raise NotFound("The video has no such text track.")

    async def replace_poster(self, video_id: str, content: bytes) -> Video:
        """Let another picture stand for a video; `UnsupportedMedia` where it is none."""
        kind = picture_kind(content)
        if kind is None:
            raise UnsupportedMedia(NOT_A_PICTURE)
        video = await self._usable(video_id)
        key = secrets.token_hex(4)
        await self._convert(video_id, content, kind, poster_key(video_id, key))
        try:
            await self._catalog.set_poster(video_id, key)
        except BaseException:
            await self._blobs.delete(poster_key(video_id, key))
            raise
        if video.poster_key:
            self._deliver.forget(video)
            await self._blobs.delete(poster_key(video_id, video.poster_key))
        return await self._catalog.video(video_id)

    async def _convert(self, video_id: str, content: bytes, kind: str, target: str) -> None:
        """Keep a picture as a JPEG, which has nothing in it but the picture."""
        sent = f"{video_id}/picture-{secrets.token_hex(4)}"
        try:
            async with self._blobs.draft() as draft:
                await draft.write(content)
                await draft.keep(sent)
                await self._encoder.picture(self._blobs.path(sent), kind, self._blobs.path(target))
            await self._blobs.settle(target)
        except (EncodingFailed, NotFound) as failure:
            await self._blobs.delete(target)
            log.info("the picture for video %s cannot be used: %s", video_id, failure)
            raise UnsupportedMedia(NOT_A_PICTURE) from failure
        except BaseException:
            await self._blobs.delete(target)
            raise
        finally:
            await self._blobs.delete(sent)

    async def _usable(self, video_id: str) -> Video:
        video = await self._catalog.video(video_id)
        if video.status is VideoStatus.ERROR:
            raise Conflict("This video could not be encoded; nothing can be added to it.")
        return video
