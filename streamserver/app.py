"""Where everything meets: settings become adapters, adapters flows."""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from streamserver.blobs.local import LocalBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import open_catalog
from streamserver.clock import SystemClock
from streamserver.domain.buckets import Place
from streamserver.domain.retries import Retries
from streamserver.domain.uploads import Quota
from streamserver.domain.users import Users
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Limits
from streamserver.encoder.programs import find_programs
from streamserver.encoder.sandbox import find_sandbox
from streamserver.encoder.x264 import X264
from streamserver.errors import Conflict, SettingsError, StreamserverError
from streamserver.fetcher.http import HttpFetcher
from streamserver.flows.attachments import Attachments
from streamserver.flows.bucket_uploads import BucketUploads
from streamserver.flows.deliver import Deliver
from streamserver.flows.encode import Encode
from streamserver.flows.extras import Extras
from streamserver.flows.forecast import Forecast
from streamserver.flows.health import Health
from streamserver.flows.imports import Imports
from streamserver.flows.indexes import Indexes
from streamserver.flows.intake import Intake
from streamserver.flows.jobs import Jobs
from streamserver.flows.languages import Languages
from streamserver.flows.library import Library
from streamserver.flows.pool import Pool
from streamserver.flows.presigned import Presigned
from streamserver.flows.receive import Receive
from streamserver.flows.renditions import Renditions
from streamserver.flows.tasks import Tasks
from streamserver.flows.tus import Tus
from streamserver.flows.uploads import Uploads
from streamserver.flows.webhooks import Webhooks
from streamserver.key_file import load_keys
from streamserver.notifier.http import HttpNotifier
from streamserver.ports import Blobs, Bucket, Bus, Catalog, Fetcher, Notifier, Queue
from streamserver.queue.memory import MemoryQueue
from streamserver.settings import Settings
from streamserver.web.documents import video_document
from streamserver.web.services import Services

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What fills the ports."""

    catalog: Catalog
    blobs: Blobs
    bus: Bus
    encoder: FfmpegEncoder
    notifier: Notifier
    fetcher: Fetcher
    bucket: Bucket | None = None
    """None where uploads come to this server alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Everything the server can do."""

    services: Services
    """What the web calls."""
    pool: Pool
    """What encodes."""
    webhooks: Webhooks
    """What tells other systems."""


def prepare_folder(data_dir: Path) -> None:
    """Make the data folder; `SettingsError` with a sentence where nothing can be kept in it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise SettingsError(f"Nothing can be kept in data_dir, {data_dir}: {error.strerror}.") from error


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    """Open what the settings name, the catalog brought up to date; all is given back on leaving."""
    programs = find_programs(settings.ffmpeg, settings.ffprobe)
    sandbox = await find_sandbox((programs.ffmpeg, programs.ffprobe), wish=settings.sandbox)
    log.log(logging.INFO if sandbox.is_whole else logging.WARNING, "%s", sandbox)
    prepare_folder(settings.data_dir)
    await migrate(settings.database_url)
    async with AsyncExitStack() as stack:
        bucket = await stack.enter_async_context(open_place(settings.place)) if settings.place else None
        adapters = Adapters(
            catalog=open_catalog(settings.database_url),
            blobs=LocalBlobs(settings.data_dir),
            bus=MemoryBus(),
            encoder=FfmpegEncoder(
                programs,
                limits=Limits(
                    max_duration_seconds=settings.max_duration_seconds,
                    memory_bytes=settings.encoder_memory_bytes,
                ),
                x264=X264(preset=settings.x264_preset, crf=settings.x264_crf),
                stall_seconds=settings.stall_seconds,
                sandbox=sandbox,
            ),
            notifier=HttpNotifier(),
            fetcher=HttpFetcher(settings.reach),
            bucket=bucket,
        )
        for adapter in (adapters.catalog, adapters.blobs, adapters.bus, adapters.notifier, adapters.fetcher):
            stack.push_async_callback(adapter.close)
        yield adapters


def open_place(place: Place) -> AbstractAsyncContextManager[Bucket]:
    """Open a bucket; the library for it is only loaded where there is one, which takes a second."""
    from streamserver.bucket.s3 import open_bucket  # noqa: PLC0415 - see above

    return open_bucket(place)


