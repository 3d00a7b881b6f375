"""Other systems are told what becomes of a video: at least once, in order, signed, and not for ever."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from streamserver.domain.videos import Video
from streamserver.domain.webhooks import ANSWER_SECONDS, ATTEMPTS, RETRY_SECONDS, Endpoint, signature
from streamserver.errors import EncoderFault
from streamserver.flows.webhooks import LOOK_SECONDS, Webhooks
from streamserver.notifier.http import HttpNotifier
from streamserver.notifier.memory import MemoryNotifier, Receiver
from streamserver.ports import Notifier
from streamserver.web.documents import video_document
from tests.flows.doubles import NOON, TroubledCatalog
from tests.flows.works import Works
from tests.web.clock import skip, until

KEY = b"a" * 24
URL = "http://receiver/hook"


class StillClock:
    """A clock that stands still unless it is put forward."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def forward(self, seconds: float) -> None:
        """Let time pass, for those who look at this clock and for those who wait."""
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)
        skip(seconds)


class Inbox:
    """A receiver that checks signatures, and answers as it was told to: with the last status from then on."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses or [204])
        self.seen: list[dict[str, Any]] = []
        self.ids: list[str] = []

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.seen]

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> int:
        message_id, timestamp = headers["webhook-id"], int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == signature([KEY], message_id, timestamp, body)
        self.seen.append(json.loads(body))
        self.ids.append(message_id)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@asynccontextmanager
async def telling(
    catalog: TroubledCatalog, notifier: Notifier, clock: StillClock, *urls: str
) -> AsyncIterator[Webhooks]:
    """Tell what there is to tell, as a server does while it runs."""
    webhooks = Webhooks(
        catalog=catalog,
        notifier=notifier,
        clock=clock,
        endpoints=[Endpoint(url=url) for url in urls or (URL,)],
        secrets=[KEY],
        describe=video_document,
    )
    await webhooks.start()
    try:
        yield webhooks
    finally:
        await webhooks.close()


async def fail(works: Works) -> Video:
    """Receive a video, and let its job fail before anything of it can be watched."""
    works.encoder.faults["probe"] = EncoderFault("The encoder had a bad day.")
    return await works.complete()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


async def let_look(clock: StillClock, times: int = 3) -> None:
    """Let whoever looks now and then do so."""
    for _ in range(times):
        await clock.forward(LOOK_SECONDS)
        for _ in range(50):
            await asyncio.sleep(0)


async def let_be_taken(works: Works, clock: StillClock, url: str) -> None:
    """Let the loop go round until nothing is owed to an endpoint."""
    later = clock.now() + timedelta(days=9)
    while await works.catalog.due_messages(Endpoint(url=url).id, now=later, limit=1):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)


async def test_the_life_of_a_video_is_told(works: Works, clock: StillClock) -> None:
    """Playable, then complete, with the job and the video as the API shows it; once each."""
    inbox = Inbox()
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        video = await works.complete("By the sea")
        await let_look(clock)
    assert inbox.types == ["video.playable", "video.complete"]
    assert len(set(inbox.ids)) == 2
    for body in inbox.seen:
        assert (body["data"]["job_id"], body["data"]["error"]) == (video.job_id, None)
        assert (body["data"]["video"]["id"], body["data"]["video"]["title"]) == (video.id, "By the sea")
    assert inbox.seen[1]["data"]["video"] == video_document(video)


async def test_a_failure_is_told_with_its_reason(works: Works, clock: StillClock) -> None:
    """And so is the next one, when it was tried again."""
    inbox = Inbox()
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        video = await fail(works)
        await works.jobs.retry(video.job_id)
        await works.run(video)
        await let_look(clock)
    assert inbox.types == ["video.failed", "video.failed"]
    assert len(set(inbox.ids)) == 2
    assert inbox.seen[0]["data"]["error"] == {"code": "encoder_failed", "message": "The encoder had a bad day."}


async def test_a_cancelled_job_is_told_as_failed(works: Works, clock: StillClock) -> None:
    """With the code `cancelled`."""
    inbox = Inbox()
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        video = await works.upload()
        await works.jobs.cancel(video.job_id)
        await let_look(clock)
    assert [(body["type"], body["data"]["error"]["code"]) for body in inbox.seen] == [
        ("video.failed", "cancelled")
    ]


async def test_what_failed_is_sent_again_later(works: Works, clock: StillClock) -> None:
    """Not before its pause is over, under the same id, with a signature of its own time."""
    inbox = Inbox(500, 302, 204)
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        await fail(works)
        await let_look(clock)
        for number, pause in enumerate(RETRY_SECONDS[:2], 1):
            assert len(inbox.seen) == number
            await clock.forward(pause - 5)
            await let_look(clock, 1)
            assert len(inbox.seen) == number
            await clock.forward(5)
            await let_look(clock)
        await clock.forward(RETRY_SECONDS[-1])
        await let_look(clock)
    assert inbox.types == ["video.failed"] * 3
    assert len(set(inbox.ids)) == 1


async def test_it_is_given_up_in_the_end(
    works: Works, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After the last attempt nothing more is sent, and the log says so, without the address's secrets."""
    inbox = Inbox(500)
    url = "http://user:hunter2@receiver/hook?token=hunter2"
    async with telling(works.catalog, MemoryNotifier({url: inbox}), clock, url):
        await fail(works)
        for _ in range(ATTEMPTS + 3):
            await let_look(clock, 1)
            await clock.forward(RETRY_SECONDS[-1])
        await let_look(clock)
    assert len(inbox.seen) == ATTEMPTS
    (line,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "given up for http://receiver/hook after 19 attempts: the answer was 500" in line
    assert "hunter2" not in caplog.text


async def test_who_is_gone_is_not_asked_again(works: Works, clock: StillClock) -> None:
    """410 ends it at the first attempt."""
    inbox = Inbox(410)
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        await fail(works)
        await let_look(clock)
        await clock.forward(RETRY_SECONDS[-1])
        await let_look(clock)
    assert len(inbox.seen) == 1


async def test_one_receiver_does_not_hold_up_another(works: Works, clock: StillClock) -> None:
    """While one fails, and another never answers, a third hears everything at once."""
    good, bad, never = Inbox(), Inbox(500), asyncio.Event()

    async def sleep(_headers: Mapping[str, str], _body: bytes) -> int:
        await never.wait()
        return 200

    receivers: dict[str, Receiver] = {"http://a/": sleep, "http://b/": bad, "http://c/": good}
    async with telling(works.catalog, MemoryNotifier(receivers), clock, *receivers):
        for _ in range(3):
            await works.complete()
        await let_look(clock, 5)
        assert sorted(good.types) == ["video.complete"] * 3 + ["video.playable"] * 3
        # For each video the first message alone: the second one waits for it.
        assert set(bad.types) == {"video.playable"}


async def test_encoding_goes_on_without_receivers(works: Works, clock: StillClock) -> None:
    """Nobody who listens, and a fault that nobody thought of, keep no video from being complete."""

    async def fail(_headers: Mapping[str, str], _body: bytes) -> int:
        raise RuntimeError("nobody thought of this")

    notifier = MemoryNotifier({"http://a/": fail})
    async with telling(works.catalog, notifier, clock, "http://a/", "http://nobody/"):
        video = await works.complete()
        await let_look(clock)
        assert video.status == "complete"
        inbox = notifier.receivers["http://a/"] = Inbox()
        await clock.forward(RETRY_SECONDS[0])
        await let_look(clock)
    assert inbox.types == ["video.playable", "video.complete"]


async def test_a_database_that_is_away_only_delays(works: Works, clock: StillClock) -> None:
    """What happened meanwhile is told once it is back."""
    inbox = Inbox()
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        await fail(works)
        works.catalog.be_away()
        await let_look(clock)
        assert inbox.seen == []
        works.catalog.come_back()
        await let_look(clock)
    assert inbox.types == ["video.failed"]


async def test_a_restart_loses_nothing(works: Works, clock: StillClock) -> None:
    """What happened while nothing was told, and what was being sent when it stopped, is told after the start."""
    video = await works.complete()
    begun, never, inbox = asyncio.Event(), asyncio.Event(), Inbox()

    async def sleep(_headers: Mapping[str, str], _body: bytes) -> int:
        begun.set()
        await never.wait()
        return 200

    async with telling(works.catalog, MemoryNotifier({URL: sleep}), clock):
        while not begun.is_set():
            await let_look(clock, 1)
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        await let_look(clock)
        assert inbox.seen == []  # the attempt that was cut off is one, so the next one has its time
        await clock.forward(RETRY_SECONDS[0])
        await let_look(clock)
    assert inbox.types == ["video.playable", "video.complete"]
    assert {body["data"]["job_id"] for body in inbox.seen} == {video.job_id}


async def test_who_is_named_later_is_not_told_of_the_past(works: Works, clock: StillClock) -> None:
    """Events nobody was named for are forgotten, and so is what is owed to somebody no longer named."""
    webhooks = Webhooks(
        catalog=works.catalog,
        notifier=MemoryNotifier(),
        clock=clock,
        endpoints=[],
        secrets=[],
        describe=video_document,
    )
    await webhooks.start()
    await works.complete()
    await let_look(clock)
    await webhooks.close()
    old, new = Inbox(500), Inbox()
    async with telling(works.catalog, MemoryNotifier({URL: old}), clock):
        await fail(works)
        await let_look(clock)
        assert old.types == ["video.failed"]
    async with telling(works.catalog, MemoryNotifier({"http://new/": new}), clock, "http://new/"):
        await clock.forward(RETRY_SECONDS[0])
        await let_look(clock)
    async with telling(works.catalog, MemoryNotifier({URL: old}), clock):
        await let_look(clock)
    assert new.seen == []
    assert old.types == ["video.failed"]


async def test_a_deleted_video_is_not_told_of(works: Works, clock: StillClock) -> None:
    """What was owed of it goes with it."""
    inbox = Inbox(500)
    async with telling(works.catalog, MemoryNotifier({URL: inbox}), clock):
        video = await works.complete()
        await let_look(clock)
        before = len(inbox.seen)
        await works.library.delete(video.id)
        await clock.forward(RETRY_SECONDS[0])
        await let_look(clock)
    assert len(inbox.seen) == before == 1


async def test_a_real_receiver_that_fails_is_slow_and_goes_away(works: Works, clock: StillClock) -> None:
    """Over real connections: 500, no answer in time, nobody there, a redirect; then it is taken, unharmed."""
    inbox, never = Inbox(500, 302, 204), asyncio.Event()
    asked: list[str] = []
    is_slow = False

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        if is_slow:
            await never.wait()
            return web.Response()
        status = await inbox(request.headers, await request.read())
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def open_receiver(port: int | None = None) -> TestServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        server = TestServer(app, port=port)
        await server.start_server()
        return server

    async def hear(count: int) -> None:
        await let_look(clock, 2)
        await until(lambda: len(asked) >= count)

    server, notifier = await open_receiver(), HttpNotifier()
    url, port = str(server.make_url("/hook")), server.port
    async with telling(works.catalog, notifier, clock, url):
        await fail(works)
        await hear(1)
        is_slow = True
        await clock.forward(RETRY_SECONDS[0])
        await hear(2)
        await clock.forward(ANSWER_SECONDS)
        is_slow = False
        never.set()
        await server.close()
        await clock.forward(RETRY_SECONDS[1])
        await let_look(clock, 10)
        assert len(asked) == 2
        server = await open_receiver(port)
        for attempt in (3, 4):
            await clock.forward(RETRY_SECONDS[attempt])
            await hear(attempt)
        await let_be_taken(works, clock, url)
    assert asked == ["/hook"] * 4
    assert inbox.types == ["video.failed"] * 3
    assert len(set(inbox.ids)) == 1
    await notifier.close()
    await server.close()
