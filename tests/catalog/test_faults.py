"""A catalog says in a sentence what is wrong with its database, and works again once it is not."""

import asyncio
import logging
import os
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.address import file_address, parse_address
from streamserver.catalog.database import Database
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import SqlCatalog, open_catalog
from streamserver.domain.jobs import completed
from streamserver.domain.videos import VideoStatus
from streamserver.errors import NotFound, Unavailable
from tests.catalog.samples import LATER, add, add_running

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.mariadb import MariaDB

pytest_plugins = ["tests.services.catalogs"]


async def complaint(database_url: str) -> str:
    """Return what a check of the catalog says, which names no password."""
    catalog = open_catalog(database_url)
    with pytest.raises(Unavailable) as raised:
        await catalog.check()
    await catalog.close()
    cause = raised.value.__cause__
    while cause is not None:
        assert "hunter2" not in str(cause)
        cause = cause.__cause__ or cause.__context__
    return raised.value.message


class TestSentences:
    """What is wrong."""

    async def test_no_folder(self, tmp_path: Path) -> None:
        """A SQLite file cannot be made in a folder that is not there."""
        assert "folder must exist" in await complaint(file_address(tmp_path / "none" / "catalog.sqlite3"))

    async def test_not_a_database(self, tmp_path: Path) -> None:
        """A file of something else is not taken for a database, and not changed."""
        path = tmp_path / "film.mp4"
        path.write_bytes(b"\0\0\0\x18ftypmp42" * 1000)
        assert "not a database" in await complaint(file_address(path))
        assert path.read_bytes() == b"\0\0\0\x18ftypmp42" * 1000

    async def test_nobody_listens(self) -> None:
        """A server that does not run is called unreachable."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and does not listen
            port = taken.getsockname()[1]
            assert "cannot be reached" in await complaint(f"mysql://u:hunter2@127.0.0.1:{port}/name")

    async def test_wrong_password(self, mariadb: "MariaDB") -> None:
        """A refused password is called that, and not told."""
        url = f"mysql://nobody:hunter2@/contract?unix_socket={mariadb.socket}"
        assert "refused the user or the password" in await complaint(url)

    async def test_any_password(self, mariadb: "MariaDB", mariadb_url: str) -> None:
        """A password may have any characters, when they are percent-encoded."""
        chosen = "p@ß:/?#%🎬"
        mariadb.execute(f"CREATE OR REPLACE USER u@localhost IDENTIFIED BY '{chosen}'")
        mariadb.execute("GRANT ALL ON *.* TO u@localhost")
        catalog = open_catalog(mariadb_url.replace("root@", f"u:{quote(chosen, safe='')}@"))
        await catalog.check()
        await catalog.close()

    async def test_no_such_database(self, mariadb: "MariaDB") -> None:
        """A database that was not created is called that."""
        assert "no database of that name" in await complaint(mariadb.url("nowhere"))

    async def test_another_process_writes_for_too_long(self, sqlite_url: str) -> None:
        """A locked SQLite file is called busy; reading goes on meanwhile, and writing afterwards."""
        catalog = SqlCatalog(Database(parse_address(sqlite_url), patience_seconds=0.5))
        await add(catalog)
        other = sqlite3.connect(str(parse_address(sqlite_url).database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await catalog.rename_video("v", "new")
        assert (await catalog.video("v")).title == "A holiday"
        other.execute("ROLLBACK")
        other.close()
        assert (await catalog.rename_video("v", "newer")).title == "newer"
        await catalog.close()


class TestDeadlocks:
    """Two transactions of MySQL that wait for one another."""

    @pytest.fixture
    async def rival(self, mariadb_url: str) -> AsyncIterator[AsyncConnection]:
        """Give a connection that is not the catalog's."""
        database = Database(parse_address(mariadb_url))
        async with database._writer.connect() as connection:
            yield connection
        await database.close()

    async def test_the_victim_tries_again(self, mariadb_url: str, rival: AsyncConnection) -> None:
        """A transaction that the database rolled back because of a deadlock is carried out after all."""
        catalog = open_catalog(mariadb_url)
        job = await add_running(catalog)
        for number in range(20):  # the one that changed less becomes the victim
            await add(catalog, f"w{number}")
        await rival.execute(text("UPDATE videos SET width = 1 WHERE id LIKE 'w%'"))
        await rival.execute(text("SELECT id FROM videos WHERE id = 'v' FOR UPDATE"))
        finishing = asyncio.create_task(catalog.finish_job(completed(job, now=LATER), VideoStatus.COMPLETE))
        while (await rival.execute(text("SHOW STATUS LIKE 'innodb_row_lock_current_waits'"))).one()[1] == "0":
            assert not finishing.done()
        await rival.execute(text("UPDATE jobs SET percent = 50 WHERE id = 'v-job'"))
        await rival.commit()
        assert await finishing
        assert (await catalog.video("v")).status is VideoStatus.COMPLETE
        assert await catalog.job(job.id) == completed(job, now=LATER)
        await catalog.close()

    async def test_finishing_and_deleting_at_once(self, mariadb_url: str) -> None:
        """Both take the same rows in opposite order; either finds the video or does not, and neither fails."""
        catalog = open_catalog(mariadb_url)
        jobs = [await add_running(catalog, str(number)) for number in range(25)]
        ends = [catalog.finish_job(completed(job, now=LATER), VideoStatus.COMPLETE) for job in jobs]
        deletions = [catalog.delete_video(job.video_id) for job in jobs]
        told = await asyncio.gather(*ends, *deletions, return_exceptions=True)
        assert all(answer is True or isinstance(answer, NotFound) for answer in told[:25])
        assert told[25:] == [None] * 25
        assert await catalog.jobs() == []
        await catalog.close()