def make_flows(settings: Settings, adapters: Adapters) -> Flows:
    """Put the flows together."""
    catalog, blobs, bus = adapters.catalog, adapters.blobs, adapters.bus
    clock, queue = SystemClock(), MemoryQueue()
    indexes = Indexes(catalog=catalog, blobs=blobs)
    forecast = Forecast(queue=queue, encoders=settings.encoders)
    encode = _make_encode(settings, adapters, indexes, forecast)
    pool = Pool(
        encode=encode,
        catalog=catalog,
        queue=queue,
        bus=bus,
        clock=clock,
        forecast=forecast,
        size=settings.encoders,
        preparers=settings.preparers,
    )
    receive = _make_receive(settings, adapters, queue)
    jobs = Jobs(catalog=catalog, bus=bus, queue=queue, encode=encode, pool=pool, intake=receive)
    deliver = Deliver(catalog=catalog, blobs=blobs, indexes=indexes)
    library = Library(catalog=catalog, blobs=blobs, jobs=jobs, deliver=deliver, uploads=receive.uploads)
    services = Services(
        library=library,
        jobs=jobs,
        receive=receive,
        uploads=receive.uploads,
        imports=_make_imports(settings, adapters, receive),
        presigned=_make_presigned(settings, adapters, receive),
        public_url=settings.public_url,
        upload_origins=settings.upload_origins,
        tus=Tus(catalog=catalog, blobs=blobs, receive=receive, library=library),
        users=Users(tokens=settings.tokens, importers=settings.importers),
        deliver=deliver,
        attachments=Attachments(catalog=catalog, blobs=blobs, encoder=adapters.encoder, deliver=deliver),
        health=Health(catalog=catalog, blobs=blobs),
        blobs=blobs,
        region_bytes=settings.region_bytes,
    )
    webhooks = Webhooks(
        catalog=catalog,
        notifier=adapters.notifier,
        clock=clock,
        endpoints=settings.webhook_url,
        secrets=settings.webhook_secret,
        describe=video_document,
    )
    return Flows(services=services, pool=pool, webhooks=webhooks)


def _make_receive(settings: Settings, adapters: Adapters, queue: Queue) -> Receive:
    clock = SystemClock()
    quota = Quota(
        max_bytes=settings.max_upload_bytes,
        max_uploads_per_user=settings.max_uploads_per_user,
        max_bytes_per_user=settings.max_bytes_per_user,
    )
    uploads = Uploads(
        catalog=adapters.catalog,
        blobs=adapters.blobs,
        bus=adapters.bus,
        clock=clock,
        quota=quota,
        lifetime=timedelta(seconds=settings.upload_expiry_seconds),
    )
    return Receive(
        catalog=adapters.catalog,
        blobs=adapters.blobs,
        queue=queue,
        clock=clock,
        uploads=uploads,
        max_waiting=settings.queue_limit,
        encoders=settings.encoders,
        keep_duplicates=settings.keep_duplicates,
    )


def _make_imports(settings: Settings, adapters: Adapters, intake: Intake) -> Imports:
    return Imports(
        intake=intake,
        fetcher=adapters.fetcher,
        reach=settings.reach,
        clock=SystemClock(),
        bounds=settings.bounds(settings.max_upload_bytes),
        at_once=settings.imports,
    )


def _make_presigned(settings: Settings, adapters: Adapters, receive: Receive) -> Presigned:
    bucket = adapters.bucket
    return Presigned(
        catalog=adapters.catalog,
        blobs=adapters.blobs,
        clock=SystemClock(),
        intake=receive,
        keys=load_keys(settings.signing_keys, settings.data_dir),
        bucket_uploads=None if bucket is None else BucketUploads(bucket=bucket, intake=receive),
    )


def _make_encode(settings: Settings, adapters: Adapters, indexes: Indexes, forecast: Forecast) -> Encode:
    catalog, blobs = adapters.catalog, adapters.blobs
    renditions = Renditions(
        catalog=catalog, blobs=blobs, encoder=adapters.encoder, indexes=indexes, forecast=forecast
    )
    extras = Extras(catalog=catalog, blobs=blobs, encoder=adapters.encoder)
    languages = Languages(catalog=catalog, blobs=blobs, encoder=adapters.encoder, renditions=renditions)
    tasks = Tasks(
        catalog=catalog,
        blobs=blobs,
        encoder=adapters.encoder,
        renditions=renditions,
        extras=extras,
        languages=languages,
    )
    return Encode(
        catalog=catalog,
        blobs=blobs,
        bus=adapters.bus,
        clock=SystemClock(),
        renditions=renditions,
        tasks=tasks,
        retries=Retries(limit=settings.retries, first_seconds=settings.retry_seconds),
    )


@contextmanager
def encoding_lock(data_dir: Path) -> Iterator[None]:
    """Hold the line of jobs of a data folder, which one process alone may; `Conflict` where another has it."""
    prepare_folder(data_dir)
    with (data_dir / "lock").open("a") as file:
        _lock(file, data_dir)
        yield


@asynccontextmanager
async def encoding(flows: Flows) -> AsyncIterator[None]:
    """Encode what waits, and tell others of it, for as long as the context lasts."""
    await _sweep(flows.services)
    await flows.webhooks.start()
    await flows.pool.start()
    await flows.services.imports.start()
    await flows.services.presigned.start()
    sweeping = asyncio.create_task(_keep_sweeping(flows.services))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await flows.services.imports.close()
        await flows.services.presigned.close()
        await flows.pool.close()
        await flows.webhooks.close()


def _lock(file: IO[str], data_dir: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"Another streamserver works with {data_dir} already.") from None


async def _sweep(services: Services) -> None:
    await services.receive.recover()
    await services.library.sweep()
    await services.presigned.recover()


async def _keep_sweeping(services: Services) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await _sweep(services)
        except StreamserverError as error:
            log.warning("could not sweep: %s", error)
