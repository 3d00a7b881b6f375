"""Sources on their way in, what their bytes are known by, and jobs that found them there already."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, String, Text

from streamserver.catalog.columns import Exact, LongText, Moment

revision = "0005_uploads"
down_revision = "0004_webhooks"

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def upgrade() -> None:
    op.create_table(
        "uploads",
        Column("id", Exact(64), primary_key=True),
        Column("video_id", Exact(64), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("user", String(255), nullable=False),
        Column("title", String(500)),
        Column("file_name", Text, nullable=False),
        Column("length_bytes", BigInteger),
        Column("url", Text),
        Column("sha256", Exact(64)),
        Column("created_at", Moment, nullable=False),
        Column("expires_at", Moment, nullable=False),
        Column("error_code", String(64)),
        Column("error_message", Text),
        Column("failed_at", Moment),
        Column("details", LongText, nullable=False),
        **OPTIONS,
    )
    op.create_index("uploads_by_age", "uploads", ["created_at", "id"])
    op.add_column("videos", Column("source_sha256", Exact(64)))
    op.create_index("videos_by_source", "videos", ["source_sha256", "created_at", "id"])
    op.add_column("jobs", Column("is_duplicate", Boolean))


def downgrade() -> None:
    op.drop_column("jobs", "is_duplicate")
    op.drop_index("videos_by_source", "videos")
    op.drop_column("videos", "source_sha256")
    op.drop_table("uploads")
