"""Texts and posters over HTTP: what is answered, and how what is wrong is refused."""

from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from streamserver.flows.attachments import MAX_PICTURE_BYTES, MAX_TEXT_BYTES
from tests.web.house import House, assert_problem
from tests.web.test_openapi import assert_described

VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
ODD_NAME = b'--x\r\nContent-Disposition: form-data; name*0="a\'b"\r\n\r\n\r\n--x--\r\n'
JPEG = b"\xff\xd8\xff a picture \xff\xd9"


def form(**fields: bytes | str) -> FormData:
    """Make a form; bytes are sent as a file."""
    made = FormData(default_to_multipart=True)
    for name, value in fields.items():
        if isinstance(value, bytes):
            made.add_field(name, BytesIO(value), filename="a.srt")
        else:
            made.add_field(name, value)
    return made


async def test_a_text_track_is_added_and_removed(house: House) -> None:
    """201 with the track and its address, which is in the video's document; then 204, and it is gone."""
    video = await house.complete()
    path = f"/api/videos/{video['id']}/subtitles"
    async with house.client.post(path, data=form(file=VTT, language="fra", label="Pour tous")) as response:
        assert response.status == 201
        track = await response.json()
        location = response.headers["Location"]
    assert_described("POST", "/api/videos/{video_id}/subtitles", 201, "application/json", track)
    assert (track["language"], track["label"]) == ("fr", "Pour tous")
    assert location == f"{path}/{track['key']}"
    assert (await house.json(f"/api/videos/{video['id']}"))["subtitles"] == [track]
    async with house.client.get(track["url"]) as response:
        assert (response.status, response.content_type) == (200, "text/vtt")
    async with house.client.delete(location) as response:
        assert response.status == 204
    assert (await house.json(f"/api/videos/{video['id']}"))["subtitles"] == []
    async with house.client.delete(location) as response:
        await assert_problem(response, 404, "not_found")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": form(file=VTT)}, 400, "bad_input"),
        ({"data": form(language="en")}, 400, "bad_input"),
        ({"data": form(file=VTT, language="en", other="x")}, 400, "bad_input"),
        ({"data": form(file=VTT, language="english")}, 400, "bad_input"),
        ({"data": form(file=VTT, language=b"\xff\xfe")}, 400, "bad_input"),
        ({"data": form(file=b"words", language="en")}, 400, "bad_input"),
        ({"json": {"language": "en"}}, 400, "bad_input"),
        ({"data": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "bad_input"),
        ({"data": b"", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_input"),
        ({"data": ODD_NAME, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "bad_input"),
        ({"data": form(file=bytes(MAX_TEXT_BYTES + 1), language="en")}, 413, "too_large"),
        ({"data": form(file=VTT, language="e" * 100_000)}, 413, "too_large"),
        ({"data": form(file=VTT, language="en"), "headers": {"Sec-Fetch-Site": "cross-site"}}, 403, "forbidden"),
    ],
)
async def test_a_text_track_that_is_none(house: House, options: dict[str, Any], status: int, code: str) -> None:
    """Each form that is not one is refused with a sentence, and nothing is added."""
    video = await house.complete()
    async with house.client.post(f"/api/videos/{video['id']}/subtitles", **options) as response:
        await assert_problem(response, status, code)
    assert_described("POST", "/api/videos/{video_id}/subtitles", status, "application/problem+json")
    assert (await house.json(f"/api/videos/{video['id']}"))["subtitles"] == []


async def test_a_poster_is_replaced(house: House) -> None:
    """The video's document has the new address, and a JPEG is behind it."""
    video = await house.complete()
    async with house.client.put(f"/api/videos/{video['id']}/poster", data=JPEG) as response:
        assert response.status == 200
        changed = await response.json()
    assert_described("PUT", "/api/videos/{video_id}/poster", 200, "application/json", changed)
    assert changed["poster_url"] != video["poster_url"]
    async with house.client.get(changed["poster_url"]) as response:
        assert (response.status, response.content_type) == (200, "image/jpeg")
        assert (await response.read()).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"words", 415, "unsupported_media"),
        (b"", 415, "unsupported_media"),
        (b"\xff\xd8\xff cut off", 415, "unsupported_media"),
        (b"\xff\xd8\xff".ljust(MAX_PICTURE_BYTES + 1), 413, "too_large"),
    ],
    ids=["text", "nothing", "half", "large"],
)
async def test_a_poster_that_is_none(house: House, content: bytes, status: int, code: str) -> None:
    """What is no picture is refused with a sentence, and the poster stays."""
    video = await house.complete()
    async with house.client.put(f"/api/videos/{video['id']}/poster", data=BytesIO(content)) as response:
        await assert_problem(response, status, code)
    assert_described("PUT", "/api/videos/{video_id}/poster", status, "application/problem+json")
    assert (await house.json(f"/api/videos/{video['id']}"))["poster_url"] == video["poster_url"]


async def test_a_video_that_is_not_there(house: House) -> None:
    """Nothing can be added to it."""
    async with house.client.post("/api/videos/none/subtitles", data=form(file=VTT, language="en")) as response:
        await assert_problem(response, 404, "not_found")
    async with house.client.put("/api/videos/none/poster", data=JPEG) as response:
        await assert_problem(response, 404, "not_found")
