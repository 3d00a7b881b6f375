"""A page of another origin sends a file by pre-signed URLs: to the server, and straight to a bucket."""

import asyncio
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from hashlib import md5
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Error, Page

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client, Document
from tests.end_to_end.presigned import HALF, begin, free_box, lengthened
from tests.end_to_end.test_presigned import assert_became, environment
from tests.services.server import running_server

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.seaweedfs import SeaweedFS

pytest_plugins = ["tests.services.seaweedfs"]
pytestmark = pytest.mark.browser

PUT_PARTS = """async ({offer, beginning, zeros}) => {
    const bytes = Uint8Array.from(atob(beginning), character => character.charCodeAt(0));
    const file = new File([bytes, new Uint8Array(zeros)], 'large.mp4', {type: 'video/mp4'});
    return Promise.all(offer.parts.map(async ({number, offset, size_bytes, url}) => {
        const answer = await fetch(url, {method: 'PUT', body: file.slice(offset, offset + size_bytes, file.type)});
        if (!answer.ok) throw new Error(await answer.text());
        return {number, etag: answer.headers.get('ETag')};
    }));
}"""
COMPLETE = """async ({url, parts}) => {
    const answer = await fetch(url, {method: 'POST', body: JSON.stringify({parts})});
    return [answer.status, await answer.json()];
}"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("clips") / "short.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1")
    ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(target))
    return target


@pytest.fixture(scope="module")
def large(clip: Path) -> Path:
    return lengthened(clip, clip.with_name("large.mp4"))


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Open an empty page of an origin that is neither the server's nor the storage's."""
    app = web.Application()

    async def empty(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>A page of its own</title>", content_type="text/html")

    app.router.add_get("/", empty)
    site = TestServer(app)
    await site.start_server()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(str(site.make_url("/")))
    yield page
    await context.close()
    await site.close()


async def put_parts(page: Page, offer: Document, clip: Path) -> list[Document]:
    """Let the page send a file of its own, which is the large one; return numbers and ETags."""
    content = await asyncio.to_thread(clip.read_bytes)
    rest = 2 * HALF - len(content)
    beginning = b64encode(content + free_box(rest)).decode()
    parts: list[Document] = await page.evaluate(
        PUT_PARTS, {"offer": offer, "beginning": beginning, "zeros": rest - 8}
    )
    return parts


async def complete(page: Page, offer: Document, parts: list[Document]) -> int:
    """Let the page say that all is sent; return the status of the answer."""
    status, document = await page.evaluate(COMPLETE, {"url": offer["complete_url"], "parts": parts})
    assert document["job"]["id"] == offer["id"]
    found: int = status
    return found


async def check(data: Path, settings: Mapping[str, str], *options: str) -> tuple[int | None, str]:
    """Run `streamserver check`; return the exit code and the line about the bucket."""
    process = await create_subprocess_exec(
        sys.executable,
        *("-m", "streamserver", "check", "--data-dir", str(data), *options),
        stdout=PIPE,
        env={**environ, **settings},
    )
    said, _ = await process.communicate()
    (line,) = [line for line in said.decode().splitlines() if line.startswith("bucket")]
    return process.returncode, line


async def test_a_page_sends_parts_to_the_server(page: Page, clip: Path, large: Path, tmp_path: Path) -> None:
    """Side by side, and reads the ETags that it says the upload is complete with."""
    with running_server(tmp_path / "data") as server:
        client = Client(server)
        offer = begin(client, large, part_bytes=HALF)
        parts = await put_parts(page, offer, clip)
        assert await complete(page, offer, parts) == 201
        await asyncio.to_thread(assert_became, client, offer["id"], large)


async def test_a_page_sends_parts_to_the_bucket(
    page: Page, clip: Path, large: Path, tmp_path: Path, seaweedfs: "SeaweedFS"
) -> None:
    """Once the bucket lets it, which `check --fix` sees to."""
    settings = environment(seaweedfs, seaweedfs.make_bucket())
    with running_server(tmp_path / "data", environment=settings) as server:
        client = Client(server)
        offer = begin(client, large, part_bytes=HALF)
        with pytest.raises(Error, match="Failed to fetch"):
            await put_parts(page, offer, clip)
        code, line = await check(tmp_path / "data", settings)
        assert (code, "fault" in line, "check --fix" in line) == (1, True, True)
        code, line = await check(tmp_path / "data", settings, "--fix")
        assert (code, "ok" in line, "from now on" in line) == (0, True, True)
        code, line = await check(tmp_path / "data", settings)
        assert (code, "ok" in line, "from now on" in line) == (0, True, False)
        parts = await put_parts(page, offer, clip)
        content = await asyncio.to_thread(large.read_bytes)
        digests = [md5(half, usedforsecurity=False).hexdigest() for half in (content[:HALF], content[HALF:])]
        assert [part["etag"] for part in parts] == [f'"{digest}"' for digest in digests]
        assert await complete(page, offer, parts) == 202
        await asyncio.to_thread(assert_became, client, offer["id"], large)
