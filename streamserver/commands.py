"""What the command line does, once its words are understood."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiofiles

from streamserver.app import (
    encoding,
    encoding_lock,
    make_flows,
    open_adapters,
    prepare_folder,
)
from streamserver.blobs.local import LocalBlobs
from streamserver.catalog.migrate import migrate as migrate_catalog, pending
from streamserver.catalog.sql import open_catalog
from streamserver.domain.jobs import Job
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.programs import check_programs, find_programs
from streamserver.encoder.sandbox import Sandbox, find_sandbox
from streamserver.errors import BadInput, Conflict, StreamserverError
from streamserver.flows.jobs import Jobs
from streamserver.flows.receive import Receive
from streamserver.notifier.http import HttpNotifier
from streamserver.serving import prepare_process, serving
from streamserver.settings import Settings
from streamserver.terminal import Bar

log = logging.getLogger(__name__)

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".flv", ".wmv", ".asf", ".ogv", ".3gp", ".mxf", ".vob", ".wtv", ".rm"),
)
"""Files in a folder that are taken for videos."""
READ_BYTES = 1024 * 1024
ANY_NUMBER = 100_000
"""Jobs that `add` may put in line: who adds a folder means all of it."""
LOOK_SECONDS = 1.0
"""How often a job that another process encodes is looked at."""


async def serve(settings: Settings) -> int:
    """Run a server until it is asked to end (SIGINT, SIGTERM)."""
    prepare_process()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with encoding_lock(settings.data_dir):
        async with open_adapters(settings) as adapters:
            log.info("%s", await adapters.encoder.check())
            flows = make_flows(settings, adapters)
            async with encoding(flows), serving(settings, flows.services) as url:
                print(f"streamserver is ready: {url}", flush=True)
                if settings.sample:
                    await _add_sample(settings, adapters.encoder, flows.services.receive)
                await stopped.wait()
    return 0


async def add(settings: Settings, paths: list[Path], *, title: str | None, wait: bool) -> int:
    """Put files, and what is in folders, into the library; return 1 where one of them could not be used."""
    files = [file for path in paths for file in _videos_in(path)]
    if title is not None and len(files) != 1:
        raise BadInput(f"A title goes with one file; there are {len(files)}.")
    async with open_adapters(replace(settings, queue_limit=ANY_NUMBER)) as adapters:
        flows = make_flows(replace(settings, queue_limit=ANY_NUMBER), adapters)
        added: list[Job] = []
        for file in files:
            try:
                added.append(await _add_file(flows.services.receive, file, title))
            except (StreamserverError, OSError) as error:
                print(f"{file.name}: {error}")
        failed = len(files) - len(added)
        if not wait:
            return 1 if failed else 0
        try:
            with encoding_lock(settings.data_dir):
                async with encoding(flows):
                    failed += await _wait_for(added, flows.services.jobs, _follow)
        except Conflict:  # a server is running: it encodes, and is watched from here
            failed += await _wait_for(added, flows.services.jobs, _look)
        return 1 if failed else 0


async def check(settings: Settings) -> int:
    """Look at everything that a server needs; return 1 where something is amiss."""

    async def ffmpeg() -> str:
        return await check_programs(find_programs(settings.ffmpeg, settings.ffprobe))

    async def sandbox() -> Sandbox:
        programs = find_programs(settings.ffmpeg, settings.ffprobe)
        return await find_sandbox((programs.ffmpeg, programs.ffprobe), wish=settings.sandbox)

    async def database() -> str:
        if await pending(settings.database_url):
            return "reachable; it is brought up to date when the server starts, or by `streamserver migrate`"
        catalog = open_catalog(settings.database_url)
        try:
            await catalog.check()
        finally:
            await catalog.close()
        return "reachable and up to date"

    async def storage() -> str:
        prepare_folder(settings.data_dir)
        blobs = LocalBlobs(settings.data_dir)
        try:
            await blobs.check()
        finally:
            await blobs.close()
        return f"files can be kept in {settings.data_dir}"

    async def understood() -> str:
        return "understood"

    looks: dict[str, Callable[[], Coroutine[None, None, str | Sandbox]]] = {
        "settings": understood,
        "ffmpeg": ffmpeg,
        "sandbox": sandbox,
        "storage": storage,  # before the database, which may be in the same folder
        "database": database,
        "webhooks": partial(_look_at_receivers, settings),
    }
    faults = 0
    for name, look in looks.items():
        try:
            found = await look()
            state = "weak" if isinstance(found, Sandbox) and not found.is_whole else "ok"
            print(f"{name:9} {state:6} {found}")
        except StreamserverError as error:
            faults += 1
            print(f"{name:9} fault  {error}")
    return 1 if faults else 0


async def _look_at_receivers(settings: Settings) -> str:
    """Say who listens for webhooks; raise `Unavailable` where somebody named in the settings does not."""
    if not settings.webhook_url:
        return "none are set"
    notifier = HttpNotifier()
    try:
        for endpoint in settings.webhook_url:
            await notifier.check(endpoint.url)
    finally:
        await notifier.close()
    return f"somebody listens at {', '.join(endpoint.name for endpoint in settings.webhook_url)}"


async def migrate(settings: Settings) -> int:
    """Bring the database up to date."""
    prepare_folder(settings.data_dir)
    await migrate_catalog(settings.database_url)
    print("The database is up to date.")
    return 0


async def _add_sample(settings: Settings, encoder: FfmpegEncoder, receive: Receive) -> None:
    """Give the first visitor something to watch: once in the life of a data folder, by the ordinary path."""
    mark = settings.data_dir / "sample-added"
    if mark.exists():
        return
    file = settings.data_dir / "Sample video.mp4"
    try:
        await encoder.sample(file)
        await _send(receive, file, None, lambda _count: None)
        mark.touch()
    except StreamserverError as error:
        log.warning("no sample video: %s", error)
    finally:
        file.unlink(missing_ok=True)


async def _add_file(receive: Receive, file: Path, title: str | None) -> Job:
    bar = Bar(file.name, total=(await asyncio.to_thread(file.stat)).st_size)
    try:
        job = await _send(receive, file, title, bar.advance)
    finally:
        bar.close()
    if job.is_duplicate:
        print(f"{file.name}: it is in the library already, as video {job.video_id}")
    return job


async def _send(receive: Receive, file: Path, title: str | None, advance: Callable[[int], None]) -> Job:
    """Hand a file over, as an upload would."""
    size = (await asyncio.to_thread(file.stat)).st_size
    async with aiofiles.open(file, "rb") as source, receive.upload(size) as upload:
        while chunk := await source.read(READ_BYTES):
            await upload.write(chunk)
            advance(len(chunk))
        _video, job = await upload.finish(file.name, title)
        return job


async def _wait_for(added: list[Job], jobs: Jobs, reports: Callable[[Jobs, str], AsyncIterator[Job]]) -> int:
    """Show each job until it is over; return how many failed."""
    failed = 0
    for job in added:
        bar = Bar(f"encoding {job.video_id}", total=100)
        async with aclosing(reports(jobs, job.id)) as following:  # type: ignore[type-var]  # generators have aclose
            async for report in following:
                bar.reach(report.percent)
                last = report
        bar.close()
        if last.error:
            failed += 1
            print(f"{job.video_id}: {last.error.message}")
    return failed


def _follow(jobs: Jobs, job_id: str) -> AsyncIterator[Job]:
    return jobs.follow(job_id)


async def _look(jobs: Jobs, job_id: str) -> AsyncIterator[Job]:
    """Yield what is recorded of a job until it is over."""
    while True:
        job = await jobs.get(job_id)
        yield job
        if job.is_terminal:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _videos_in(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    return [path]
