"""Who may upload, where tokens are set: those who have one, and each of them their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import FormData, encode_basic_auth

from tests.web.house import House, assert_problem, open_house, source_bytes
from tests.web.tus import CHUNK, ask, create, patch
from tests.web.wire import FORM, exchange, request_bytes

ANNA, BEN = "anna-has-a-long-token", "ben-has-a-long-token"
AS_ANNA = {"Authorization": f"Bearer {ANNA}"}
AS_BEN = {"Authorization": encode_basic_auth("ben", BEN)}
STRANGERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": encode_basic_auth("anna", BEN)},
    {"Authorization": f"Token {ANNA}"},
)
SOURCE = source_bytes()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, tokens=f"anna={ANNA} ben={BEN}") as house:
        yield house


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_strangers_may_not_upload(house: House, headers: dict[str, str]) -> None:
    """401 with how to say who one is, in fields of their own, so that a browser asks; nothing is begun."""
    path = await create(house, 100, **AS_ANNA)
    requests: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("POST", "/api/uploads", {"Upload-Length": 5}),
        ("HEAD", path, {}),
        ("PATCH", path, {"Upload-Offset": 0, **CHUNK}),
        ("DELETE", path, {}),
    )
    for method, address, fields in requests:
        response = await ask(house, method, address, {**fields, **headers})
        assert response.status == 401
        challenges = response.headers.getall("WWW-Authenticate")
        assert [challenge.split(" ")[0] for challenge in challenges] == ["Basic", "Bearer"]
    job_id = path.rsplit("/", 1)[1]
    response = await house.client.delete(f"/api/jobs/{job_id}", headers=headers)
    await assert_problem(response, 401, "unauthorized")
    assert [upload.id for upload in await house.catalog.uploads()] == [job_id]


async def test_a_form_is_refused_unread(house: House) -> None:
    """A stranger is told before the file is sent."""
    fields = {"Content-Type": FORM, "Content-Length": "500000"}
    answer = await exchange(house.port, request_bytes("/api/videos", method="POST", headers=fields))
    assert answer.status == 401


@pytest.mark.parametrize("headers", [AS_ANNA, AS_BEN], ids=["bearer", "basic"])
async def test_those_with_a_token_may(house: House, headers: dict[str, str]) -> None:
    """By form and by tus."""
    form = FormData()
    form.add_field("file", SOURCE, filename="a.mp4")
    await house.json("/api/videos", method="POST", data=form, headers=headers, status=201)
    path = await create(house, len(SOURCE), **headers)
    assert (await patch(house, path, 0, SOURCE, **headers)).status == 204
    assert len(await house.catalog.video_ids()) == 2


async def test_each_their_own(house: House) -> None:
    """403 for the upload of somebody else; everybody sees that it is there."""
    path = await create(house, len(SOURCE), **AS_ANNA)
    for method, fields in (("HEAD", {}), ("PATCH", {"Upload-Offset": 0, **CHUNK}), ("DELETE", {})):
        assert (await ask(house, method, path, {**fields, **AS_BEN})).status == 403
    job_id = path.rsplit("/", 1)[1]
    await house.json(f"/api/jobs/{job_id}", method="DELETE", headers=AS_BEN, status=403)
    assert (await house.json(f"/api/jobs/{job_id}"))["status"] == "READY"
    part = await create(house, len(SOURCE), Upload_Concat="partial", **AS_ANNA)
    response = await ask(house, "POST", "/api/uploads", {"Upload-Concat": f"final;{part}", **AS_BEN})
    await assert_problem(response, 403, "forbidden")
    assert (await patch(house, path, 0, SOURCE, **AS_ANNA)).status == 204


async def test_watching_needs_no_token(house: House) -> None:
    """The library, the queue and their pages are open as before; the page for uploads asks who comes."""
    for path in ("/", "/jobs", "/api/videos", "/api/jobs"):
        assert (await house.client.get(path)).status == 200
    assert (await house.client.get("/upload")).status == 401


async def test_too_many_at_a_time(tmp_path: Path) -> None:
    """429 with when to come back, for the one user and not for the other."""
    async with open_house(tmp_path, tokens=f"anna={ANNA} ben={BEN}", max_uploads_per_user=1) as house:
        await create(house, 100, **AS_ANNA)
        response = await ask(house, "POST", "/api/uploads", {"Upload-Length": 5, **AS_ANNA})
        assert "1 uploads under way" in await assert_problem(response, 429, "too_many_uploads")
        assert int(response.headers["Retry-After"]) >= 1
        await create(house, 100, **AS_BEN)
