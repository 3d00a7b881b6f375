"""What a folder of this machine promises beyond `Blobs`: durability, other processes, full disks."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.errors import NotFound, StorageFault, StorageFull, Unavailable
from tests.contracts.blob_writer import CONTENT, unknown
from tests.contracts.descriptors import open_descriptors
from tests.contracts.test_blobs import is_there, keep, read
from tests.facts import missing
from tests.services.disks import make_read_only, small_file_system
from tests.waiting import until

WRITER = [sys.executable, "-m", "tests.contracts.blob_writer"]
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[LocalBlobs]:
    store = LocalBlobs(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory, where the system has that: the delays of a disk leave no room for races."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


class Writer:
    """Another process that writes to the same folder."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, line: str) -> None:
        """Return once the other process has done it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def kill(self) -> None:
        """Cut it off."""
        self._process.kill()
        self._process.wait()


@contextmanager
def writer(folder: Path) -> Iterator[Writer]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    with subprocess.Popen([*WRITER, str(folder)], **pipes) as process:  # type: ignore[call-overload]  # as named
        try:
            yield Writer(process)
        finally:
            process.kill()


class TestDurability:
    """What is acknowledged is on the disk."""

    async def test_another_store_finds_what_was_kept(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """A blob outlives the store that kept it, byte for byte."""
        await keep(blobs, "v/source", CONTENT)
        await blobs.close()
        assert read(LocalBlobs(tmp_path), "v/source") == CONTENT

    def test_synced_before_it_has_its_name(self, tmp_path: Path) -> None:
        """The bytes are synced before the rename, and both folders after it, as the system's own trace shows."""
        if shutil.which("strace") is None:
            missing("strace is not installed")
        trace = tmp_path / "trace"
        command = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fsync,rename,renameat,renameat2"]
        subprocess.run(
            [*command, *WRITER, str(tmp_path / "root")],
            input="write\nkeep v/source\nend\n",
            stdout=subprocess.DEVNULL,
            cwd=CHECKOUT,
            text=True,
            check=True,
            timeout=60,
        )
        calls = re.findall(r"(fsync|rename)\w*\((.*)\) += 0", trace.read_text())
        assert [name for name, _ in calls] == ["fsync", "rename", "fsync", "fsync"]
        assert "/incoming/" in calls[0][1]
        assert '/media/v/source"' in calls[1][1]
        assert [arguments.rsplit("/root/", 1)[1].rstrip(">") for _, arguments in calls[2:]] == ["media/v", "media"]


