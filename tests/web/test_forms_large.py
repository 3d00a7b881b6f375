"""Large forms, whose file is read from the socket itself: the answers that small ones get, and the same bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from streamserver.web.form_file import FRAMING_BYTES
from streamserver.web.forms import SILENCE_SECONDS
from streamserver.web.socket_body import LEAST_BYTES, TOGETHER_SECONDS
from tests.web.clock import skip
from tests.web.house import House, open_house, source_bytes
from tests.web.loopback import content_of
from tests.web.wire import (
    BOUNDARY,
    FORM,
    Heard,
    Part,
    connection,
    exchange,
    file_part,
    form_body,
    hear,
    request_bytes,
)

DELIMITER = f"\r\n--{BOUNDARY}".encode()
TITLE = Part(name="title", content=b"My clip")
START = source_bytes()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, max_upload_bytes=16 * LEAST_BYTES) as house:
        yield house


def content(name: str, length: int) -> bytes:
    """Return what is taken for a video, and is no other's."""
    return START + content_of(name, length - len(START))


def request(body: bytes, **headers: str) -> bytes:
    return request_bytes("/api/videos", method="POST", headers={"Content-Type": FORM, **headers}, body=body)


async def kept_of(house: House, answer: Heard) -> bytes:
    url = json.loads(answer.body)["video"]["source_url"]
    async with house.client.get(url) as source:
        return await source.read()


async def jobs_of(house: House) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = (await house.json("/api/jobs"))["jobs"]
    return jobs


async def assert_nothing_remains(house: House) -> None:
    assert await jobs_of(house) == []
    assert await house.catalog.video_ids() == set()
    assert not house.blobs._kept


@pytest.mark.parametrize("parts", ["file", "title file", "file title"])
async def test_a_file_is_kept_byte_for_byte(house: House, parts: str) -> None:
    """Wherever the title stands, and though some of its bytes are like the delimiter's beginning."""
    sent = content("large", 2 * LEAST_BYTES) + DELIMITER[:-1] + b"\r\n--" + DELIMITER[:-2] + b"\r\r"
    named = {"file": file_part(sent), "title": TITLE}
    answer = await exchange(house.port, request(form_body(*(named[name] for name in parts.split()))))
    assert (answer.status, answer.headers["connection"]) == (201, "close")
    assert json.loads(answer.body)["video"]["title"] == ("My clip" if "title" in parts else "clip")
    assert await kept_of(house, answer) == sent


async def test_bytes_may_come_in_any_pieces(house: House) -> None:
    """The delimiter is found however it is cut, and so is the file's last byte."""

    async def go(number: int) -> None:
        sent = content(str(number), LEAST_BYTES + number) + DELIMITER[: number % len(DELIMITER)]
        whole = request(form_body(file_part(sent)))
        cut = whole.rindex(DELIMITER) + number - 2
        async with connection(house.port) as (reader, writer):
            for piece in (whole[:cut], whole[cut : cut + 1], whole[cut + 1 : cut + 2], whole[cut + 2 :]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(1.2 * TOGETHER_SECONDS)  # after which even a single byte is read
            answer = await hear(reader)
        assert answer.status == 201
        assert await kept_of(house, answer) == sent

    await asyncio.gather(*(go(number) for number in range(0, len(DELIMITER) + 6, 3)))


async def test_a_browser_without_scripts_is_led_to_its_video(house: House) -> None:
    """303 to the watch page, whatever the size."""
    body = form_body(file_part(content("browser", LEAST_BYTES)))
    answer = await exchange(house.port, request(body, Accept="text/html"))
    assert answer.status == 303
    assert answer.headers["location"].startswith("/watch/")


LARGE = bytes(LEAST_BYTES)
REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "without an end": (lambda: form_body(file_part(START + LARGE), end=b"")[:-2], 400, "cut off"),
    "two files": (lambda: form_body(*[file_part(START + LARGE)] * 2), 400, "one file"),
    "another field": (
        lambda: form_body(file_part(START + LARGE), Part(name="other", content=b"x")),
        400,
        "one file",
    ),
    "much behind it": (
        lambda: form_body(file_part(START + LARGE), Part(name="title", content=bytes(FRAMING_BYTES))),
        400,
        "one file",
    ),
    "no video": (lambda: form_body(file_part(b"a plain text\n" * (LEAST_BYTES // 10))), 415, "text file"),
    "too large": (lambda: form_body(file_part(START + 16 * LARGE)), 413, "16"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_it_is_refused(house: House, kind: str) -> None:
    """Whoever sends it is told why, and nothing remains."""
    make, status, sentence = REFUSED[kind]
    answer = await exchange(house.port, request(make(), Accept="application/json"))
    assert (answer.status, sentence in json.loads(answer.body)["detail"]) == (status, True)
    await assert_nothing_remains(house)


async def test_of_one_that_breaks_off_nothing_remains(house: House) -> None:
    """A connection that ends in the middle of the file leaves no upload behind."""
    whole = request(form_body(file_part(content("broken", 4 * LEAST_BYTES))))
    async with connection(house.port) as (_, writer):
        writer.write(whole[: len(whole) // 2])
        while not await jobs_of(house):
            pass
    while await jobs_of(house):
        pass
    await assert_nothing_remains(house)


async def test_one_that_falls_silent_is_told_so(house: House) -> None:
    """408, and the connection ends."""
    whole = request(form_body(file_part(content("silent", 2 * LEAST_BYTES))), Accept="application/json")
    async with connection(house.port) as (reader, writer):
        writer.write(whole[:-1000])
        while not await jobs_of(house):
            pass
        hearing = asyncio.create_task(hear(reader))
        while not hearing.done():
            skip(SILENCE_SECONDS + 1)
            await asyncio.sleep(0.01)
        assert (await hearing).status == 408
        assert await reader.read() == b""
    await assert_nothing_remains(house)


async def test_one_that_is_ended_by_somebody_else(house: House) -> None:
    """Whoever cancels its job is told so, its sender that it is gone, and nothing remains."""
    whole = request(form_body(file_part(content("unwanted", 4 * LEAST_BYTES))), Accept="application/json")
    async with connection(house.port) as (reader, writer):
        writer.write(whole[: len(whole) // 2])
        while not (jobs := await jobs_of(house)):
            pass
        ended = await house.json(f"/api/jobs/{jobs[0]['id']}", method="DELETE", status=202)
        assert (ended["status"], ended["error"]["code"]) == ("ERROR", "cancelled")
        writer.write(whole[len(whole) // 2 :])
        answer = await hear(reader)
        assert (answer.status, json.loads(answer.body)["code"]) == (410, "gone")
    await assert_nothing_remains(house)


async def test_the_next_request_is_none_of_it(house: House) -> None:
    """What a client sends behind the form is neither answered nor stored."""
    sent = content("pipelined", LEAST_BYTES)
    async with connection(house.port) as (reader, writer):
        writer.write(request(form_body(file_part(sent))) + request_bytes("/healthz"))
        answer = await hear(reader)
        assert answer.status == 201
        with suppress(ConnectionError):  # it was not read
            assert await reader.read() == b""
    assert await kept_of(house, answer) == sent
