"""Jobs in a database. Claims and reports are guarded `UPDATE`s, so the database decides who was first."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.database import Database, reads, writes
from streamserver.catalog.rows import job_of, job_values
from streamserver.catalog.sentences import NO_JOB
from streamserver.catalog.sql_pages import older_than
from streamserver.catalog.sql_webhooks import change_status
from streamserver.catalog.tables import jobs
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.videos import Cursor, VideoStatus
from streamserver.errors import NotFound


class SqlJobs:
    """The part of a catalog that is about jobs."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @reads
    async def job(self, connection: AsyncConnection, job_id: str) -> Job:
        """Return a job as it was last recorded."""
        row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
        if row is None:
            raise NotFound(NO_JOB)
        return job_of(row)

    async def jobs(
        self, *, statuses: Iterable[JobStatus] | None = None, limit: int = 100, after: Cursor | None = None
    ) -> Sequence[Job]:
        """Return jobs, the newest first."""
        wanted = None if statuses is None else [status.value for status in statuses]
        return await self._newest_jobs(wanted, limit, after)

    @reads
    async def _newest_jobs(
        self, connection: AsyncConnection, statuses: list[str] | None, limit: int, after: Cursor | None
    ) -> Sequence[Job]:
        page = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        if statuses is not None:
            page = page.where(jobs.c.status.in_(statuses))
        if after is not None:
            page = page.where(older_than(after, jobs))
        return [job_of(row) for row in await connection.execute(page)]

    @reads
    async def count_jobs(self, connection: AsyncConnection, status: JobStatus) -> int:
        """Return how many jobs have a status."""
        count = select(func.count()).select_from(jobs).where(jobs.c.status == status.value)
        return (await connection.execute(count)).scalar_one()

    @writes
    async def claim_job(self, connection: AsyncConnection, claimed: Job) -> bool:
        """Record the start of an attempt, unless another was first."""
        is_next = and_(jobs.c.status == JobStatus.READY.value, jobs.c.attempt == claimed.attempt - 1)
        return await _record(connection, claimed, only_if=is_next)

    @writes
    async def record_job(self, connection: AsyncConnection, job: Job) -> bool:
        """Record a report, unless it is old."""
        return await _record(connection, job, only_if=_is_news(job))

    @writes
    async def finish_job(self, connection: AsyncConnection, job: Job, video_status: VideoStatus) -> bool:
        """Record a terminal report and the video's status together, unless it is old."""
        if not await _record(connection, job, only_if=_is_news(job)):
            return False
        await change_status(connection, job.video_id, video_status, ended=job)
        return True


def _is_news(job: Job) -> ColumnElement[bool]:
    return and_(jobs.c.attempt == job.attempt, jobs.c.sequence < job.sequence)


async def _record(connection: AsyncConnection, job: Job, *, only_if: ColumnElement[bool]) -> bool:
    recorded = await connection.execute(update(jobs).where(jobs.c.id == job.id, only_if).values(job_values(job)))
    if recorded.rowcount:
        return True
    if await connection.scalar(select(jobs.c.id).where(jobs.c.id == job.id)) is None:
        raise NotFound(NO_JOB)
    return False
