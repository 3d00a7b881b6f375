"""Tables come to be by migration, in each database."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.address import file_address, parse_address
from streamserver.catalog.database import Database
from streamserver.catalog.migrate import migrate, newest_revision, pending
from streamserver.catalog.sql import open_catalog
from streamserver.catalog.tables import metadata
from streamserver.errors import SettingsError, Unavailable
from tests.catalog.samples import add

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.mariadb import MariaDB

pytest_plugins = ["tests.services.mariadb"]


@pytest.fixture(params=["sqlite", "mariadb"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a database without tables, once in each."""
    if request.param == "sqlite":
        yield file_address(tmp_path / "catalog.sqlite3")
        return
    mariadb: MariaDB = request.getfixturevalue("mariadb")
    yield mariadb.create_database("migration")
    mariadb.execute("DROP DATABASE migration")


@pytest.fixture
async def database(empty_url: str) -> AsyncIterator[Database]:
    database = Database(parse_address(empty_url))
    yield database
    await database.close()


async def execute(url: str, statement: str) -> None:
    database = Database(parse_address(url))
    await database.write(lambda connection: connection.execute(text(statement)))
    await database.close()


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def parts_of(definition: str) -> list[str]:
    """Split a definition of SQLite at its commas: a column that was added later stands behind the constraints."""
    begin, _, body = definition.rpartition(")")[0].partition("(")
    return [f"{begin.strip()}: {part.strip()}" for part in re.split(r",(?![^()]*\))", body)]


async def definitions(database: Database) -> list[str]:
    """Return how the database itself describes the tables and their indexes, in which order has no meaning."""

    async def ask(connection: AsyncConnection) -> list[str]:
        if connection.dialect.name == "sqlite":
            ours = "SELECT sql FROM sqlite_master WHERE tbl_name <> 'alembic_version' AND sql <> ''"
            return sorted(part for sql in await connection.scalars(text(ours)) for part in parts_of(sql))
        tables = [await connection.execute(text(f"SHOW CREATE TABLE {name}")) for name in metadata.tables]
        return sorted(line.rstrip(",") for table in tables for line in table.one()[1].splitlines())

    return await database.read(ask)


async def test_migrated_tables_are_those_of_the_code(empty_url: str, database: Database) -> None:
    """The revisions lead to exactly the tables that the catalog is written for."""
    await migrate(empty_url)
    assert await database.read(lambda connection: connection.run_sync(differences)) == []


async def test_migrated_definitions_are_those_of_the_code(empty_url: str, database: Database) -> None:
    """Where a comparison of types does not look, at collations and constraints, nothing differs either."""
    await database.write(lambda connection: connection.run_sync(metadata.create_all))
    of_the_code = await definitions(database)
    await database.write(lambda connection: connection.run_sync(metadata.drop_all))
    await migrate(empty_url)
    assert await definitions(database) == of_the_code


async def test_pending_until_migrated(empty_url: str) -> None:
    """A migration is pending until it was carried out; carrying it out again changes nothing."""
    assert await pending(empty_url)
    await migrate(empty_url)
    assert not await pending(empty_url)
    catalog = open_catalog(empty_url)
    video = await add(catalog)
    await migrate(empty_url)
    assert await catalog.video("v") == video
    await catalog.close()


async def test_the_last_file_is_the_last_revision(empty_url: str, database: Database) -> None:
    """A database that was migrated has the revision that the files' names put last."""
    await migrate(empty_url)
    recorded = text("SELECT version_num FROM alembic_version")
    assert await database.read(lambda connection: connection.scalar(recorded)) == newest_revision()


async def test_alembic_is_imported_when_it_is_needed(tmp_path: Path) -> None:
    """A process that finds its database up to date comes along without it, one with an empty database does not."""
    url = file_address(tmp_path / "catalog.sqlite3")
    for imported in ("True", "False"):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url, stdout=subprocess.PIPE)
        said, _ = await process.communicate()
        assert said.decode().strip() == imported


MIGRATE = """
import asyncio, sys
from streamserver.catalog.migrate import migrate
asyncio.run(migrate(sys.argv[1]))
print("alembic" in sys.modules)
"""


async def test_asking_leaves_no_file(tmp_path: Path) -> None:
    """To ask whether a migration is pending creates no SQLite file."""
    assert await pending(file_address(tmp_path / "none.sqlite3"))
    assert names_in(tmp_path) == []


async def test_several_servers_migrate_at_once(empty_url: str) -> None:
    """Of several that migrate at the same time one does the work, and all find it done."""
    await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert not await pending(empty_url)
    catalog = open_catalog(empty_url)
    await catalog.check()
    await catalog.close()


async def test_a_failed_migration_of_sqlite_leaves_nothing(tmp_path: Path) -> None:
    """A migration that meets a foreign table fails as a whole, so that it can be tried again."""
    url = file_address(tmp_path / "catalog.sqlite3")
    await execute(url, "CREATE TABLE subtitles (foreign_to_us TEXT)")
    with pytest.raises(Unavailable):
        await migrate(url)
    await execute(url, "DROP TABLE subtitles")
    await migrate(url)
    assert not await pending(url)


async def test_a_newer_database_is_refused(empty_url: str) -> None:
    """An older server does not touch what a newer one migrated, and says so."""
    await migrate(empty_url)
    await execute(empty_url, "UPDATE alembic_version SET version_num = 'of tomorrow'")
    for refused in (pending(empty_url), migrate(empty_url)):
        with pytest.raises(SettingsError, match="newer version"):
            await refused


async def test_a_database_without_tables_says_what_to_do(empty_url: str) -> None:
    """A catalog that was never migrated names the command that does it."""
    catalog = open_catalog(empty_url)
    with pytest.raises(Unavailable, match="streamserver migrate"):
        await catalog.check()
    await catalog.close()


async def test_logging_stays_as_it_was(tmp_path: Path) -> None:
    """A migration neither adds, removes nor silences a logger's handlers."""
    ours = logging.getLogger("streamserver.somewhere")
    before = (list(logging.root.handlers), logging.root.level)
    await migrate(file_address(tmp_path / "catalog.sqlite3"))
    assert (list(logging.root.handlers), logging.root.level) == before
    assert not ours.disabled