class TestOtherProcesses:
    """Several processes share a folder."""

    async def test_a_live_writer_elsewhere_is_left_alone(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """A sweep touches neither the draft of another process nor what that has kept and not yet left."""
        with writer(tmp_path) as other:
            other.do("write")
            assert await blobs.sweep(unknown) == []
            other.do("keep v/source")
            assert await blobs.sweep(unknown) == []
            assert read(blobs, "v/source") == CONTENT

    async def test_a_killed_writer_leaves_nothing_for_long(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """What a killed writer left behind is swept: its draft, and what it kept that nobody knows of."""
        with writer(tmp_path) as drafting, writer(tmp_path) as keeping:
            drafting.do("write")
            keeping.do("write")
            keeping.do("keep v/source")
            drafting.kill()
            keeping.kill()
        (draft,) = (tmp_path / "incoming").iterdir()
        assert await blobs.sweep(unknown) == [draft.name, "v"]
        assert list((tmp_path / "incoming").iterdir()) == list((tmp_path / "media").iterdir()) == []

    async def test_sweeps_never_take_what_is_being_kept(self, quick_folder: Path) -> None:
        """However closely another process sweeps, every draft is kept whole."""
        blobs = LocalBlobs(quick_folder)

        def sweep_again_and_again() -> None:
            for _ in range(300):
                other.do("sweep")

        with writer(quick_folder) as other:
            other.do("write")
            sweeping = asyncio.ensure_future(asyncio.to_thread(sweep_again_and_again))
            number = 0
            while not sweeping.done():
                async with blobs.draft() as draft:
                    await draft.write(b"content")
                    await draft.keep(f"v{number}/source")
                    assert read(blobs, f"v{number}/source") == b"content"
                number += 1
            await sweeping
        await blobs.close()
        assert number > 10

    async def test_what_others_replace_is_soon_seen(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """A file that another process put in the place of a hot blob is read before long."""
        await keep(blobs, "v/poster.jpg", b"before")
        assert read(blobs, "v/poster.jpg") == b"before"
        (tmp_path / "new").write_bytes(b"after")
        (tmp_path / "new").rename(tmp_path / "media" / "v" / "poster.jpg")
        await until(lambda: read(blobs, "v/poster.jpg") == b"after")

    async def test_what_others_delete_is_soon_gone(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """A hot blob that another process deleted is not found before long."""
        await keep(blobs, "v/source")
        assert is_there(blobs, "v/source")
        shutil.rmtree(tmp_path / "media" / "v")
        await until(lambda: not is_there(blobs, "v/source"))

    async def test_what_is_not_ours_is_left_alone(self, blobs: LocalBlobs, tmp_path: Path) -> None:
        """A sweep passes over what a file system or a person put there, and goes on with its work."""
        media = tmp_path / "media"
        (media / "lost+found").mkdir()
        (media / ".trash").mkdir()
        (media / "notes.txt").write_text("a person's")
        (media / "kept" / "inner").mkdir(parents=True)
        await keep(blobs, "zebra/source")
        assert await blobs.sweep(unknown) == ["zebra"]
        assert sorted(entry.name for entry in media.iterdir()) == [".trash", "kept", "lost+found", "notes.txt"]


class TestDescriptors:
    """A hot blob costs no `open`, and no number of blobs costs more than so many descriptors."""

    async def test_a_hot_blob_stays_open(self, blobs: LocalBlobs) -> None:
        """The next lease of a blob has the same descriptor."""
        await keep(blobs, "v/source")
        with blobs.lease("v/source") as first:
            number = first.fd
        with blobs.lease("v/source") as second:
            assert second.fd == number

    async def test_only_so_many_stay_open(self, tmp_path: Path) -> None:
        """Past the limit, the blobs that were unused for longest are closed."""
        blobs = LocalBlobs(tmp_path, open_files=3)
        for number in range(10):
            await keep(blobs, f"v{number}/source")
        before = open_descriptors()
        for number in range(10):
            read(blobs, f"v{number}/source")
        assert open_descriptors() == before + 3
        with blobs.lease("v7/source"), blobs.lease("v8/source"), blobs.lease("v9/source"):
            assert open_descriptors() == before + 3
        await blobs.close()
        assert open_descriptors() == before

    async def test_a_blob_in_use_outlasts_those_that_pass_by(self, tmp_path: Path) -> None:
        """One that is asked for all the while keeps its descriptor, though many others are read once."""
        blobs = LocalBlobs(tmp_path, open_files=4)
        for number in range(30):
            await keep(blobs, f"v{number}/source")
        with blobs.lease("v0/source") as lease:
            number = lease.fd
        for passing in range(1, 30):
            assert lease.is_current()
            read(blobs, f"v{passing}/source")
        with blobs.lease("v0/source") as again:
            assert again is lease
            assert again.fd == number

    async def test_what_is_being_read_is_never_closed(self, tmp_path: Path) -> None:
        """A lease outlives the limit, a deletion and the store's own end; then its descriptor is given back."""
        blobs = LocalBlobs(tmp_path, open_files=2)
        for number in range(6):
            await keep(blobs, f"v{number}/source", bytes([number]) * 10)
        before = open_descriptors()
        with ExitStack() as stack:
            leases = [stack.enter_context(blobs.lease(f"v{number}/source")) for number in range(6)]
            await blobs.delete("v0")
            await blobs.close()
            for number, lease in enumerate(leases):
                assert lease.read(0, 10) == bytes([number]) * 10
        assert open_descriptors() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB and a few files."""
    with small_file_system(tmp_path / "disk", "size=2m,nr_inodes=12") as folder:
        yield folder


class TestReadOnly:
    """A file system that cannot be written to any more, as after a fault of the disk."""

    async def test_what_cannot_be_done_is_named(self, small_disk: Path) -> None:
        """Nothing is kept and nothing goes, in words that others know; to remove what is not there is no fault."""
        blobs = LocalBlobs(small_disk)
        await keep(blobs, "v/source", b"content")
        make_read_only(small_disk)
        with pytest.raises(StorageFault):
            await keep(blobs, "v/poster", b"content")
        with pytest.raises(StorageFault):
            await blobs.delete("v/source")
        await blobs.delete("v/poster")
        await blobs.delete("other")
        assert read(blobs, "v/source") == b"content"
        await blobs.close()


class TestFullDisk:
    """What happens when there is no room."""

    async def test_a_draft_that_does_not_fit(self, small_disk: Path) -> None:
        """A draft that finds no room says so, leaves nothing, and what fits is kept afterwards."""
        blobs = LocalBlobs(small_disk)
        with pytest.raises(StorageFull):
            await keep(blobs, "v/source", bytes(5_000_000))
        assert list((small_disk / "incoming").iterdir()) == []
        await keep(blobs, "v/source", bytes(1_500_000))
        assert read(blobs, "v/source") == bytes(1_500_000)
        await blobs.close()

    async def test_the_last_bytes_that_do_not_fit(self, small_disk: Path) -> None:
        """Bytes that are still gathered when a draft is kept may find no room either; nothing is kept then."""
        blobs = LocalBlobs(small_disk)
        (small_disk / "filler").write_bytes(bytes(1_900_000))
        with pytest.raises(StorageFull):
            await keep(blobs, "v/source", bytes(500_000))
        assert not is_there(blobs, "v/source")
        assert await blobs.sweep(unknown) == []
        await blobs.close()

    async def test_no_room_for_another_folder(self, small_disk: Path) -> None:
        """A file system that takes no more files is full, too: for a draft's folder, and for a draft."""
        blobs = LocalBlobs(small_disk)
        async with blobs.draft() as draft:
            await draft.write(b"content")
            with suppress(OSError):
                for number in range(20):
                    (small_disk / f"filler-{number}").touch()
            with pytest.raises(StorageFull):
                await draft.keep("v/source")
        assert not is_there(blobs, "v/source")
        assert list((small_disk / "incoming").iterdir()) == []
        (small_disk / "one-more").touch()
        with pytest.raises(StorageFull):
            await keep(blobs, "v/source")
        await blobs.close()

    async def test_a_check_of_a_full_disk(self, small_disk: Path) -> None:
        """A disk without room is named, with its folder, before anybody uploads."""
        blobs = LocalBlobs(small_disk)
        await blobs.check()
        (small_disk / "filler").write_bytes(bytes(2 * 1024 * 1024))
        with pytest.raises(Unavailable, match=re.escape(str(small_disk))):
            await blobs.check()
        await blobs.close()


async def test_a_check_of_a_folder_that_is_gone(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A storage that was taken away is named with its folder."""
    shutil.rmtree(tmp_path / "incoming")
    with pytest.raises(Unavailable, match=re.escape(f"Nothing can be stored in {tmp_path}")):
        await blobs.check()


async def test_a_key_below_a_file(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A key whose folder is a file is not found."""
    (tmp_path / "media" / "v").write_bytes(b"no folder")
    with pytest.raises(NotFound), blobs.lease("v/source"):
        pass
