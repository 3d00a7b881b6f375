"""Videos, renditions, subtitles and jobs."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, String, Text

from streamserver.catalog.columns import Exact, LongText, Moment

revision = "0001"
down_revision = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def upgrade() -> None:
    _videos()
    _renditions()
    _subtitles()
    _jobs()


def downgrade() -> None:
    for table in ("jobs", "subtitles", "renditions", "videos"):
        op.drop_table(table)


def _videos() -> None:
    op.create_table(
        "videos",
        Column("id", Exact(64), primary_key=True),
        Column("title", String(500), nullable=False),
        Column("title_folded", Exact(1500), nullable=False),
        Column("created_at", Moment, nullable=False),
        Column("job_id", Exact(64), nullable=False),
        Column("status", String(16), nullable=False),
        Column("source_file_name", Text, nullable=False),
        Column("source_size_bytes", BigInteger, nullable=False),
        Column("source_content_type", String(255), nullable=False),
        Column("duration_seconds", Double),
        Column("width", Integer),
        Column("height", Integer),
        Column("poster_key", Exact(64)),
        **OPTIONS,
    )
    op.create_index("videos_by_age", "videos", ["created_at", "id"])


def _renditions() -> None:
    op.create_table(
        "renditions",
        Column("key", Exact(64), primary_key=True),
        Column("video_id", Exact(64), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
        Column("name", String(255), nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("frame_rate", Double, nullable=False),
        Column("target_seconds", Integer, nullable=False),
        Column("status", String(16), nullable=False),
        Column("codecs", String(255), nullable=False),
        Column("bit_rate_bps", BigInteger, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        Column("fragment_index", LongText),
        **OPTIONS,
    )
    op.create_index("renditions_by_video", "renditions", ["video_id"])


def _subtitles() -> None:
    op.create_table(
        "subtitles",
        Column("key", Exact(64), primary_key=True),
        Column("video_id", Exact(64), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
        Column("language", Exact(255), nullable=False),
        Column("label", Text, nullable=False),
        **OPTIONS,
    )
    op.create_index("subtitles_by_video", "subtitles", ["video_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        Column("id", Exact(64), primary_key=True),
        Column("video_id", Exact(64), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
        Column("created_at", Moment, nullable=False),
        Column("status", String(16), nullable=False),
        Column("stage", String(16), nullable=False),
        Column("percent", Double, nullable=False),
        Column("speed", Double),
        Column("frames_per_second", Double),
        Column("eta_seconds", Double),
        Column("attempt", Integer, nullable=False),
        Column("error_code", String(64)),
        Column("error_message", Text),
        Column("renditions", Text, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("started_at", Moment),
        Column("finished_at", Moment),
        **OPTIONS,
    )
    op.create_index("jobs_by_age", "jobs", ["created_at", "id"])
    op.create_index("jobs_by_status", "jobs", ["status", "created_at", "id"])
    op.create_index("jobs_by_video", "jobs", ["video_id"])
