"""Where the database is, as people write it."""

from pathlib import Path

import pytest

from streamserver.catalog.address import file_address, parse_address
from streamserver.catalog.sql import open_catalog
from streamserver.errors import SettingsError


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("sqlite:///data/catalog.sqlite3", "sqlite+aiosqlite:///data/catalog.sqlite3"),
        ("sqlite:////var/lib/catalog.sqlite3", "sqlite+aiosqlite:////var/lib/catalog.sqlite3"),
        ("sqlite+aiosqlite:///a%20b%25.sqlite3", "sqlite+aiosqlite:///a b%25.sqlite3"),
        ("mysql://u:p%40ss@db:3307/name", "mysql+aiomysql://u:p%40ss@db:3307/name?charset=utf8mb4"),
        ("mysql+aiomysql://u@db/name", "mysql+aiomysql://u@db/name?charset=utf8mb4"),
        ("mariadb://u@[::1]/name", "mysql+aiomysql://u@[::1]/name?charset=utf8mb4"),
        (
            "mariadb+aiomysql://u@/name?unix_socket=/run/x",
            "mysql+aiomysql://u@/name?charset=utf8mb4&unix_socket=%2Frun%2Fx",
        ),
    ],
)
def test_addresses_are_understood(written: str, understood: str) -> None:
    """Each way to write an address leads to the driver that is used for it."""
    assert parse_address(written).render_as_string(hide_password=False) == understood


@pytest.mark.parametrize(
    ("written", "part_of_sentence"),
    [
        ("", "not understood"),
        ("catalog.sqlite3", "not understood"),
        ("postgresql://u:hunter2@db/name", "not understood"),
        ("mysql+pymysql://u:hunter2@db/name", "not understood"),
        ("mysql://u:hunter2@db:port/name", "not understood"),
        ("mysql://u:hunter2@db", "names no database"),
        ("mysql://u:hun@ter2@db/name", "write it as %40"),
        ("mysql://u:hunter2@db/name?hunter2=hunter2", "unix_socket alone"),
        ("mysql://u:hunter2@db/name?unix_socket=hunter2&unix_socket=b", "unix_socket alone"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://data/catalog.sqlite3", "names no file"),
        ("sqlite:///catalog.sqlite3?mode=ro", "names no file"),
    ],
)
def test_other_addresses_are_settings_errors(written: str, part_of_sentence: str) -> None:
    """An address that is not understood gets a sentence, which holds no part of a password; nor does its cause."""
    with pytest.raises(SettingsError) as raised:
        open_catalog(written)
    assert part_of_sentence in raised.value.message
    for said in (raised.value, raised.value.__cause__):
        assert "ter2" not in str(said)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("path", ["data/catalog.sqlite3", "/var/a b/100%?/#ä:@/c.sqlite3", "%41"])
def test_any_path_can_be_written_as_an_address(path: str) -> None:
    """The address of a file leads to that file."""
    assert parse_address(file_address(Path(path))).database == path
