"""An upload that is cut off, by its client or by the server's own end, leaves nothing."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.services.server import ServerProcess, running_server

PATIENCE_SECONDS = 150

pytestmark = pytest.mark.timeout(400)


async def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    """Neither a client that goes away nor a server that is killed in the middle leaves a byte or a row."""
    data = tmp_path / "data"
    with running_server(data) as server:
        await begin_upload(server, gone=True)
        await until(lambda: not files_in(data))
        assert (await get(server, "/api/videos"))["videos"] == []
        await begin_upload(server, gone=False)
        await until(lambda: len(files_in(data)) == 1)
        server.kill()
    with running_server(data) as server:
        assert files_in(data) == []
        assert (await get(server, "/api/videos"))["videos"] == []
        assert (await get(server, "/api/jobs"))["jobs"] == []


def files_in(data: Path) -> list[Path]:
    """Return all blobs, whole ones and those that are coming."""
    folders = (data / "media", data / "incoming", data / "uploads")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


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


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - processes and files tell nobody
            await asyncio.sleep(0.05)
