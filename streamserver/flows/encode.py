"""From a received source to renditions: probe, remux, ladder, publish."""

import logging
from dataclasses import replace

from streamserver.domain.jobs import Job, JobError, JobStatus, Stage, claimed
from streamserver.domain.ladder import REMUX_FRAGMENT_SECONDS, RenditionSpec, can_remux, ladder_specs, remux_spec
from streamserver.domain.media_types import content_type_of
from streamserver.domain.progress import PUBLISH_PERCENT
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import RenditionStatus, Video, VideoStatus
from streamserver.errors import (
    Conflict,
    EncoderFault,
    EncodingFailed,
    NotFound,
    SourceFault,
    Unavailable,
)
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.extras import Extras
from streamserver.flows.languages import Languages
from streamserver.flows.receive import source_key
from streamserver.flows.renditions import Renditions
from streamserver.ports import Blobs, Bus, Catalog, Clock, Encoder

log = logging.getLogger(__name__)


class Encode:
    """The verb that a pool runs for each job."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        bus: Bus,
        encoder: Encoder,
        clock: Clock,
        renditions: Renditions,
        extras: Extras,
        languages: Languages,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._bus = bus
        self._encoder = encoder
        self._clock = clock
        self._renditions = renditions
        self._extras = extras
        self._languages = languages

    async def run(self, job_id: str) -> None:
        """Carry out a waiting job to its end; does nothing where it waits no more.

        Where it is cancelled the job stays RUNNING in the catalog: who does not want it any more reports its end,
        and after the server's own end it is released at the next start.
        """
        claim = await self._claim(job_id)
        if claim is None:
            return
        await self._bus.publish(claim)
        event = self.event(claim)
        try:
            await self._encode(event)
            await event.report_complete()
        except EncodingFailed as failure:
            await event.report_error(JobError(code=failure.code, message=failure.message))
        except (Conflict, NotFound) as loss:
            log.warning("job %s is no longer this server's: %s", job_id, loss)
        except Unavailable:
            raise  # the catalog is away, which is no fault of the job: it runs again
        except Exception:
            log.exception("job %s failed for an unforeseen reason", job_id)
            await event.report_error(JobError(code=EncoderFault.code, message=EncoderFault().message))

    def event(self, job: Job) -> EncodingEvent:
        """Give a job its voice."""
        return EncodingEvent(
            job,
            bus=self._bus,
            clock=self._clock,
            complete_handler=self._record_complete,
            failure_handler=self._record_failure,
        )

    async def has_source(self, job: Job) -> bool:
        """Tell whether there still is something to encode."""
        try:
            with self._blobs.lease(source_key(job.video_id)):
                return True
        except NotFound:
            return False

    async def reopen(self, video_id: str) -> None:
        """Show a video that failed as one that is being worked on again."""
        video = await self._catalog.video(video_id)
        if video.status is VideoStatus.ERROR:
            await self._catalog.set_video_status(video_id, VideoStatus.PROCESSING)

    async def _claim(self, job_id: str) -> Job | None:
        """Begin an attempt; None where the job was deleted, is over, or somebody else was first."""
        try:
            job = await self._catalog.job(job_id)
        except NotFound:
            return None
        if job.status is not JobStatus.READY:
            return None
        claim = claimed(job, now=self._clock.now())
        return claim if await self._catalog.claim_job(claim) else None

    async def _encode(self, event: EncodingEvent) -> None:
        """Tell the story of one job."""
        video = await self._clear_leftovers(await self._catalog.video(event.job.video_id))
        await event.report_running(stage=Stage.PROBE, percent=0)
        source = await self._encoder.probe(self._blobs.path(source_key(video.id)))
        await self._catalog.describe_video(
            video.id,
            content_type=content_type_of(source),
            duration_seconds=source.duration_seconds,
            width=source.video.width,
            height=source.video.height,
        )
        remuxed = await self._remux(event, video, source)
        await self._extras.take(video, source)
        async with self._languages.beside(video, source):
            await self._encode_ladder(event, video, source, remuxed)
        await self._extras.storyboard(video.id)
        await event.report_running(stage=Stage.PUBLISH, percent=PUBLISH_PERCENT)

    async def _clear_leftovers(self, video: Video) -> Video:
        """Remove what an attempt that was cut off left half-done."""
        growing = [rendition for rendition in video.renditions if rendition.status is RenditionStatus.GROWING]
        await self._renditions.drop(growing)
        await self._extras.clear(video)
        complete = tuple(rendition for rendition in video.renditions if rendition not in growing)
        return replace(video, renditions=complete, subtitles=())

    async def _remux(self, event: EncodingEvent, video: Video, source: SourceInfo) -> RenditionSpec | None:
        """Make the source's own streams a rendition where browsers can play them; None where they cannot."""
        if not can_remux(source):
            return None
        spec = remux_spec(source)
        if any(rendition.name == spec.name for rendition in video.renditions):
            return spec
        (rendition,) = await self._renditions.begin(video.id, [spec])
        try:
            await self._renditions.grow(event, source, [spec], [rendition])
            longest = await self._renditions.longest_fragment_seconds(rendition)
            is_steady = not source.may_change_sound or await self._renditions.has_steady_sound(rendition)
        except EncoderFault:
            log.info("job %s: the source's streams cannot be copied; they are encoded", event.job.id)
            longest, is_steady = float("inf"), False
        if longest > REMUX_FRAGMENT_SECONDS or not is_steady:
            await self._renditions.drop([rendition])
            return None
        await self._renditions.finish(rendition)
        await self._catalog.set_video_status(video.id, VideoStatus.PLAYABLE)
        return spec

    async def _encode_ladder(
        self, event: EncodingEvent, video: Video, source: SourceInfo, remuxed: RenditionSpec | None
    ) -> None:
        """Encode what is not there yet, all in one run."""
        there = {rendition.name for rendition in video.renditions}
        specs = [spec for spec in ladder_specs(source, beside=remuxed) if spec.name not in there]
        if not specs:
            return
        renditions = await self._renditions.begin(video.id, specs)
        await self._renditions.grow(event, source, specs, renditions)
        for rendition in renditions:
            await self._renditions.finish(rendition)

    async def _record_complete(self, job: Job) -> bool:
        return await self._catalog.finish_job(job, VideoStatus.COMPLETE)

    async def _record_failure(self, job: Job) -> bool:
        """Keep the renditions that are whole; of a source that cannot be used nothing remains."""
        if (await self._catalog.job(job.id)).attempt != job.attempt:
            return False  # what is there belongs to the attempt that took over
        video = await self._catalog.video(job.video_id)
        if job.error is not None and job.error.code == SourceFault.code:
            await self._renditions.drop(video.renditions)
            await self._blobs.delete(video.id)
            return await self._catalog.finish_job(job, VideoStatus.ERROR)
        growing = [rendition for rendition in video.renditions if rendition.status is RenditionStatus.GROWING]
        await self._renditions.drop(growing)
        is_playable = len(growing) < len(video.renditions)
        return await self._catalog.finish_job(job, VideoStatus.PLAYABLE if is_playable else VideoStatus.ERROR)
