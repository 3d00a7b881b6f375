"""Parts in files: what a power cut, a full disk and a second process make of them."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from streamserver.blobs.local import LocalBlobs
from streamserver.domain.parts import Cut, StoredPart
from streamserver.errors import Locked, NotFound
from tests.contracts.test_parts import CONTENT, CUT, content, numbers, put, whole


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[LocalBlobs]:
    blobs = LocalBlobs(tmp_path)
    yield blobs
    await blobs.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "parts/u.ledger"


async def test_what_has_come_is_there_for_the_next_process(blobs: LocalBlobs, tmp_path: Path) -> None:
    """With the ETags that were answered."""
    etags = [await put(blobs, number) for number in (3, 1)]
    later = LocalBlobs(tmp_path)
    assert [part.etag for part in await later.parts.stored("u")] == [etags[1], etags[0]]
    await put(later, 2)
    await later.parts.hand_over("u")
    assert await whole(later) == CONTENT
    await later.close()


@pytest.mark.parametrize(
    "torn", ["1 21000", "1 2100000 ", f"1 2100000 {'a' * 63}", "2 go", "\0\0\0\0", "-1 5", "\udcff\udc80"]
)
async def test_a_torn_line_is_no_line(blobs: LocalBlobs, ledger: Path, torn: str) -> None:
    """Wherever a power cut has torn it; what is recorded afterwards is."""
    await put(blobs, 2)
    with ledger.open("a", errors="surrogateescape") as file:
        file.write(f"\n{torn}")
    assert await numbers(blobs) == [2]
    assert len(await blobs.incoming_sizes()) == 1
    await put(blobs, 3)
    assert await numbers(blobs) == [2, 3]


async def test_a_part_is_forgotten_before_it_is_written_over(blobs: LocalBlobs, ledger: Path) -> None:
    """So that no process, however it ends, leaves a part that is half of one sending and half of another."""
    await put(blobs, 1)
    await put(blobs, 2)
    async with blobs.parts.part("u", CUT.part(1)) as draft:
        assert await numbers(blobs) == [1, 2], "nothing is written yet"
        await draft.write(content(1)[:1_050_000])
        await draft.write(content(1)[1_050_000:])  # the ones before are with the system now
        assert await numbers(blobs) == [2]
    assert ledger.read_text().endswith("\n1 gone\n")  # noqa: ASYNC240 - a short file


async def test_what_is_handed_over_is_not_copied(blobs: LocalBlobs, tmp_path: Path) -> None:
    """The file that the parts were written to is the one that the video will be."""
    for number in (1, 2, 3):
        await put(blobs, number)
    before = (tmp_path / "parts/u").stat().st_ino
    await blobs.parts.hand_over("u")
    assert (tmp_path / "uploads/u").stat().st_ino == before
    assert list((tmp_path / "parts").iterdir()) == []


async def test_a_ledger_alone_is_swept(blobs: LocalBlobs, ledger: Path, tmp_path: Path) -> None:
    """As a server leaves it that was ended between two files of what it deleted."""
    await put(blobs, 1)
    (tmp_path / "parts/u").unlink()

    async def nobody(_name: str) -> bool:
        return False

    assert await blobs.sweep(nobody) == ["u"]
    assert not ledger.exists()  # noqa: ASYNC240 - it is quick


async def test_another_process_is_waited_for(blobs: LocalBlobs, tmp_path: Path) -> None:
    """One that hands the whole over keeps writers out, one that writes keeps the whole here."""
    await put(blobs, 1)
    with (tmp_path / "parts/u").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Locked):
            await put(blobs, 2)
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(Locked):
            await blobs.parts.hand_over("u")
        await put(blobs, 2)
    await put(blobs, 3)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT


async def test_a_file_of_another_name_is_none_of_the_parts(blobs: LocalBlobs) -> None:
    """The ledger of one upload cannot be the bytes of another."""
    with pytest.raises(NotFound):
        await put(blobs, 1, name="u.ledger")


async def test_parts_lie_where_they_belong(blobs: LocalBlobs, tmp_path: Path) -> None:
    """Far apart, with nothing between them on the disk: only what has come takes room."""
    large = Cut(length_bytes=10**12, part_bytes=5 * 10**9)
    last = large.part(large.count)
    first = Cut(length_bytes=5, part_bytes=5).part(1)
    async with blobs.parts.part("u", first) as draft:
        await draft.write(b"first")
        await draft.keep()
    async with blobs.parts.part("u", last) as draft:
        for _ in range(2):
            await draft.write(CONTENT[:1_100_000])
    file = tmp_path / "parts/u"
    assert file.stat().st_size == last.position + 2_200_000
    assert file.stat().st_blocks * 512 < 3_000_000
    descriptor = os.open(file, os.O_RDONLY)
    try:
        assert os.pread(descriptor, 1_100_000, last.position) == CONTENT[:1_100_000]
    finally:
        os.close(descriptor)
    assert await blobs.parts.stored("u") == [StoredPart(number=1, size_bytes=5, etag=sha256(b"first").hexdigest())]


async def test_who_is_cancelled_holds_nothing(blobs: LocalBlobs) -> None:
    """At whatever moment: the part can be sent again, and the whole be handed over."""
    for turns in range(12):
        sending = asyncio.create_task(put(blobs, 1))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        sending.cancel()
        await asyncio.wait({sending})
    for number in (1, 2, 3):
        await put(blobs, number)
    await blobs.parts.hand_over("u")
    assert await whole(blobs) == CONTENT
