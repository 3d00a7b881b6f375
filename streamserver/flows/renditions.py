"""Growing renditions: begun, watched while an encoder writes them, made durable, or dropped; languages alike."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from streamserver.domain.fragments import FragmentIndex, plan_segments, with_plan
from streamserver.domain.jobs import RenditionProgress, Stage, best_first
from streamserver.domain.ladder import EncodePlan, Output, RenditionSpec
from streamserver.domain.mp4 import Malformed
from streamserver.domain.progress import EncoderReport, Pace, Span, work_of
from streamserver.domain.scanning import Scan
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import AnyRendition, Rendition, RenditionStatus, VideoStatus
from streamserver.errors import Conflict, EncoderFault, SourceFault, StorageFault, Unavailable
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.forecast import Forecast
from streamserver.flows.indexes import Indexes, rendition_key
from streamserver.flows.receive import source_key
from streamserver.flows.steadiness import begins_as_told, has_steady_picture, has_steady_sound, with_its_end
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)

Found = TypeVar("Found")

REPORT_SECONDS = 0.5
"""How often growing files are looked at and listeners are told."""
EAGER_SECONDS = 0.1
"""The same until there is something to watch: somebody may be waiting for it."""
RECORD_SECONDS = 3.0
"""How often progress is recorded for those who read the catalog."""
SHORTFALL = 0.9
"""A rendition that has less than this share of the source's promised time means that the source ends early."""


