"""Knowing where the segments of a rendition lie, also while its file grows."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from streamserver.blobs.memory import MemoryBlobs, MemoryLease
from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.fragments import FragmentIndex, with_plan
from streamserver.domain.mp4 import Malformed
from streamserver.domain.videos import Rendition, RenditionStatus, VideoStatus
from streamserver.encoder.memory import fragment, init_segment
from streamserver.errors import NotFound, NotReady
from streamserver.flows.indexes import REMEMBERED, Indexes, rendition_key
from tests.catalog.samples import add, sample_rendition, sample_video
from tests.flows.doubles import TroubledCatalog

GROWING = sample_rendition("720p-a")


class CountingBlobs(MemoryBlobs):
    """Blobs that know how many bytes were read of them."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0

    @contextmanager
    def lease(self, key: str) -> Iterator[MemoryLease]:
        """See `Blobs.lease`."""
        with super().lease(key) as lease:
            yield CountedLease(lease.fd, self)


@dataclass(frozen=True, slots=True)
class CountedLease(MemoryLease):
    """A blob held open, whose bytes are counted."""

    blobs: CountingBlobs

    def read(self, position: int, count: int) -> bytes:
        """See `Lease.read`."""
        content = os.pread(self.fd, count, position)
        self.blobs.bytes_read += len(content)
        return content


