"""Pages of rows, the newest first, ties by id."""

from sqlalchemy import ColumnElement, Table, and_, or_

from streamserver.domain.videos import Cursor


def older_than(cursor: Cursor, table: Table) -> ColumnElement[bool]:
    """Select what follows a cursor.

    It is written so that both databases find the place in the index on (created_at, id): MySQL does not for a
    comparison of rows, and neither does for a plain `or`.
    """
    created_at = table.c.created_at
    return and_(created_at <= cursor.created_at, or_(created_at < cursor.created_at, table.c.id < cursor.id))
