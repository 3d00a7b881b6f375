"""What the tasks of a job are, step by step: prepare, and encode what is missing."""

import asyncio
import logging
from dataclasses import dataclass, replace

from streamserver.domain.jobs import RenditionProgress, Stage, best_first
from streamserver.domain.ladder import RenditionSpec, ladder_specs
from streamserver.domain.media_types import content_type_of
from streamserver.domain.order import Task, Turn
from streamserver.domain.progress import PUBLISH_PERCENT, encode_span, work_of
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.flows.beside import beside
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.extras import Extras
from streamserver.flows.languages import Languages
from streamserver.flows.receive import source_key
from streamserver.flows.remux import Remux
from streamserver.flows.renditions import Renditions
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A job whose source is known, and which waits for its renditions."""

    event: EncodingEvent
    """Its voice."""
    source: SourceInfo
    """What a probe found."""
    specs: tuple[RenditionSpec, ...]
    """What is to be encoded, beside a copy of the source's streams; best first."""


class Tasks:
    """The story of a job, told in parts."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        encoder: Encoder,
        renditions: Renditions,
        extras: Extras,
        languages: Languages,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder
        self._renditions = renditions
        self._remux = Remux(catalog=catalog, renditions=renditions)
        self._extras = extras
        self._languages = languages

    async def prepare(self, event: EncodingEvent) -> Prepared:
        """Do all that is quick: look into the source, and copy what can be copied.

        Where there is something to watch by then, also what goes with it is taken.
        """
        video = await self._clear_leftovers(await self._catalog.video(event.job.video_id))
        there = (RenditionProgress(name=rendition.name, percent=100.0) for rendition in video.renditions)
        await event.report_running(stage=Stage.PROBE, percent=0, renditions=best_first(there))
        path = self._blobs.path(source_key(video.id))
        source = await self._encoder.probe(path, measures=False)
        await self._describe(video, source)
        remuxed, copied_seconds = await self._remux.copy(event, video, source)
        if source.is_estimate:
            # A copy tells the length, too: so a source that can be copied is read once.
            source = source.measured(copied_seconds) if copied_seconds else await self._encoder.probe(path)
            await self._describe(video, source)
        if remuxed or video.renditions:
            await self._extras.take(video, source)
        return Prepared(event=event, source=source, specs=ladder_specs(source, beside=remuxed))

    async def next_turn(self, prepared: Prepared) -> Turn | None:
        """Return what a job that is prepared has to wait for; None where nothing is left to encode."""
        job, source = prepared.event.job, prepared.source
        missing = await self._missing(prepared)
        if not missing:
            return None
        turn = Turn(job_id=job.id, arrived_at=job.created_at, task=Task.LADDER, work=work_of(source, missing))
        if missing[-1] != prepared.specs[-1]:
            return turn
        lowest, rest = work_of(source, missing[-1:]), work_of(source, missing[:-1])
        return replace(turn, task=Task.LOWEST, work=lowest, later_work=rest)

    async def encode(self, prepared: Prepared, turn: Turn) -> None:
        """Encode the lowest rendition, or all that is not there yet, in one run.

        Where there is nothing to watch yet, what goes with the video waits until there is.
        """
        event = prepared.event
        missing = await self._missing(prepared)
        specs = missing[-1:] if turn.task is Task.LOWEST else missing
        work = work_of(prepared.source, specs)
        later_work = work_of(prepared.source, missing[: len(missing) - len(specs)])
        await event.report_running(stage=Stage.ENCODE, percent=event.job.percent)
        video = await self._catalog.video(event.job.video_id)
        renditions = await self._renditions.begin(video.id, specs)
        span = encode_span(event.job.percent, work=work, later_work=later_work)
        is_watchable = asyncio.Event()

        async def grow() -> None:
            await self._renditions.grow(event, prepared.source, specs, renditions, span, is_watchable=is_watchable)
            for rendition in renditions:
                await self._renditions.finish(rendition)
            if later_work:  # of a short video nothing could be watched while it grew
                await self._catalog.set_video_status(video.id, VideoStatus.PLAYABLE)
            is_watchable.set()

        languages = self._languages.take(video, prepared.source)
        await beside(grow(), languages, self._take_extras(video, prepared.source, is_watchable))

    async def publish(self, prepared: Prepared) -> None:
        """Do what is left once all renditions are there."""
        event = prepared.event
        video = await self._catalog.video(event.job.video_id)
        await event.report_running(stage=Stage.PUBLISH, percent=PUBLISH_PERCENT)
        await self._languages.take(video, prepared.source)  # where there was nothing to encode beside them
        await self._extras.storyboard(video.id)

    async def _describe(self, video: Video, source: SourceInfo) -> None:
        await self._catalog.describe_video(
            video.id,
            content_type=content_type_of(source),
            duration_seconds=source.duration_seconds,
            width=source.video.width,
            height=source.video.height,
        )

    async def _take_extras(self, video: Video, source: SourceInfo, is_watchable: asyncio.Event) -> None:
        """Take what goes with a video once its first rendition can be watched: its viewers wait for that."""
        if not video.renditions:
            await is_watchable.wait()
            await self._extras.take(video, source)

    async def _missing(self, prepared: Prepared) -> tuple[RenditionSpec, ...]:
        video = await self._catalog.video(prepared.event.job.video_id)
        there = {rendition.name for rendition in video.renditions}
        return tuple(spec for spec in prepared.specs if spec.name not in there)

    async def _clear_leftovers(self, video: Video) -> Video:
        """Remove what an attempt that was cut off left half-done."""
        growing = [rendition for rendition in video.renditions if rendition.status is RenditionStatus.GROWING]
        await self._renditions.drop(growing)
        if len(growing) == len(video.renditions) and video.status is VideoStatus.PLAYABLE:
            await self._catalog.set_video_status(video.id, VideoStatus.PROCESSING)  # what could be watched is gone
        await self._extras.clear(video)
        complete = tuple(rendition for rendition in video.renditions if rendition not in growing)
        return replace(video, renditions=complete, subtitles=())
