"""Where the database is, as people write it.

    sqlite:///data/catalog.sqlite3                      a path from the working directory
    sqlite:////var/lib/streamserver/catalog.sqlite3     an absolute path
    mysql://user:password@host:3306/name
    mysql://user:password@/name?unix_socket=/run/mysqld/mysqld.sock

Characters that mean something in a URL are percent-encoded, in paths and passwords too.
`sqlite+aiosqlite`, `mysql+aiomysql` and `mariadb` are understood as well. What is said about an address never
contains it, because it may hold a password.
"""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from streamserver.errors import SettingsError

SQLITE = "sqlite+aiosqlite"
MYSQL = "mysql+aiomysql"
DRIVERS = {
    "sqlite": SQLITE,
    "sqlite+aiosqlite": SQLITE,
    "mysql": MYSQL,
    "mysql+aiomysql": MYSQL,
    "mariadb": MYSQL,
    "mariadb+aiomysql": MYSQL,
}


def file_address(path: Path) -> str:
    """Write the address of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def parse_address(database_url: str) -> URL:
    """Understand where the database is; raise `SettingsError` with a sentence otherwise."""
    try:
        url = make_url(database_url)
        driver = DRIVERS[url.drivername]
    except (ArgumentError, ValueError, KeyError):
        raise SettingsError(
            "The database URL is not understood. Write sqlite:///path or mysql://user:password@host:3306/name, "
            "with special characters percent-encoded."
        ) from None
    return _sqlite(url) if driver == SQLITE else _mysql(url)


def _sqlite(url: URL) -> URL:
    if url.database in {None, "", ":memory:"} or url.host or url.query:
        raise SettingsError("The database URL names no file. Write three slashes and a path: sqlite:///path.")
    return url.set(drivername=SQLITE)


def _mysql(url: URL) -> URL:
    if "@" in (url.host or ""):  # a part of the password, which must not come up in "cannot connect to …"
        raise SettingsError("The password in the database URL holds an @; write it as %40.")
    if not url.database:
        raise SettingsError(
            "The database URL names no database. Write its name at the end: mysql://user:password@host:3306/name."
        )
    if url.query.keys() - {"unix_socket"} or not isinstance(url.query.get("unix_socket", ""), str):
        raise SettingsError("The database URL has a parameter that is not understood; unix_socket alone is.")
    # aiomysql encodes a password as Latin-1; given so, what the server gets is UTF-8.
    password = url.password.encode().decode("latin-1") if url.password else None
    return url.set(drivername=MYSQL, password=password).update_query_dict({"charset": "utf8mb4"})
