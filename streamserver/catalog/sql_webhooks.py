"""Events of videos, and the messages that tell of them, in a database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.database import Database, reads, writes
from streamserver.catalog.rows import job_of, message_of, message_values, video_event_of, video_event_values
from streamserver.catalog.sentences import NO_VIDEO
from streamserver.catalog.tables import jobs, video_events, videos, webhook_messages
from streamserver.domain.jobs import Job
from streamserver.domain.videos import VideoStatus
from streamserver.domain.webhooks import ATTEMPTS_IN_ORDER, Message, VideoEvent, events_of
from streamserver.errors import NotFound


class SqlWebhooks:
    """The part of a catalog that is about what others are told."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @reads
    async def video_events(self, connection: AsyncConnection, *, limit: int) -> Sequence[VideoEvent]:
        """Return events that were not addressed yet, as they happened."""
        page = select(video_events).order_by(video_events.c.number).limit(limit)
        return [video_event_of(row) for row in await connection.execute(page)]

    async def address_event(self, event_id: str, messages: Iterable[Message]) -> bool:
        """Put messages in the place of an event; False if that was done before."""
        return await self._address_event(event_id, [message_values(message) for message in messages])

    @writes
    async def _address_event(self, connection: AsyncConnection, event_id: str, rows: list[dict[str, Any]]) -> bool:
        deleted = await connection.execute(delete(video_events).where(video_events.c.id == event_id))
        if not deleted.rowcount:
            return False
        if rows:
            await connection.execute(_once(webhook_messages), rows)
        return True

    async def keep_endpoints(self, endpoint_ids: Iterable[str]) -> None:
        """Forget the messages to all others."""
        await self._keep_endpoints(list(endpoint_ids))

    @writes
    async def _keep_endpoints(self, connection: AsyncConnection, endpoint_ids: list[str]) -> None:
        strangers = webhook_messages.c.endpoint_id.not_in(endpoint_ids)
        await connection.execute(delete(webhook_messages).where(strangers))

    @reads
    async def due_messages(
        self, connection: AsyncConnection, endpoint_id: str, *, now: datetime, limit: int
    ) -> Sequence[Message]:
        """Return messages to an endpoint that are due, but for those that wait for an older one."""
        older = webhook_messages.alias("older")
        comes_first = and_(
            older.c.endpoint_id == webhook_messages.c.endpoint_id,
            older.c.video_id == webhook_messages.c.video_id,
            older.c.number < webhook_messages.c.number,
            older.c.attempt < ATTEMPTS_IN_ORDER,
        )
        page = (
            select(webhook_messages)
            .where(
                webhook_messages.c.endpoint_id == endpoint_id,
                webhook_messages.c.due_at <= now,
                ~exists().where(comes_first),
            )
            .order_by(webhook_messages.c.due_at, webhook_messages.c.number)
            .limit(limit)
        )
        return [message_of(row) for row in await connection.execute(page)]

    @writes
    async def record_attempt(self, connection: AsyncConnection, message: Message) -> bool:
        """Record that a message is being sent, unless another was first."""
        recorded = await connection.execute(
            update(webhook_messages)
            .where(_is_of(message), webhook_messages.c.attempt == message.attempt - 1)
            .values(attempt=message.attempt, due_at=message.due_at)
        )
        return bool(recorded.rowcount)

    @writes
    async def settle_message(self, connection: AsyncConnection, message: Message) -> None:
        """Forget a message."""
        await connection.execute(delete(webhook_messages).where(_is_of(message)))


async def change_status(
    connection: AsyncConnection, video_id: str, status: VideoStatus, *, ended: Job | None = None
) -> None:
    """Record what a viewer can do with a video, and the events that follow, in the transaction under way.

    `ended` is the terminal report of the video's job if that comes along with it.
    """
    # Two that change it at once come one after the other, so that one alone sees the video become watchable.
    locked = select(videos.c.status, videos.c.job_id).where(videos.c.id == video_id).with_for_update()
    before = (await connection.execute(locked)).one_or_none()
    if before is None:
        raise NotFound(NO_VIDEO)
    await connection.execute(update(videos).where(videos.c.id == video_id).values(status=status.value))
    job = ended or job_of((await connection.execute(select(jobs).where(jobs.c.id == before.job_id))).one())
    events = events_of(job, VideoStatus(before.status), status, has_ended=ended is not None, now=datetime.now(UTC))
    if events:
        await connection.execute(_once(video_events), [video_event_values(event) for event in events])


def _once(table: Table) -> Insert:
    """Insert what is not there yet: what happened must not be undone because it was told already."""
    return insert(table).prefix_with("OR IGNORE", dialect="sqlite").prefix_with("IGNORE", dialect="mysql")


def _is_of(message: Message) -> ColumnElement[bool]:
    return and_(
        webhook_messages.c.event_id == message.event_id, webhook_messages.c.endpoint_id == message.endpoint_id
    )
