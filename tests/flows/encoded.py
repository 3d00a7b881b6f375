"""Clips that went through the real encoder, by the flows of the product, and what became of them."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from streamserver.blobs.local import LocalBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.fragments import FragmentIndex, Segment, plan_segments
from streamserver.domain.jobs import Job
from streamserver.domain.ladder import EncodePlan
from streamserver.domain.progress import EncoderReport
from streamserver.domain.retries import Retries
from streamserver.domain.videos import AudioRendition, Rendition, Source, Video, VideoStatus
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.x264 import X264
from streamserver.flows.encode import Encode
from streamserver.flows.extras import Extras
from streamserver.flows.forecast import Forecast
from streamserver.flows.indexes import Indexes, rendition_key
from streamserver.flows.languages import Languages
from streamserver.flows.receive import poster_key, source_key, subtitle_key
from streamserver.flows.renditions import Renditions
from streamserver.flows.tasks import Tasks
from streamserver.ports import Bus
from streamserver.queue.memory import MemoryQueue
from tests.clips.programs import PROGRAMS, decoded
from tests.encoder.sandboxes import strongest
from tests.flows.doubles import NOON, TickingClock

R = TypeVar("R", Rendition, AudioRendition)


@dataclass(frozen=True)
class Encoded(Generic[R]):
    """One finished rendition, with its index."""

    rendition: R
    index: FragmentIndex
    file: Path
    """The plain MP4."""

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """What its playlist lists."""
        return plan_segments(self.index)

    @cached_property
    def pieces(self) -> Path:
        """Its init segment and all its segments, one behind the other, as a player of HLS gets them."""
        regions = (*self.index.init, *((segment.position, segment.count) for segment in self.segments))
        content = self.file.read_bytes()
        pieces = self.file.with_suffix(".pieces.mp4")
        pieces.write_bytes(b"".join(content[position : position + count] for position, count in regions))
        return pieces

    def segment(self, number: int) -> Path:
        """Return the init segment and one segment as a file."""
        part = self.segments[number]
        content = self.file.read_bytes()
        init = b"".join(content[position : position + count] for position, count in self.index.init)
        file = self.file.with_suffix(f".{number}.mp4")
        file.write_bytes(init + content[part.position : part.position + part.count])
        return file

    @cached_property
    def as_file(self) -> tuple[str, bytes]:
        """The MD5 of the decoded picture, and the decoded sound, of the plain MP4."""
        return decoded(self.file)

    @cached_property
    def as_hls(self) -> tuple[str, bytes]:
        """The same of the segments."""
        return decoded(self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a clip."""

    job: Job
    video: Video
    renditions: tuple[Encoded[Rendition], ...]
    """Best first."""
    poster: Path | None
    subtitles: tuple[str, ...]
    """WebVTT."""
    audio: tuple[Encoded[AudioRendition], ...]
    """Sound tracks by number."""
    folder: Path
    """Where everything of it is kept."""
    blobs: tuple[str, ...]
    """What is kept of it."""
    story: tuple[tuple[VideoStatus, bool], ...]
    """What the video was said to be, one after the other, and whether an encoder was at work then."""


LOOKS = 3
"""The first report that is heard is one from before, and what is seen is told before it is recorded."""


class NotingEncoder(FfmpegEncoder):
    """Knows whether it is at work; a slow one goes on until what it wrote was looked at."""

    is_encoding = False
    slowed_by: Bus | None = None

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """See `Encoder.encode`."""
        self.is_encoding = True
        try:
            await super().encode(plan, report)
            if self.slowed_by is not None:
                with self.slowed_by.subscribe() as reports:
                    for _ in range(LOOKS):
                        await anext(reports)
        finally:
            self.is_encoding = False


class NotingCatalog(MemoryCatalog):
    """Remembers what each video was said to be."""

    def __init__(self, encoder: NotingEncoder) -> None:
        super().__init__()
        self._encoder = encoder
        self.story: list[tuple[VideoStatus, bool]] = []

    async def set_video_status(self, video_id: str, status: VideoStatus) -> None:
        """See `Catalog.set_video_status`."""
        await super().set_video_status(video_id, status)
        self.story.append((status, self._encoder.is_encoding))


def encode_clip(clip: Path, folder: Path, *, is_slow: bool = False) -> Outcome:
    """Receive a clip and carry out its job with ffmpeg, as hastily as it can, or not."""
    source = Source(file_name=clip.name, size_bytes=clip.stat().st_size)
    return asyncio.run(_encode(clip, source, folder, is_slow=is_slow))


async def _encode(clip: Path, source: Source, folder: Path, *, is_slow: bool) -> Outcome:
    bus = MemoryBus()
    encoder = NotingEncoder(PROGRAMS, x264=X264(preset="ultrafast"), sandbox=strongest())
    encoder.slowed_by = bus if is_slow else None
    catalog, blobs = NotingCatalog(encoder), LocalBlobs(folder)
    indexes, forecast = Indexes(catalog=catalog, blobs=blobs), Forecast(queue=MemoryQueue(), encoders=1)
    renditions = Renditions(catalog=catalog, blobs=blobs, encoder=encoder, indexes=indexes, forecast=forecast)
    extras = Extras(catalog=catalog, blobs=blobs, encoder=encoder)
    languages = Languages(catalog=catalog, blobs=blobs, encoder=encoder, renditions=renditions)
    tasks = Tasks(
        catalog=catalog,
        blobs=blobs,
        encoder=encoder,
        renditions=renditions,
        extras=extras,
        languages=languages,
    )
    encode = Encode(
        catalog=catalog,
        blobs=blobs,
        bus=bus,
        clock=TickingClock(),
        renditions=renditions,
        tasks=tasks,
        retries=Retries(),
    )
    shutil.copyfile(clip, blobs.path(source_key("v")))
    job = Job(id="j", video_id="v", created_at=NOON)
    await catalog.add_video(Video(id="v", title="A clip", created_at=NOON, job_id="j", source=source), job)
    await encode.run("j")
    video = await catalog.video("v")
    encoded = [await _encoded(it, catalog, blobs) for it in video.renditions]
    await blobs.close()
    return Outcome(
        job=await catalog.job("j"),
        video=video,
        renditions=tuple(encoded),
        poster=blobs.path(poster_key("v", video.poster_key)) if video.poster_key else None,
        audio=tuple([await _encoded(it, catalog, blobs) for it in video.audio]),
        folder=blobs.path(source_key("v")).parent,
        subtitles=tuple(blobs.path(subtitle_key(it)).read_text() for it in video.subtitles),
        story=tuple(catalog.story),
        blobs=tuple(sorted(file.name for file in (folder / "media").rglob("*") if file.is_file())),
    )


async def _encoded(rendition: R, catalog: MemoryCatalog, blobs: LocalBlobs) -> Encoded[R]:
    index = await catalog.fragment_index(rendition.key)
    return Encoded(rendition, index, blobs.path(rendition_key(rendition)))