class Renditions:
    """What is done with the renditions of one video."""

    def __init__(
        self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder, indexes: Indexes, forecast: Forecast
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder
        self._indexes = indexes
        self._forecast = forecast

    async def begin(self, video_id: str, specs: Iterable[RenditionSpec]) -> tuple[Rendition, ...]:
        """Record renditions before their files are there, so that none is ever forgotten."""
        renditions = tuple(
            Rendition(
                key=f"{spec.name.split()[0]}-{secrets.token_hex(4)}",
                video_id=video_id,
                name=spec.name,
                width=spec.width,
                height=spec.height,
                frame_rate=spec.frame_rate,
                target_seconds=spec.target_seconds,
                bit_rate_bps=spec.bit_rate_bps,
            )
            for spec in specs
        )
        await self._catalog.add_renditions(renditions)
        return renditions

    async def grow(
        self,
        event: EncodingEvent,
        source: SourceInfo,
        specs: Sequence[RenditionSpec],
        renditions: Sequence[Rendition],
        span: Span,
        *,
        is_watchable: asyncio.Event | None = None,
    ) -> None:
        """Run the encoder, and tell how far it is for as long as it runs; say when there is something to watch."""
        paths = [str(self._blobs.path(rendition_key(rendition))) for rendition in renditions]
        plan = EncodePlan(
            source_path=str(self._blobs.path(source_key(event.job.video_id))),
            source=source,
            outputs=tuple(Output(spec=spec, path=path) for spec, path in zip(specs, paths, strict=True)),
        )
        watch = _Watch(
            event, plan, renditions, span, catalog=self._catalog, indexes=self._indexes, forecast=self._forecast
        )
        is_watchable = is_watchable or asyncio.Event()
        encoding = asyncio.ensure_future(self._encoder.encode(plan, watch.note))
        try:
            while not encoding.done():
                await asyncio.wait({encoding}, timeout=watch.patience_seconds)
                await watch.tell()
                if watch.is_playable:
                    is_watchable.set()
            await encoding
        finally:
            self._forecast.forget(event.job.id)
            encoding.cancel()
            await asyncio.gather(encoding, return_exceptions=True)
        watch.judge_length()
        await watch.tell_end()

    async def longest_fragment_seconds(self, rendition: Rendition) -> float:
        """Return how far apart a rendition's fragments begin at most."""
        index = await self._whole_index(rendition)
        return max(fragment.duration_ticks for fragment in index.fragments) / index.timescale

    async def duration_seconds(self, rendition: Rendition) -> float:
        """Return how long a rendition plays that grows no more."""
        return (await self._whole_index(rendition)).duration_seconds

    async def has_steady_sound(self, rendition: Rendition) -> bool:
        """Tell whether a copy's sound has the same channels from its beginning to its end."""
        index = (await _scanned(self._indexes, rendition)).index
        if index is None:
            raise EncoderFault
        return await _looked_at(partial(has_steady_sound, self._blobs, rendition, index))

    async def has_steady_picture(self, rendition: Rendition) -> bool:
        """Tell whether a copy's picture is coded the same way from its beginning to its end."""
        index = await self._whole_index(rendition)
        return await _looked_at(partial(has_steady_picture, self._blobs, rendition, index))

    async def begins_as_told(self, rendition: Rendition) -> bool:
        """Tell whether a copy begins in every player as it does in the source."""
        index = (await _scanned(self._indexes, rendition)).index
        if index is None or not index.fragments:
            raise EncoderFault
        return await _looked_at(partial(begins_as_told, self._blobs, rendition, index))

    async def finish(self, rendition: AnyRendition) -> None:
        """Make a rendition durable, then known as complete."""
        codecs = (await _scanned(self._indexes, rendition)).codecs
        index = await self._whole_index(rendition)
        if not index.duration_seconds:
            raise EncoderFault
        size_bytes = await self._blobs.settle(rendition_key(rendition))
        complete = replace(
            rendition,
            status=RenditionStatus.COMPLETE,
            codecs=codecs,
            size_bytes=size_bytes,
            bit_rate_bps=round(size_bytes * 8 / index.duration_seconds),
        )
        await self._catalog.complete_rendition(complete, with_plan(index))
        self._indexes.forget(rendition.key)

    async def _whole_index(self, rendition: AnyRendition) -> FragmentIndex:
        """Return the index of a rendition that grows no more."""
        index = (await _scanned(self._indexes, rendition)).index
        if index is None or not index.fragments:
            raise EncoderFault
        return await _looked_at(partial(with_its_end, self._blobs, rendition, index))

    async def drop(self, renditions: Iterable[AnyRendition]) -> None:
        """Remove renditions with their bytes.

        A disk that does not let go of them keeps no job from its end: nobody knows of them any more, and they go
        with their video.
        """
        keys = []
        for rendition in renditions:
            try:
                await self._blobs.delete(rendition_key(rendition))
            except StorageFault as fault:
                log.warning("the bytes of rendition %s cannot be removed: %s", rendition.key, fault)
            self._indexes.forget(rendition.key)
            keys.append(rendition.key)
        await self._catalog.delete_renditions(keys)


async def _looked_at(look: Callable[[], Found]) -> Found:
    """Look into a file in a thread; what cannot be understood there is the encoder's fault."""
    try:
        return await asyncio.to_thread(look)
    except Malformed as fault:
        raise EncoderFault from fault


async def _scanned(indexes: Indexes, rendition: AnyRendition) -> Scan:
    try:
        return await indexes.scan(rendition)
    except Malformed as fault:
        log.warning("what was written to %s cannot be read: %s", rendition.key, fault)
        raise EncoderFault from fault


class _Watch:
    """What is told of an encoder while it runs."""

    def __init__(
        self,
        event: EncodingEvent,
        plan: EncodePlan,
        renditions: Sequence[Rendition],
        span: Span,
        *,
        catalog: Catalog,
        indexes: Indexes,
        forecast: Forecast,
    ) -> None:
        self._event = event
        self._plan = plan
        self._renditions = renditions
        self._span = span
        self._catalog = catalog
        self._indexes = indexes
        self._forecast = forecast
        self._work = work_of(plan.source, (output.spec for output in plan.outputs))
        self._began_at = asyncio.get_running_loop().time()
        self._pace = Pace()
        self._is_remux = plan.outputs[0].spec.is_remux
        self._stage = Stage.REMUX if self._is_remux else Stage.ENCODE
        self._before = event.job.renditions
        self._latest = EncoderReport(encoded_seconds=0, speed=None, frames_per_second=None)
        self._indexed_seconds = 0.0
        self._has_segment = self._is_remux  # a remux is shown whole, once its keyframes were found close enough
        self.is_playable = self._is_remux
        """Whether it is known that something can be watched."""
        self._recorded_at = 0.0

    @property
    def patience_seconds(self) -> float:
        """How long until it is to be told again."""
        return REPORT_SECONDS if self._has_segment else EAGER_SECONDS

    def note(self, report: EncoderReport) -> None:
        """Take in what the encoder says."""
        self._latest = report
        seconds = asyncio.get_running_loop().time() - self._began_at
        self._pace = self._pace.noted(seconds, self._share_of(report.encoded_seconds))

    async def tell(self) -> None:
        """Look at the growing files, tell listeners, and record now and then."""
        growing = await self._growing()
        await self._event.report_running(
            stage=self._stage,
            percent=self._span.at(self._share_of(self._latest.encoded_seconds)),
            speed=self._latest.speed,
            frames_per_second=self._latest.frames_per_second,
            eta_seconds=None if self._is_remux else self._eta_seconds(),
            renditions=best_first((*self._before, *growing)),
        )
        try:
            await self._record()
        except Unavailable as outage:
            log.warning("job %s goes on, though nothing can be recorded: %s", self._event.job.id, outage)

    async def tell_end(self) -> None:
        """Tell listeners that all is encoded; a source may end a little before the time that it promises."""
        whole = [RenditionProgress(name=rendition.name, percent=100.0) for rendition in self._renditions]
        await self._event.report_running(
            stage=self._stage, percent=self._span.end, renditions=best_first((*self._before, *whole))
        )

    def judge_length(self) -> None:
        """Raise `SourceFault` where a source ended long before the time it had promised."""
        if self._plan.source.is_estimate:
            return
        promised = self._plan.source.duration_seconds
        encoded = max(self._indexed_seconds, self._latest.encoded_seconds)
        if encoded < promised * SHORTFALL - 1:
            raise SourceFault(
                f"The file is incomplete: it promises {promised:.0f} seconds and ends after {encoded:.0f}."
            )

    def _eta_seconds(self) -> float | None:
        """Return when the job will be done: this run, and what follows it once it is its turn again."""
        share_per_second, seconds_left = self._pace.share_per_second, self._pace.seconds_left
        if share_per_second is None or seconds_left is None:
            if not self._latest.speed:
                return None
            # A run that is too young for a pace of its own has the one that the encoder tells.
            share_per_second = self._latest.speed / self._plan.source.duration_seconds
            seconds_left = (
                max(0.0, self._plan.source.duration_seconds - self._latest.encoded_seconds) / self._latest.speed
            )
        job_id = self._event.job.id
        seconds = asyncio.get_running_loop().time() - self._began_at
        rate = self._work * share_per_second
        self._forecast.note(job_id, seconds=seconds, seconds_left=seconds_left, rate=rate)
        return self._forecast.end_of(job_id)

    async def _growing(self) -> tuple[RenditionProgress, ...]:
        """Tell how far each rendition is: by its fragments, or as the encoder says where those are far apart."""
        progress = []
        for rendition in self._renditions:
            index = (await _scanned(self._indexes, rendition)).index
            seconds = index.duration_seconds if index else 0.0
            self._has_segment = self._has_segment or bool(index and plan_segments(index))
            self._indexed_seconds = max(self._indexed_seconds, seconds)
            percent = round(100 * self._share_of(max(seconds, self._latest.encoded_seconds)), 1)
            progress.append(RenditionProgress(name=rendition.name, percent=min(percent, 99.9)))
        return tuple(progress)

    def _share_of(self, seconds: float) -> float:
        """Return how much of the source so many seconds are, 0 to 1."""
        return min(1.0, seconds / self._plan.source.duration_seconds)

    async def _record(self) -> None:
        if self._has_segment and not self.is_playable:
            await self._catalog.set_video_status(self._event.job.video_id, VideoStatus.PLAYABLE)
            self.is_playable = True
        now = asyncio.get_running_loop().time()
        if now - self._recorded_at < RECORD_SECONDS:
            return
        self._recorded_at = now
        if not await self._catalog.record_job(self._event.job):
            raise Conflict("The job was taken over by another attempt.")
