"""The table of a job's states, and the reports that walk it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.jobs import (
    SEQUENCES_PER_ATTEMPT,
    Job,
    JobError,
    JobEvent,
    JobStatus,
    RenditionProgress,
    Stage,
    advance,
    best_first,
    claimed,
    completed,
    failed,
    placed,
    postponed,
    waiting_again,
)
from streamserver.errors import Conflict

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=3)
READY = Job(id="j", video_id="v", created_at=NOON)
CANCELLED = JobError(code="cancelled", message="The job was cancelled.")

NO_ROOM = JobError(code="out_of_room", message="The server ran out of room.")

STEPS = {
    ("READY", "progress"): "READY",
    ("READY", "claim"): "RUNNING",
    ("READY", "fail"): "ERROR",
    ("RUNNING", "progress"): "RUNNING",
    ("RUNNING", "complete"): "COMPLETE",
    ("RUNNING", "fail"): "ERROR",
    ("RUNNING", "postpone"): "READY",
    ("RUNNING", "release"): "READY",
    ("READY", "retry"): "READY",
    ("ERROR", "retry"): "READY",
}


@pytest.mark.parametrize("event", JobEvent)
@pytest.mark.parametrize("status", JobStatus)
def test_the_table_has_these_steps_and_no_others(status: JobStatus, event: JobEvent) -> None:
    """Each of the steps listed here is possible; any other is a conflict, told in a sentence that names both."""
    if (status, event) in STEPS:
        assert advance(status, event) == STEPS[status, event]
    else:
        with pytest.raises(Conflict, match=rf"^A job that is {status} cannot {event}\.$"):
            advance(status, event)


def test_renditions_are_put_in_order() -> None:
    """The best is first, whichever was encoded first; a copy of the source's own streams counts by its size."""
    names = ["360p original", "180p", "1080p", "270p"]
    found = best_first(RenditionProgress(name=name, percent=0) for name in names)
    assert [it.name for it in found] == ["1080p", "360p original", "270p", "180p"]


def running(**changes: object) -> Job:
    return replace(claimed(READY, now=NOON), **changes)  # type: ignore[arg-type]  # any field


class TestReports:
    """What a step does to the report."""

    def test_a_claim_starts_over(self) -> None:
        """A claimed job is in its next attempt, out of the line, at nothing yet, and has a start."""
        before = replace(
            READY, attempt=3, percent=7, queue_position=2, renditions=(RenditionProgress(name="720p", percent=3),)
        )
        job = claimed(before, now=LATER)
        assert (job.status, job.stage, job.attempt) == (JobStatus.RUNNING, Stage.PROBE, 4)
        assert (job.percent, job.queue_position, job.renditions) == (0, None, ())
        assert (job.started_at, job.finished_at, job.created_at) == (LATER, None, NOON)

    def test_a_job_that_was_begun_waits_and_is_told_so(self) -> None:
        """Between its tasks a job stays RUNNING, at what it has reached, in the stage of waiting, with a place."""
        before = running(percent=30, speed=2.0, stage=Stage.ENCODE)
        job = placed(before, 3, 40.0)
        assert (job.status, job.stage, job.percent) == (JobStatus.RUNNING, Stage.WAIT, 30)
        assert (job.queue_position, job.eta_seconds, job.speed) == (3, 40.0, None)
        assert job.sequence == before.sequence + 1

    def test_a_job_that_was_not_begun_waits_as_it_was(self) -> None:
        """Before its first task a job is READY, with a place."""
        job = placed(READY, 2, None)
        assert (job.status, job.stage, job.queue_position) == (JobStatus.READY, Stage.UPLOAD, 2)

    def test_what_the_machine_failed_is_tried_again(self) -> None:
        """It is READY once more, with when and why; each failure counts, through claims and restarts."""
        first = postponed(running(percent=40), NO_ROOM, retry_at=LATER)
        assert (first.status, first.failures, first.last_error, first.retry_at) == ("READY", 1, NO_ROOM, LATER)
        assert (first.error, first.percent, first.started_at) == (None, 0, None)
        again = claimed(first, now=LATER)
        assert (again.failures, again.last_error, again.retry_at) == (1, NO_ROOM, None)
        released = waiting_again(again, JobEvent.RELEASE)
        assert (released.failures, released.last_error) == (1, NO_ROOM)
        assert postponed(claimed(released, now=LATER), NO_ROOM, retry_at=LATER).failures == 2

    def test_an_end_has_no_other_reason_beside_it(self) -> None:
        """What failed before is forgotten at a good end, and gives way to the reason of a bad one."""
        tried = running(failures=2, last_error=NO_ROOM)
        assert completed(tried, now=LATER).last_error is None
        ended = failed(replace(tried, retry_at=LATER), CANCELLED, now=LATER)
        assert (ended.last_error, ended.retry_at, ended.error) == (None, None, CANCELLED)

    def test_who_tries_again_by_hand_starts_counting_anew(self) -> None:
        """What somebody asks for gets all its tries."""
        ended = failed(running(failures=5), NO_ROOM, now=LATER)
        assert waiting_again(ended, JobEvent.RETRY).failures == 0

    def test_a_good_end_is_whole(self) -> None:
        """A complete job is at 100 percent in all renditions, with nothing left and an end."""
        shares = (RenditionProgress(name="720p", percent=99.2), RenditionProgress(name="360p", percent=98.8))
        job = completed(running(percent=99, eta_seconds=1.5, renditions=shares), now=LATER)
        assert (job.status, job.percent, job.eta_seconds, job.finished_at) == (JobStatus.COMPLETE, 100, 0, LATER)
        assert [rendition.percent for rendition in job.renditions] == [100, 100]

    @pytest.mark.parametrize("job", [replace(READY, queue_position=4), running(speed=2.0, eta_seconds=9.0)])
    def test_a_bad_end_has_a_reason_and_no_promises(self, job: Job) -> None:
        """A failed job says why and when, and keeps neither speed nor time left nor a place in line."""
        ended = failed(job, CANCELLED, now=LATER)
        assert (ended.status, ended.error, ended.finished_at) == (JobStatus.ERROR, CANCELLED, LATER)
        assert (ended.speed, ended.frames_per_second, ended.eta_seconds, ended.queue_position) == (None,) * 4
        assert ended.percent == job.percent

    @pytest.mark.parametrize(
        ("job", "event"),
        [
            (running(percent=40, speed=1.0), JobEvent.RELEASE),
            (failed(running(percent=40), CANCELLED, now=LATER), JobEvent.RETRY),
        ],
    )
    def test_waiting_again_is_like_new_but_for_the_count(self, job: Job, event: JobEvent) -> None:
        """A job back in line is as it was received, except that its attempt is remembered and its number rises."""
        again = waiting_again(job, event)
        assert again == replace(READY, attempt=job.attempt, sequence=job.sequence + 1)

    @pytest.mark.parametrize("job", [READY, completed(running(), now=LATER), failed(READY, CANCELLED, now=LATER)])
    def test_what_does_not_run_cannot_complete(self, job: Job) -> None:
        """Only a running job ends well."""
        with pytest.raises(Conflict):
            completed(job, now=LATER)

    def test_only_the_two_ends_are_terminal(self) -> None:
        """COMPLETE and ERROR are ends, READY and RUNNING are not."""
        jobs = [READY, running(), completed(running(), now=LATER), failed(READY, CANCELLED, now=LATER)]
        assert [job.is_terminal for job in jobs] == [False, False, True, True]


