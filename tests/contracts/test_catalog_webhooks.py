"""Every catalog keeps what others are yet to be told, as `Catalog` says."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from streamserver.domain.jobs import Job, JobError, JobEvent, claimed, completed, failed, waiting_again
from streamserver.domain.videos import VideoStatus
from streamserver.domain.webhooks import ATTEMPTS_IN_ORDER, EventKind, Message, VideoEvent, attempted
from streamserver.ports import Catalog
from tests.catalog.samples import LATER, NOON, add, add_running

pytest_plugins = ["tests.services.catalogs"]

FAULT = JobError(code="encoder_failed", message="The encoder „ä🎬“ had a bad day.")
HERE, THERE = "endpoint-a", "endpoint-b"


def message(event_id: str = "x", endpoint_id: str = HERE, video_id: str = "v", due_at: datetime = NOON) -> Message:
    body = '{"title": "ä🎬"}'
    return Message(event_id=event_id, endpoint_id=endpoint_id, video_id=video_id, body=body, due_at=due_at)


async def events_in(catalog: Catalog) -> Sequence[VideoEvent]:
    return await catalog.video_events(limit=100)


async def due(catalog: Catalog, endpoint_id: str = HERE, now: datetime = NOON) -> list[str]:
    return [found.event_id for found in await catalog.due_messages(endpoint_id, now=now, limit=100)]


async def owe(catalog: Catalog, *messages: Message, job: Job) -> None:
    """Put messages in the place of the event that a job's failure is."""
    assert await catalog.finish_job(failed(job, FAULT, now=LATER), VideoStatus.ERROR)
    (event,) = await events_in(catalog)
    assert await catalog.address_event(event.id, messages)


class TestEvents:
    """What is recorded together with what happened."""

    async def test_becoming_watchable_is_an_event(self, catalog: Catalog) -> None:
        """The first time a video can be watched, and no other time, is one."""
        job = await add_running(catalog)
        for _ in range(3):
            await catalog.set_video_status("v", VideoStatus.PLAYABLE)
        (event,) = await events_in(catalog)
        assert (event.kind, event.video_id, event.job_id) == (EventKind.PLAYABLE, "v", job.id)
        assert event.error is None

    async def test_an_end_is_an_event(self, catalog: Catalog) -> None:
        """A failure is recorded with its reason, and a success that comes out of nothing as two events."""
        await catalog.finish_job(failed(await add_running(catalog), FAULT, now=LATER), VideoStatus.ERROR)
        await catalog.finish_job(completed(await add_running(catalog, "w"), now=LATER), VideoStatus.COMPLETE)
        events = await events_in(catalog)
        assert [(event.video_id, event.kind) for event in events] == [
            ("v", EventKind.FAILED),
            ("w", EventKind.PLAYABLE),
            ("w", EventKind.COMPLETE),
        ]
        assert [event.error for event in events] == [FAULT, None, None]
        assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
        assert [event.id for event in await catalog.video_events(limit=2)] == [event.id for event in events[:2]]

    async def test_other_changes_are_none(self, catalog: Catalog) -> None:
        """A new video, a claim, a report and a way back to `processing` tell nobody anything."""
        job = await add_running(catalog)
        assert await catalog.record_job(replace(job, sequence=job.sequence + 1))
        await catalog.set_video_status("v", VideoStatus.PROCESSING)
        assert await events_in(catalog) == []

    async def test_handlers_that_race_leave_one_event(self, catalog: Catalog) -> None:
        """Of many who record the same end, or the same status, at once, one is told of."""
        job = await add_running(catalog)
        await asyncio.gather(*(catalog.set_video_status("v", VideoStatus.PLAYABLE) for _ in range(10)))
        end = completed(job, now=LATER)
        await asyncio.gather(*(catalog.finish_job(end, VideoStatus.COMPLETE) for _ in range(10)))
        assert [event.kind for event in await events_in(catalog)] == [EventKind.PLAYABLE, EventKind.COMPLETE]

    async def test_an_end_that_is_not_recorded_is_no_event(self, catalog: Catalog) -> None:
        """What an attempt that was taken over has to say is not told."""
        old = await add_running(catalog)
        assert await catalog.record_job(waiting_again(old, JobEvent.RELEASE))
        late = replace(failed(old, FAULT, now=LATER), sequence=1)
        assert not await catalog.finish_job(late, VideoStatus.ERROR)
        assert await events_in(catalog) == []

    async def test_each_attempt_has_its_own(self, catalog: Catalog) -> None:
        """A job that fails, is tried again and fails again is two events, with different ids."""
        first = failed(await add_running(catalog), FAULT, now=LATER)
        assert await catalog.finish_job(first, VideoStatus.ERROR)
        again = waiting_again(first, JobEvent.RETRY)
        assert await catalog.record_job(again)
        second = claimed(again, now=LATER)
        assert await catalog.claim_job(second)
        assert await catalog.finish_job(failed(second, FAULT, now=LATER), VideoStatus.ERROR)
        assert len({event.id for event in await events_in(catalog)}) == 2

    async def test_an_event_is_addressed_once(self, catalog: Catalog) -> None:
        """Of many who put messages in its place one succeeds; for nobody in particular it is simply gone."""
        await catalog.finish_job(failed(await add_running(catalog), FAULT, now=LATER), VideoStatus.ERROR)
        (event,) = await events_in(catalog)
        done = await asyncio.gather(*(catalog.address_event(event.id, [message(event.id)]) for _ in range(10)))
        assert sorted(done) == [False] * 9 + [True]
        assert await events_in(catalog) == []
        assert await due(catalog) == [event.id]
        await catalog.finish_job(failed(await add_running(catalog, "w"), FAULT, now=LATER), VideoStatus.ERROR)
        (event,) = await events_in(catalog)
        assert await catalog.address_event(event.id, [])
        assert await events_in(catalog) == []

    async def test_a_deleted_video_takes_all_along(self, catalog: Catalog) -> None:
        """Of what is not there any more nobody is told, of others they are."""
        job = await add_running(catalog)
        await owe(catalog, message("v-1"), message("w-1", video_id="w"), job=await add_running(catalog, "w"))
        await catalog.finish_job(failed(job, FAULT, now=LATER), VideoStatus.ERROR)
        await catalog.delete_video("v")
        assert await events_in(catalog) == []
        assert await due(catalog) == ["w-1"]


