"""Brings a database's tables up to date.

Almost always they are, which is found out without Alembic: its import would take a fifth of a server's start.
"""

from importlib.resources import files
from pathlib import Path

from sqlalchemy import URL, Connection, column, func, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from streamserver.catalog.address import SQLITE, parse_address
from streamserver.catalog.database import mysql_engine, sqlite_engine, transact
from streamserver.catalog.faults import explained
from streamserver.errors import Unavailable

VERSIONS = "streamserver.catalog.migrations.versions"
RECORD = table("alembic_version", column("version_num"))
"""Where Alembic keeps a database's revision."""
LOCK_SECONDS = 60
"""How long another server's migration is waited for."""


async def migrate(database_url: str) -> None:
    """Create or update the tables. Safe when several servers start at once: one works, the others wait."""
    url = parse_address(database_url)
    engine = _engine(url)
    try:
        with explained():
            await transact(engine, _migrate)
    finally:
        await engine.dispose()


async def pending(database_url: str) -> bool:
    """Tell whether `migrate` has something to do."""
    url = parse_address(database_url)
    if _has_no_file(url):
        return True
    engine = _engine(url)
    try:
        with explained():
            return await transact(engine, lambda connection: connection.run_sync(_is_behind))
    finally:
        await engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    if url.drivername == SQLITE:
        # A migration of SQLite may have to drop a table and make it anew, which must not take along what points to
        # it. BEGIN IMMEDIATE is also the lock between servers: DDL is part of the transaction.
        return sqlite_engine(url, begin="BEGIN IMMEDIATE", connections=1, keep_foreign_keys=False)
    return mysql_engine(url)


def _has_no_file(url: URL) -> bool:
    """Tell whether connecting would create a SQLite file."""
    return url.drivername == SQLITE and not Path(url.database or "").exists()


async def _migrate(connection: AsyncConnection) -> None:
    if connection.dialect.name != "sqlite":
        await _lock(connection)
    await connection.run_sync(_upgrade)


async def _lock(connection: AsyncConnection) -> None:
    """Hold MySQL's lock until the connection closes; DDL ends its transactions, so those cannot be the lock."""
    name = func.concat("streamserver migrate ", func.md5(func.database()))
    if not await connection.scalar(select(func.get_lock(name, LOCK_SECONDS))):
        raise Unavailable("Another server is still migrating the database; please try again when it is done.")


def _is_behind(connection: Connection) -> bool:
    """Compare the database's revision with ours; raise `SettingsError` where it is not one of ours."""
    if _is_newest(connection):
        return False
    from streamserver.catalog import revisions  # noqa: PLC0415 - see above

    return revisions.is_behind(connection)


def _upgrade(connection: Connection) -> None:
    if not _is_newest(connection):
        from streamserver.catalog import revisions  # noqa: PLC0415 - see above

        revisions.upgrade(connection)


def _is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table(RECORD.name):
        return False
    return connection.scalar(select(RECORD.c.version_num)) == newest_revision()


def newest_revision() -> str:
    """Return the name of our last revision, by the names of their files."""
    newest = max(file.name for file in files(VERSIONS).iterdir() if file.name.startswith("v"))
    return newest.removeprefix("v").removesuffix(".py")
