"""Large forms, whose file takes the short way: the same answers as small ones get."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from streamserver.web.arrival import BUFFER_BYTES, LEAST_BYTES
from tests.web.house import House, open_house
from tests.web.loopback import content_of
from tests.web.wire import BOUNDARY, FORM, Part, file_part, form_body

DELIMITER = f"\r\n--{BOUNDARY}".encode()
TITLE = Part(name="title", content=b"My clip")


@pytest.fixture
async def large_house(tmp_path: Path) -> AsyncIterator[House]:
    """Give an empty server that takes large files."""
    async with open_house(tmp_path, max_upload_bytes=4 * LEAST_BYTES) as house:
        yield house


async def send(house: House, body: bytes) -> tuple[int, dict[str, dict[str, str]]]:
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    async with house.client.post("/api/videos", data=body, headers=headers) as response:
        assert response.headers["Connection"] == "close"
        return response.status, await response.json()


async def kept_of(house: House, video: dict[str, str]) -> bytes:
    async with house.client.get(f"/api/videos/{video['id']}") as response:
        source_url = (await response.json())["source_url"]
    async with house.client.get(source_url) as source:
        return await source.read()


@pytest.mark.parametrize("parts", ["file", "title file", "file title"])
async def test_a_large_file_is_kept_byte_for_byte(large_house: House, parts: str) -> None:
    """Whether the title stands before or behind it, and though its bytes look like the delimiter's beginning."""
    content = content_of("large", LEAST_BYTES) + DELIMITER[:-1] + b"\r\n--" + DELIMITER[:-2]
    named = {"file": file_part(content), "title": TITLE}
    status, answer = await send(large_house, form_body(*(named[name] for name in parts.split())))
    assert status == 201
    assert answer["video"]["title"] == ("My clip" if "title" in parts else "clip")
    assert sha256(await kept_of(large_house, answer["video"])).digest() == sha256(content).digest()


async def test_a_delimiter_may_be_cut_by_buffers(large_house: House) -> None:
    """It is found wherever it lies, and the file ends before it."""
    for less in range(0, len(DELIMITER) + 2, 5):
        content = content_of(str(less), LEAST_BYTES + BUFFER_BYTES - less)
        status, answer = await send(large_house, form_body(file_part(content)))
        assert status == 201
        assert await kept_of(large_house, answer["video"]) == content


REFUSED = {
    "without an end": (lambda: form_body(file_part(bytes(LEAST_BYTES)), end=b"")[:-2], 400, "cut off"),
    "two files": (lambda: form_body(*[file_part(bytes(LEAST_BYTES))] * 2), 400, "one file"),
    "another field": (
        lambda: form_body(file_part(bytes(LEAST_BYTES)), Part(name="other", content=b"x")),
        400,
        "one file",
    ),
    "no video": (lambda: form_body(file_part(b"a plain text\n" * (LEAST_BYTES // 10))), 415, "text file"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_large_form_is_refused(large_house: House, kind: str) -> None:
    """It is told why, and nothing remains."""
    make, status, sentence = REFUSED[kind]
    found, answer = await send(large_house, make())
    assert (found, sentence in str(answer["detail"])) == (status, True)
    assert await large_house.catalog.video_ids() == set()
    assert (await large_house.json("/api/jobs"))["jobs"] == []


async def test_of_a_form_that_breaks_off_nothing_remains(large_house: House) -> None:
    """A connection that ends in the middle of the file leaves no upload behind."""
    port = large_house.client.server.port
    body = form_body(file_part(bytes(LEAST_BYTES)))
    head = f"POST /api/videos HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body[: LEAST_BYTES // 2])
    while not (await large_house.json("/api/jobs"))["jobs"]:
        pass
    writer.close()
    while (await large_house.json("/api/jobs"))["jobs"]:
        pass
    assert await large_house.catalog.video_ids() == set()
