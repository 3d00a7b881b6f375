"""Answering requests: sockets, TLS, the log, and the processes that share the work."""

import resource
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ssl import Purpose, SSLContext, SSLError, create_default_context

from aiohttp import web

from streamserver.blobs.local import LocalBlobs
from streamserver.catalog.sql import open_catalog
from streamserver.errors import SettingsError
from streamserver.flows.deliver import Deliver
from streamserver.flows.indexes import Indexes
from streamserver.settings import Settings
from streamserver.web.access_log import AccessLog
from streamserver.web.application import make_application
from streamserver.web.dataplane import DataPlane
from streamserver.web.fast import FastHandler, Round
from streamserver.web.forward import Forward, answering_workers
from streamserver.web.listening import bind, listening
from streamserver.web.log_file import LogFile
from streamserver.web.services import Services
from streamserver.web.socket_body import LINGERING_SECONDS
from streamserver.workers import workers

SWITCH_SECONDS = 0.0005
"""How long a busy loop keeps the interpreter from a thread that reads the catalog or a cold file: ten times
shorter than usual, as such work takes many turns."""
SHUTDOWN_SECONDS = 10.0
"""How long requests that are under way may take when the server stops."""


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
    fast = None if tls else Round(plane.hot, plane.turns, log)
    try:
        async with listening(lambda: FastHandler(server, fast, log), listeners, tls):
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
