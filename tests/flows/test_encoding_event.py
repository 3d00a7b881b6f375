"""The one voice of a job: the table walked, recorded first, then told; each handler exactly once."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from streamserver.bus.memory import MemoryBus
from streamserver.domain.jobs import Job, JobError, JobStatus, RenditionProgress, Stage, claimed
from streamserver.errors import Conflict, Unavailable
from streamserver.flows.encoding_event import EncodingEvent
from tests.flows.doubles import NOON, TickingClock

JOB = claimed(Job(id="j", video_id="v", created_at=NOON), now=NOON)
FAULT = JobError(code="encoder_failed", message="The encoder stopped.")


class Witness:
    """A job's event whose handlers note what they are given, next to what listeners hear."""

    def __init__(self, handle: Callable[[Job], Awaitable[bool]] | None = None) -> None:
        self.happened: list[tuple[str, Job]] = []
        self.bus = MemoryBus()
        self._handle = handle
        self._subscription = self.bus.subscribe("j")
        self._listener = self._subscription.__enter__()
        self.event = EncodingEvent(
            JOB,
            bus=self.bus,
            clock=TickingClock(),
            complete_handler=lambda job: self._record("complete_handler", job),
            failure_handler=lambda job: self._record("failure_handler", job),
            postpone_handler=lambda job: self._record("postpone_handler", job),
        )

    async def _record(self, name: str, job: Job) -> bool:
        self.happened.append((name, job))
        return True if self._handle is None else await self._handle(job)

    @property
    def handled(self) -> list[str]:
        """Which handlers ran, in order."""
        return [name for name, _ in self.happened]

    async def heard(self) -> list[Job]:
        """Return what listeners hear until now."""
        await self.bus.close()
        return [job async for job in self._listener]


class TestRunning:
    """How far it is."""

    async def test_a_report_has_what_was_said(self) -> None:
        """Stage, percentage, speed and renditions are told, with a number one higher than before."""
        witness = Witness()
        renditions = (RenditionProgress(name="720p", percent=12.5),)
        await witness.event.report_running(
            stage=Stage.ENCODE,
            percent=12.34,
            speed=2.5,
            frames_per_second=60.0,
            eta_seconds=8.0,
            renditions=renditions,
        )
        (report,) = await witness.heard()
        assert report == witness.event.job
        assert (report.status, report.stage, report.percent) == (JobStatus.RUNNING, Stage.ENCODE, 12.3)
        assert (report.speed, report.frames_per_second, report.eta_seconds) == (2.5, 60.0, 8.0)
        assert (report.renditions, report.sequence) == (renditions, JOB.sequence + 1)

    async def test_the_percentage_never_falls(self) -> None:
        """A stage that counts lower than one before shows what was reached; only the end is 100."""
        event = Witness().event
        percents = []
        for percent in (1, 40, 3, 40.04, 40.06, 99.95, 100, 250, -5):
            await event.report_running(stage=Stage.ENCODE, percent=percent)
            percents.append(event.job.percent)
        assert percents == [1, 40, 40, 40, 40.1, 99.9, 99.9, 99.9, 99.9]
        await event.report_complete()
        assert event.job.percent == 100

    async def test_renditions_stay_known(self) -> None:
        """A report that says nothing of renditions keeps what was said before."""
        event = Witness().event
        renditions = (RenditionProgress(name="720p", percent=100),)
        await event.report_running(stage=Stage.REMUX, percent=4, renditions=renditions)
        await event.report_running(stage=Stage.PUBLISH, percent=99)
        assert event.job.renditions == renditions

    async def test_who_subscribes_hears_the_latest_first(self) -> None:
        """A listener that joins late begins with the latest report."""
        witness = Witness()
        for percent in (10, 20):
            await witness.event.report_running(stage=Stage.ENCODE, percent=percent)
        with witness.event.subscribe() as reports:
            assert (await anext(reports)).percent == 20


