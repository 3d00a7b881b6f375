"""The tables as they are now; `migrations` is how they came to be."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from streamserver.catalog.columns import Exact, LongText, Moment

ID_CHARACTERS: Final = 64
"""The longest id or key."""
EVENT_ID_CHARACTERS: Final = 128
"""The longest id of an event, which names a job and more."""
SHA256_CHARACTERS: Final = 64
"""In hexadecimal."""
TITLE_CHARACTERS: Final = 500
"""The longest title."""
FOLDED_CHARACTERS: Final = 3 * TITLE_CHARACTERS
"""Folding makes at most three characters of one (The Unicode Standard §5.18)."""
TABLE_OPTIONS: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

metadata = MetaData()

videos = Table(
    "videos",
    metadata,
    Column("id", Exact(ID_CHARACTERS), primary_key=True),
    Column("title", String(TITLE_CHARACTERS), nullable=False),
    Column("title_folded", Exact(FOLDED_CHARACTERS), nullable=False),  # what is searched
    Column("created_at", Moment, nullable=False),
    Column("job_id", Exact(ID_CHARACTERS), nullable=False),
    Column("status", String(16), nullable=False),
    Column("source_file_name", Text, nullable=False),
    Column("source_size_bytes", BigInteger, nullable=False),
    Column("source_content_type", String(255), nullable=False),
    Column("source_sha256", Exact(SHA256_CHARACTERS)),
    Column("duration_seconds", Double),
    Column("width", Integer),
    Column("height", Integer),
    Column("poster_key", Exact(ID_CHARACTERS)),
    Column("storyboard_key", Exact(ID_CHARACTERS)),
    Column("chapters", LongText),  # as `pack_chapters` writes them
    Index("videos_by_age", "created_at", "id"),
    Index("videos_by_size", "source_size_bytes", "created_at", "id"),
    **TABLE_OPTIONS,
)

renditions = Table(
    "renditions",
    metadata,
    Column("key", Exact(ID_CHARACTERS), primary_key=True),
    Column("video_id", Exact(ID_CHARACTERS), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("frame_rate", Double, nullable=False),
    Column("target_seconds", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("codecs", String(255), nullable=False),
    Column("bit_rate_bps", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("fragment_index", LongText),  # as `pack_index` writes it; null while the rendition grows
    Column("audio_number", Integer),  # null unless it is sound alone
    Column("audio_language", Exact(255)),
    Index("renditions_by_video", "video_id"),
    **TABLE_OPTIONS,
)

subtitles = Table(
    "subtitles",
    metadata,
    Column("key", Exact(ID_CHARACTERS), primary_key=True),
    Column("video_id", Exact(ID_CHARACTERS), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
    Column("language", Exact(255), nullable=False),
    Column("label", Text, nullable=False),
    Column("is_uploaded", Boolean),  # null in rows that are older than the column
    Index("subtitles_by_video", "video_id"),
    **TABLE_OPTIONS,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Exact(ID_CHARACTERS), primary_key=True),
    Column("video_id", Exact(ID_CHARACTERS), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("percent", Double, nullable=False),
    Column("speed", Double),
    Column("frames_per_second", Double),
    Column("eta_seconds", Double),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),  # rows of before there were any
    Column("last_error_code", String(64)),
    Column("last_error_message", Text),
    Column("retry_at", Moment),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("renditions", Text, nullable=False),  # JSON: [[name, percent], …]
    Column("sequence", BigInteger, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("is_duplicate", Boolean),  # null in rows that are older than the column
    Index("jobs_by_age", "created_at", "id"),
    Index("jobs_by_status", "status", "created_at", "id"),
    Index("jobs_by_video", "video_id"),
    **TABLE_OPTIONS,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Exact(ID_CHARACTERS), primary_key=True),
    Column("video_id", Exact(ID_CHARACTERS), nullable=False),  # of a video that is not there yet
    Column("kind", String(16), nullable=False),
    Column("user", String(255), nullable=False),
    Column("title", String(TITLE_CHARACTERS)),
    Column("file_name", Text, nullable=False),
    Column("length_bytes", BigInteger),
    Column("url", Text),
    Column("sha256", Exact(SHA256_CHARACTERS)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("failed_at", Moment),
    Column("details", LongText, nullable=False),  # JSON
    Index("uploads_by_age", "created_at", "id"),
    **TABLE_OPTIONS,
)

video_events = Table(
    "video_events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # their order
    Column("id", Exact(EVENT_ID_CHARACTERS), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("video_id", Exact(ID_CHARACTERS), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", Exact(ID_CHARACTERS), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    UniqueConstraint("id", name="video_events_once"),
    Index("video_events_by_video", "video_id"),
    **TABLE_OPTIONS,
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # their order
    Column("event_id", Exact(EVENT_ID_CHARACTERS), nullable=False),
    Column("endpoint_id", Exact(ID_CHARACTERS), nullable=False),
    Column("video_id", Exact(ID_CHARACTERS), ForeignKey("videos.id", ondelete="CASCADE"), nullable=False),
    Column("body", LongText, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempt", Integer, nullable=False),
    UniqueConstraint("event_id", "endpoint_id", name="webhook_messages_once"),
    Index("webhook_messages_by_time", "endpoint_id", "due_at", "number"),
    Index("webhook_messages_by_video", "video_id", "endpoint_id", "number"),
    **TABLE_OPTIONS,
)
