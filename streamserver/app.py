"""Where everything meets: settings become adapters, adapters flows, flows a server."""

import asyncio
import fcntl
import logging
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import Purpose, SSLContext, SSLError, create_default_context
from tempfile import TemporaryFile
from typing import IO

from aiohttp import web

from streamserver.blobs.local import LocalBlobs
from streamserver.bus.memory import MemoryBus
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import open_catalog
from streamserver.clock import SystemClock
from streamserver.domain.retries import Retries
from streamserver.encoder.command import X264
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Limits
from streamserver.encoder.programs import find_programs
from streamserver.errors import Conflict, SettingsError, StreamserverError
from streamserver.flows.deliver import Deliver
from streamserver.flows.encode import Encode
from streamserver.flows.extras import Extras
from streamserver.flows.forecast import Forecast
from streamserver.flows.health import Health
from streamserver.flows.indexes import Indexes
from streamserver.flows.jobs import Jobs
from streamserver.flows.library import Library
from streamserver.flows.pool import Pool
from streamserver.flows.receive import Receive
from streamserver.flows.renditions import Renditions
from streamserver.flows.tasks import Tasks
from streamserver.flows.webhooks import Webhooks
from streamserver.notifier.http import HttpNotifier
from streamserver.ports import Blobs, Bus, Catalog, Notifier
from streamserver.queue.memory import MemoryQueue
from streamserver.settings import Settings
from streamserver.web.access_log import AccessLog
from streamserver.web.application import make_application
from streamserver.web.dataplane import DataPlane
from streamserver.web.documents import video_document
from streamserver.web.fast import FastHandler
from streamserver.web.forward import Forward, answering_workers
from streamserver.web.listening import bind, listening
from streamserver.web.log_file import LogFile
from streamserver.web.services import Services
from streamserver.workers import workers

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
SWITCH_SECONDS = 0.0005
"""How long a busy loop keeps the interpreter from a thread that reads the catalog or a cold file: ten times
shorter than usual, as such work takes many turns."""
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
    notifier: Notifier


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
            notifier=HttpNotifier(),
        )
        for adapter in (adapters.catalog, adapters.blobs, adapters.bus, adapters.notifier):
            stack.push_async_callback(adapter.close)
        yield adapters


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
    jobs = Jobs(catalog=catalog, bus=bus, queue=queue, encode=encode, pool=pool)
    deliver = Deliver(catalog=catalog, blobs=blobs, indexes=indexes)
    receive = Receive(
        catalog=catalog,
        blobs=blobs,
        queue=queue,
        clock=clock,
        max_bytes=settings.max_upload_bytes,
        max_waiting=settings.queue_limit,
        encoders=settings.encoders,
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
    webhooks = Webhooks(
        catalog=catalog,
        notifier=adapters.notifier,
        clock=clock,
        endpoints=settings.webhook_url,
        secrets=settings.webhook_secret,
        describe=video_document,
    )
    return Flows(services=services, pool=pool, webhooks=webhooks)


def _make_encode(settings: Settings, adapters: Adapters, indexes: Indexes, forecast: Forecast) -> Encode:
    catalog, blobs = adapters.catalog, adapters.blobs
    renditions = Renditions(
        catalog=catalog, blobs=blobs, encoder=adapters.encoder, indexes=indexes, forecast=forecast
    )
    extras = Extras(catalog=catalog, blobs=blobs, encoder=adapters.encoder)
    tasks = Tasks(catalog=catalog, blobs=blobs, encoder=adapters.encoder, renditions=renditions, extras=extras)
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
    await flows.services.library.sweep()
    await flows.webhooks.start()
    await flows.pool.start()
    sweeping = asyncio.create_task(_keep_sweeping(flows.services.library))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await flows.pool.close()
        await flows.webhooks.close()


def prepare_process() -> None:
    """Let this process hold as many connections as the system allows, and its threads have their turn soon."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.setswitchinterval(SWITCH_SECONDS)


@asynccontextmanager
async def serving(settings: Settings, services: Services) -> AsyncIterator[str]:
    """Answer requests for as long as the context lasts, in as many processes as are set; gives the URL."""
    tls = _tls(settings)
    listeners = _bind(settings)
    port = listeners[0].getsockname()[1]
    runner = web.AppRunner(
        make_application(services),
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        lingering_time=LINGERING_SECONDS,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - setup made it
    plane = DataPlane(services.deliver, services.blobs, services.region_bytes)
    runner.server.request_handler = plane.beside(runner.server.request_handler)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(_answering(settings, runner.server, plane, listeners, tls))
        if settings.workers > 1:
            await stack.enter_async_context(answering_workers(runner.server, settings.data_dir))
            await stack.enter_async_context(workers(settings, listeners))
        # The first thing on the way out: streams of events end, which would keep the workers from ending.
        stack.push_async_callback(runner.shutdown)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"{'https' if tls else 'http'}://{host}:{port}"


@asynccontextmanager
async def delivering(settings: Settings, listeners: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Answer requests for media for as long as the context lasts, and pass the others on to the first process."""
    catalog, blobs = open_catalog(settings.database_url), LocalBlobs(settings.data_dir)
    async with AsyncExitStack() as stack:
        for adapter in (catalog, blobs):
            stack.push_async_callback(adapter.close)
        deliver = Deliver(catalog=catalog, blobs=blobs, indexes=Indexes(catalog=catalog, blobs=blobs))
        plane = DataPlane(deliver, blobs, settings.region_bytes)
        forward = await stack.enter_async_context(Forward(settings.data_dir))
        # Encoded bodies are passed on as they are.
        server = web.Server(plane.beside(forward.handle), auto_decompress=False)
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(_answering(settings, server, plane, listeners, _tls(settings)))
        yield


@asynccontextmanager
async def _answering(
    settings: Settings,
    server: web.Server,
    plane: DataPlane,
    listeners: Sequence[socket.socket],
    tls: SSLContext | None,
) -> AsyncIterator[None]:
    """Let a server answer what comes in on sockets, by the fast way where there is one, and log it."""
    log = _open_access_log(settings)
    hot = None if tls else plane.hot
    try:
        async with listening(lambda: FastHandler(server, hot, log), listeners, tls):
            yield
    finally:
        if log is not None:
            await log.close()


def _open_access_log(settings: Settings) -> AccessLog | None:
    if settings.access_log is False:
        return None
    path = None if settings.access_log is True else settings.access_log
    try:
        return AccessLog(LogFile(path))
    except OSError as error:
        raise SettingsError(f"The access log {path} cannot be written: {error.strerror or error}.") from error


def _tls(settings: Settings) -> SSLContext | None:
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            raise SettingsError("tls_key goes with tls_certificate, which is not set.")
        return None
    context = create_default_context(Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, SSLError) as error:
        raise SettingsError(f"tls_certificate and tls_key cannot be used: {error}.") from error
    return context


def _bind(settings: Settings) -> list[socket.socket]:
    try:
        return bind(settings.host, settings.port, shared=settings.workers > 1)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}."
        ) from error


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
