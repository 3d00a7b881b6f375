"""Other servers' tables hold over a real socket, and downloaders resume what they began."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facts import go_ranges, nginx
from tests.facts.parts import read_partial
from tests.web.loopback import Connection, folder_handler, on_each_loop, serving

CONTENT = bytes(number * number % 251 for number in range(300_000))
"""More than goes out in one write."""

CURL = ("curl", "--disable", "--silent", "--fail", "--noproxy", "*")


pytestmark = on_each_loop


def test_go_is_agreed_with_over_one_connection(loop: str, tmp_path: Path) -> None:
    """All cases of Go's table come out alike over one keep-alive connection: status, Content-Range and bytes."""
    table = go_ranges.table()
    assert len(table.cases) == go_ranges.COUNT
    (tmp_path / "file").write_bytes(table.content)
    with serving(folder_handler(tmp_path), loop) as port, Connection(port) as connection:
        for case in table.cases:
            reply = connection.ask("/file", {"Range": case.header} if case.header else {})
            assert (case.header, reply.status) == (case.header, case.status)
            if reply.status == 206:
                parts = read_partial(reply.headers["content-type"], reply.headers.get("content-range"), reply.body)
                assert tuple((part.start, part.end) for part in parts) == case.ranges
                assert all(part.content == table.content[part.start : part.end] for part in parts)
            elif reply.status == 200:
                assert reply.body == table.content
            else:
                assert reply.headers["content-range"] == f"bytes */{len(table.content)}"


def test_nginx_is_agreed_with_on_ranges(loop: str, tmp_path: Path) -> None:
    """All range cases come out alike, but for the malformed ones that we ignore; each byte is sent once."""
    (tmp_path / "file").write_bytes(nginx.RANGE_CONTENT)
    with serving(folder_handler(tmp_path), loop) as port, Connection(port) as connection:
        for case in nginx.RANGE_CASES:
            reply = connection.ask("/file", {"Range": case.header})
            assert (case.header, reply.status) == (case.header, case.ours or case.status)
            if reply.status == 206:
                parts = read_partial(reply.headers["content-type"], reply.headers.get("content-range"), reply.body)
                assert b"".join(part.content for part in sorted(parts, key=lambda part: part.start)) == b"".join(
                    nginx.RANGE_CONTENT[first : last + 1] for first, last in sorted(case.spans)
                )


def test_nginx_is_agreed_with_on_conditions(loop: str, tmp_path: Path) -> None:
    """All preconditions come out alike, asked as there in HTTP/1.0, which ends the connection."""
    (tmp_path / "file").write_bytes(b"")
    handler = folder_handler(tmp_path, etag=nginx.ETAG, last_modified=nginx.MODIFIED_AT)
    with serving(handler, loop) as port:
        for case in nginx.CONDITION_CASES:
            with Connection(port) as connection:
                connection.send("/file", {case.field: case.value}, version="1.0")
                reply = connection.read()
                assert (case.field, case.value, reply.status) == (case.field, case.value, case.status)
                assert connection.is_closed()


def test_nginx_is_agreed_with_on_if_range(loop: str, tmp_path: Path) -> None:
    """If-Range comes out alike with a date and without one."""
    (tmp_path / "file").write_bytes(nginx.RANGE_CONTENT)
    for case in nginx.IF_RANGE_CASES:
        handler = folder_handler(tmp_path, last_modified=nginx.MODIFIED_AT if case.is_dated else None)
        with serving(handler, loop) as port, Connection(port) as connection:
            reply = connection.ask("/file", {"Range": "bytes=0-9", "If-Range": case.if_range})
            assert (case.if_range, reply.status) == (case.if_range, case.status)


@pytest.fixture
def url(loop: str, tmp_path: Path) -> Iterator[str]:
    media = tmp_path / "media"
    media.mkdir()
    (media / "file").write_bytes(CONTENT)
    with serving(folder_handler(media, last_modified=nginx.MODIFIED_AT), loop) as port:
        yield f"http://127.0.0.1:{port}/file"


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("0-99", CONTENT[:100]),
        ("100000-", CONTENT[100_000:]),
        ("-70000", CONTENT[-70_000:]),
        ("299999-400000", CONTENT[299_999:]),
    ],
)
def test_curl_gets_the_range_it_asks_for(url: str, ranges: str, expected: bytes) -> None:
    """`curl -r` writes exactly these bytes."""
    assert run(*CURL, "-r", ranges, url) == expected


@pytest.mark.parametrize("have", [1, 100_000, 299_999])
def test_curl_resumes(url: str, tmp_path: Path, have: int) -> None:
    """`curl -C -` completes a file that was cut off."""
    target = tmp_path / "target"
    target.write_bytes(CONTENT[:have])
    run(*CURL, "-C", "-", "-o", str(target), url)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("have", [1, 100_000, 299_999, 300_000])
def test_wget_resumes(url: str, tmp_path: Path, have: int) -> None:
    """`wget -c` completes a file that was cut off, and takes a 416 for being done."""
    target = tmp_path / "file"
    target.write_bytes(CONTENT[:have])
    run("wget", "--quiet", "--no-config", "--no-proxy", "-c", "-P", str(tmp_path), url)
    assert target.read_bytes() == CONTENT
