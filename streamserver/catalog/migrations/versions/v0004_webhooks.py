"""What others are told of videos: events, and messages that are owed."""

from typing import Any

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, String, Text, UniqueConstraint

from streamserver.catalog.columns import Exact, LongText, Moment

revision = "0004_webhooks"
down_revision = "0003_job_retries"

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def upgrade() -> None:
    _video_events()
    _webhook_messages()


def downgrade() -> None:
    for table in ("webhook_messages", "video_events"):
        op.drop_table(table)


def _video_events() -> None:
    op.create_table(
        "video_events",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("id", Exact(128), nullable=False),
        Column("kind", String(32), nullable=False),
        Column("video_id", Exact(64), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
        Column("job_id", Exact(64), nullable=False),
        Column("recorded_at", Moment, nullable=False),
        Column("error_code", String(64)),
        Column("error_message", Text),
        UniqueConstraint("id", name="video_events_once"),
        **OPTIONS,
    )
    op.create_index("video_events_by_video", "video_events", ["video_id"])


def _webhook_messages() -> None:
    op.create_table(
        "webhook_messages",
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("event_id", Exact(128), nullable=False),
        Column("endpoint_id", Exact(64), nullable=False),
        Column("video_id", Exact(64), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
        Column("body", LongText, nullable=False),
        Column("due_at", Moment, nullable=False),
        Column("attempt", Integer, nullable=False),
        UniqueConstraint("event_id", "endpoint_id", name="webhook_messages_once"),
        **OPTIONS,
    )
    op.create_index("webhook_messages_by_time", "webhook_messages", ["endpoint_id", "due_at", "number"])
    op.create_index("webhook_messages_by_video", "webhook_messages", ["video_id", "endpoint_id", "number"])
