"""Every store of bytes keeps, lends and forgets blobs as `Blobs` says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.blobs.memory import MemoryBlobs
from streamserver.errors import NotFound
from streamserver.ports import Blobs
from tests.contracts.descriptors import open_descriptors
from tests.waiting import until


@pytest.fixture(params=["memory", "local"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    store: Blobs = MemoryBlobs() if request.param == "memory" else LocalBlobs(tmp_path)
    yield store
    await store.close()


async def keep(blobs: Blobs, key: str, content: bytes = b"content") -> None:
    async with blobs.draft() as draft:
        await draft.write(content)
        await draft.keep(key)


def read(blobs: Blobs, key: str) -> bytes:
    with blobs.lease(key) as lease:
        return lease.read(0, lease.current_size())


def is_there(blobs: Blobs, key: str) -> bool:
    try:
        with blobs.lease(key):
            return True
    except NotFound:
        return False


async def known(_folder: str) -> bool:
    return True


async def unknown(_folder: str) -> bool:
    return False


async def test_a_store_that_works_says_so(blobs: Blobs) -> None:
    """A check of a store that works returns, and leaves nothing."""
    await blobs.check()
    assert await blobs.sweep(unknown) == []


class TestDrafts:
    """Bytes that are being received."""

    async def test_what_is_kept_is_there(self, blobs: Blobs) -> None:
        """A draft that was kept can be read under its key, as it was written."""
        async with blobs.draft() as draft:
            for number in range(5):
                await draft.write(bytes([number]) * 700_000)
                assert draft.size_bytes == (number + 1) * 700_000
            assert not is_there(blobs, "v/source")
            await draft.keep("v/source")
        assert read(blobs, "v/source") == b"".join(bytes([number]) * 700_000 for number in range(5))

    async def test_what_is_not_kept_is_gone(self, blobs: Blobs) -> None:
        """A draft that is merely left leaves nothing: no blob, and nothing for a sweep to find."""
        async with blobs.draft() as draft:
            await draft.write(b"x" * 2_000_000)
        assert not is_there(blobs, "v/source")
        assert await blobs.sweep(unknown) == []

    async def test_a_draft_that_is_cut_off_is_gone(self, blobs: Blobs) -> None:
        """A draft whose writer fails, or is cancelled, leaves nothing."""
        begun = asyncio.Event()

        async def write_for_ever() -> None:
            async with blobs.draft() as draft:
                await draft.write(b"x" * 2_000_000)
                begun.set()
                await asyncio.Event().wait()

        writing = asyncio.create_task(write_for_ever())
        await begun.wait()
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        assert await blobs.sweep(unknown) == []

    async def test_a_failure_after_keeping_loses_nothing(self, blobs: Blobs) -> None:
        """What was kept is durable: a writer that fails later cannot take it back."""
        with suppress(KeyError):
            async with blobs.draft() as draft:
                await draft.write(b"content")
                await draft.keep("v/source")
                raise KeyError
        assert read(blobs, "v/source") == b"content"

    async def test_two_drafts_do_not_mix(self, blobs: Blobs) -> None:
        """Any number of drafts are written at a time, each by itself."""
        async with blobs.draft() as one, blobs.draft() as other:
            await one.write(b"one")
            await other.write(b"other")
            await one.keep("v/one")
            await other.keep("w/other")
        assert (read(blobs, "v/one"), read(blobs, "w/other")) == (b"one", b"other")


class TestLeases:
    """Blobs held open for reading."""

    async def test_parts_of_a_blob(self, blobs: Blobs) -> None:
        """Any part can be read, fewer bytes than asked for only at the end."""
        await keep(blobs, "v/source", b"0123456789")
        with blobs.lease("v/source") as lease:
            assert lease.current_size() == 10
            assert lease.read(3, 4) == b"3456"
            assert lease.read(8, 10) == b"89"
            assert lease.read(10, 1) == lease.read(99, 1) == b""

    async def test_readers_do_not_disturb_one_another(self, blobs: Blobs) -> None:
        """Two leases of a blob, one given back first, read what they ask for."""
        await keep(blobs, "v/source", b"0123456789")
        with blobs.lease("v/source") as first:
            with blobs.lease("v/source") as second:
                assert (first.read(0, 2), second.read(5, 2)) == (b"01", b"56")
            assert first.read(2, 2) == b"23"

    async def test_what_is_not_there(self, blobs: Blobs) -> None:
        """A blob that was never kept, a folder, and a blob in a folder of others are not found."""
        await keep(blobs, "v/source")
        for key in ("v/other", "v", "w/source"):
            assert not is_there(blobs, key)

    async def test_a_deleted_blob_is_read_to_the_end(self, blobs: Blobs) -> None:
        """Who holds a lease goes on reading after the blob was deleted; who comes later finds nothing."""
        await keep(blobs, "v/source", b"0123456789")
        with blobs.lease("v/source") as lease:
            await blobs.delete("v/source")
            assert not is_there(blobs, "v/source")
            assert lease.read(5, 5) == b"56789"
            assert lease.current_size() == 10
        assert not is_there(blobs, "v/source")

    async def test_a_replaced_blob_is_soon_seen(self, blobs: Blobs) -> None:
        """Once other bytes are kept under a key, a lease has them, soon if not at once."""
        await keep(blobs, "v/poster", b"before")
        assert read(blobs, "v/poster") == b"before"
        await keep(blobs, "v/poster", b"afterwards")
        await until(lambda: read(blobs, "v/poster") != b"before")
        assert read(blobs, "v/poster") == b"afterwards"

    async def test_no_descriptor_is_lost(self, blobs: Blobs) -> None:
        """Leases, deletions and replacements leave no more open than there was, once the store is closed."""
        before = open_descriptors()
        for number in range(50):
            await keep(blobs, f"v{number}/source")
            await keep(blobs, f"v{number}/source", b"again")
            with blobs.lease(f"v{number}/source"):
                if number % 2:
                    await blobs.delete(f"v{number}")
        with suppress(KeyError), blobs.lease("v0/source"):
            raise KeyError
        await blobs.close()
        assert open_descriptors() == before


class TestEncoders:
    """Blobs that a program writes by path."""

    async def test_a_path_is_written_and_leased(self, blobs: Blobs) -> None:
        """What a program writes to a path can be leased, and is seen to grow."""
        with blobs.path("v/720p.mp4").open("wb", buffering=0) as file:
            file.write(b"first ")
            with blobs.lease("v/720p.mp4") as lease:
                assert lease.read(0, 99) == b"first "
                file.write(b"second")
                assert (lease.current_size(), lease.read(6, 99)) == (12, b"second")
        assert await blobs.settle("v/720p.mp4") == 12

    async def test_a_path_is_no_blob_yet(self, blobs: Blobs) -> None:
        """A path that nothing was written to is not found, neither by a lease nor when it is settled."""
        blobs.path("v/720p.mp4")
        assert not is_there(blobs, "v/720p.mp4")
        with pytest.raises(NotFound):
            await blobs.settle("v/720p.mp4")

    async def test_a_kept_blob_has_a_path(self, blobs: Blobs) -> None:
        """A program reads what was kept."""
        await keep(blobs, "v/source")
        assert blobs.path("v/source").read_bytes() == b"content"


class TestDeleting:
    """What is removed, and what is not."""

    async def test_a_blob_or_a_folder(self, blobs: Blobs) -> None:
        """A key of a blob removes it alone, a folder all in it, and neighbours with a similar name stay."""
        for key in ("v/source", "v/a.mp4", "v/b.mp4", "v2/source", "w/source"):
            await keep(blobs, key)
        await blobs.delete("v/a.mp4")
        assert not is_there(blobs, "v/a.mp4")
        assert is_there(blobs, "v/b.mp4")
        await blobs.delete("v")
        assert [key for key in ("v/source", "v/b.mp4", "v2/source", "w/source") if is_there(blobs, key)] == [
            "v2/source",
            "w/source",
        ]

    async def test_what_is_not_there_is_ignored(self, blobs: Blobs) -> None:
        """Deleting twice, or nothing, is no error."""
        await keep(blobs, "v/source")
        for _ in range(2):
            await blobs.delete("v/source")
            await blobs.delete("v")


BAD_KEYS = [
    *("", "/", "v/", "/source", "v//source", "v/a/b", "/etc/passwd"),
    *("..", ".", "../v", "v/..", "v/.", "v/../w/source", "../../etc/passwd", ".hidden", "v/.hidden"),
    *("v\\source", "v/a b", "v/a\n", "v/\x00", "ü/source", "v/\u0661", "v/%2e%2e", "~/source"),
    *("v" * 300 + "/source", "v/" + "s" * 300),
]


async def lease(blobs: Blobs, key: str) -> None:
    with blobs.lease(key):
        pass


async def path(blobs: Blobs, key: str) -> None:
    blobs.path(key)


USES: dict[str, Callable[[Blobs, str], Awaitable[object]]] = {
    "lease": lease,
    "path": path,
    "settle": lambda blobs, key: blobs.settle(key),
    "keep": keep,
    "delete": lambda blobs, key: blobs.delete(key),
}


@pytest.mark.parametrize("method", USES)
async def test_keys_cannot_escape(blobs: Blobs, method: str, tmp_path: Path) -> None:
    """A key that is not two plain names leads nowhere: nothing is found, written or removed by it."""
    await keep(blobs, "v/source")
    outside = tmp_path / "source"
    outside.write_bytes(b"not a blob")
    for key in [*BAD_KEYS, "../source", "v/../../source"]:
        with pytest.raises(NotFound):
            await USES[method](blobs, key)
    assert outside.read_bytes() == b"not a blob"
    assert read(blobs, "v/source") == b"content"


class TestSweeping:
    """Removing what a writer that is gone left behind."""

    async def test_unknown_folders_go(self, blobs: Blobs) -> None:
        """Folders that nobody knows are removed and named; the others stay."""
        for folder in ("a", "b", "c"):
            await keep(blobs, f"{folder}/source")
            await keep(blobs, f"{folder}/poster.jpg")

        async def is_known(folder: str) -> bool:
            return folder == "b"

        assert sorted(await blobs.sweep(is_known)) == ["a", "c"]
        assert is_there(blobs, "b/source")
        assert not is_there(blobs, "a/source")
        assert await blobs.sweep(is_known) == []

    async def test_what_is_being_written_stays(self, blobs: Blobs) -> None:
        """A draft, and what it has kept, is not touched until the draft is left."""
        async with blobs.draft() as draft:
            await draft.write(b"content")
            assert await blobs.sweep(unknown) == []
            await draft.keep("v/source")
            assert await blobs.sweep(unknown) == []
            assert read(blobs, "v/source") == b"content"
        assert await blobs.sweep(known) == []
        assert await blobs.sweep(unknown) == ["v"]

    async def test_a_writer_may_get_known_meanwhile(self, blobs: Blobs) -> None:
        """Nobody is asked about a folder while it is written, so it cannot become known too late."""
        asked: list[str] = []

        async def is_known(folder: str) -> bool:
            asked.append(folder)
            return False

        async with blobs.draft() as draft:
            await draft.write(b"content")
            await draft.keep("v/source")
            await blobs.sweep(is_known)
        assert asked == []

    async def test_a_leased_blob_is_read_to_the_end(self, blobs: Blobs) -> None:
        """Readers keep what is swept away under them until they let go."""
        await keep(blobs, "v/source", b"0123456789")
        with blobs.lease("v/source") as lease:
            assert await blobs.sweep(unknown) == ["v"]
            assert lease.read(0, 10) == b"0123456789"
        assert not is_there(blobs, "v/source")