class TestOutages:
    """A MySQL server that goes away."""

    @pytest.fixture
    async def outage(self) -> AsyncIterator["MariaDB"]:
        """Give a server of the test's own, with an empty catalog."""
        from tests.services.mariadb import MariaDB

        with TemporaryDirectory(prefix="mariadb-") as folder:
            server = MariaDB(Path(folder))
            server.start()
            await migrate(server.create_database("outage"))
            try:
                yield server
            finally:
                server.stop()

    async def test_a_restarted_server(self, outage: "MariaDB", caplog: pytest.LogCaptureFixture) -> None:
        """While the server is down each call says so; when it is back, no call meets a dead connection."""
        caplog.set_level(logging.ERROR)
        catalog = open_catalog(outage.url("outage"))
        video = await add(catalog)
        await asyncio.gather(*(catalog.check() for _ in range(10)))
        outage.stop()
        for call in (catalog.check(), catalog.videos(), catalog.rename_video("v", "new")):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await call
        outage.start()
        assert await asyncio.gather(*(catalog.video("v") for _ in range(20))) == [video] * 20
        outage.stop()
        outage.start()  # while nobody asked
        assert await catalog.video("v") == video
        outage.stop()
        await catalog.close()
        assert caplog.records == []

    async def test_a_connection_lost_in_the_middle(self, outage: "MariaDB") -> None:
        """A transaction whose connection is cut is unavailable, changes nothing, and the next one works."""
        database = Database(parse_address(outage.url("outage")))
        catalog = SqlCatalog(database)
        await add(catalog)

        async def cut(connection: AsyncConnection) -> None:
            await connection.execute(text("UPDATE videos SET title = 'lost'"))
            outage.execute(f"KILL {await connection.scalar(text('SELECT connection_id()'))}")
            await connection.execute(text("UPDATE videos SET width = 1"))

        with pytest.raises(Unavailable, match="cannot be reached"):
            await database.write(cut)
        assert (await catalog.video("v")).title == "A holiday"
        await catalog.close()

    async def test_a_server_that_hangs(self, outage: "MariaDB") -> None:
        """A call does not wait for ever; the catalog works again when the server does."""
        catalog = SqlCatalog(Database(parse_address(outage.url("outage")), patience_seconds=2.0))
        await add(catalog)
        os.kill(outage.process_id, signal.SIGSTOP)
        try:
            for call in (
                catalog.check(),
                catalog.rename_video("v", "new"),
            ):  # asks the pool, then for a connection
                with pytest.raises(Unavailable, match="cannot be reached"):
                    await call
        finally:
            os.kill(outage.process_id, signal.SIGCONT)
        assert (await catalog.video("v")).title == "A holiday"
        await catalog.close()
