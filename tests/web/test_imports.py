"""`POST /api/videos/import`: a link becomes a job, or a refusal that says why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.fetcher.memory import Served
from tests.web.house import House, assert_problem, open_house, source_bytes
from tests.web.test_openapi import assert_described

URL = "https://media.example/film.mp4"
PATH = "/api/videos/import"
TOKENS = {"anna": "a" * 20, "ben": "b" * 20}


async def serve(_headers: Mapping[str, str]) -> Served:
    return Served(headers={"content-type": "video/mp4"}, chunks=(source_bytes(),))


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


async def test_a_link_becomes_a_video(house: House) -> None:
    """The answer is the video to come and its job, whose address is told; in the end the video is there."""
    house.fetcher.servers[URL] = serve
    async with house.client.post(PATH, json={"url": URL, "title": "A film"}) as response:
        assert response.status == 202
        document = await response.json()
        assert response.headers["Location"] == f"/api/jobs/{document['job']['id']}"
    assert_described("POST", PATH, 202, "application/json", document)
    video, job = document["video"], document["job"]
    assert (video["title"], video["status"], video["job_id"]) == ("A film", "processing", job["id"])
    assert (job["status"], job["stage"], job["video_id"]) == ("READY", "upload", video["id"])
    ended = await house.end_of(job["id"])
    assert ended.status is JobStatus.COMPLETE
    assert (await house.json(f"/api/videos/{video['id']}"))["title"] == "A film"


async def test_a_failure_is_told_and_tried_again(house: House) -> None:
    """The job tells why, and after another request to try again it ends well."""

    async def gone(_headers: Mapping[str, str]) -> Served:
        return Served(status=404)

    house.fetcher.servers[URL] = gone
    job = (await house.json(PATH, method="POST", json={"url": URL}, status=202))["job"]
    await house.end_of(job["id"])
    failed = await house.json(f"/api/jobs/{job['id']}")
    assert (failed["status"], failed["error"]["code"]) == ("ERROR", "link_unusable")
    house.fetcher.servers[URL] = serve
    again = await house.json(f"/api/jobs/{job['id']}/retry", method="POST", status=202)
    assert_described("POST", "/api/jobs/{job_id}/retry", 202, "application/json", again)
    assert (await house.end_of(job["id"])).status is JobStatus.COMPLETE


@pytest.mark.parametrize(
    "sent",
    [
        {"data": b""},
        {"data": b"[]"},
        {"json": {}},
        {"json": {"url": 5}},
        {"json": {"url": None}},
        {"json": {"url": ["http://media.example/"]}},
        {"json": {"url": ""}},
        {"json": {"url": "film.mp4"}},
        {"json": {"url": "ftp://media.example/film.mp4"}},
        {"json": {"url": "http://" + "a" * 5000}},
        {"json": {"url": "http://\ud800/"}},
        {"json": {"url": "http://me:secret@media.example/"}},
        {"json": {"url": URL, "title": 5}},
        {"json": {"url": URL, "title": "x" * 1000}},
        {"data": {"title": "A film"}},
    ],
    ids=lambda sent: str(sent)[:40],
)
async def test_what_is_no_link_is_refused(house: House, sent: dict[str, Any]) -> None:
    """A request without a link that can be followed is told so, and nothing is recorded."""
    async with house.client.post(PATH, **sent) as response:
        await assert_problem(response, 400, "bad_input")
    assert (await house.json("/api/jobs"))["jobs"] == []


@pytest.mark.parametrize(
    ("charset", "body"),
    [("utf-8", b"url=\xff"), ("utf-16", b"url"), ("undefined", b"url=x"), ("unheard-of", b"url=x")],
)
async def test_a_form_in_no_encoding_is_refused(house: House, charset: str, body: bytes) -> None:
    """Bytes that are not in the encoding which they name, or in one that is none, are a bad request."""
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    async with house.client.post(PATH, data=body, headers=headers) as response:
        await assert_problem(response, 400, "bad_input")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80/", "http://0x7f.1/", "http://[::1]/", "http://media.example:22/"]
)
async def test_links_to_the_inside_are_refused(house: House, url: str) -> None:
    """They are refused at once."""
    async with house.client.post(PATH, json={"url": url}) as response:
        await assert_problem(response, 403, "link_forbidden")


async def test_a_form_without_scripts(house: House) -> None:
    """A browser that sends a plain form is led to the queue."""
    house.fetcher.servers[URL] = serve
    sent = {"url": URL, "title": ""}
    async with house.client.post(
        PATH, data=sent, headers={"Accept": "text/html"}, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (303, "/jobs")
    (job,) = (await house.json("/api/jobs"))["jobs"]
    assert (await house.end_of(job["id"])).status is JobStatus.COMPLETE


async def test_who_may_import(tmp_path: Path) -> None:
    """With tokens, those who have none are asked for one; with importers, others are refused; each has his own."""
    tokens = " ".join(f"{name}={token}" for name, token in TOKENS.items())
    async with open_house(tmp_path, tokens=tokens, importers="anna") as house:
        house.fetcher.servers[URL] = serve
        async with house.client.post(PATH, json={"url": URL}) as response:
            await assert_problem(response, 401, "unauthorized")
            assert response.headers.getall("WWW-Authenticate")
        async with house.client.post(PATH, json={"url": URL}, headers=bearer("ben")) as response:
            await assert_problem(response, 403, "forbidden")
        job = (await house.json(PATH, method="POST", json={"url": URL}, headers=bearer("anna"), status=202))["job"]
        assert (await house.end_of(job["id"])).status is JobStatus.COMPLETE


async def test_imports_have_the_limits_of_a_user(tmp_path: Path) -> None:
    """A user with too many uploads under way is asked to wait."""
    async with open_house(tmp_path, max_uploads_per_user=1) as house:
        await house.json(PATH, method="POST", json={"url": URL}, status=202)
        async with house.client.post(PATH, json={"url": URL}) as response:
            await assert_problem(response, 429, "too_many_uploads")
