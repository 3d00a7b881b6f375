"""The range table of Go's net/http, read from `fs_test.go` of the installed Go source."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from tests.facts import missing

COUNT = 22
"""How many cases the table has."""
_ROOTS = ("/usr/lib/go/src", "/usr/share/go/src", "/usr/local/go/src", "/usr/lib/go-*/src", "/usr/share/go-*/src")
_CASE = re.compile(
    r'\{r: "(?P<header>[^"]*)", code: Status(?P<status>\w+)(?:, ranges: \[\]wantRange(?P<ranges>.*))?\}'
)
_RANGE = re.compile(r"\{(?P<start>[^{},]+), (?P<end>[^{},]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoCase:
    """What Go's file server answers to a Range header."""

    header: str
    """The Range header; empty for none."""
    status: int
    """Status code."""
    ranges: tuple[tuple[int, int], ...]
    """Start and end (exclusive) of every part sent; none where the whole is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTable:
    """The table and the file it speaks of."""

    content: bytes
    """The file that is asked for."""
    cases: tuple[GoCase, ...]
    """In the order of the source."""


@cache
def _sources() -> tuple[Path, ...]:
    return tuple(path for root in _ROOTS for path in sorted(Path("/").glob(f"{root[1:]}/net/http/fs_test.go")))


def table() -> GoTable:
    """Read the table; gives the test up where Go's source is not installed."""
    if not _sources():
        missing("Go's source is not installed (Debian: golang-go)")
    source = _sources()[0]
    text = source.read_text(encoding="utf-8")
    length = int(_only(re.findall(r"testFileLen = ([0-9]+)", text)))
    content = (source.parent / _only(re.findall(r'testFile += "([^"]+)"', text))).read_bytes()
    assert len(content) == length
    block = _only(re.findall(r"^var ServeFileRangeTests = .*?^\}\{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE))
    return GoTable(content=content, cases=tuple(_cases(block, length)))


def _only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


def _cases(block: str, length: int) -> Iterator[GoCase]:
    for line in block.splitlines():
        match = _CASE.search(line)
        assert match is not None, line
        yield GoCase(
            header=match["header"],
            status=_status(match["status"]),
            ranges=tuple(
                (_number(found["start"], length), _number(found["end"], length))
                for found in _RANGE.finditer(match["ranges"] or "")
            ),
        )


def _status(name: str) -> int:
    """Translate `PartialContent` by way of `PARTIAL_CONTENT`."""
    return HTTPStatus[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()].value


def _number(expression: str, length: int) -> int:
    """Evaluate `5`, `testFileLen` and `testFileLen - 5`."""
    first, _, subtrahend = expression.partition(" - ")
    return (length if first == "testFileLen" else int(first)) - int(subtrahend or 0)
