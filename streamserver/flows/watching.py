"""What is told of an encoder while it runs: how far it is, and when there is something to watch."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from streamserver.domain.fragments import plan_segments
from streamserver.domain.jobs import RenditionProgress, Stage, best_first
from streamserver.domain.ladder import EncodePlan
from streamserver.domain.mp4 import Malformed
from streamserver.domain.progress import EncoderReport, Pace, Span, work_of
from streamserver.domain.scanning import Scan
from streamserver.domain.videos import AnyRendition, Rendition, VideoStatus
from streamserver.errors import Conflict, EncoderFault, SourceFault, Unavailable
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.forecast import Forecast
from streamserver.flows.indexes import Indexes, settled
from streamserver.ports import Catalog

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""How often growing files are looked at and listeners are told."""
EAGER_SECONDS = 0.1
"""The same until there is something to watch: somebody may be waiting for it."""
RECORD_SECONDS = 3.0
"""How often progress is recorded for those who read the catalog."""
SHORTFALL = 0.9
"""A rendition that has less than this share of the source's promised time means that the source ends early."""


async def scanned(indexes: Indexes, rendition: AnyRendition) -> Scan:
    """Return what a rendition's file holds by now; raise `EncoderFault` where that cannot be understood."""
    try:
        return await indexes.scan(rendition)
    except Malformed as fault:
        log.warning("what was written to %s cannot be read: %s", rendition.key, fault)
        raise EncoderFault from fault


class Watch:
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
        may_show: Callable[[], Awaitable[bool | None]],
    ) -> None:
        self._event = event
        self._plan = plan
        self._renditions = renditions
        self._span = span
        self._catalog = catalog
        self._indexes = indexes
        self._forecast = forecast
        self._may_show = may_show
        self._work = work_of(plan.source, (output.spec for output in plan.outputs))
        self._began_at = asyncio.get_running_loop().time()
        self._pace = Pace()
        self._is_remux = plan.outputs[0].spec.is_remux
        self._longest_fragment_seconds = plan.outputs[0].spec.longest_fragment_seconds
        self._stage = Stage.REMUX if self._is_remux else Stage.ENCODE
        self._before = event.job.renditions
        self._latest = EncoderReport(encoded_seconds=0, speed=None, frames_per_second=None)
        self._indexed_seconds = 0.0
        self._has_segment = False
        self._is_shown: bool | None = None
        self.is_playable = False
        """Whether it is known that something can be watched."""
        self._recorded_at = 0.0

    @property
    def patience_seconds(self) -> float:
        """How long until it is to be told again."""
        return EAGER_SECONDS if self._is_shown is None else REPORT_SECONDS

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
            index = (await scanned(self._indexes, rendition)).index
            if index and self._is_remux and index.longest_fragment_seconds > self._longest_fragment_seconds:
                raise EncoderFault  # what comes would not make it fit for segments
            seconds = index.duration_seconds if index else 0.0
            self._has_segment = self._has_segment or bool(index and plan_segments(settled(rendition, index)))
            self._indexed_seconds = max(self._indexed_seconds, seconds)
            percent = round(100 * self._share_of(max(seconds, self._latest.encoded_seconds)), 1)
            progress.append(RenditionProgress(name=rendition.name, percent=min(percent, 99.9)))
        return tuple(progress)

    def _share_of(self, seconds: float) -> float:
        """Return how much of the source so many seconds are, 0 to 1."""
        return min(1.0, seconds / self._plan.source.duration_seconds)

    async def _record(self) -> None:
        if self._has_segment and self._is_shown is None:
            self._is_shown = await self._may_show()
        if self._is_shown and not self.is_playable:
            await self._catalog.set_video_status(self._event.job.video_id, VideoStatus.PLAYABLE)
            self.is_playable = True
        now = asyncio.get_running_loop().time()
        if now - self._recorded_at < RECORD_SECONDS:
            return
        self._recorded_at = now
        if not await self._catalog.record_job(self._event.job):
            raise Conflict("The job was taken over by another attempt.")
