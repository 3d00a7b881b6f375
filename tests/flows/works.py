"""All flows over memory, and the ways in which tests work with them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from streamserver.blobs.memory import MemoryBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.retries import Retries
from streamserver.domain.uploads import Quota
from streamserver.domain.videos import Video
from streamserver.errors import NotFound
from streamserver.flows.attachments import Attachments
from streamserver.flows.deliver import FRESH_SECONDS, Deliver
from streamserver.flows.deliverable import Deliverable
from streamserver.flows.encode import Encode
from streamserver.flows.extras import Extras
from streamserver.flows.forecast import Forecast
from streamserver.flows.indexes import Indexes
from streamserver.flows.jobs import Jobs
from streamserver.flows.languages import Languages
from streamserver.flows.library import Library
from streamserver.flows.pool import OFFER_SECONDS, Pool
from streamserver.flows.receive import Receive
from streamserver.flows.renditions import Renditions
from streamserver.flows.tasks import Tasks
from streamserver.flows.uploads import Uploads
from streamserver.flows.watching import RECORD_SECONDS, REPORT_SECONDS
from streamserver.ports import Blobs
from streamserver.queue.memory import MemoryQueue
from tests.flows.doubles import NOON, OddEncoder, TickingClock, TroubledCatalog
from tests.web.clock import skip

MAX_BYTES = 100_000
LIFETIME = timedelta(hours=24)
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """The flows, and what is below them."""

    catalog: TroubledCatalog
    blobs: MemoryBlobs
    bus: MemoryBus
    queue: MemoryQueue
    clock: TickingClock
    encoder: OddEncoder
    indexes: Indexes
    encode: Encode
    pool: Pool
    jobs: Jobs
    deliver: Deliver
    receive: Receive
    uploads: Uploads
    library: Library
    attachments: Attachments

    async def upload(self, title: str | None = None, **source: Any) -> Video:  # noqa: ANN401 - JSON
        """Receive a source."""
        content = source_bytes(**source)
        async with self.receive.upload(len(content)) as upload:
            await upload.write(content)
            video, _ = await upload.finish("some clip.mp4", title)
        return video

    async def complete(self, title: str | None = None, **source: Any) -> Video:  # noqa: ANN401 - JSON
        """Receive a source and encode it, without the pool."""
        video = await self.upload(title, **source)
        await self.run(video)
        return await self.catalog.video(video.id)

    async def run(self, video: Video) -> Job:
        """Carry out a video's job, without the pool, and return what is recorded of it."""
        await self.queue.withdraw(video.job_id)
        await self.encode.run(video.job_id)
        return await self.catalog.job(video.job_id)

    def line(self) -> list[str]:
        """Return the jobs that wait in line, next first."""
        return [turn.job_id for turn in self.queue.waiting()]

    async def report(self, job_id: str, is_wanted: Callable[[Job], bool]) -> Job:
        """Wait for a report of a job."""
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(self.follow(job_id)) as reports:
            async for job in reports:
                if is_wanted(job):
                    return job
        raise AssertionError("the job ended without such a report")

    async def end_of(self, job_id: str) -> Job:
        """Wait until a job is over."""
        return await self.report(job_id, lambda job: job.is_terminal)

    async def started(self, job_id: str) -> Job:
        """Wait until a job has its first fragments; while the gate is shut no others follow."""
        await self.report(job_id, lambda job: job.status is JobStatus.RUNNING)
        await self.encoder.is_encoding.wait()
        return await self.look(job_id)

    async def look(self, job_id: str) -> Job:
        """Let the server look at growing files, and return its report."""
        before = (await self.jobs.get(job_id)).sequence
        skip(max(REPORT_SECONDS, RECORD_SECONDS, FRESH_SECONDS) + 0.1)
        return await self.report(job_id, lambda job: job.sequence > before)

    async def grow(self, job_id: str) -> None:
        """Let what is encoded have one fragment more, or come to its end, and let the server look at it."""
        self.encoder.is_encoding.clear()
        self.encoder.gate.set()
        self.encoder.gate.clear()
        encoding = asyncio.create_task(self.encoder.is_encoding.wait())
        ended = asyncio.create_task(self.end_of(job_id))
        done, left = await asyncio.wait({encoding, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.wait({encoding, ended})
        if encoding in done:
            await self.look(job_id)

    async def look_again(self) -> None:
        """Let what is kept for a moment only be forgotten."""
        skip(FRESH_SECONDS + 0.1)
        await asyncio.sleep(0)

    def follow(self, job_id: str, *, heard: int | None = None) -> AsyncGenerator[Job, None]:
        """Follow a job; to be closed."""
        return cast("AsyncGenerator[Job, None]", self.jobs.follow(job_id, heard=heard))

    def content(self, found: Deliverable) -> bytes:
        """Return the bytes of what was found."""
        if found.blob_key is None:
            return b"".join(part for part in found.parts if isinstance(part, bytes))
        with self.blobs.lease(found.blob_key) as lease:
            return b"".join(
                part if isinstance(part, bytes) else lease.read(part.position, part.count) for part in found.parts
            )

    async def text(self, path: str) -> str:
        """Resolve an address and return its text."""
        return self.content(await self.deliver.resolve(path)).decode()


def source_bytes(**source: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return a source that the memory encoder understands and that nobody takes for text."""
    return json.dumps({"seconds": 10, **source}).encode("utf-16")


def is_there(blobs: Blobs, key: str) -> bool:
    """Tell whether a blob can be leased."""
    try:
        with blobs.lease(key):
            return True
    except NotFound:
        return False


async def let_offers_pass() -> None:
    """Put the clock forward, so that the pool asks the catalog for jobs."""
    await asyncio.sleep(0)  # it may be about to wait
    skip(OFFER_SECONDS + 0.1)


@asynccontextmanager
async def open_works(
    *,
    catalog: TroubledCatalog | None = None,
    blobs: MemoryBlobs | None = None,
    size: int = 1,
    max_waiting: int = 100,
    preparers: int = 0,
    retries: int = 5,
    retry_seconds: float = 0.01,
    quota: Quota | None = None,
    began: datetime = NOON,
    keep_duplicates: bool = True,
) -> AsyncIterator[Works]:
    """Put the flows together over memory, or over what is given; the pool is closed in the end.

    Tests send the same few bytes again and again, and want a video each time.
    """
    own_blobs = MemoryBlobs()
    catalog, blobs = catalog or TroubledCatalog(), blobs or own_blobs
    bus, queue, clock, encoder = MemoryBus(), MemoryQueue(), TickingClock(began), OddEncoder()
    indexes = Indexes(catalog=catalog, blobs=blobs)
    forecast = Forecast(queue=queue, encoders=size)
    renditions = Renditions(catalog=catalog, blobs=blobs, encoder=encoder, indexes=indexes, forecast=forecast)
    tasks = Tasks(
        catalog=catalog,
        blobs=blobs,
        encoder=encoder,
        renditions=renditions,
        extras=Extras(catalog=catalog, blobs=blobs, encoder=encoder),
        languages=Languages(catalog=catalog, blobs=blobs, encoder=encoder, renditions=renditions),
    )
    encode = Encode(
        catalog=catalog,
        blobs=blobs,
        bus=bus,
        clock=clock,
        renditions=renditions,
        tasks=tasks,
        retries=Retries(limit=retries, first_seconds=retry_seconds),
    )
    pool = Pool(
        encode=encode,
        catalog=catalog,
        queue=queue,
        bus=bus,
        clock=clock,
        forecast=forecast,
        size=size,
        preparers=preparers,
    )
    uploads = Uploads(
        catalog=catalog,
        blobs=blobs,
        bus=bus,
        clock=clock,
        quota=quota or Quota(max_bytes=MAX_BYTES),
        lifetime=LIFETIME,
    )
    receive = Receive(
        catalog=catalog,
        blobs=blobs,
        queue=queue,
        clock=clock,
        uploads=uploads,
        max_waiting=max_waiting,
        encoders=size,
        keep_duplicates=keep_duplicates,
    )
    jobs = Jobs(catalog=catalog, bus=bus, queue=queue, encode=encode, pool=pool, intake=receive)
    deliver = Deliver(catalog=catalog, blobs=blobs, indexes=indexes)
    library = Library(catalog=catalog, blobs=blobs, jobs=jobs, deliver=deliver, uploads=uploads)
    try:
        yield Works(
            catalog=catalog,
            blobs=blobs,
            bus=bus,
            queue=queue,
            clock=clock,
            encoder=encoder,
            indexes=indexes,
            encode=encode,
            pool=pool,
            jobs=jobs,
            deliver=deliver,
            receive=receive,
            uploads=uploads,
            library=library,
            attachments=Attachments(catalog=catalog, blobs=blobs, encoder=encoder, deliver=deliver),
        )
    finally:
        await pool.close()
        await bus.close()
        await own_blobs.close()
