"""Webhooks of a server as people run it: what happened is told, also when the server is killed before it could."""

import asyncio
import hmac
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client
from tests.services.server import ServerProcess, running_server
from tests.waiting import until

SECRET = "whsec_c3RyZWFtc2VydmVyLXRlc3RzLXNlY3JldA=="  # noqa: S105 - of these tests


class Receiver:
    """Another system, which takes what is sent to it once it is open, and verifies it as the README says."""

    def __init__(self) -> None:
        self.is_open = True
        self.refused = 0
        self.seen: dict[str, dict[str, Any]] = {}
        self.url = ""

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.seen.values()]

    async def handle(self, request: web.Request) -> web.Response:
        if not self.is_open:
            self.refused += 1
            return web.Response(status=503)
        body = await request.read()
        message_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        key = b64decode(SECRET.removeprefix("whsec_"))
        expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
        signatures = [b64decode(one.removeprefix("v1,")) for one in request.headers["webhook-signature"].split()]
        assert any(hmac.compare_digest(expected, given) for given in signatures)
        self.seen[message_id] = json.loads(body)
        return web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    server = TestServer(app)
    await server.start_server()
    receiver.url = str(server.make_url("/hook"))
    yield receiver
    await server.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video that is not copied but encoded."""
    target = tmp_path_factory.mktemp("clips") / "clip.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3", "-c:v", "mpeg4", str(target))
    return target


def told(receiver: Receiver) -> dict[str, str]:
    return {"STREAMSERVER_WEBHOOK_URL": receiver.url, "STREAMSERVER_WEBHOOK_SECRET": SECRET}


async def complete(server: ServerProcess, clip: Path) -> dict[str, Any]:
    """Upload a video, and return it once its job is recorded as complete."""

    def work() -> dict[str, Any]:
        client = Client(server)
        video: dict[str, Any] = client.complete(clip)
        return video

    return await asyncio.to_thread(work)


async def test_others_are_told_of_a_video(receiver: Receiver, clip: Path, tmp_path: Path) -> None:
    """A receiver gets playable and complete, signed, with the video as the API shows it."""
    with running_server(tmp_path / "data", environment=told(receiver)) as server:
        video = await complete(server, clip)
        await until(lambda: len(receiver.seen) == 2)
    assert receiver.types == ["video.playable", "video.complete"]
    assert list(receiver.seen.values())[1]["data"]["video"] == video


async def test_a_kill_between_the_end_and_its_telling_loses_nothing(
    receiver: Receiver, clip: Path, tmp_path: Path
) -> None:
    """What a server could not tell before kill -9 the next one does, under the same id and in order."""
    data = tmp_path / "data"
    receiver.is_open = False
    with running_server(data, environment=told(receiver)) as server:
        video = await complete(server, clip)
        server.kill()
    assert receiver.seen == {}
    receiver.is_open = True
    with running_server(data, environment=told(receiver)):
        await until(lambda: len(receiver.seen) == 2)
    assert receiver.types == ["video.playable", "video.complete"]
    assert {message["data"]["job_id"] for message in receiver.seen.values()} == {video["job_id"]}
