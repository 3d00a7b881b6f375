"""Catalogs of each kind, empty."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from streamserver.catalog.address import file_address
from streamserver.catalog.memory import MemoryCatalog
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import open_catalog
from streamserver.ports import Catalog

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.mariadb import MariaDB

pytest_plugins = ["tests.services.mariadb"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with empty tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    await migrate(file_address(path))
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_mariadb(mariadb: "MariaDB") -> str:
    """Give the address of a database with tables, to be emptied."""
    url = mariadb.create_database("contract")
    await migrate(url)
    return url


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "catalog.sqlite3"
    shutil.copy(migrated_sqlite, path)
    return file_address(path)


@pytest.fixture
def mariadb_url(migrated_mariadb: str, mariadb: "MariaDB") -> str:
    mariadb.execute("DELETE FROM contract.videos")
    mariadb.execute("DELETE FROM contract.uploads")
    return migrated_mariadb


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the address of an empty catalog, once in each database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["memory", "sqlite", "mariadb"])
def any_catalog(request: pytest.FixtureRequest) -> Catalog:
    if request.param == "memory":
        return MemoryCatalog()
    return open_catalog(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def catalog(any_catalog: Catalog) -> AsyncIterator[Catalog]:
    """Give an empty catalog, once of each kind."""
    yield any_catalog
    await any_catalog.close()
