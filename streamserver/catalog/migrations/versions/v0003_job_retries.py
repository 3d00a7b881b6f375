"""Jobs that the machine failed are tried again."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

from streamserver.catalog.columns import Moment

revision = "0003_job_retries"
down_revision = "0002_depth"


def upgrade() -> None:
    # The jobs that are there have not failed for the machine's sake; new ones tell for themselves.
    op.add_column("jobs", Column("failures", Integer, nullable=False, server_default="0"))
    op.add_column("jobs", Column("last_error_code", String(64)))
    op.add_column("jobs", Column("last_error_message", Text))
    op.add_column("jobs", Column("retry_at", Moment))


def downgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        for name in ("retry_at", "last_error_message", "last_error_code", "failures"):
            jobs.drop_column(name)
