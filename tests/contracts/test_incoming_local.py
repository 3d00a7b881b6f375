"""Bytes that come in several goes into a folder: across processes, kills, and disks without room."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from streamserver.blobs.filling import fill
from streamserver.blobs.incoming import GATHERED_BYTES, STEP_BYTES
from streamserver.blobs.local import LocalBlobs
from streamserver.errors import Locked, NotFound, StorageFault, StorageFull
from tests.contracts.incoming_writer import CONTENT
from tests.facts import missing
from tests.services.disks import small_file_system

CHECKOUT = Path(__file__).parents[2]
WRITER = [sys.executable, "-m", "tests.contracts.incoming_writer"]


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[LocalBlobs]:
    store = LocalBlobs(tmp_path)
    yield store
    await store.close()


async def unknown(_name: str) -> bool:
    return False


class Writer:
    """Another process that holds incoming bytes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert self._answer() == "held\n"

    def do(self, line: str) -> None:
        """Have it do something, and wait until that is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done\n"

    def kill(self) -> None:
        """Cut it off."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def writer(folder: Path, name: str = "u") -> Iterator[Writer]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    with subprocess.Popen([*WRITER, str(folder), name], **pipes) as process:  # type: ignore[call-overload]  # as named
        try:
            yield Writer(process)
        finally:
            process.kill()


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_the_length_of_the_file_is_the_record(blobs: LocalBlobs, tmp_path: Path) -> None:
    """There is one file an upload, with the bytes that came and nothing else, and no other note of them."""
    async with blobs.incoming("u") as incoming:
        await incoming.write(CONTENT)
    assert files_in(tmp_path) == {"u": CONTENT}


async def test_another_process_holds_it(blobs: LocalBlobs, tmp_path: Path) -> None:
    """It is locked for everybody else and not swept away; once that process is killed it can be had."""
    with writer(tmp_path) as other:
        other.do("write")
        with pytest.raises(Locked):
            async with blobs.incoming("u"):
                pass
        assert await blobs.sweep(unknown) == []
        other.kill()
    async with blobs.incoming("u") as incoming:
        assert incoming.size_bytes <= len(CONTENT)
    assert await blobs.sweep(unknown) == ["u"]


async def test_a_killed_writer_keeps_what_it_synced(blobs: LocalBlobs, tmp_path: Path) -> None:
    """What was synced is there, what was not may be, and all of it is the beginning of what was written."""
    with writer(tmp_path) as other:
        for _ in range(3):
            other.do("write")
        other.do("sync")
        other.do("write")
        other.kill()
    size = await blobs.incoming_size("u")
    assert 3 * len(CONTENT) <= size <= 4 * len(CONTENT)
    assert (CONTENT * 4).startswith((tmp_path / "uploads" / "u").read_bytes())


def test_work_on_files_is_off_the_loop(tmp_path: Path) -> None:
    """The thread that runs the loop makes no system call that could wait for the disk."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,write,fdatasync,fsync,openat,ftruncate,copy_file_range,unlink"
    root = tmp_path / "root"
    subprocess.run(
        ["strace", "-f", "-y", "-o", str(trace), "-e", calls, *WRITER, str(root), "u"],
        input="write\nwrite\nsync\nwrite\nend\n",
        stdout=subprocess.DEVNULL,
        cwd=CHECKOUT,
        text=True,
        check=True,
        timeout=60,
    )
    lines = trace.read_text().splitlines()
    main = lines[0].split(" ", 1)[0]
    of_uploads = [line.split(" ", 1) for line in lines if "/uploads/u" in line]
    assert {"pwrite64(", "fdatasync("} <= {line.strip().partition("(")[0] + "(" for _, line in of_uploads}
    assert main not in {thread for thread, _ in of_uploads}


async def test_gathering(blobs: LocalBlobs, tmp_path: Path) -> None:
    """Small pieces are written together, not each by a thread of its own."""
    file = tmp_path / "uploads" / "u"
    async with blobs.incoming("u") as incoming:
        for _ in range(GATHERED_BYTES // 1000):
            await incoming.write(bytes(1000))
        assert file.stat().st_size == 0
        assert incoming.size_bytes == GATHERED_BYTES // 1000 * 1000
        await incoming.sync()
        assert file.stat().st_size == incoming.size_bytes


async def test_a_cancelled_opening_leaves_no_lock(blobs: LocalBlobs) -> None:
    """Whoever is cancelled while he waits for it does not keep others from it."""

    async def hold() -> None:
        async with blobs.incoming("u"):
            pass

    for _ in range(20):
        opening = asyncio.create_task(hold())
        await asyncio.sleep(0)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
    await hold()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 4 MiB and a few files."""
    with small_file_system(tmp_path / "disk", "size=4m,nr_inodes=12") as folder:
        yield folder