def step(job: Job, event: JobEvent) -> Job:
    """Do what an event stands for, where the table allows it."""
    match event:
        case JobEvent.CLAIM:
            return claimed(job, now=NOON)
        case JobEvent.PROGRESS:
            return replace(job, status=advance(job.status, event), sequence=job.sequence + 1)
        case JobEvent.COMPLETE:
            return completed(job, now=NOON)
        case JobEvent.FAIL:
            return failed(job, CANCELLED, now=NOON)
        case JobEvent.POSTPONE:
            return postponed(job, NO_ROOM, retry_at=LATER)
        case _:
            return waiting_again(job, event)


@given(st.lists(st.sampled_from(JobEvent), max_size=40))
def test_every_walk_is_told_in_rising_numbers(events: list[JobEvent]) -> None:
    """Whatever happens, each report has a higher number than the one before, and an error exactly in ERROR."""
    job = READY
    for event in events:
        try:
            after = step(job, event)
        except Conflict:
            is_in_line = event is JobEvent.RETRY and job.retry_at is None
            assert (job.status, event) not in STEPS or is_in_line
            continue
        assert after.sequence > job.sequence
        assert after.attempt == job.attempt + (event is JobEvent.CLAIM)
        assert (after.error is not None) == (after.status is JobStatus.ERROR)
        assert (after.finished_at is not None) == after.is_terminal
        job = after


@given(st.integers(0, SEQUENCES_PER_ATTEMPT - 2), st.integers(0, SEQUENCES_PER_ATTEMPT - 2))
def test_the_next_attempt_counts_on_from_what_was_lost(recorded: int, told: int) -> None:
    """After a crash the next claim has a higher number than any report that was told but never recorded."""
    first = claimed(READY, now=NOON)
    remembered = replace(first, sequence=first.sequence + min(recorded, told))
    heard = replace(first, sequence=first.sequence + max(recorded, told))
    again = claimed(waiting_again(remembered, JobEvent.RELEASE), now=LATER)
    assert again.sequence > heard.sequence


def test_who_waits() -> None:
    """For the first task, between two of them, and to be tried again; not while anybody works on it."""
    waiting = [READY, placed(running(), 1, None), postponed(running(), NO_ROOM, retry_at=LATER)]
    assert all(job.is_waiting for job in waiting)
    busy = [running(), completed(running(), now=LATER), failed(placed(running(), 1, None), CANCELLED, now=LATER)]
    assert not any(job.is_waiting for job in busy)


def test_a_job_that_is_in_line_is_not_tried_again() -> None:
    """It will be tried anyhow; one that waits for its time need not."""
    with pytest.raises(Conflict, match="waits for its turn already"):
        waiting_again(READY, JobEvent.RETRY)
    waits = postponed(running(failures=3), NO_ROOM, retry_at=LATER)
    again = waiting_again(waits, JobEvent.RETRY)
    assert (again.status, again.retry_at, again.failures, again.last_error) == (JobStatus.READY, None, 0, None)
    assert again.sequence > waits.sequence
