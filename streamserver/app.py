"""Where everything meets: settings become adapters, adapters flows, flows a server."""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from aiohttp import web

from streamserver.blobs.local import LocalBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import open_catalog
from streamserver.clock import SystemClock
from streamserver.encoder.command import X264
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Limits
from streamserver.encoder.programs import find_programs
from streamserver.errors import Conflict, SettingsError, StreamserverError
from streamserver.flows.deliver import Deliver
from streamserver.flows.encode import Encode
from streamserver.flows.health import Health
from streamserver.flows.indexes import Indexes
from streamserver.flows.jobs import Jobs
from streamserver.flows.library import Library
from streamserver.flows.pool import Pool
from streamserver.flows.receive import Receive
from streamserver.flows.renditions import Renditions
from streamserver.ports import Blobs, Bus, Catalog
from streamserver.queue.memory import MemoryQueue
from streamserver.settings import Settings
from streamserver.web.application import make_application
from streamserver.web.dataplane import put_beside
from streamserver.web.services import Services

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
SHUTDOWN_SECONDS = 10.0
"""How long requests that are under way may take when the server stops."""
LINGERING_SECONDS = 300.0
"""How long a refused upload is still read, so that its browser gets to read the refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What fills the ports."""

    catalog: Catalog
    blobs: Blobs
    bus: Bus
    encoder: FfmpegEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Everything the server can do."""

    services: Services
    """What the web calls."""
    pool: Pool
    """What encodes."""


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
    prepare_folder(settings.data_dir)
    await migrate(settings.database_url)
    async with AsyncExitStack() as stack:
        adapters = Adapters(
            catalog=open_catalog(settings.database_url),
            blobs=LocalBlobs(settings.data_dir),
            bus=MemoryBus(),
            encoder=FfmpegEncoder(
                programs,
                limits=Limits(max_duration_seconds=settings.max_duration_seconds),
                x264=X264(preset=settings.x264_preset, crf=settings.x264_crf),
                stall_seconds=settings.stall_seconds,
            ),
        )
        for adapter in (adapters.catalog, adapters.blobs, adapters.bus):
            stack.push_async_callback(adapter.close)
        yield adapters


def make_flows(settings: Settings, adapters: Adapters) -> Flows:
    """Put the flows together."""
    catalog, blobs, bus = adapters.catalog, adapters.blobs, adapters.bus
    clock, queue = SystemClock(), MemoryQueue()
    indexes = Indexes(catalog=catalog, blobs=blobs)
    renditions = Renditions(catalog=catalog, blobs=blobs, encoder=adapters.encoder, indexes=indexes)
    encode = Encode(
        catalog=catalog, blobs=blobs, bus=bus, encoder=adapters.encoder, clock=clock, renditions=renditions
    )
    pool = Pool(encode=encode, catalog=catalog, queue=queue, bus=bus, size=settings.encoders)
    jobs = Jobs(catalog=catalog, bus=bus, queue=queue, encode=encode, pool=pool)
    deliver = Deliver(catalog=catalog, blobs=blobs, indexes=indexes)
    receive = Receive(
        catalog=catalog,
        blobs=blobs,
        queue=queue,
        clock=clock,
        max_bytes=settings.max_upload_bytes,
        max_waiting=settings.queue_limit,
    )
    services = Services(
        library=Library(catalog=catalog, blobs=blobs, jobs=jobs, deliver=deliver),
        jobs=jobs,
        receive=receive,
        deliver=deliver,
        health=Health(catalog=catalog, blobs=blobs),
        blobs=blobs,
        region_bytes=settings.region_bytes,
    )
    return Flows(services=services, pool=pool)


@contextmanager
def encoding_lock(data_dir: Path) -> Iterator[None]:
    """Hold the line of jobs of a data folder, which one process alone may; `Conflict` where another has it."""
    prepare_folder(data_dir)
    with (data_dir / "lock").open("a") as file:
        _lock(file, data_dir)
        yield


@asynccontextmanager
async def encoding(flows: Flows) -> AsyncIterator[None]:
    """Encode what waits, for as long as the context lasts."""
    await flows.services.library.sweep()
    await flows.pool.start()
    sweeping = asyncio.create_task(_keep_sweeping(flows.services.library))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await flows.pool.close()


@asynccontextmanager
async def serving(settings: Settings, services: Services) -> AsyncIterator[str]:
    """Answer requests for as long as the context lasts; gives the server's URL."""
    runner = web.AppRunner(
        make_application(services),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        lingering_time=LINGERING_SECONDS,
    )
    await runner.setup()
    try:
        assert runner.server is not None  # noqa: S101 - setup made it
        put_beside(runner.server, services)
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}."
            ) from error
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _lock(file: IO[str], data_dir: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"Another streamserver works with {data_dir} already.") from None


async def _keep_sweeping(library: Library) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await library.sweep()
        except StreamserverError as error:
            log.warning("could not sweep: %s", error)
