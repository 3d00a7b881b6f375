"""Every store of bytes takes them in several goes, from one writer at a time, as `Incoming` says."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.blobs.memory import MemoryBlobs
from streamserver.errors import Locked, NotFound
from streamserver.ports import Blobs
from tests.contracts.descriptors import open_descriptors


@pytest.fixture(params=["memory", "local"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    store: Blobs = MemoryBlobs() if request.param == "memory" else LocalBlobs(tmp_path)
    yield store
    await store.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def write(blobs: Blobs, name: str, *chunks: bytes) -> None:
    async with blobs.incoming(name) as incoming:
        for chunk in chunks:
            await incoming.write(chunk)


async def received(blobs: Blobs, name: str) -> bytes:
    async with blobs.incoming(name) as incoming:
        return await incoming.read(0, incoming.size_bytes)


async def known(_name: str) -> bool:
    return True


async def unknown(_name: str) -> bool:
    return False


class TestSeveralGoes:
    """Bytes that come with breaks between."""

    async def test_what_came_stays(self, blobs: Blobs) -> None:
        """Each go begins where the one before ended; the length is what there is."""
        content = b""
        for number in range(4):
            async with blobs.incoming("u") as incoming:
                assert incoming.size_bytes == len(content)
                for size in (1, 700_000, 700_001, 3_000_000):
                    chunk = bytes([number]) * size
                    await incoming.write(chunk)
                    content += chunk
                assert incoming.size_bytes == len(content)
            assert await blobs.incoming_size("u") == len(content)
        assert await received(blobs, "u") == content
        assert await blobs.incoming_sizes() == {"u": len(content)}

    async def test_what_is_cleared_begins_anew(self, blobs: Blobs) -> None:
        """Nothing of what came before is left, on disk, in memory or in the SHA-256."""
        content = bytes(range(256)) * 10_000
        await write(blobs, "u", b"before")
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"x" * 3_000_000)
            await incoming.sha256()
            await incoming.write(b"x" * 10)
            await incoming.clear()
            assert incoming.size_bytes == 0
            await incoming.write(content)
            assert await incoming.sha256() == sha256(content)
            assert await incoming.read(0, 10_000_000) == content
        assert await received(blobs, "u") == content

    async def test_what_was_synced_is_there_at_once(self, blobs: Blobs) -> None:
        """Others see how much is durable while the writer goes on."""
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"x" * 10)
            await incoming.sync()
            assert await blobs.incoming_size("u") == 10
            await incoming.write(b"x" * 10)
            assert await blobs.incoming_size("u") >= 10

    async def test_nothing_has_come(self, blobs: Blobs) -> None:
        """What was never begun has no bytes, and is not made by asking."""
        assert await blobs.incoming_size("u") == 0
        assert await blobs.incoming_sizes() == {}

    @pytest.mark.parametrize("end", [KeyError, asyncio.CancelledError])
    async def test_a_writer_that_fails_loses_nothing(self, blobs: Blobs, end: type[BaseException]) -> None:
        """What was written before a failure, or a cancellation, is there afterwards."""
        content = bytes(range(256)) * 10_000

        async def fail() -> None:
            async with blobs.incoming("u") as incoming:
                for start in range(0, len(content), 100_000):
                    await incoming.write(content[start : start + 100_000])
                raise end

        with suppress(end):
            await fail()
        assert await received(blobs, "u") == content

    async def test_a_cancelled_writer_loses_nothing(self, blobs: Blobs) -> None:
        """Wherever a writer is when it is cancelled, what is there is the beginning of what it wrote."""
        content = bytes(range(256)) * 40_000
        for rounds in (0, 1, 2, 5, 10, 20):
            name = f"u{rounds}"

            async def go_on(name: str = name) -> None:
                async with blobs.incoming(name) as incoming:
                    for start in range(0, len(content), 300_000):
                        await incoming.write(content[start : start + 300_000])
                        await asyncio.sleep(0)
                    await incoming.sync()
                    await asyncio.Event().wait()

            writing = asyncio.create_task(go_on())
            for _ in range(rounds):
                await asyncio.sleep(0)
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            found = await received(blobs, name)
            assert content.startswith(found)

    async def test_parts_can_be_read(self, blobs: Blobs) -> None:
        """Any part can be read while it grows, fewer bytes than asked for only at the end."""
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"0123456789")
            assert await incoming.read(3, 4) == b"3456"
            assert await incoming.read(8, 10) == b"89"
            assert await incoming.read(10, 1) == b""


class TestOneWriter:
    """Who holds it."""

    async def test_the_second_is_refused(self, blobs: Blobs) -> None:
        """While somebody holds it nobody else can, and afterwards anybody."""
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"first")
            with pytest.raises(Locked):
                await write(blobs, "u", b"second")
            await write(blobs, "other", b"free")
        await write(blobs, "u", b", third")
        assert await received(blobs, "u") == b"first, third"

    async def test_of_many_at_once_one_has_it(self, blobs: Blobs) -> None:
        """However many come at the same moment."""
        held = asyncio.Event()

        async def hold() -> None:
            async with blobs.incoming("u") as incoming:
                await incoming.write(b"x")
                await held.wait()

        tasks = [asyncio.create_task(hold()) for _ in range(20)]
        refused, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        while len(waiting) > 1:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            refused |= more
        held.set()
        await asyncio.gather(*waiting)
        assert len(refused) == 19
        assert all(isinstance(task.exception(), Locked) for task in refused)
        assert await received(blobs, "u") == b"x"


class TestDigests:
    """What the bytes are known by."""

    @pytest.mark.parametrize("is_followed", [True, False])
    async def test_over_several_goes(self, blobs: Blobs, is_followed: bool) -> None:
        """The SHA-256 is that of all bytes, in whatever goes and pieces they come; asked for late, too."""
        content = bytes(range(256)) * 12_345
        for start, end in ((0, 1), (1, 1_000_000), (1_000_000, 1_000_001), (1_000_001, len(content))):
            async with blobs.incoming("u") as incoming:
                if is_followed:
                    incoming.follow()
                await incoming.write(content[start:end])
                if start:
                    assert await incoming.sha256() == sha256(content[:end])
        async with blobs.incoming("u") as incoming:
            assert await incoming.sha256() == sha256(content)

    async def test_of_nothing(self, blobs: Blobs) -> None:
        """No bytes have a SHA-256, too."""
        async with blobs.incoming("u") as incoming:
            assert await incoming.sha256() == sha256(b"")

    async def test_begun_anew_after_a_discard(self, blobs: Blobs) -> None:
        """Bytes that were discarded do not count for those that come under the same name later."""
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"x" * 3_000_000)
            await incoming.discard()
        await write(blobs, "u", b"other")
        async with blobs.incoming("u") as incoming:
            assert await incoming.sha256() == sha256(b"other")


class TestJoining:
    """Bytes that came elsewhere."""

    async def test_one_after_the_other(self, blobs: Blobs) -> None:
        """What others have is added in the order of the calls, whole or from a position on."""
        await write(blobs, "a", b"a" * 2_000_000)
        await write(blobs, "b", b"b" * 10)
        async with blobs.incoming("u") as incoming, blobs.incoming("a") as a, blobs.incoming("b") as b:
            await incoming.write(b"0")
            await incoming.join(b)
            await incoming.join(a)
            await incoming.join(b, 7)
            await incoming.join(b, 10)
            expected = b"0" + b"b" * 10 + b"a" * 2_000_000 + b"bbb"
            assert incoming.size_bytes == len(expected)
            assert await incoming.sha256() == sha256(expected)
            await incoming.write(b"!")
        assert await received(blobs, "u") == expected + b"!"
        assert await received(blobs, "b") == b"b" * 10

    async def test_what_was_written_just_now(self, blobs: Blobs) -> None:
        """Bytes that the other has and that are not durable yet come along."""
        async with blobs.incoming("u") as incoming, blobs.incoming("a") as a:
            await a.write(b"just now")
            await incoming.join(a)
        assert await received(blobs, "u") == b"just now"


class TestBecomingBlobs:
    """What happens in the end."""

    async def test_what_is_kept_is_a_blob(self, blobs: Blobs) -> None:
        """Kept bytes are a blob, and incoming no more; nobody else can have held them meanwhile."""
        await write(blobs, "u", b"content " * 500_000)
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"end")
            await incoming.keep("v/source")
            assert await blobs.sweep(unknown) == []
        with blobs.lease("v/source") as lease:
            assert lease.read(0, lease.current_size()) == b"content " * 500_000 + b"end"
        assert await blobs.incoming_size("u") == 0
        assert await blobs.sweep(unknown) == ["v"]

    async def test_what_is_kept_cannot_be_discarded(self, blobs: Blobs) -> None:
        """To discard what was kept removes nothing."""
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"content")
            await incoming.keep("v/source")
            await incoming.discard()
        with blobs.lease("v/source") as lease:
            assert lease.current_size() == 7

    async def test_what_is_discarded_is_gone(self, blobs: Blobs) -> None:
        """Also what was written and not flushed yet."""
        await write(blobs, "u", b"x" * 2_000_000)
        async with blobs.incoming("u") as incoming:
            await incoming.write(b"x" * 2_500_000)
            await incoming.discard()
        assert await blobs.incoming_sizes() == {}
        assert await blobs.sweep(unknown) == []

    async def test_sweeping(self, blobs: Blobs) -> None:
        """What is neither known nor held is removed and named."""
        for name in ("a", "b", "c"):
            await write(blobs, name, b"x")
        assert await blobs.sweep(known) == []

        async def is_known(name: str) -> bool:
            return name == "b"

        async with blobs.incoming("c"):
            assert await blobs.sweep(is_known) == ["a"]
        assert await blobs.incoming_sizes() == {"b": 1, "c": 1}


async def test_names_cannot_escape(blobs: Blobs, tmp_path: Path) -> None:
    """A name that could lead anywhere else is not found."""
    for name in ("", ".", "..", "../u", "a/b", "/etc/passwd", ".hidden", "a\n", "u" * 200):
        with pytest.raises(NotFound):
            await write(blobs, name, b"x")
        with pytest.raises(NotFound):
            await blobs.incoming_size(name)


async def test_no_descriptor_is_lost(blobs: Blobs) -> None:
    """However a writer ends, no more is open than there was."""
    before = open_descriptors()
    for number in range(20):
        await write(blobs, f"u{number}", b"x" * 1_500_000)
        with suppress(Locked):
            async with blobs.incoming(f"u{number}"):
                await write(blobs, f"u{number}", b"x")
        async with blobs.incoming(f"u{number}") as incoming:
            await (incoming.keep(f"v{number}/source") if number % 2 else incoming.discard())
    await blobs.close()
    assert open_descriptors() == before


async def test_there_is_room(blobs: Blobs) -> None:
    """A store knows how much room it has left, or that nobody knows."""
    room_bytes = await blobs.room_bytes()
    assert room_bytes is None or room_bytes > 0
