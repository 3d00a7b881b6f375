"""A copy of a source's own streams: shown while it grows, where it is likely to be fit; kept where it is."""

import logging

from streamserver.domain.jobs import Stage
from streamserver.domain.ladder import MOST_TARGET_SECONDS, RenditionSpec, can_remux, remux_spec
from streamserver.domain.progress import REMUX_SPAN
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import Rendition, Video, VideoStatus
from streamserver.errors import EncoderFault
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.renditions import Renditions
from streamserver.ports import Catalog

log = logging.getLogger(__name__)


class Remux:
    """Makes the source's own streams a rendition where browsers can play them."""

    def __init__(self, *, catalog: Catalog, renditions: Renditions) -> None:
        self._catalog = catalog
        self._renditions = renditions

    async def copy(
        self, event: EncodingEvent, video: Video, source: SourceInfo
    ) -> tuple[RenditionSpec | None, float]:
        """Return what the copy is and how long it plays.

        None where there can be none; 0 where it was there before.
        """
        if not can_remux(source):
            return None, 0.0
        listed_seconds = await self._renditions.listed_fragment_seconds(video.id, source.duration_seconds)
        if listed_seconds is not None and listed_seconds > MOST_TARGET_SECONDS:
            return None, 0.0
        spec = remux_spec(source, listed_seconds)
        if any(rendition.name == spec.name for rendition in video.renditions):
            return spec, 0.0
        before = event.job.renditions
        (copy,) = await self._renditions.begin(video.id, [spec])
        if not await self._grow(event, source, spec, copy, listed_seconds):
            await self._renditions.drop([copy])
            await self._hide(video)
            await event.report_running(stage=Stage.REMUX, percent=event.job.percent, renditions=before)
            return None, 0.0
        seconds = await self._renditions.duration_seconds(copy)
        # Making it durable can take as long as reading it.
        await self._catalog.set_video_status(video.id, VideoStatus.PLAYABLE)
        await self._renditions.finish(copy)
        return spec, seconds

    async def _grow(
        self,
        event: EncodingEvent,
        source: SourceInfo,
        spec: RenditionSpec,
        copy: Rendition,
        listed_seconds: float | None,
    ) -> bool:
        """Copy the source's streams, and tell whether the copy is fit to be played.

        Before it is whole it may be watched where it begins well, and will have no fragment that is too long.
        """

        async def may_show() -> bool | None:
            return (
                (longest.result() <= spec.longest_fragment_seconds if longest.done() else None)
                and await self._renditions.begins_as_told(copy)
                and await self._renditions.has_steady_picture(copy)
            )

        try:
            with self._renditions.foretold_fragment_seconds(copy.video_id, listed_seconds) as longest:
                await self._renditions.grow(event, source, [spec], [copy], REMUX_SPAN, may_show=may_show)
            return (
                await self._renditions.longest_fragment_seconds(copy) <= spec.longest_fragment_seconds
                and await self._renditions.begins_as_told(copy)
                and await self._renditions.has_steady_picture(copy)
                and (not source.may_change_sound or await self._renditions.has_steady_sound(copy))
            )
        except EncoderFault:
            log.info("job %s: the source's streams cannot be copied; they are encoded", event.job.id)
            return False

    async def _hide(self, video: Video) -> None:
        """Know that nothing of a video can be watched any more, unless there was something before."""
        is_shown = (await self._catalog.video(video.id)).status is VideoStatus.PLAYABLE
        if is_shown and not video.renditions:
            await self._catalog.set_video_status(video.id, VideoStatus.PROCESSING)
