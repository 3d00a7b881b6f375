"""The same file again, as the API answers it."""

import hashlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import FormData

from tests.web.house import House, open_house, source_bytes
from tests.web.tus import ask, create, metadata, offset_of, patch

SOURCE = source_bytes(note="same")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, keep_duplicates=False) as house:
        yield house


def form(content: bytes = SOURCE) -> FormData:
    made = FormData()
    made.add_field("file", BytesIO(content), filename="a.mp4")
    return made


async def test_a_form(house: House) -> None:
    """200, not 201, with the video that is there and a job that says so; Location leads to that video."""
    first = await house.json("/api/videos", method="POST", data=form(), status=201)
    assert first["job"]["is_duplicate"] is False
    async with house.client.post("/api/videos", data=form()) as response:
        assert response.status == 200
        again = await response.json()
    assert response.headers["Location"] == f"/api/videos/{first['video']['id']}"
    assert again["video"]["id"] == again["job"]["video_id"] == first["video"]["id"]
    assert (again["job"]["status"], again["job"]["is_duplicate"]) == ("COMPLETE", True)
    assert again["job"]["id"] != first["job"]["id"]
    assert await house.json(f"/api/jobs/{again['job']['id']}") == again["job"]
    assert len(await house.catalog.video_ids()) == 1


async def test_a_plain_form_leads_to_the_video(house: House) -> None:
    """A browser without scripts sees the video that is there."""
    first = await house.json("/api/videos", method="POST", data=form(), status=201)
    headers = {"Accept": "text/html"}
    async with house.client.post("/api/videos", data=form(), headers=headers, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == f"/watch/{first['video']['id']}"


async def test_a_resumable_upload(house: House) -> None:
    """The last piece is acknowledged as ever, and the job leads to the video that is there."""
    first = await house.json("/api/videos", method="POST", data=form(), status=201)
    path = await create(house, len(SOURCE))
    planned = (await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}"))["video_id"]
    assert (await patch(house, path, 0, SOURCE)).status == 204
    job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}")
    assert (job["status"], job["is_duplicate"]) == ("COMPLETE", True)
    assert job["video_id"] == first["video"]["id"] != planned
    await house.json(f"/api/videos/{planned}", status=404)


async def test_nothing_need_be_sent(house: House) -> None:
    """Where the SHA-256 is announced the upload is whole from its creation on, however its client finds out."""
    first = await house.json("/api/videos", method="POST", data=form(), status=201)
    said = metadata(filename="b.mp4", sha256=hashlib.sha256(SOURCE).hexdigest())
    fields = {"Upload-Length": len(SOURCE), "Upload-Metadata": said}
    response = await ask(house, "POST", "/api/uploads", fields)
    assert (response.status, response.headers["Upload-Offset"]) == (201, str(len(SOURCE)))
    path = response.headers["Location"]
    assert (await patch(house, path, 0, SOURCE)).status == 409
    assert await offset_of(house, path) == len(SOURCE)
    job = await house.json(f"/api/jobs/{path.rsplit('/', 1)[1]}")
    assert (job["video_id"], job["is_duplicate"]) == (first["video"]["id"], True)


async def test_a_deleted_video_has_no_duplicates(house: House) -> None:
    """What was removed can be uploaded again."""
    first = await house.json("/api/videos", method="POST", data=form(), status=201)
    assert (await house.client.delete(f"/api/videos/{first['video']['id']}")).status == 204
    again = await house.json("/api/videos", method="POST", data=form(), status=201)
    assert again["video"]["id"] != first["video"]["id"]
