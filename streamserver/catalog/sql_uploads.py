"""Uploads in a database."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.database import Database, reads, writes
from streamserver.catalog.rows import job_values, upload_of, upload_values, video_values
from streamserver.catalog.sentences import NO_UPLOAD
from streamserver.catalog.tables import jobs, uploads, videos
from streamserver.domain.jobs import Job
from streamserver.domain.uploads import Upload
from streamserver.domain.videos import Video
from streamserver.errors import NotFound


class SqlUploads:
    """The part of a catalog that is about what is on its way in."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @writes
    async def add_upload(self, connection: AsyncConnection, upload: Upload) -> None:
        """Record an upload that begins; `Conflict` where its id is taken."""
        await connection.execute(insert(uploads).values(upload_values(upload)))

    @reads
    async def upload(self, connection: AsyncConnection, upload_id: str) -> Upload:
        """Return an upload as it was last recorded."""
        row = (await connection.execute(select(uploads).where(uploads.c.id == upload_id))).one_or_none()
        if row is None:
            raise NotFound(NO_UPLOAD)
        return upload_of(row)

    @reads
    async def uploads(self, connection: AsyncConnection) -> Sequence[Upload]:
        """Return all uploads, the newest first."""
        newest_first = select(uploads).order_by(uploads.c.created_at.desc(), uploads.c.id.desc())
        return [upload_of(row) for row in await connection.execute(newest_first)]

    @writes
    async def change_upload(self, connection: AsyncConnection, upload: Upload) -> None:
        """Record an upload as it now is."""
        as_it_is = update(uploads).where(uploads.c.id == upload.id).values(upload_values(upload))
        if not (await connection.execute(as_it_is)).rowcount:
            raise NotFound(NO_UPLOAD)

    @writes
    async def delete_upload(self, connection: AsyncConnection, upload_id: str) -> None:
        """Forget an upload."""
        await _forget(connection, upload_id)

    @writes
    async def finish_upload(self, connection: AsyncConnection, job: Job, video: Video | None) -> None:
        """Put a job, and the video if it is new, in the place of an upload."""
        await _forget(connection, job.id)
        if video is not None:
            await connection.execute(insert(videos).values(video_values(video)))
        await connection.execute(insert(jobs).values(job_values(job)))


async def _forget(connection: AsyncConnection, upload_id: str) -> None:
    deleted = await connection.execute(delete(uploads).where(uploads.c.id == upload_id))
    if not deleted.rowcount:
        raise NotFound(NO_UPLOAD)
