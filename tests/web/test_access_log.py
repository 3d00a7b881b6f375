"""The access log tells of every request, and never gets in the way."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streamserver.web.access_log import BATCH_LINES, AccessLog, Entry
from streamserver.web.log_file import PIPE_BYTES, WAITING_BATCHES, LogFile
from tests.web.loopback import Connection, content_of, on_each_loop
from tests.web.media_server import media_path, media_server

LINE = re.compile(
    r'(?P<when>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?P<who>\S+) "(?P<what>(?:[^"\\]|\\.)*)" (?P<range>\S+) '
    r'(?P<status>\d{3}) (?P<bytes>\d+) (?P<milliseconds>\d+\.\d) "(?P<agent>(?:[^"\\]|\\.)*)"'
)
PATIENCE_SECONDS = 20.0
ENTRY: Entry = ("192.0.2.7", "GET", "/media/v/a.mp4", "bytes=0-9", 206, 400, 0.0012, "Agent")


def lines_of(path: Path) -> list[dict[str, str]]:
    found = [LINE.fullmatch(line) for line in path.read_text("ascii").splitlines()]
    assert all(found)
    return [match.groupdict() for match in found if match]


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@on_each_loop
def test_a_line_tells_who_what_range_status_bytes_and_duration(loop: str, tmp_path: Path) -> None:
    """For short and ordinary answers alike, and for those that a client did not wait for."""
    path = tmp_path / "access.log"
    requests: list[tuple[str, dict[str, str], str, int]] = [
        ("GET", {"Range": "bytes=0-9"}, "bytes=0-9", 206),
        ("GET", {"Range": "bytes=0-9"}, "bytes=0-9", 206),
        ("GET", {}, "-", 200),
        ("HEAD", {}, "-", 200),
        ("GET", {"If-None-Match": '"a"'}, "-", 304),
        ("GET", {"Range": "bytes=-0"}, "bytes=-0", 416),
        ("POST", {"Content-Length": "0"}, "-", 405),
    ]
    with media_server(tmp_path, loop, {"a": content_of("a", 5_000_000)}, log_path=path) as media:
        with Connection(media.port) as connection:
            for method, fields, _, status in requests:
                reply = connection.ask(media_path("a.mp4"), {**fields, "User-Agent": "Tester/1"}, method=method)
                assert reply.status == status
        with Connection(media.port, receive_buffer=4096) as leaver:
            leaver.send(media_path("a.mp4"))
            leaver.read_some(1000)
            leaver.reset()
    lines = lines_of(path)
    for line, (method, _, asked, status) in zip(lines, requests, strict=False):
        assert line["what"] == f"{method} /media/v/a.mp4 HTTP/1.1"
        assert (line["who"], line["agent"]) == ("127.0.0.1", "Tester/1")
        assert (line["range"], line["status"]) == (asked, str(status))
    assert 5_000_000 < int(lines[2]["bytes"]) < 5_001_000
    assert 100 < int(lines[3]["bytes"]) < 1000
    assert len(lines) == len(requests) + 1
    assert 1000 < int(lines[-1]["bytes"]) < 5_000_000


async def logged(path: Path, *entries: Entry) -> str:
    log = AccessLog(LogFile(path))
    for entry in entries:
        log.add(entry)
    await log.close()
    return await asyncio.to_thread(path.read_text, "ascii")


async def test_what_clients_write_cannot_forge_a_line(tmp_path: Path) -> None:
    """Quotes, backslashes, control characters and foreign letters stay inside of their field, in ASCII."""
    agent = 'a" 200 "\\ \x9b[31m \udc80 ü\t'
    text = await logged(tmp_path / "log", ("::1", "GET", '/"\\x', None, 404, 5, 0.0, agent))
    assert text.count("\n") == 1
    assert LINE.fullmatch(text.rstrip("\n"))
    assert r'"GET /\"\\x HTTP/1.1" - 404 5 0.0 "a\" 200 \"\\ \x9b[31m \udc80 \xfc' in text


async def test_signatures_are_not_told(tmp_path: Path) -> None:
    """Whoever reads the log cannot do what a pre-signed URL is for."""
    path = tmp_path / "access.log"
    log = AccessLog(LogFile(path))
    target = "/api/uploads/u/parts/1?expires=1&signature=s-_3cret&key=k&signature=s-_3cret"
    log.add((*ENTRY[:2], target, *ENTRY[3:]))
    await log.close()
    (line,) = lines_of(path)
    assert line["what"] == ("GET /api/uploads/u/parts/1?expires=1&signature=...&key=k&signature=... HTTP/1.1")


async def test_endless_texts_are_cut(tmp_path: Path) -> None:
    """A header of 8 KB does not become a line of 8 KB."""
    assert (
        len(await logged(tmp_path / "log", ("::1", "GET", "/" + "a" * 8000, None, 404, 5, 0.0, "b" * 8000))) < 3000
    )


async def test_lines_are_written_soon(tmp_path: Path) -> None:
    """A full batch is written at once, and a single line without waiting for others."""
    path = tmp_path / "log"
    log = AccessLog(LogFile(path))
    for _ in range(BATCH_LINES):
        log.add(ENTRY)
    await asyncio.to_thread(wait_until, lambda: path.read_text().count("\n") == BATCH_LINES)
    log.add(ENTRY)
    await asyncio.to_thread(wait_until, lambda: path.read_text().count("\n") == BATCH_LINES + 1)
    await log.close()


async def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """Rotation by renaming needs no signal."""
    path, moved = tmp_path / "log", tmp_path / "log.1"
    log = AccessLog(LogFile(path))
    log.add(ENTRY)
    log.flush()
    await asyncio.to_thread(wait_until, lambda: path.read_text() != "")
    path.rename(moved)

    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < give_up_at
        log.add(ENTRY)
        log.flush()
        await asyncio.sleep(0.05)
    await log.close()
    assert lines_of(path)
    assert lines_of(moved)


async def test_a_full_disk_costs_lines_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be written is dropped, complained of once, and counted."""
    log = AccessLog(LogFile(Path("/dev/full")))
    for _ in range(3 * BATCH_LINES):
        log.add(ENTRY)
    await log.close()
    assert caplog.text.count("the access log cannot be written") == 1


