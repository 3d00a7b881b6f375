"""Transactions on SQLite, MySQL and MariaDB."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Dialect, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from streamserver.catalog.address import SQLITE
from streamserver.catalog.faults import explained, lost_a_race

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="HasDatabase")

TRIES = 5
"""How often a transaction that lost a race is begun."""
BACKOFF_SECONDS = 0.02
"""The first pause between two tries; each one is longer by as much."""
PATIENCE_SECONDS = 15.0
"""How long a call waits: for a connection, for another process to finish writing, for a server to answer."""
READERS = 4
"""SQLite connections that read; one more writes."""
MYSQL_CONNECTIONS = 10
"""Of one process."""
MYSQL_SESSION = "SET SESSION sql_mode='STRICT_ALL_TABLES', SESSION innodb_lock_wait_timeout=5"
"""A text that is too long is a fault, whatever the server's default; a lock is not waited for as long as 50 s."""


class Database:
    """One database, which is asked in transactions."""

    def __init__(self, url: URL, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._transactions: set[asyncio.Task[Any]] = set()
        if url.drivername == SQLITE:
            # SQLite has one writer at a time. Within the process it is queued for here, rather than polled for.
            self._writer = sqlite_engine(
                url, begin="BEGIN IMMEDIATE", connections=1, patience_seconds=patience_seconds
            )
            self._reader = sqlite_engine(
                url, begin="BEGIN", connections=READERS, patience_seconds=patience_seconds
            )
            self._deadline_seconds = None  # SQLite itself never waits longer than it was told to
        else:
            self._writer = self._reader = mysql_engine(url, patience_seconds=patience_seconds)
            self._deadline_seconds = patience_seconds

    async def read(self, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        """Do work that changes nothing in one transaction."""
        return await self._transact(self._reader, work)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        """Do work in one transaction that is durable on return.

        The work may be begun several times, and is carried out also when the caller is cancelled.
        """
        return await self._transact(self._writer, work)

    async def close(self) -> None:
        """Let transactions end, and close all connections."""
        if self._transactions:
            await asyncio.wait(self._transactions)
        await self._writer.dispose()
        await self._reader.dispose()

    async def _transact(self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        # A caller that is cancelled leaves; its transaction goes on to its end. Torn down in the middle, a
        # connection to SQLite would hold its lock until the garbage collector finds the last of its cursors.
        transaction = asyncio.create_task(self._carry_out(engine, work))
        self._transactions.add(transaction)
        transaction.add_done_callback(self._transactions.discard)
        return await asyncio.shield(transaction)

    async def _carry_out(self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
        with explained():
            async with asyncio.timeout(self._deadline_seconds):
                return await transact(engine, work)


async def transact(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
    """Do work in one transaction, and again where that lost a race."""
    for failures in range(1, TRIES):
        try:
            return await _once(engine, work)
        except DBAPIError as error:
            if not lost_a_race(error):
                raise
        await asyncio.sleep(BACKOFF_SECONDS * failures)
    return await _once(engine, work)


async def _once(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[R]]) -> R:
    async with engine.begin() as connection:
        return await work(connection)


class HasDatabase(Protocol):
    """What has methods that are transactions."""

    database: Database
    """Where they happen."""


def reads(
    method: Callable[Concatenate[S, AsyncConnection, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Make a method a transaction that changes nothing; it is handed the connection."""

    @wraps(method)
    async def transaction(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.database.read(lambda connection: method(self, connection, *args, **kwargs))

    return transaction


def writes(
    method: Callable[Concatenate[S, AsyncConnection, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Make a method a transaction, which may be begun several times; it is handed the connection."""

    @wraps(method)
    async def transaction(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.database.write(lambda connection: method(self, connection, *args, **kwargs))

    return transaction


def sqlite_engine(
    url: URL,
    *,
    begin: str,
    connections: int,
    patience_seconds: float = PATIENCE_SECONDS,
    keep_foreign_keys: bool = True,
) -> AsyncEngine:
    """Make connections to a SQLite file, of which each transaction starts with `begin`."""
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience_seconds,
        connect_args={"isolation_level": None},  # Python's own idea of when to begin is switched off
    )

    def open_once(_dialect: Dialect, _entry: ConnectionPoolEntry, where: list[str], _options: object) -> None:
        # Where a file cannot be opened, aiosqlite's thread outlives the call, and fails aloud if the event loop
        # ends before it does. So that is found out before there is a thread.
        sqlite3.connect(where[0]).close()

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        # The first, because the next may have to wait already.
        cursor.execute(f"PRAGMA busy_timeout = {round(patience_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # With WAL, NORMAL may lose to a power cut what was acknowledged.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if keep_foreign_keys else 'OFF'}")
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "do_connect", open_once)
    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", start)
    return engine


def mysql_engine(url: URL, *, patience_seconds: float = PATIENCE_SECONDS) -> AsyncEngine:
    """Make connections to MySQL or MariaDB."""
    engine = create_async_engine(
        url,
        pool_size=MYSQL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=patience_seconds,
        pool_pre_ping=True,
        pool_recycle=1800,
        isolation_level="READ COMMITTED",
        connect_args={"init_command": MYSQL_SESSION, "connect_timeout": 5},
    )

    def part(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Merely closed, aiomysql fails to say goodbye to a server that is gone, and forgets its socket.
        engine.dialect.do_terminate(connection)

    event.listen(engine.sync_engine, "close", part)
    return engine