class TestFullDisk:
    """What happens when there is no room."""

    async def test_what_fitted_stays(self, small_disk: Path) -> None:
        """A writer is told; what had room is kept, and once there is more it goes on there."""
        blobs, content = LocalBlobs(small_disk), os.urandom(6_000_000)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(1_500_000))

        async def write(rest: bytes) -> None:
            async with blobs.incoming("u") as incoming:
                for start in range(0, len(rest), 300_000):
                    await incoming.write(rest[start : start + 300_000])
                await incoming.sync()

        with pytest.raises(StorageFull):
            await write(content)
        kept = await blobs.incoming_size("u")
        assert 1_000_000 <= kept < 4_000_000
        assert content.startswith((small_disk / "uploads" / "u").read_bytes())
        filler.unlink()
        await write(content[kept : kept + 1_000_000])
        assert content.startswith((small_disk / "uploads" / "u").read_bytes())
        async with blobs.incoming("u") as incoming:
            await incoming.keep("v/source")
        assert blobs.path("v/source").read_bytes() == content[: kept + 1_000_000]
        await blobs.close()

    async def test_nothing_is_kept_that_came_behind_what_was_lost(self, small_disk: Path) -> None:
        """What is there stays the beginning of what was written, also where there is room again a moment later."""
        blobs, content = LocalBlobs(small_disk), os.urandom(2 * GATHERED_BYTES)
        filler = small_disk / "filler"
        filler.write_bytes(bytes(3_500_000))

        async def write() -> None:
            async with blobs.incoming("u") as incoming:
                await incoming.write(content[:GATHERED_BYTES])
                while incoming.size_bytes == GATHERED_BYTES:  # noqa: ASYNC110 - a thread tells nobody
                    await asyncio.sleep(0)
                await incoming.write(content[GATHERED_BYTES : GATHERED_BYTES + 1000])
                filler.unlink()
                await incoming.sync()

        with pytest.raises(StorageFull):
            await write()
        kept = (small_disk / "uploads" / "u").read_bytes()
        assert 0 < len(kept) < GATHERED_BYTES
        assert content.startswith(kept)
        await blobs.close()

    async def test_no_room_for_another_file(self, small_disk: Path) -> None:
        """A file system that takes no more files is full, too: for an upload, and for its final folder."""
        blobs = LocalBlobs(small_disk)
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"content")
            with suppress(OSError):
                for number in range(20):
                    (small_disk / f"filler-{number}").touch()
            with pytest.raises(StorageFull):
                await incoming.keep("v/source")
        assert await blobs.incoming_size("u") == 7
        with pytest.raises(StorageFull):
            async with blobs.incoming("w"):
                pass
        await blobs.close()

    async def test_room(self, small_disk: Path) -> None:
        """How much is free is what the file system says."""
        blobs = LocalBlobs(small_disk)
        before = await blobs.room_bytes()
        assert before is not None
        async with blobs.incoming("u") as incoming:
            await incoming.write(bytes(1_000_000))
            await incoming.sync()
            after = await blobs.room_bytes()
        assert after is not None
        assert 900_000 <= before - after <= 1_200_000
        await blobs.close()


async def test_a_folder_that_is_gone(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A disk that was taken away is a fault of the storage, and said to be one."""
    shutil.rmtree(tmp_path / "uploads")
    with pytest.raises(StorageFault):
        async with blobs.incoming("u"):
            pass
    with pytest.raises(NotFound):
        await blobs.incoming_size("../u")


class TestQuantum:
    """Threads are few, so none stays with one file for long."""

    def test_a_sender_without_end(self, tmp_path: Path) -> None:
        """Who always has more, and a disk that is slow, keep no thread until much of that has come."""

        def read_into(view: memoryview) -> int:
            time.sleep(0.005)  # as a disk does that keeps its writer waiting
            return min(len(view), 65536)

        descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        try:
            fill(descriptor, 0, read_into, lambda _end, _view: None)
            assert 0 < os.fstat(descriptor).st_size < 64 * 1024 * 1024
        finally:
            os.close(descriptor)

    async def test_a_digest_that_is_far_behind(self, tmp_path: Path, blobs: LocalBlobs) -> None:
        """Who leaves a file that the server did not know before is not kept until all of it was looked at."""
        size_bytes = 64 * 2**30
        with (tmp_path / "uploads" / "u").open("wb") as file:
            file.truncate(size_bytes)
        rest = STEP_BYTES

        def read_into(view: memoryview) -> int:
            nonlocal rest
            count = min(len(view), rest)
            rest -= count
            return count

        async with blobs.incoming("u") as incoming:
            assert await incoming.fill(read_into) == STEP_BYTES
        async with blobs.incoming("u") as incoming:
            assert incoming.size_bytes == size_bytes + STEP_BYTES

    async def test_they_leave_processors_to_viewers(self, blobs: LocalBlobs) -> None:
        """Eight uploads that could have all of them have at most half, and give way there, too."""
        under_way, most, niceness = 0, 0, set[int]()
        counting = threading.Lock()
        rest = dict.fromkeys((f"u{number}" for number in range(8)), STEP_BYTES)

        def read_into(name: str, view: memoryview) -> int:
            nonlocal under_way, most
            with counting:
                under_way += 1
                most = max(most, under_way)
            niceness.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            time.sleep(0.001)  # as long as others would need to begin
            count = min(len(view), rest[name], 65536)
            rest[name] -= count
            with counting:
                under_way -= 1
            return count

        async def come(name: str) -> None:
            async with blobs.incoming(name) as incoming:
                while rest[name]:
                    await incoming.fill(partial(read_into, name))

        await asyncio.gather(*map(come, rest))
        assert 1 <= most <= max(1, len(os.sched_getaffinity(0)) // 2)
        assert min(niceness) > os.getpriority(os.PRIO_PROCESS, 0)
