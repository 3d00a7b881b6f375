"""Column types that mean the same in SQLite, MySQL and MariaDB."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.types import TypeDecorator, TypeEngine

LongText = Text().with_variant(mysql.LONGTEXT(), "mysql")
"""Text of any length; MySQL's `TEXT` ends at 64 KiB."""


class Exact(TypeDecorator[str]):
    """Text compared and sorted by code points: `a` is neither `A` nor `ä`, nor `a` with a space after it.

    SQLite does so by itself. MySQL and MariaDB must be told, and name the collation differently.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Choose the collation."""
        if not isinstance(dialect, MySQLDialect):
            return String(self.length)
        collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
        return mysql.VARCHAR(self.length, charset="utf8mb4", collation=collation)


class Moment(TypeDecorator[datetime]):
    """A time in UTC with microseconds; databases keep it without a zone, the product never sees it so."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """Ask MySQL for the microseconds that it leaves out by default."""
        if isinstance(dialect, MySQLDialect):
            return mysql.DATETIME(fsp=6)
        return DateTime()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Leave out the zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone could be any time.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Put the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)
