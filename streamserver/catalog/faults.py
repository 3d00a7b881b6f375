"""What databases complain about, in the words of the product."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError as PoolTimeoutError

from streamserver.catalog.sentences import NO_VIDEO, TAKEN
from streamserver.errors import Conflict, NotFound, StorageFull, StreamserverError, Unavailable

REFUSED = "The database refused the user or the password."
NO_TABLES = "The database lacks its tables; run `streamserver migrate`."
NO_DATABASE = "The database server has no database of that name; create it first."
NO_FILE = "The database file cannot be opened; its folder must exist and be writable."
NOT_WRITABLE = "The database cannot be written to."
DAMAGED = "The database file is damaged, or is not a database."
NO_ROOM = "The database has no room left."
BUSY = "The database is too busy just now; please try again."
UNREACHABLE = "The database cannot be reached just now; please try again later."

LOST_RACES = frozenset({1205, 1213})
"""MySQL rolled back because of a lock that took too long, or of a deadlock."""

FAULTS: dict[int | str, tuple[type[StreamserverError], str]] = {
    # MySQL and MariaDB, by number. The only foreign keys point to videos.
    1021: (StorageFull, NO_ROOM),  # disk full
    1040: (Unavailable, BUSY),  # too many connections
    1044: (Unavailable, REFUSED),  # access denied to the database
    1045: (Unavailable, REFUSED),  # access denied
    1049: (Unavailable, NO_DATABASE),
    1062: (Conflict, TAKEN),  # duplicate entry
    1114: (StorageFull, NO_ROOM),  # table full
    1146: (Unavailable, NO_TABLES),
    1205: (Unavailable, BUSY),  # lock wait timeout
    1213: (Unavailable, BUSY),  # deadlock
    1290: (Unavailable, NOT_WRITABLE),  # --read-only
    1452: (NotFound, NO_VIDEO),  # foreign key
    # SQLite, by the name of the extended result code.
    "SQLITE_BUSY": (Unavailable, BUSY),
    "SQLITE_CANTOPEN": (Unavailable, NO_FILE),
    "SQLITE_CONSTRAINT_FOREIGNKEY": (NotFound, NO_VIDEO),
    "SQLITE_CONSTRAINT_PRIMARYKEY": (Conflict, TAKEN),
    "SQLITE_CORRUPT": (Unavailable, DAMAGED),
    "SQLITE_FULL": (StorageFull, NO_ROOM),
    "SQLITE_NOTADB": (Unavailable, DAMAGED),
    "SQLITE_READONLY": (Unavailable, NOT_WRITABLE),
}


def lost_a_race(error: DBAPIError) -> bool:
    """Tell whether the same transaction may succeed when tried again at once."""
    code = _code(error)
    # An error without a statement came up while connecting. There SQLite switches the file to WAL, and does not
    # wait for others who do so, as it waits for all else.
    return code in LOST_RACES or (code == "SQLITE_BUSY" and error.statement is None)


@contextmanager
def explained() -> Iterator[None]:
    """Raise what a fault means to callers; one that can only be a mistake of ours stays as it is."""
    try:
        yield
    except PoolTimeoutError as error:
        raise Unavailable(BUSY) from error
    except TimeoutError as error:
        raise Unavailable(UNREACHABLE) from error
    except DBAPIError as error:
        code = _code(error)
        if code in FAULTS:
            kind, sentence = FAULTS[code]
            raise kind(sentence) from error
        if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
            raise Unavailable(UNREACHABLE) from error
        raise


def _code(error: DBAPIError) -> int | str:
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is None:
        return error.orig.args[0] if error.orig and error.orig.args else 0
    if name == "SQLITE_ERROR" and "no such table" in str(error.orig):  # SQLite has no code of its own for it
        return 1146
    family = "_".join(name.split("_")[:2])
    return name if name in FAULTS else family
