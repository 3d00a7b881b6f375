"""Sources are looked for by their length; what else they are known by may be missing."""

from alembic import op

revision = "0006_sources_by_size"
down_revision = "0005_uploads"


def upgrade() -> None:
    op.create_index("videos_by_size", "videos", ["source_size_bytes", "created_at", "id"])
    op.drop_index("videos_by_source", "videos")


def downgrade() -> None:
    op.create_index("videos_by_source", "videos", ["source_sha256", "created_at", "id"])
    op.drop_index("videos_by_size", "videos")