class TestEnding:
    """COMPLETE or ERROR, once."""

    async def test_a_good_end(self) -> None:
        """The complete handler has the terminal report before anybody hears it; the other one is left alone."""
        heard_early: list[Job | None] = []

        async def note(_job: Job) -> bool:
            heard_early.append(witness.bus.latest("j"))
            return True

        witness = Witness(handle=note)

        await witness.event.report_running(stage=Stage.PUBLISH, percent=99)
        running = witness.event.job
        await witness.event.report_complete()
        ((name, recorded),) = witness.happened
        assert (name, recorded.status, recorded.percent) == ("complete_handler", JobStatus.COMPLETE, 100)
        assert recorded.finished_at is not None
        assert recorded.finished_at - NOON == timedelta(seconds=1)
        assert heard_early == [running]
        assert await witness.heard() == [running, recorded]

    async def test_a_bad_end(self) -> None:
        """The failure handler has the reason; the other one is left alone."""
        witness = Witness()
        await witness.event.report_error(FAULT)
        ((name, recorded),) = witness.happened
        assert (name, recorded.status, recorded.error) == ("failure_handler", JobStatus.ERROR, FAULT)
        assert await witness.heard() == [recorded]

    async def test_after_the_end_there_is_nothing_to_tell(self) -> None:
        """No report follows an end, and no second end: the table has no such step, and no handler runs again."""
        witness = Witness()
        await witness.event.report_complete()
        for again in (
            witness.event.report_complete(),
            witness.event.report_error(FAULT),
            witness.event.report_running(stage=Stage.ENCODE, percent=1),
        ):
            with pytest.raises(Conflict):
                await again
        assert witness.handled == ["complete_handler"]
        assert len(await witness.heard()) == 1

    async def test_two_ends_at_the_same_moment(self) -> None:
        """Of several ends that are reported at once the first counts; one handler runs, once."""
        witness = Witness(handle=slowly)
        outcomes = await asyncio.gather(
            witness.event.report_complete(),
            witness.event.report_error(FAULT),
            witness.event.report_complete(),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, Conflict]
        assert witness.handled == ["complete_handler"]
        (told,) = await witness.heard()
        assert told.status is JobStatus.COMPLETE

    async def test_progress_during_the_end(self) -> None:
        """A report of progress that comes while the end is being recorded is refused, not told after it."""
        witness = Witness(handle=slowly)
        ending = asyncio.create_task(witness.event.report_complete())
        await asyncio.sleep(0)
        with pytest.raises(Conflict):
            await witness.event.report_running(stage=Stage.ENCODE, percent=50)
        await ending
        assert [job.status for job in await witness.heard()] == ["COMPLETE"]

    async def test_an_end_that_cannot_be_recorded(self) -> None:
        """A handler that fails is passed on, nobody hears of that end, and the job may end another way."""
        witness = Witness(handle=fail_once())
        with pytest.raises(Unavailable):
            await witness.event.report_complete()
        assert witness.event.job == JOB
        await witness.event.report_error(FAULT)
        assert witness.handled == ["complete_handler", "failure_handler"]
        assert [job.status for job in await witness.heard()] == ["ERROR"]

    async def test_an_attempt_that_was_taken_over(self) -> None:
        """Where the record says that another attempt has the job, this one is silent, and over."""
        witness = Witness(handle=refuse)
        await witness.event.report_complete()
        assert witness.event.job.is_terminal
        assert await witness.heard() == []


async def slowly(_job: Job) -> bool:
    for _ in range(10):
        await asyncio.sleep(0)
    return True


async def refuse(_job: Job) -> bool:
    return False


def fail_once() -> Callable[[Job], Awaitable[bool]]:
    calls: list[Job] = []

    async def handle(job: Job) -> bool:
        calls.append(job)
        if len(calls) == 1:
            await asyncio.sleep(0)
            raise Unavailable
        return True

    return handle


class TestPostponing:
    """The end of an attempt that is not the end of the job."""

    async def test_it_is_recorded_first_and_once(self) -> None:
        """The handler for it runs alone, before anyone hears that the job waits; the attempt has no other end."""
        witness = Witness()
        await witness.event.report_postponed(FAULT, retry_at=NOON + timedelta(seconds=5))
        with pytest.raises(Conflict):
            await witness.event.report_complete()
        (heard,) = await witness.heard()
        assert (heard.status, heard.last_error, heard.failures) == (JobStatus.READY, FAULT, 1)
        assert heard.retry_at == NOON + timedelta(seconds=5)
        assert witness.happened == [("postpone_handler", heard)]

    async def test_a_place_between_two_tasks(self) -> None:
        """A job that waits for its next task tells its place, and forgets it when it goes on."""
        witness = Witness()
        await witness.event.report_place(3, 12.5)
        assert (witness.event.job.stage, witness.event.job.queue_position) == (Stage.WAIT, 3)
        await witness.event.report_running(stage=Stage.ENCODE, percent=10)
        assert (witness.event.job.stage, witness.event.job.queue_position) == (Stage.ENCODE, None)


class TestCancellation:
    """An end that has begun comes to its end."""

    @pytest.mark.parametrize("times", [1, 2, 5])
    async def test_a_cancelled_end_is_still_recorded_and_told(self, times: int) -> None:
        """Cancelling who reports an end, once or impatiently, waits for the handler and for the news."""
        witness = Witness(handle=slowly)
        ending = asyncio.create_task(witness.event.report_complete())
        await asyncio.sleep(0)
        for _ in range(times):
            ending.cancel()
            await asyncio.sleep(0)
        await asyncio.wait({ending})
        assert ending.cancelled()
        assert witness.handled == ["complete_handler"]
        assert witness.event.job.status is JobStatus.COMPLETE
        assert [job.status for job in await witness.heard()] == ["COMPLETE"]

    async def test_a_cancelled_end_that_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        """An end that is cancelled and cannot be recorded leaves the job as it was, to end another way."""
        witness = Witness(handle=fail_once())
        ending = asyncio.create_task(witness.event.report_complete())
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait({ending})
        assert ending.cancelled()
        assert not witness.event.job.is_terminal
        await witness.event.report_error(FAULT)
        assert [job.status for job in await witness.heard()] == ["ERROR"]
        del ending
        gc.collect()
        assert "never retrieved" not in caplog.text
