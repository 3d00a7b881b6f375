"""Sound tracks, storyboards, chapters, and which text tracks were uploaded."""

from alembic import op
from sqlalchemy import Boolean, Column, Integer

from streamserver.catalog.columns import Exact, LongText

revision = "0002_depth"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("subtitles", Column("is_uploaded", Boolean))
    op.add_column("renditions", Column("audio_number", Integer))
    op.add_column("renditions", Column("audio_language", Exact(255)))
    op.add_column("videos", Column("storyboard_key", Exact(64)))
    op.add_column("videos", Column("chapters", LongText))


def downgrade() -> None:
    op.drop_column("videos", "chapters")
    op.drop_column("videos", "storyboard_key")
    op.drop_column("renditions", "audio_language")
    op.drop_column("renditions", "audio_number")
    op.drop_column("subtitles", "is_uploaded")
