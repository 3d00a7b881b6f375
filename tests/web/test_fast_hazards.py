"""The short way writes behind a transport's back: nobody gets what is another's, and nothing is left behind."""

import asyncio
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamserver.web.fast import FastHandler
from tests.facts import missing
from tests.services.disks import small_file_system
from tests.web.loopback import Connection, assert_right, chance_of, content_of, on_each_loop
from tests.web.media_server import MediaServer, media_path, media_server

LARGE_BYTES = 5 * 1024 * 1024 + 321
VIEWERS = 40
VIEWING_SECONDS = 5.0
"""How long they watch, on each loop."""
NAMES = [f"viewer-{number}" for number in range(8)]
LENGTH = 3_000_000


@pytest.fixture(scope="module")
def contents() -> Mapping[str, bytes]:
    return {"large": content_of("large", LARGE_BYTES), **{name: content_of(name, LENGTH) for name in NAMES}}


@pytest.fixture
def media(loop: str, tmp_path: Path, contents: Mapping[str, bytes]) -> Iterator[MediaServer]:
    with media_server(tmp_path, loop, contents) as server:
        yield server


@on_each_loop
def test_forty_viewers_get_their_own_bytes(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Random ranges of different files, slow and fast readers, resets at any moment: every byte is right."""
    give_up_at = time.monotonic() + VIEWING_SECONDS

    def watch(number: int) -> int:
        chance, seen = chance_of(f"viewer {number}"), 0
        while time.monotonic() < give_up_at:
            connection = Connection(media.port, receive_buffer=chance.choice([0, 0, 4096, 65536]))
            for _ in range(chance.randrange(1, 12)):
                seen += _view(connection, chance.choice(NAMES), chance.randrange(LENGTH), chance, contents)
                if connection.socket.fileno() < 0:
                    break
            connection.close()
        return seen

    with ThreadPoolExecutor(max_workers=VIEWERS) as pool:
        seen = list(pool.map(watch, range(VIEWERS)))
    assert min(seen) > 0
    with Connection(media.port) as connection:
        assert_right(connection.ask(media_path("large.mp4")), contents["large"])


def _view(
    connection: Connection, name: str, first: int, chance: random.Random, contents: Mapping[str, bytes]
) -> int:
    """Ask for a range, read it in some way, compare; return how many bytes were compared."""
    count = min(chance.choice([1, 4000, 65_536, 65_537, 200_000, 600_000, 2_500_000]), LENGTH - first)
    connection.send(media_path(f"{name}.mp4"), {"Range": f"bytes={first}-{first + count - 1}"})
    status, headers = connection.read_header()
    assert (status, int(headers["content-length"])) == (206, count)
    wanted = contents[name][first : first + count]
    taken = count if chance.random() < 0.8 else chance.randrange(count + 1)
    received = b""
    while len(received) < taken:
        received += connection.read_some(min(taken - len(received), chance.choice([1000, 50_000, 1_000_000])))
    assert received == wanted[:taken]
    if taken < count:
        chance.choice([connection.reset, connection.close])()
    return taken


@on_each_loop
def test_a_number_that_is_given_anew_gets_no_bytes(media: MediaServer) -> None:
    """When a connection ends in the middle of an answer, the next owner of its number hears nothing."""

    async def cut_off() -> bytes:
        handler = await _paused(media)
        assert handler.transport is not None
        number = handler.transport.get_extra_info("socket").fileno()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            handler.transport.abort()
            while _is_open(number):  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0)
            os.dup2(ours.fileno(), number)
            while media.server.connections:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0)
            handler.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")  # what came before the end
            os.close(number)
            ours.close()
            return theirs.recv(100)

    with Connection(media.port) as connection:
        assert connection.ask(media_path("large.mp4"), {"Range": "bytes=0-0"}).status == 206
    with Connection(media.port, receive_buffer=4096) as connection:
        connection.send(media_path("large.mp4"))
        assert media.run(cut_off()) == b""


@on_each_loop
def test_a_file_that_is_closed_before_the_round_ends_is_not_read(
    media: MediaServer, contents: Mapping[str, bytes], tmp_path: Path
) -> None:
    """Between deciding and answering, another file may get the number of the one that was decided on."""
    name, wanted = media_path("viewer-1.mp4"), contents["viewer-1"]
    zeros = tmp_path / "zeros"
    zeros.write_bytes(bytes(LENGTH))

    async def swap() -> int:
        (handler,) = media.server.connections
        handler.data_received(f"GET {name} HTTP/1.1\r\nHost: a\r\nRange: bytes=5-104\r\n\r\n".encode())
        before = _numbers()
        await media.blobs.close()
        (number,) = before - _numbers()
        other = os.open(zeros, os.O_RDONLY)
        assert other == number
        return other

    with Connection(media.port) as connection:
        assert connection.ask(name, {"Range": "bytes=0-99"}).body == wanted[:100]
        other = media.run(swap())
        assert connection.read().body == wanted[5:105]
    os.close(other)


def _numbers() -> set[int]:
    """Return the numbers of all open files."""
    return {number for number in range(200) if _is_open(number)}


@on_each_loop
def test_a_request_that_comes_before_the_round_ends_is_answered_second(
    media: MediaServer, contents: Mapping[str, bytes]
) -> None:
    """The answers have the order of the requests, whatever was decided on in between."""
    name = media_path("viewer-2.mp4")

    async def hurry() -> None:
        (handler,) = media.server.connections
        for first in (1, 2, 3):
            handler.data_received(f"GET {name} HTTP/1.1\r\nHost: a\r\nRange: bytes={first}-99\r\n\r\n".encode())

    with Connection(media.port) as connection:
        connection.ask(name)
        connection.ask(name)
        media.run(hurry())
        for first in (1, 2, 3):
            assert connection.read().body == contents["viewer-2"][first:100]


@on_each_loop
def test_a_connection_that_ends_before_the_round_does_gets_nothing(media: MediaServer) -> None:
    """Neither does whoever has its number by then."""
    name = media_path("viewer-3.mp4")

    async def end() -> None:
        (handler,) = media.server.connections
        assert handler.transport is not None
        number = handler.transport.get_extra_info("socket").fileno()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            handler.data_received(f"GET {name} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n".encode())
            handler.transport.abort()
            os.dup2(ours.fileno(), number)
            for _ in range(5):
                await asyncio.sleep(0)
            with pytest.raises(BlockingIOError):
                theirs.recv(100)

    with Connection(media.port) as connection:
        connection.ask(name)
        media.run(end())


async def _paused(media: MediaServer) -> FastHandler:
    """Wait for a connection that takes no more."""
    while True:
        paused = [handler for handler in media.server.connections if handler.writing_paused]
        if paused:
            assert isinstance(paused[0], FastHandler)
            return paused[0]
        await asyncio.sleep(0)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@on_each_loop
def test_a_client_that_leaves_is_no_error(
    media: MediaServer, contents: Mapping[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Resets before, while and after an answer is written are not complained of, and others are served on."""
    for path, count in (("large.mp4", 0), ("large.mp4", 1), ("large.mp4", 100_000), ("hls/large/index.m3u8", 100)):
        for _ in range(5):
            connection = Connection(media.port, receive_buffer=4096)
            connection.send(media_path(path))
            assert len(connection.read_some(count)) == count
            connection.reset()
    with Connection(media.port) as connection:
        assert_right(connection.ask(media_path("large.mp4")), contents["large"])
    assert caplog.text == ""


REQUESTS = 8_000
"""Enough to show a leak of one descriptor in a thousand requests; a hundred thousand would take a minute."""
TOLERATED_DESCRIPTORS = 10
"""Files of the library that were opened for good, and connections whose end is not yet noticed."""


@on_each_loop
def test_no_descriptor_is_left_behind(media: MediaServer) -> None:
    """Thousands of requests, a tenth of which are cut off by a reset, leave as many files open as before."""

    def ask(number: int) -> None:
        chance = chance_of(f"asker {number}")
        connection = Connection(media.port)
        for _ in range(REQUESTS // 8):
            count = chance.choice([1, 1, 1, 60_000, 100_000, 900_000])
            connection.send(
                media_path(f"{chance.choice(NAMES)}.mp4"),
                {"Range": f"bytes=0-{count - 1}"}
                if count > 1
                else {"If-None-Match": '"no"', "Range": "bytes=0-0"},
            )
            if chance.random() < 0.1:
                connection.reset()
                connection = Connection(media.port)
                continue
            _, headers = connection.read_header()
            assert len(connection.read_some(count)) == count == int(headers["content-length"])
        connection.close()

    for name in NAMES:
        with Connection(media.port) as connection:
            connection.ask(media_path(f"{name}.mp4"))
    before = _open_descriptors()
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(ask, range(8)))
    give_up_at = time.monotonic() + 30
    while media.server.connections and time.monotonic() < give_up_at:
        media.run(asyncio.sleep(0))
    assert _open_descriptors() <= before + TOLERATED_DESCRIPTORS


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def traced(pid: int, report: Path, *calls: str) -> Iterator[None]:
    """Write down the system calls of a process while the context lasts."""
    command = ["strace", "-f", "-p", str(pid), "-e", f"trace={','.join(calls)}", "-o", str(report)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        if "attached" not in line:
            tracer.kill()
            missing(f"nothing can be traced here: {line.strip()}")
        try:
            yield
        finally:
            tracer.terminate()
            tracer.communicate()


@on_each_loop
def test_a_hot_request_opens_looks_at_and_closes_nothing(loop: str, tmp_path: Path) -> None:
    """Thousands of requests on kept connections: no open, no close; a stat a second for each file that is hot."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    sizes = (50_000, 900_000)
    command = [sys.executable, "-m", "tests.web.media_server", loop, str(tmp_path), str(tmp_path / "log")]
    with subprocess.Popen(
        [*command, *map(str, sizes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        paths = [media_path(f"{size}.mp4") for size in sizes] + [media_path("hls/900000/1.m4s")]
        with Connection(port) as connection:
            for path in paths * 3:
                connection.ask(path)
            report, started_at = tmp_path / "calls", time.monotonic()
            with traced(process.pid, report, "open", "openat", "openat2", "close", "%%stat", "%fstat", "%lstat"):
                for number in range(2000):
                    fields = {"Range": f"bytes={number}-{number + 20_000}"} if number % 2 else {}
                    connection.ask(paths[number % len(paths)], fields)
            seconds = time.monotonic() - started_at
        process.communicate("")
    calls = re.findall(r"^\d+\s+(\w+)\(", report.read_text(), re.MULTILINE)
    looks = [call for call in calls if "stat" in call]
    assert set(calls) - set(looks) == set()
    # Two files of the library and, to see whether it was moved away, the log: path and descriptor.
    assert len(looks) <= 4 * (seconds + 1)


@on_each_loop
def test_a_file_that_is_not_in_memory_arrives_whole(
    media: MediaServer, tmp_path: Path, contents: Mapping[str, bytes]
) -> None:
    """What the kernel dropped is read again, in part or as a whole, by connections side by side."""
    path = tmp_path / "media/v/large.mp4"

    def drop() -> None:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def ask(number: int) -> None:
        chance = chance_of(f"cold {number}")
        with Connection(media.port) as connection:
            for _ in range(10):
                drop()
                first = chance.randrange(LARGE_BYTES)
                count = chance.choice([10, 60_000, 70_000, 2_000_000])
                reply = connection.ask(media_path("large.mp4"), {"Range": f"bytes={first}-{first + count}"})
                assert_right(reply, contents["large"])

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(ask, range(4)))


@on_each_loop
def test_a_file_system_that_cannot_tell_what_is_in_memory(loop: str, tmp_path: Path) -> None:
    """On tmpfs, as on some that come over a network, there is nothing to wait for: small answers arrive, too."""
    contents = {"small": content_of("small", 20_000)}
    with (
        small_file_system(tmp_path / "disk", "size=4m") as folder,
        media_server(folder, loop, contents) as media,
        Connection(media.port) as connection,
    ):
        for _ in range(3):
            assert_right(connection.ask(media_path("small.mp4")), contents["small"])
