"""Errors on the wire: a problem for programs, a page for browsers, never more than a caller should know."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from streamserver.blobs.memory import MemoryBlobs, MemoryIncoming, MemoryLease
from streamserver.errors import StorageFull
from tests.web.house import House, assert_problem, open_house, source_bytes
from tests.web.wire import FORM, exchange, file_part, form_body, request_bytes

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/nothing", "/api/videos/nothing", "/watch/nothing", "/assets/a.js"]
)
async def test_an_address_without_anything_is_404(house: House, path: str) -> None:
    """For programs a problem, for browsers a page that leads back to the library."""
    await assert_problem(await house.client.get(path), 404, "not_found")
    response = await house.client.get(path, headers=HTML)
    assert (response.status, response.content_type) == (404, "text/html")
    text = await response.text()
    assert "Not Found" in text
    assert 'href="/"' in text
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/", {"GET", "HEAD"}),
        ("PUT", "/api/videos", {"GET", "HEAD", "POST"}),
        ("POST", "/api/videos/a", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("PATCH", "/api/jobs/a", {"GET", "HEAD", "DELETE"}),
        ("GET", "/api/jobs/a/retry", {"POST"}),
        ("POST", "/api/jobs/a/events", {"GET", "HEAD"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("POST", "/media/a/source", {"GET", "HEAD"}),
        ("DELETE", "/media/a/hls/master.m3u8", {"GET", "HEAD"}),
        ("OPTIONS", "/media/a/b.mp4", {"GET", "HEAD"}),
    ],
)
async def test_what_is_not_possible_at_an_address_is_405(
    house: House, method: str, path: str, allowed: set[str]
) -> None:
    """Allow tells what is possible, also for media (RFC 9110 §15.5.6)."""
    response = await house.client.request(method, path)
    assert method in await assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].replace(" ", "").split(",")) == allowed


@pytest.mark.parametrize("path", ["/media/a/source", "/media/nothing", "/media/"])
async def test_media_that_is_not_there_is_a_problem_too(house: House, path: str) -> None:
    """Errors of the data plane look like those of the Application, and are not to be sniffed at either."""
    response = await house.client.get(path)
    await assert_problem(response, 404, "not_found")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    page = await house.client.get(path, headers=HTML)
    assert page.content_type == "text/html"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


class FaultyBlobs(MemoryBlobs):
    """Blobs that fail in a way that nobody foresaw."""

    @contextmanager
    def lease(self, key: str) -> Iterator[MemoryLease]:
        """Fail."""
        yield self._fail(key)

    def _fail(self, key: str) -> NoReturn:
        raise RuntimeError("the secret path of " + key)


async def test_a_fault_of_the_server_is_shown_blank_and_logged_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """500 says nothing of what happened; the log says all of it, and the server goes on."""
    async with open_house(tmp_path, blobs=FaultyBlobs()) as house:
        video, job = await house.upload()
        await house.end_of(job["id"])
        for method, path in (("GET", f"/media/{video['id']}/source"), ("POST", f"/api/jobs/{job['id']}/retry")):
            caplog.clear()
            response = await house.client.request(method, path)
            detail = await assert_problem(response, 500, "internal")
            assert detail == "Something went wrong on the server. It has been noted."
            assert f"{method} {path} failed" in caplog.text
            assert f"RuntimeError: the secret path of {video['id']}/source" in caplog.text
        assert (await house.client.get("/healthz")).status == 200


class FullBlobs(MemoryBlobs):
    """Blobs on a disk that has no room left."""

    @asynccontextmanager
    async def incoming(self, name: str) -> AsyncIterator[MemoryIncoming]:
        """Fail as an adapter does."""
        yield self._fail()

    def _fail(self) -> NoReturn:
        raise StorageFull


async def test_what_may_work_later_says_when(tmp_path: Path) -> None:
    """Retry-After tells programs and browsers when to come back: soon for a playlist, later for a full disk."""
    async with open_house(tmp_path, blobs=FullBlobs()) as house:
        form = request_bytes(
            "/api/videos", method="POST", headers={"Content-Type": FORM}, body=form_body(file_part(source_bytes()))
        )
        full = await exchange(house.port, form)
        assert (full.status, full.headers["retry-after"]) == (507, "600")
        assert json.loads(full.body)["code"] == "storage_full"
    async with open_house(tmp_path) as house:
        await house.growing()
        waiting, _ = await house.upload()
        path = f"/media/{waiting['id']}/hls/master.m3u8"
        for headers, content_type in (({}, "application/problem+json"), (HTML, "text/html")):
            async with house.client.get(path, headers=headers) as response:
                assert (response.status, response.content_type) == (503, content_type)
                assert response.headers["Retry-After"] == "2"
                assert "is being encoded" in await response.text()