class Growing:
    """A rendition's file, as an encoder writes it."""

    def __init__(self, blobs: MemoryBlobs, rendition: Rendition = GROWING) -> None:
        self._path = blobs.path(rendition_key(rendition))

    def write(self, content: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(content)


async def complete(
    catalog: MemoryCatalog, indexes: Indexes, rendition: Rendition
) -> tuple[Rendition, FragmentIndex]:
    """Record a rendition as complete, with the index of its file."""
    index = (await indexes.scan(rendition)).index
    assert index is not None
    whole = replace(rendition, status=RenditionStatus.COMPLETE, codecs="avc1.64001e")
    await catalog.complete_rendition(whole, with_plan(index))
    return whole, with_plan(index)


@pytest.fixture
async def catalog() -> TroubledCatalog:
    catalog = TroubledCatalog()
    await add(catalog)
    await catalog.add_renditions([GROWING])
    return catalog


@pytest.fixture
def blobs() -> CountingBlobs:
    return CountingBlobs()


@pytest.fixture
def indexes(catalog: TroubledCatalog, blobs: CountingBlobs) -> Indexes:
    return Indexes(catalog=catalog, blobs=blobs)


class TestGrowing:
    """A file that is still being written."""

    async def test_before_there_is_a_segment(self, indexes: Indexes, blobs: CountingBlobs) -> None:
        """Without a file, without an init segment, or without a whole fragment, it is not ready."""
        file = Growing(blobs)
        for content in (b"", init_segment(64, 36), fragment(0, 2.0)[:-1]):
            file.write(content)
            with pytest.raises(NotReady):
                await indexes.plan(GROWING)
        file.write(fragment(0, 2.0)[-1:])
        plan = await indexes.plan(GROWING)
        assert ([segment.duration_seconds for segment in plan.segments], plan.codecs) == ([2.0], "avc1.64001e")

    async def test_only_what_is_new_is_read(self, indexes: Indexes, blobs: CountingBlobs) -> None:
        """Another look at a growing file costs the headers that came since."""
        file = Growing(blobs)
        file.write(init_segment(64, 36))
        for number in range(50):
            file.write(fragment(number, 2.0))
        await indexes.scan(GROWING)
        blobs.bytes_read = 0
        await indexes.scan(GROWING)
        assert blobs.bytes_read <= 16
        file.write(fragment(50, 2.0))
        scan = await indexes.scan(GROWING)
        assert scan.index is not None
        assert len(scan.index.fragments) == 51
        assert blobs.bytes_read < 500

    async def test_many_who_look_at_once(self, indexes: Indexes, blobs: CountingBlobs) -> None:
        """Looks at the same moment agree, and the index never goes back."""
        file = Growing(blobs)
        file.write(init_segment(64, 36))
        known = 0
        for number in range(20):
            file.write(fragment(number, 2.0))
            scans = await asyncio.gather(*(indexes.scan(GROWING) for _ in range(5)))
            counts = [len(scan.index.fragments) for scan in scans if scan.index is not None]
            assert counts == [number + 1] * 5
            assert number + 1 > known
            known = number + 1

    async def test_nonsense_is_told(self, indexes: Indexes, blobs: CountingBlobs) -> None:
        """A file of other bytes is malformed for who encodes it, and merely not ready for who wants to watch."""
        Growing(blobs).write(bytes(100))
        with pytest.raises(Malformed):
            await indexes.scan(GROWING)
        with pytest.raises(NotReady):
            await indexes.plan(GROWING)


class TestChoice:
    """Renditions that a player may choose among."""

    @pytest.mark.parametrize(
        ("are_whole", "expected"),
        [
            ({720: False, 360: False}, [720, 360]),
            ({1080: False, 720: False, 360: True}, [1080, 720, 360]),
            ({1080: True, 720: False, 360: False}, [1080]),
            ({1080: True, 720: False, 360: True}, [1080, 360]),
            ({1080: True, 720: True}, [1080, 720]),
        ],
    )
    async def test_those_that_grow(
        self,
        are_whole: dict[int, bool],
        expected: list[int],
        indexes: Indexes,
        catalog: TroubledCatalog,
        blobs: CountingBlobs,
    ) -> None:
        """One that grows can be chosen where it is better than any whole one: players believe it to be as long."""
        renditions = []
        for height, is_whole in are_whole.items():
            rendition = sample_rendition(f"{height}p-b", height=height)
            await catalog.add_renditions([rendition])
            Growing(blobs, rendition).write(init_segment(64, 36) + fragment(0, 2.0))
            if is_whole:
                rendition, _ = await complete(catalog, indexes, rendition)
            renditions.append(rendition)
        video = sample_video(status=VideoStatus.PLAYABLE, renditions=tuple(renditions))
        assert [rendition.height for rendition, _ in await indexes.watchable(video)] == expected

    async def test_beside_one_that_is_heavy(
        self, indexes: Indexes, catalog: TroubledCatalog, blobs: CountingBlobs
    ) -> None:
        """Who cannot have sixty megabits a second can have what grows beside them."""
        heavy, light = (sample_rendition(f"{height}p-b", height=height) for height in (1080, 360))
        await catalog.add_renditions([heavy, light])
        for rendition in (heavy, light):
            Growing(blobs, rendition).write(init_segment(64, 36) + fragment(0, 2.0))
        whole, _ = await complete(catalog, indexes, heavy)
        for bit_rate_bps, expected in ((6_000_000, [1080]), (60_000_000, [1080, 360])):
            renditions = (replace(whole, bit_rate_bps=bit_rate_bps), light)
            video = sample_video(status=VideoStatus.PLAYABLE, renditions=renditions)
            assert [rendition.height for rendition, _ in await indexes.watchable(video)] == expected


class TestComplete:
    """A rendition that is recorded."""

    async def test_the_catalog_is_asked_once(
        self, indexes: Indexes, catalog: TroubledCatalog, blobs: CountingBlobs
    ) -> None:
        """The index of a complete rendition comes from the catalog, once, and its file is not read."""
        Growing(blobs).write(init_segment(64, 36) + fragment(0, 2.0) + fragment(1, 1.0))
        whole, index = await complete(catalog, indexes, GROWING)
        catalog.calls.clear()
        blobs.bytes_read = 0
        plans = [await indexes.plan(whole) for _ in range(3)]
        assert catalog.calls == ["fragment_index"]
        assert blobs.bytes_read == 0
        assert plans[0] is plans[2]
        assert (plans[0].index, plans[0].codecs) == (index, "avc1.64001e")
        assert [segment.duration_seconds for segment in plans[0].segments] == [2.0, 1.0]

    async def test_what_was_forgotten_is_asked_for_again(
        self, indexes: Indexes, catalog: TroubledCatalog, blobs: CountingBlobs
    ) -> None:
        """A rendition that was forgotten and is gone is not found."""
        Growing(blobs).write(init_segment(64, 36) + fragment(0, 2.0))
        whole, _ = await complete(catalog, indexes, GROWING)
        await indexes.plan(whole)
        indexes.forget(whole.key)
        await catalog.delete_renditions([whole.key])
        with pytest.raises(NotFound):
            await indexes.plan(whole)

    async def test_only_so_many_are_remembered(
        self, indexes: Indexes, catalog: TroubledCatalog, blobs: CountingBlobs
    ) -> None:
        """Past the bound, the index that was unused for longest is asked for again."""
        renditions = [sample_rendition(f"r{number}") for number in range(REMEMBERED + 1)]
        await catalog.add_renditions(renditions)
        Growing(blobs).write(init_segment(64, 36) + fragment(0, 2.0))
        scan = await indexes.scan(GROWING)
        assert scan.index is not None
        whole = [replace(rendition, status=RenditionStatus.COMPLETE) for rendition in renditions]
        for rendition in whole:
            await catalog.complete_rendition(rendition, with_plan(scan.index))
        for rendition in whole[:-1]:
            await indexes.plan(rendition)
        await indexes.plan(whole[0])
        await indexes.plan(whole[-1])
        catalog.calls.clear()
        await indexes.plan(whole[0])
        await indexes.plan(whole[-1])
        assert catalog.calls == []
        await indexes.plan(whole[1])
        assert catalog.calls == ["fragment_index"]