def test_a_reader_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    """Batches for a pipe that is full are dropped, and the end of the server does not wait for ever."""
    program = (
        "from streamserver.web.log_file import *\n"
        "log = LogFile(None)\n"
        f"for _ in range({2 * WAITING_BATCHES}): log.put(b'x' * 9999 + b'\\n')\n"
        "log.close()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_lines_of_several_processes_do_not_mix_in_a_pipe() -> None:
    """Each write holds whole lines and is small enough not to be torn."""
    program = (
        "import sys\n"
        "from streamserver.web.log_file import *\n"
        "log = LogFile(None)\n"
        "for _ in range(30): log.put((sys.argv[1] * 100 + '\\n').encode() * 200)\n"
        "log.close()\n"
    )
    ours, theirs = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", program, letter], stdout=theirs) for letter in "abc"]
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        lines = file.read().decode().splitlines()
    assert [writer.wait(PATIENCE_SECONDS) for writer in writers] == [0, 0, 0]
    assert sorted(lines) == sorted(letter * 100 for letter in "abc" for _ in range(30 * 200))
    assert len("a" * 101) * 200 > PIPE_BYTES


def test_a_closed_standard_output_is_no_obstacle(tmp_path: Path) -> None:
    """The lines are lost; no other file that got its number is written to."""
    program = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from streamserver.web.log_file import *\n"
        f"victim = open({str(tmp_path / 'victim')!r}, 'w')\n"
        "log = LogFile(None)\n"
        "log.put(b'line\\n')\n"
        "log.close()\n"
    )
    command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, program]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS, stderr=subprocess.DEVNULL)
    assert (tmp_path / "victim").read_text() == ""
