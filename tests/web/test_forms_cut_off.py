"""Uploads that break off: whatever way a connection ends, nothing remains of what it had brought."""

import asyncio
import json

import pytest

from streamserver.web.forms import CHUNK_BYTES, SILENCE_SECONDS
from tests.web.clock import skip, until
from tests.web.house import MAX_UPLOAD_BYTES, House, source_bytes
from tests.web.test_forms import assert_nothing_remains
from tests.web.wire import FORM, connection, exchange, file_part, form_body, hear, request_bytes

BODY = form_body(file_part(source_bytes()))


def upload(body: bytes, **fields: str) -> bytes:
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    return request_bytes("/api/videos", method="POST", headers={"Content-Type": FORM, **names}, body=body)


@pytest.mark.parametrize("sent_bytes", [0, 1, 100, len(BODY) - 60, len(BODY) - 1])
@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
async def test_a_client_that_leaves_midway_leaves_nothing(house: House, sent_bytes: int, is_reset: bool) -> None:
    """The connection is reset or closed before the last byte."""
    receive = house.services.receive
    async with connection(house.port) as (_, writer):
        writer.write(upload(BODY)[: sent_bytes - len(BODY)])
        await until(lambda: receive.under_way == 1)
        if not is_reset:
            writer.close()
            await writer.wait_closed()
    await until(lambda: receive.under_way == 0)
    await assert_nothing_remains(house)


async def test_a_chunked_upload_that_ends_midway_leaves_nothing(house: House) -> None:
    """Chunks stop coming, without the last one."""
    async with connection(house.port) as (_, writer):
        writer.write(upload(b"", Transfer_Encoding="chunked") + b"%x\r\n%s\r\n" % (len(BODY) - 5, BODY[:-5]))
        await until(lambda: house.services.receive.under_way == 1)
    await until(lambda: house.services.receive.under_way == 0)
    await assert_nothing_remains(house)


@pytest.mark.parametrize("sent_bytes", [0, 1, 60, len(BODY) - 30])
async def test_a_client_that_falls_silent_is_told_so(house: House, sent_bytes: int) -> None:
    """Wherever in the form that is, also before its file begins: it keeps nobody's place in line."""
    async with connection(house.port) as (reader, writer):
        writer.write(upload(BODY, Accept="application/json")[: sent_bytes - len(BODY)])
        await until(lambda: house.services.receive.under_way == 1)
        hearing = asyncio.create_task(hear(reader))
        while not hearing.done():
            skip(SILENCE_SECONDS + 1)
            await asyncio.sleep(0.01)
        answer = await hearing
        assert (answer.status, json.loads(answer.body)["code"]) == (408, "too_slow")
        assert await reader.read() == b""
    assert house.services.receive.under_way == 0
    await assert_nothing_remains(house)


@pytest.mark.parametrize("missing_bytes", [1, 4, 50])
async def test_a_content_length_that_is_too_short_is_refused(house: House, missing_bytes: int) -> None:
    """What Content-Length cuts off was not sent, even where only the last delimiter is missing."""
    body = BODY.rstrip()
    answer = await exchange(house.port, upload(body, Content_Length=str(len(body) - missing_bytes)))
    assert answer.status == 400
    await assert_nothing_remains(house)


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nab", b"ffffffffffffffffff\r\n"])
async def test_chunks_that_are_none_are_refused(house: House, chunk: bytes) -> None:
    """A broken chunk size ends the upload with a 400 or with the connection."""
    good = b"%x\r\n%s\r\n" % (100, BODY[:100])
    async with connection(house.port) as (reader, writer):
        writer.write(upload(b"", Transfer_Encoding="chunked") + good + chunk)
        writer.write_eof()
        assert (await hear(reader)).status in {0, 400}
    await until(lambda: house.services.receive.under_way == 0)
    await assert_nothing_remains(house)


async def test_a_stream_without_end_is_stopped_at_the_limit(house: House) -> None:
    """A chunked upload, whose length nobody announced, is refused once it is too large."""
    piece = b"%x\r\n%s\r\n" % (50_000, b"\0" * 50_000)
    start = form_body(file_part(b""), end=b"").removesuffix(b"\r\n")
    async with connection(house.port) as (reader, writer):
        writer.write(upload(b"", Transfer_Encoding="chunked") + b"%x\r\n%s\r\n" % (len(start), start))
        for _ in range((MAX_UPLOAD_BYTES + 3 * CHUNK_BYTES) // 50_000):
            writer.write(piece)
        assert (await hear(reader)).status == 413
    await assert_nothing_remains(house)


async def test_a_compressed_form_is_taken_apart_or_refused(house: House) -> None:
    """Content-Encoding on a request that does not hold is a 400."""
    assert (await exchange(house.port, upload(BODY, Content_Encoding="gzip"))).status == 400
    await assert_nothing_remains(house)


async def test_the_next_upload_has_the_place_of_one_that_broke_off(house: House) -> None:
    """After any number of broken uploads the server is as it was."""
    for _ in range(20):
        async with connection(house.port) as (_, writer):
            writer.write(upload(BODY)[:-30])
            await until(lambda: house.services.receive.under_way == 1)
        await until(lambda: house.services.receive.under_way == 0)
    assert (await house.complete())["status"] == "complete"
    assert len(await house.catalog.video_ids()) == 1
