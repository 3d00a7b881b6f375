"""Every store of parts keeps them in any order, and makes one file of them, as `Parts` says."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.blobs.memory import MemoryBlobs
from streamserver.domain.parts import Cut
from streamserver.errors import BadInput, Locked, NotFound, TooLarge
from streamserver.ports import PartDraft, ReadInto

CONTENT = bytes(range(251)) * 20_000
CUT = Cut(length_bytes=len(CONTENT), part_bytes=2_100_000)
"""Parts that are larger than what is written at a time."""
AnyBlobs = MemoryBlobs | LocalBlobs


@pytest.fixture(params=["memory", "local"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyBlobs]:
    blobs: AnyBlobs = MemoryBlobs() if request.param == "memory" else LocalBlobs(tmp_path)
    yield blobs
    await blobs.close()


def content(number: int) -> bytes:
    part = CUT.part(number)
    return CONTENT[part.position : part.position + part.size_bytes]


async def put(blobs: AnyBlobs, number: int, sent: bytes | None = None, *, name: str = "u") -> str:
    """Send a part in chunks; return its ETag."""
    rest = content(number) if sent is None else sent
    async with blobs.parts.part(name, CUT.part(number)) as draft:
        while rest:
            await draft.write(rest[:70_000])
            rest = rest[70_000:]
        return (await draft.keep()).etag


async def numbers(blobs: AnyBlobs, name: str = "u") -> list[int]:
    return [part.number for part in await blobs.parts.stored(name)]


async def whole(blobs: AnyBlobs, name: str = "u") -> bytes:
    async with blobs.incoming(name) as incoming:
        return await incoming.read(0, incoming.size_bytes + 1)


def reading(sent: bytes, fault: Exception | None = None) -> ReadInto:
    """Return what puts bytes into memory in pieces, until there are none, or until the fault."""
    rest = memoryview(sent)

    def read_into(view: memoryview) -> int:
        nonlocal rest
        if not rest and fault is not None:
            raise fault
        count = min(len(view), len(rest), 70_000)
        view[:count], rest = rest[:count], rest[count:]
        return count

    return read_into


async def filled(draft: PartDraft, read_into: ReadInto, count: int) -> bool:
    """Fill until there are so many bytes; tell whether there are exactly so many."""
    came = 0
    while came < count:
        came += await draft.fill(read_into)
    return came == count


async def test_a_thread_may_read_them(blobs: AnyBlobs) -> None:
    """After what came before, and with the same ETag; what there was of the part is replaced."""
    etags = [await put(blobs, number) for number in (1, 2, 3)]
    for number in (3, 2, 1):
        async with blobs.parts.part("u", CUT.part(number)) as draft:
            await draft.write(content(number)[:5])
            assert await filled(draft, reading(content(number)[5:]), len(content(number)) - 5)
            assert (await draft.keep()).etag == etags[number - 1]
    assert await blobs.parts.sha256("u") == sha256(CONTENT).hexdigest()
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_what_a_thread_reads_stays_within_its_part(blobs: AnyBlobs) -> None:
    """Whoever brings more is told so, and the next part is as it was."""
    for number in (2, 3):
        await put(blobs, number)
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        read_into = reading(content(1) + bytes(len(content(2))))
        with pytest.raises(TooLarge):
            await filled(draft, read_into, len(content(1)) + 1)
    assert await numbers(blobs) == [2, 3]
    await put(blobs, 1)
    assert await blobs.parts.sha256("u") == sha256(CONTENT).hexdigest()


async def test_a_part_that_breaks_off_is_not_there(blobs: AnyBlobs) -> None:
    """Nor is what was there before, over which it was written."""
    await put(blobs, 1)
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        read_into = reading(bytes(100_000), ConnectionResetError())
        with pytest.raises(ConnectionResetError):
            await filled(draft, read_into, len(content(1)))
    assert await numbers(blobs) == []


async def test_their_checksum_before_they_are_one_file(blobs: AnyBlobs) -> None:
    """It follows a part that is sent again; while one is being sent nobody can tell it."""
    for number in (3, 1, 2):
        await put(blobs, number)
    assert await blobs.parts.sha256("u") == sha256(CONTENT).hexdigest()
    other = b"x" * len(content(2))
    async with blobs.parts.part("u", CUT.part(2)) as draft:
        with pytest.raises(Locked):
            await blobs.parts.sha256("u")
        await draft.write(other)
        await draft.keep()
    assert await blobs.parts.sha256("u") == sha256(content(1) + other + content(3)).hexdigest()
    await put(blobs, 2)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_parts_come_in_any_order(blobs: AnyBlobs) -> None:
    """Each is known by its number, length and SHA-256; all together are the file."""
    assert await numbers(blobs) == []
    for number in (3, 1, 2):
        assert await put(blobs, number) == sha256(content(number)).hexdigest()
    stored = await blobs.parts.stored("u")
    assert [(part.number, part.size_bytes, part.etag) for part in stored] == [
        (number, len(content(number)), sha256(content(number)).hexdigest()) for number in (1, 2, 3)
    ]
    assert await blobs.incoming_size("u") == 0
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT
    assert await numbers(blobs) == []


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (1, 2, 1, 3), (1, -2, 2, 3), (1, 2, 3, -1, 1)], ids=str)
async def test_the_whole_has_its_checksum(blobs: AnyBlobs, order: tuple[int, ...]) -> None:
    """However its parts came: in order, or not, again, or after another one in their place (the negative ones)."""
    for number in order:
        await put(blobs, abs(number), None if number > 0 else content(-number)[::-1])
    await blobs.parts.hand_over("u")
    async with blobs.incoming("u") as incoming:
        assert await incoming.sha256() == sha256(CONTENT).hexdigest()


async def test_parts_come_side_by_side(blobs: AnyBlobs) -> None:
    """Of one file, and of several."""
    await asyncio.gather(*(put(blobs, number, name=name) for number in (1, 2, 3) for name in "ab"))
    assert await blobs.parts.sizes() == {"a": len(CONTENT), "b": len(CONTENT)}
    for name in "ab":
        await blobs.parts.hand_over(name)
        assert await whole(blobs, name) == CONTENT


async def test_a_part_may_come_again(blobs: AnyBlobs) -> None:
    """The last one counts."""
    await put(blobs, 1)
    await put(blobs, 3)
    other = b"x" * len(content(3))
    assert await put(blobs, 3, other) == sha256(other).hexdigest()
    assert (await blobs.parts.stored("u"))[1].etag == sha256(other).hexdigest()
    await put(blobs, 3)
    await put(blobs, 2)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_a_part_that_ends_too_soon_is_not_there(blobs: AnyBlobs) -> None:
    """Neither is the one that it was to replace: it may be half written over."""
    await put(blobs, 1)
    await put(blobs, 2)
    with pytest.raises(BadInput, match="Part 2 has 2100000 bytes; there came only 2099999"):
        await put(blobs, 2, content(2)[:-1])
    assert await numbers(blobs) == [1]
    assert await blobs.parts.sizes() == {"u": len(content(1))}
    await put(blobs, 2)
    assert await numbers(blobs) == [1, 2]


async def test_a_part_that_is_left_is_not_there(blobs: AnyBlobs) -> None:
    """It counts when it is kept, and not when all its bytes have come."""
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        await draft.write(content(1))
    assert await numbers(blobs) == []
    assert await put(blobs, 1)


async def test_nothing_is_written_beyond_a_part(blobs: AnyBlobs) -> None:
    """The next one stays as it is."""
    await put(blobs, 2)
    await put(blobs, 3)
    with pytest.raises(TooLarge, match="Part 1 has 2100000 bytes; there came more"):
        await put(blobs, 1, content(1) + b"x")
    await put(blobs, 1)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_two_do_not_write_one_part(blobs: AnyBlobs) -> None:
    """The second is told so; other parts can be written meanwhile, but nothing be handed over."""
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        with pytest.raises(Locked):
            await put(blobs, 1)
        await put(blobs, 2)
        await put(blobs, 1, name="v")
        with pytest.raises(Locked):
            await blobs.parts.hand_over("u")
        await draft.write(content(1))
        await draft.keep()
    await put(blobs, 3)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_what_was_handed_over_stays(blobs: AnyBlobs) -> None:
    """To hand over again, or what was never there, changes nothing."""
    for number in (1, 2, 3):
        await put(blobs, number)
    for _ in range(2):
        await blobs.parts.hand_over("u")
        assert await whole(blobs) == CONTENT
    await blobs.parts.hand_over("nothing")
    assert await blobs.incoming_size("nothing") == 0


async def test_what_is_deleted_is_gone(blobs: AnyBlobs) -> None:
    """Also for who is just writing; to delete what is not there is no fault."""
    await put(blobs, 2)
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        await draft.write(content(1))
        for _ in range(2):
            await blobs.parts.delete("u")
        with pytest.raises(NotFound):
            await draft.keep()
    assert await numbers(blobs) == []
    assert await put(blobs, 1)
    assert await numbers(blobs) == [1]


async def test_a_sweep_removes_what_is_not_known(blobs: AnyBlobs) -> None:
    """And nothing else."""
    for name in ("known", "unknown"):
        await put(blobs, 1, name=name)

    async def is_known(name: str) -> bool:
        return name == "known"

    assert await blobs.parts.sweep(is_known) == ["unknown"]
    assert await blobs.parts.sizes() == {"known": len(content(1))}


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc", "a\0"])
async def test_a_name_leads_nowhere_else(blobs: AnyBlobs, name: str) -> None:
    """Whatever is asked."""
    with pytest.raises(NotFound):
        await put(blobs, 1, name=name)
    for ask in (blobs.parts.stored, blobs.parts.hand_over, blobs.parts.delete):
        with pytest.raises(NotFound):
            await ask(name)
