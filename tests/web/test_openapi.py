"""The API's description of itself, held against what it does."""

import json
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from streamserver.domain.videos import VideoStatus
from streamserver.domain.webhooks import EventKind, compose, events_of
from streamserver.web.documents import video_document
from streamserver.web.openapi import DOCUMENT, PATHS
from streamserver.web.openapi_webhooks import message_schema
from streamserver.web.schemas import JOB, RENDITION, VIDEO
from tests.web.house import House, source_bytes

TUS = {"Tus-Resumable": "1.0.0"}


def validator(schema: object) -> Draft202012Validator:
    return Draft202012Validator(
        {"components": DOCUMENT["components"], "allOf": [schema]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def assert_described(method: str, path: str, status: int, content_type: str, answer: object = None) -> None:
    """Check that the description has this answer, and that it has this shape."""
    operation: dict[str, Any] = PATHS[path][method.lower()]
    described = operation["responses"][str(status)]
    if answer is not None:
        validator(described["content"][content_type]["schema"]).validate(answer)


async def test_the_description_is_valid_and_served(house: House) -> None:
    """It keeps to OpenAPI 3.1, and is what the server shows."""
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert await house.json("/api/openapi.json") == DOCUMENT


async def test_the_description_has_every_route_and_no_other(house: House) -> None:
    """Each address and method of the API is described, and each that is described is there."""
    assert house.client.app is not None
    found = {
        (route.resource.canonical, route.method.lower())
        for route in house.client.app.router.routes()
        if route.resource is not None
    }
    # HEAD is a GET without a body, unless there is no GET.
    routes = {(path, method) for path, method in found if method != "head" or (path, "get") not in found}
    described = {(path, method) for path, methods in PATHS.items() for method in methods if method != "parameters"}
    assert described == {(path, method) for path, method in routes if path.startswith("/api/")}


async def test_webhooks_are_as_described(house: House) -> None:
    """The message of each event has the shape that is described for it, and not that of another."""
    await house.complete()
    _, failed = await house.upload(fault="The encoder had a bad day.")
    await house.end_of(failed["id"])
    for job in (await house.json("/api/jobs"))["jobs"]:
        found = await house.catalog.job(job["id"])
        video = await house.catalog.video(job["video_id"])
        before = VideoStatus.PROCESSING
        events = events_of(found, before, video.status, has_ended=True, now=found.created_at)
        assert len(events) == (1 if found.error else 2)
        for event in events:
            message = json.loads(compose(event, video_document(video)))
            fitting = [kind for kind in EventKind if validator(message_schema(kind)).is_valid(message)]
            assert fitting == [event.kind]


@pytest.mark.parametrize("source", [{}, {"fault": "The encoder had a bad day."}, {"seconds": "none"}], ids=str)
async def test_videos_and_jobs_are_as_described(house: House, source: dict[str, object]) -> None:
    """In every state: waiting, running, complete, failed, cancelled, tried again."""
    growing = await house.growing(seconds=20)
    form = FormData()
    form.add_field("file", BytesIO(source_bytes(**source)), filename="a.mp4")
    uploaded = await house.json("/api/videos", method="POST", data=form, status=201)
    assert_described("POST", "/api/videos", 201, "application/json", uploaded)
    _, cancelled = await house.upload()
    job = await house.json(f"/api/jobs/{cancelled['id']}", method="DELETE", status=202)
    assert_described("DELETE", "/api/jobs/{job_id}", 202, "application/json", job)

    async def assert_all_as_described() -> None:
        for path in ("/api/videos", "/api/jobs"):
            assert_described("GET", path, 200, "application/json", await house.json(path))
        for video in (growing["id"], uploaded["video"]["id"], cancelled["video_id"]):
            document = await house.json(f"/api/videos/{video}")
            assert_described("GET", "/api/videos/{video_id}", 200, "application/json", document)
            assert document.keys() == VIDEO["properties"].keys()
            assert all(rendition.keys() == RENDITION["properties"].keys() for rendition in document["renditions"])
            document = await house.json(f"/api/jobs/{document['job_id']}")
            assert_described("GET", "/api/jobs/{job_id}", 200, "application/json", document)
            assert document.keys() == JOB["properties"].keys()

    await assert_all_as_described()
    await house.finish(growing)
    await house.end_of(uploaded["job"]["id"])
    await assert_all_as_described()
    again = await house.json(f"/api/jobs/{cancelled['id']}/retry", method="POST", status=202)
    assert_described("POST", "/api/jobs/{job_id}/retry", 202, "application/json", again)
    await house.end_of(cancelled["id"])
    renamed = await house.json(f"/api/videos/{growing['id']}", method="PATCH", json={"title": "New"})
    assert_described("PATCH", "/api/videos/{video_id}", 200, "application/json", renamed)


@pytest.mark.parametrize(
    ("method", "path", "filled", "options"),
    [
        ("GET", "/api/videos", "/api/videos?limit=0", {}),
        ("POST", "/api/videos", "/api/videos", {}),
        ("POST", "/api/videos/import", "/api/videos/import", {}),
        ("POST", "/api/videos/import", "/api/videos/import", {"json": {"url": "http://127.0.0.1/"}}),
        ("GET", "/api/jobs", "/api/jobs?status=x", {}),
        ("GET", "/api/videos/{video_id}", "/api/videos/x", {}),
        ("PATCH", "/api/videos/{video_id}", "/api/videos/x", {"json": {}}),
        ("PATCH", "/api/videos/{video_id}", "/api/videos/x", {"json": {"title": "x"}}),
        ("DELETE", "/api/videos/{video_id}", "/api/videos/x", {}),
        ("GET", "/api/jobs/{job_id}", "/api/jobs/x", {}),
        ("DELETE", "/api/jobs/{job_id}", "/api/jobs/x", {}),
        ("POST", "/api/jobs/{job_id}/retry", "/api/jobs/x/retry", {}),
        ("POST", "/api/jobs/{job_id}/retry", "/api/jobs/x/retry", {"headers": {"Sec-Fetch-Site": "cross-site"}}),
        ("GET", "/api/jobs/{job_id}/events", "/api/jobs/x/events", {}),
        ("POST", "/api/uploads", "/api/uploads", {}),
        ("POST", "/api/uploads", "/api/uploads", {"headers": TUS}),
        ("POST", "/api/uploads", "/api/uploads", {"headers": {**TUS, "Upload-Length": "9" * 15}}),
        ("PATCH", "/api/uploads/{upload_id}", "/api/uploads/x", {"headers": TUS}),
        (
            "PATCH",
            "/api/uploads/{upload_id}",
            "/api/uploads/x",
            {"headers": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}},
        ),
        ("POST", "/api/uploads/{upload_id}", "/api/uploads/x", {"headers": TUS}),
        ("DELETE", "/api/uploads/{upload_id}", "/api/uploads/x", {"headers": TUS}),
    ],
)
async def test_problems_are_as_described(
    house: House, method: str, path: str, filled: str, options: dict[str, Any]
) -> None:
    """Each refusal has a status that the description names for that operation, and the shape of a Problem."""
    async with house.client.request(method, filled, **options) as response:
        assert response.status >= 400
        assert_described(method, path, response.status, response.content_type, await response.json())


async def test_what_is_not_as_described_is_found() -> None:
    """The check itself can fail: on a missing key, a wrong type, a time that is none."""
    good = {"name": "720p", "percent": 5.0}
    check = validator({"$ref": "#/components/schemas/RenditionProgress"})
    assert check.is_valid(good)
    assert not check.is_valid({"name": "720p"})
    assert not check.is_valid({**good, "percent": "5"})
    assert not check.is_valid({**good, "percent": 101})
    assert not validator(VIDEO["properties"]["created_at"]).is_valid("yesterday")
