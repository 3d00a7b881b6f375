"""A server that is killed or stopped at any moment loses nothing, leaves nothing, and goes on by itself."""

import asyncio
import json
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.clips.programs import ffmpeg
from tests.services.server import ServerProcess, running_server

PATIENCE_SECONDS = 150
SLOW = {"STREAMSERVER_X264_PRESET": "veryslow"}
KILLS = 3

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video that takes a while to encode."""
    target = tmp_path_factory.mktemp("clips") / "long.avi"
    picture = "testsrc2=size=426x240:rate=25:duration=30,noise=alls=30:allf=t"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-q:v", "5", str(target))
    return target


async def test_jobs_outlive_servers_that_are_killed_in_the_middle_of_encoding(clip: Path, tmp_path: Path) -> None:
    """After kill -9 at random moments no encoder is left, and after a restart the job runs again by itself."""
    data = tmp_path / "data"
    with running_server(data, environment=SLOW) as server:
        job_id = (await upload(server, clip))["job"]["id"]
        await until_percent_above(server, job_id, 2)
        await kill_and_see_nothing_left(server, data)
    for _ in range(KILLS - 1):
        with running_server(data, environment=SLOW) as server:
            await asyncio.sleep(random.uniform(0, 2))  # noqa: S311 - a moment, not a secret
            await kill_and_see_nothing_left(server, data)
    with running_server(data) as server:
        job = await end_of(server, job_id)
        assert (job["status"], job["percent"]) == ("COMPLETE", 100)
        assert 2 <= job["attempt"] <= KILLS + 1
        await see_only_whole_renditions(server, data)


async def test_a_stopped_server_leaves_the_rest_of_the_work_to_the_next(clip: Path, tmp_path: Path) -> None:
    """SIGTERM ends server and encoder at once; the job is done by the next server."""
    data = tmp_path / "data"
    with running_server(data, environment=SLOW) as server:
        job_id = (await upload(server, clip))["job"]["id"]
        await until_percent_above(server, job_id, 2)
        assert server.stop() == 0
        assert processes_of(data) == []
    with running_server(data) as server:
        job = await end_of(server, job_id)
        assert (job["status"], job["attempt"]) == ("COMPLETE", 2)


async def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    """Neither a client that goes away nor a server that is killed in the middle leaves a byte or a row."""
    data = tmp_path / "data"
    with running_server(data) as server:
        await begin_upload(server, gone=True)
        await until(lambda: not files_in(data))
        assert (await get(server, "/api/videos"))["videos"] == []
        await begin_upload(server, gone=False)
        assert len(files_in(data)) == 1
        server.kill()
    with running_server(data) as server:
        assert files_in(data) == []
        assert (await get(server, "/api/videos"))["videos"] == []
        assert (await get(server, "/api/jobs"))["jobs"] == []


async def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second one says so, and does not start."""
    data = tmp_path / "data"
    with (
        running_server(data),
        pytest.raises(AssertionError, match="Another streamserver works with"),
        running_server(data),
    ):
        pass


async def kill_and_see_nothing_left(server: ServerProcess, data: Path) -> None:
    server.kill()
    await until(lambda: processes_of(data) == [])


async def see_only_whole_renditions(server: ServerProcess, data: Path) -> None:
    """Make sure that what earlier attempts left is gone from the catalog and from the disk."""
    (video,) = (await get(server, "/api/videos"))["videos"]
    assert video["status"] == "complete"
    assert {rendition["status"] for rendition in video["renditions"]} == {"complete"}
    expected = {f"{rendition['key']}.mp4" for rendition in video["renditions"]}
    assert {file.name for file in files_in(data) if file.suffix == ".mp4"} == expected
    assert len(files_in(data)) == len(expected) + 2  # the source and the poster


def processes_of(data: Path) -> list[int]:
    """Return the processes that were started for a data folder, zombies left out."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if str(data).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (OSError, ValueError):  # gone by now, or no process
            continue
    return [pid for pid in found if pid != os.getpid()]


def files_in(data: Path) -> list[Path]:
    """Return all blobs, whole ones and drafts."""
    folders = (data / "media", data / "incoming")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


async def upload(server: ServerProcess, clip: Path) -> dict[str, Any]:
    with clip.open("rb") as file:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.url}/api/videos", data={"file": file}) as response,
        ):
            assert response.status == 201
            found: dict[str, Any] = await response.json()
            return found


async def begin_upload(server: ServerProcess, *, gone: bool) -> None:
    """Send the first part of a form; then go away, or leave it at that with the connection open."""
    boundary = secrets.token_hex(8)
    host, port = server.url.removeprefix("http://").split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    disposition = 'Content-Disposition: form-data; name="file"; filename="a.mp4"'
    head = f"POST /api/videos HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000000\r\n"
    content_type = f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n"
    writer.write(f"{head}{content_type}--{boundary}\r\n{disposition}\r\n\r\n".encode())
    writer.write(os.urandom(8_000_000))
    await writer.drain()
    if gone:
        writer.transport.abort()
    else:
        open_connections.append(writer)


open_connections: list[asyncio.StreamWriter] = []


@pytest.fixture(autouse=True)
async def close_connections() -> AsyncIterator[None]:
    """Close what a test left open on purpose."""
    yield
    for writer in open_connections:
        writer.transport.abort()
    open_connections.clear()


async def get(server: ServerProcess, path: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}{path}") as response:
        found: dict[str, Any] = await response.json()
        return found


async def until_percent_above(server: ServerProcess, job_id: str, percent: float) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for job in reports(server, job_id):
            if job["percent"] > percent:
                return


async def end_of(server: ServerProcess, job_id: str) -> dict[str, Any]:
    """Listen to a job until it is over; return the last report."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [job async for job in reports(server, job_id)][-1]


async def reports(server: ServerProcess, job_id: str) -> AsyncIterator[dict[str, Any]]:
    """Yield what the server sends of a job."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
        session.get(f"{server.url}/api/jobs/{job_id}/events") as response,
    ):
        async for line in response.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - processes and files tell nobody
            await asyncio.sleep(0.05)
