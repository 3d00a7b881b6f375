"""The life of an encoding job: READY → RUNNING → COMPLETE | ERROR.

A `Job` is the report that browsers receive: each change makes a new value with a higher sequence number. A job
that was begun stays RUNNING while it waits between two of its tasks; `stage` says so, and `queue_position` its
place. After a fault of the machine it is READY until `retry_at`, and `last_error` says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from streamserver.errors import Conflict

SEQUENCES_PER_ATTEMPT = 1_000_000
"""An attempt's reports are numbered from `attempt` times this, so numbers rise also across a crash."""


class JobStatus(StrEnum):
    """Where a job stands."""

    READY = "READY"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"


class JobEvent(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    PROGRESS = "progress"
    COMPLETE = "complete"
    FAIL = "fail"
    POSTPONE = "postpone"
    RELEASE = "release"
    RETRY = "retry"


class Stage(StrEnum):
    """What is being done for the video."""

    UPLOAD = "upload"
    PROBE = "probe"
    REMUX = "remux"
    WAIT = "wait"
    """It is prepared, or its lowest rendition is there, and others are first."""
    ENCODE = "encode"
    PUBLISH = "publish"


TRANSITIONS: dict[tuple[JobStatus, JobEvent], JobStatus] = {
    (JobStatus.READY, JobEvent.PROGRESS): JobStatus.READY,  # its place in the queue changed
    (JobStatus.READY, JobEvent.CLAIM): JobStatus.RUNNING,
    (JobStatus.READY, JobEvent.FAIL): JobStatus.ERROR,  # cancelled while it waited
    (JobStatus.RUNNING, JobEvent.PROGRESS): JobStatus.RUNNING,  # also between its tasks, while it waits
    (JobStatus.RUNNING, JobEvent.COMPLETE): JobStatus.COMPLETE,
    (JobStatus.RUNNING, JobEvent.FAIL): JobStatus.ERROR,
    (JobStatus.RUNNING, JobEvent.POSTPONE): JobStatus.READY,  # the machine failed it; it is tried again
    (JobStatus.RUNNING, JobEvent.RELEASE): JobStatus.READY,  # its server stopped
    (JobStatus.READY, JobEvent.RETRY): JobStatus.READY,  # before the time at which it would be tried again anyhow
    (JobStatus.ERROR, JobEvent.RETRY): JobStatus.READY,
}

TERMINAL = frozenset({JobStatus.COMPLETE, JobStatus.ERROR})


def advance(status: JobStatus, event: JobEvent) -> JobStatus:
    """Return the status that follows; raise `Conflict` where the table has no such step."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise Conflict(f"A job that is {status} cannot {event}.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job, or one attempt at it, failed."""

    code: str
    """Stable, for programs: the code of an `EncodingFailed`."""
    message: str
    """A sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionProgress:
    """How far one rendition is."""

    name: str
    """What people call it, such as `720p`."""
    percent: float
    """0 to 100."""


def best_first(renditions: Iterable[RenditionProgress]) -> tuple[RenditionProgress, ...]:
    """Put renditions in order by their names, which begin with the pixels of the shorter side: `720p original`."""
    return tuple(sorted(renditions, key=lambda it: int(it.name.partition("p")[0]), reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The work that turns one source into renditions, and how far it is."""

    id: str
    """Opaque."""
    video_id: str
    """The video it works for."""
    created_at: datetime
    """When the source was received (UTC)."""
    status: JobStatus = JobStatus.READY
    """Where it stands."""
    stage: Stage = Stage.UPLOAD
    """What is, or was last, being done."""
    percent: float = 0.0
    """0 to 100, never falling while the source is received or within an attempt; 100 only when COMPLETE."""
    speed: float | None = None
    """Seconds of video encoded in a second."""
    frames_per_second: float | None = None
    """Frames encoded in a second."""
    eta_seconds: float | None = None
    """What is left, as far as is known."""
    queue_position: int | None = None
    """1 for the job that is next; None when it does not wait in line."""
    attempt: int = 0
    """How often it was claimed; also the fencing token of the claim."""
    failures: int = 0
    """How many attempts the machine has failed since somebody wanted the job tried."""
    last_error: JobError | None = None
    """Why the attempt before failed, where it is tried again by itself."""
    retry_at: datetime | None = None
    """When it is tried again (UTC); None where it does not wait for that."""
    error: JobError | None = None
    """Set in ERROR alone."""
    renditions: tuple[RenditionProgress, ...] = ()
    """The renditions that are known by now, best first."""
    sequence: int = 0
    """Rises with every report; the `id:` of a Server-Sent Event."""
    started_at: datetime | None = None
    """When the present attempt was claimed (UTC)."""
    finished_at: datetime | None = None
    """When it ended (UTC)."""
    title: str | None = None
    """What the video will be called, while its source is received and the library does not have it yet."""
    received_bytes: int | None = None
    """How much of the source has come; None once it is whole."""
    size_bytes: int | None = None
    """How long the source is, while it is received and where that is known."""
    bytes_per_second: float | None = None
    """How fast the source is coming; None where nothing comes at present."""
    is_duplicate: bool = False
    """Whether the source was here already: then `video_id` is the video that has it, and nothing was stored."""

    @property
    def is_receiving(self) -> bool:
        """Whether its source is not whole yet."""
        return self.received_bytes is not None and not self.is_terminal

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its first task, for the next one, or to be tried again."""
        return self.status is JobStatus.READY or (self.status is JobStatus.RUNNING and self.stage is Stage.WAIT)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will come of it unless somebody tries again."""
        return self.status in TERMINAL


def claimed(job: Job, *, now: datetime) -> Job:
    """Begin a new attempt of a waiting job."""
    attempt = job.attempt + 1
    return replace(
        job,
        status=advance(job.status, JobEvent.CLAIM),
        stage=Stage.PROBE,
        percent=0.0,
        eta_seconds=None,
        queue_position=None,
        attempt=attempt,
        retry_at=None,
        sequence=attempt * SEQUENCES_PER_ATTEMPT,
        renditions=(),
        started_at=now,
    )


def placed(job: Job, position: int, eta_seconds: float | None) -> Job:
    """Tell a job that waits in line, for its first task or the next, its place and how long it will all take."""
    return replace(
        job,
        status=advance(job.status, JobEvent.PROGRESS),
        stage=Stage.WAIT if job.status is JobStatus.RUNNING else job.stage,
        speed=None,
        frames_per_second=None,
        eta_seconds=eta_seconds,
        queue_position=position,
        sequence=job.sequence + 1,
    )


def completed(job: Job, *, now: datetime) -> Job:
    """End a running job well."""
    return replace(
        job,
        status=advance(job.status, JobEvent.COMPLETE),
        stage=Stage.PUBLISH,
        percent=100.0,
        eta_seconds=0.0,
        queue_position=None,
        last_error=None,
        renditions=tuple(replace(rendition, percent=100.0) for rendition in job.renditions),
        sequence=job.sequence + 1,
        finished_at=now,
    )


def failed(job: Job, error: JobError, *, now: datetime) -> Job:
    """End a waiting or running job with a reason."""
    return replace(
        job,
        status=advance(job.status, JobEvent.FAIL),
        error=error,
        eta_seconds=None,
        speed=None,
        frames_per_second=None,
        bytes_per_second=None,
        queue_position=None,
        last_error=None,
        retry_at=None,
        sequence=job.sequence + 1,
        finished_at=now,
    )


def postponed(job: Job, error: JobError, *, retry_at: datetime) -> Job:
    """Let a running job that the machine failed wait until it is tried again."""
    return replace(_as_new(job, JobEvent.POSTPONE), failures=job.failures + 1, last_error=error, retry_at=retry_at)


def waiting_again(job: Job, event: JobEvent) -> Job:
    """Put a job back in line: `RELEASE` after its server stopped, `RETRY` because somebody wants it.

    Raises `Conflict` where the job is not over, nor waits until it is tried again.
    """
    if event is JobEvent.RETRY and job.status is JobStatus.READY and job.retry_at is None:
        raise Conflict("The job waits for its turn already.")
    again = _as_new(job, event)
    return replace(again, failures=0, last_error=None) if event is JobEvent.RETRY else again


def _as_new(job: Job, event: JobEvent) -> Job:
    return replace(
        job,
        status=advance(job.status, event),
        stage=Stage.UPLOAD,
        percent=0.0,
        speed=None,
        frames_per_second=None,
        eta_seconds=None,
        queue_position=None,
        retry_at=None,
        error=None,
        renditions=(),
        sequence=job.sequence + 1,
        started_at=None,
        finished_at=None,
    )