class TestMessages:
    """What is owed to an endpoint."""

    @pytest.fixture
    async def job(self, catalog: Catalog) -> Job:
        await add(catalog, "w")
        return await add_running(catalog)

    async def test_every_field_comes_back(self, catalog: Catalog, job: Job) -> None:
        """A message comes back as it was put in, and as its attempts left it."""
        long = replace(message(), body="ä" * 100_000, due_at=NOON)
        await owe(catalog, long, job=job)
        assert await catalog.due_messages(HERE, now=NOON, limit=1) == [long]
        once = attempted(long, LATER)
        assert await catalog.record_attempt(once)
        assert await catalog.due_messages(HERE, now=once.due_at, limit=1) == [once]

    async def test_what_is_due(self, catalog: Catalog, job: Job) -> None:
        """What is not due yet, or owed to somebody else, is left out; what was due first comes first."""
        await owe(
            catalog,
            message("late", due_at=LATER),
            message("early", video_id="w", due_at=NOON - timedelta(hours=1)),
            message("other", THERE),
            job=job,
        )
        assert await due(catalog) == ["early"]
        assert await due(catalog, now=LATER) == ["early", "late"]
        assert await due(catalog, THERE) == ["other"]
        assert len(await catalog.due_messages(HERE, now=LATER, limit=1)) == 1

    async def test_a_video_is_told_of_in_order(self, catalog: Catalog, job: Job) -> None:
        """The next message of a video waits until the one before is settled; other videos and endpoints do not."""
        first = message("1")
        await owe(catalog, first, message("2"), message("3", video_id="w"), message("2", THERE), job=job)
        assert await due(catalog) == ["1", "3"]
        assert await due(catalog, THERE) == ["2"]
        once = attempted(first, NOON)
        assert await catalog.record_attempt(once)
        assert await due(catalog) == ["3"]
        await catalog.settle_message(once)
        assert await due(catalog) == ["2", "3"]

    async def test_order_is_not_kept_for_ever(self, catalog: Catalog, job: Job) -> None:
        """A message that a receiver does not want lets the next one pass after some attempts."""
        stuck = message("1")
        await owe(catalog, stuck, message("2"), job=job)
        for number in range(1, ATTEMPTS_IN_ORDER + 1):
            stuck = attempted(stuck, NOON)
            assert await catalog.record_attempt(stuck)
            assert await due(catalog) == (["2"] if number == ATTEMPTS_IN_ORDER else [])

    async def test_one_attempt_at_a_time(self, catalog: Catalog, job: Job) -> None:
        """Of many who begin the same attempt one may; none may begin what is settled."""
        await owe(catalog, message(), job=job)
        once = attempted(message(), NOON)
        begun = await asyncio.gather(*(catalog.record_attempt(once) for _ in range(10)))
        assert sorted(begun) == [False] * 9 + [True]
        await catalog.settle_message(once)
        await catalog.settle_message(once)
        assert not await catalog.record_attempt(attempted(once, NOON))
        assert await due(catalog, now=once.due_at) == []

    async def test_only_endpoints_that_are_named_are_kept(self, catalog: Catalog, job: Job) -> None:
        """Messages to one that was taken out of the settings are forgotten; of none named, none is left."""
        await owe(catalog, message(), message(endpoint_id=THERE), job=job)
        await catalog.keep_endpoints(iter([THERE]))
        assert (await due(catalog), await due(catalog, THERE)) == ([], ["x"])
        await catalog.keep_endpoints([])
        assert await due(catalog, THERE) == []
