"""A server of media as the product runs it, in a thread or a process of its own, over real files."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from ssl import SSLContext
from typing import TypeVar

from aiohttp import web

from streamserver.blobs.local import LocalBlobs
from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.fragments import Fragment, FragmentIndex, with_plan
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.videos import Rendition, RenditionStatus, Source, Video, VideoStatus
from streamserver.flows.deliver import Deliver
from streamserver.flows.indexes import Indexes
from streamserver.web.access_log import AccessLog
from streamserver.web.dataplane import DataPlane
from streamserver.web.fast import FastHandler, Round
from streamserver.web.listening import bind, listening
from streamserver.web.log_file import LogFile
from tests.web.loopback import LOOPS, TIMEOUT_SECONDS

Result = TypeVar("Result")

VIDEO = "v"
CREATED_AT = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
REGION_BYTES = 100_000
SEGMENT_BYTES = 150_000
INIT = ((0, 36), (60, 800))


def media_path(name: str) -> str:
    return f"/media/{VIDEO}/{name}"


async def add_video(catalog: MemoryCatalog, folder: Path, contents: Mapping[str, bytes]) -> Video:
    """Record a video whose renditions, by key, have these bytes; each is cut into segments too."""
    home = folder / "media" / VIDEO
    home.mkdir(parents=True, exist_ok=True)
    video = Video(
        id=VIDEO,
        title="A video",
        created_at=CREATED_AT,
        job_id="job",
        status=VideoStatus.COMPLETE,
        source=Source(file_name="v.mp4", size_bytes=1),
    )
    await catalog.add_video(video, Job(id="job", video_id=VIDEO, created_at=CREATED_AT, status=JobStatus.COMPLETE))
    for key, content in contents.items():
        (home / f"{key}.mp4").write_bytes(content)
        growing = Rendition(
            key=key, video_id=VIDEO, name=key, width=1280, height=720, frame_rate=25.0, target_seconds=4
        )
        await catalog.add_renditions([growing])
        complete = replace(growing, status=RenditionStatus.COMPLETE, codecs="avc1.64001f", size_bytes=len(content))
        await catalog.complete_rendition(complete, _index(len(content)))
    return await catalog.video(VIDEO)


def _index(length: int) -> FragmentIndex:
    starts = range(1000, length, SEGMENT_BYTES)
    fragments = (
        Fragment(position=start, count=min(SEGMENT_BYTES, length - start), duration_ticks=4000) for start in starts
    )
    return with_plan(FragmentIndex(timescale=1000, init=INIT, fragments=tuple(fragments)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaServer:
    """A running server."""

    port: int
    """Of 127.0.0.1."""
    server: web.Server
    """aiohttp's; `requests_count` tells how many requests its tasks have handled."""
    catalog: MemoryCatalog
    """What it knows."""
    deliver: Deliver
    """What it looks addresses up with."""
    blobs: LocalBlobs
    """Where its bytes are."""
    loop: asyncio.AbstractEventLoop
    """What it runs on."""

    def run(self, work: Coroutine[None, None, Result]) -> Result:
        """Have the server's loop do something."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT_SECONDS)

    def count_tasked(self, ask: Callable[[], Result]) -> tuple[Result, int]:
        """Ask for something; return what came, and how many requests were not answered in the short way."""
        self.run(self.settle())
        before = self.server.requests_count
        result = ask()
        return result, self.server.requests_count - before

    async def settle(self) -> None:
        """Wait until no task is busy with what was asked before: a client may be faster than its end."""
        while any(connection._waiter is None for connection in self.server.connections):  # noqa: ASYNC110 - untold
            await asyncio.sleep(0)


async def serve(
    folder: Path,
    contents: Mapping[str, bytes],
    started: Callable[[MediaServer], object],
    stopped: asyncio.Event,
    *,
    log_path: Path | None = None,
    tls: SSLContext | None = None,
) -> None:
    """Serve until stopped."""
    catalog, blobs = MemoryCatalog(), LocalBlobs(folder)
    await add_video(catalog, folder, contents)
    deliver = Deliver(catalog=catalog, blobs=blobs, indexes=Indexes(catalog=catalog, blobs=blobs))
    plane = DataPlane(deliver, blobs, REGION_BYTES)
    log = None if log_path is None else AccessLog(LogFile(log_path))
    server = web.Server(plane.handle)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    (listener,) = bind("127.0.0.1", 0, shared=False)
    port = listener.getsockname()[1]
    fast = None if tls else Round(plane.hot, plane.turns, log)
    try:
        async with listening(lambda: FastHandler(server, fast, log), [listener], tls):
            loop = asyncio.get_running_loop()
            started(
                MediaServer(port=port, server=server, catalog=catalog, deliver=deliver, blobs=blobs, loop=loop)
            )
            await stopped.wait()
    finally:
        await runner.cleanup()
        await blobs.close()
        if log is not None:
            await log.close()


@contextmanager
def media_server(
    folder: Path,
    loop: str,
    contents: Mapping[str, bytes],
    *,
    log_path: Path | None = None,
    tls: SSLContext | None = None,
) -> Iterator[MediaServer]:
    """Serve from a thread on a free port."""
    started: Future[MediaServer] = Future()
    stopped = asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(serve(folder, contents, started.set_result, stopped, log_path=log_path, tls=tls))

    thread = threading.Thread(target=run, name=f"media on {loop}", daemon=True)
    thread.start()
    server = started.result(TIMEOUT_SECONDS)
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(stopped.set)
        thread.join(TIMEOUT_SECONDS)


def main(loop: str, folder: str, log_path: str, *sizes: str) -> None:
    """Serve renditions named by their size, until standard input ends; prints the port."""
    contents = {size: bytes(int(size)) for size in sizes}
    stopped = asyncio.Event()

    async def until_the_end() -> None:
        asyncio.get_running_loop().add_reader(sys.stdin, stopped.set)
        await serve(
            Path(folder),
            contents,
            lambda server: print(server.port, flush=True),  # noqa: T201 - for the process that started this one
            stopped,
            log_path=Path(log_path),
        )

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(until_the_end())


if __name__ == "__main__":
    main(*sys.argv[1:])
