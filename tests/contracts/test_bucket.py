"""Every bucket hands out URLs and keeps what is put to them, as `Bucket` says."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

import pytest
from aiohttp import ClientSession

from streamserver.bucket.memory import MemoryBucket
from streamserver.bucket.s3 import open_bucket
from streamserver.domain.buckets import StoredObject
from streamserver.domain.parts import Cut, StoredPart
from streamserver.errors import ChecksumMismatch, Forbidden, NotFound
from streamserver.ports import Bucket

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.seaweedfs import SeaweedFS

pytest_plugins = ["tests.services.seaweedfs"]

HOUR = timedelta(hours=1)
PATIENCE = timedelta(seconds=30)
MIB = 2**20
CONTENT = bytes(range(256)) * 4096 * 11 + b"and the end"
"""A bit more than two parts of the least length that S3 allows."""
CUT = Cut(length_bytes=len(CONTENT), part_bytes=5 * MIB)
"""S3's own least length of a part; ours is larger."""


class Ground(Protocol):
    """A bucket, and what clients do to it."""

    @property
    def bucket(self) -> Bucket:
        """Empty."""

    async def put(self, url: str, content: bytes) -> str:
        """Put bytes to a URL without credentials; return the ETag, `Forbidden` or `NotFound` where refused."""

    async def outlast(self, url: str, lifetime: timedelta) -> None:
        """Let a URL that is good for three bytes expire."""


class MemoryGround:
    """The twin, with a clock that can be put forward."""

    def __init__(self) -> None:
        self.bucket = MemoryBucket(self)
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now

    async def put(self, url: str, content: bytes) -> str:
        return self.bucket.put(url, content)

    async def outlast(self, url: str, lifetime: timedelta) -> None:
        await self.put(url, b"abc")
        self._now += lifetime


class S3Ground:
    """A bucket of a real storage, and a plain HTTP client."""

    def __init__(self, bucket: Bucket, session: ClientSession) -> None:
        self.bucket = bucket
        self._session = session

    async def put(self, url: str, content: bytes) -> str:
        async with self._session.put(url, data=BytesIO(content)) as answer:
            if answer.status == 404:
                raise NotFound(await answer.text())
            if answer.status != 200:
                raise Forbidden(f"{answer.status} {await answer.text()}")
            return answer.headers["ETag"].strip('"')

    async def outlast(self, url: str, lifetime: timedelta) -> None:
        begun, is_good = datetime.now(UTC), True
        while is_good:
            assert datetime.now(UTC) < begun + lifetime + PATIENCE, "it never expires"
            try:
                await self.put(url, b"abc")
            except Forbidden:
                is_good = False


@pytest.fixture(params=["memory", "seaweedfs"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    if request.param == "memory":
        yield MemoryGround()
        return
    storage: SeaweedFS = request.getfixturevalue("seaweedfs")
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())
        place = storage.place(storage.make_bucket(), prefix="uploads/")
        bucket = await stack.enter_async_context(open_bucket(place))
        yield S3Ground(bucket, session)


async def content_of(bucket: Bucket, found: StoredObject, position: int = 0) -> bytes:
    async with bucket.read(found, position=position) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def put_parts(ground: Ground, key: str, multipart_id: str, *numbers: int) -> dict[int, str]:
    """Put parts of `CONTENT`; return their ETags."""
    parts = [CUT.part(number) for number in numbers]
    urls = await ground.bucket.part_urls(key, multipart_id, parts, lifetime=HOUR)
    return {
        part.number: await ground.put(url, CONTENT[part.position : part.position + part.size_bytes])
        for part, url in zip(parts, urls, strict=True)
    }


async def test_what_is_put_is_there(ground: Ground) -> None:
    """The object has its length and its ETag; its bytes can be read from any position."""
    url = await ground.bucket.put_url("a", size_bytes=len(CONTENT), lifetime=HOUR)
    etag = await ground.put(url, CONTENT)
    found = await ground.bucket.look("a")
    assert (found.key, found.size_bytes, found.etag) == ("a", len(CONTENT), etag)
    assert abs(datetime.now(UTC) - found.changed_at) < timedelta(minutes=5)
    assert list(await ground.bucket.objects()) == [found]
    for position in (0, 1, len(CONTENT) - 1, len(CONTENT)):
        assert await content_of(ground.bucket, found, position) == CONTENT[position:]


@pytest.mark.parametrize("length", [0, len(CONTENT) - 1, len(CONTENT) + 1])
async def test_a_url_is_for_one_length(ground: Ground, length: int) -> None:
    """Neither more bytes nor fewer can be put, and nothing of them is kept."""
    url = await ground.bucket.put_url("a", size_bytes=len(CONTENT), lifetime=HOUR)
    with pytest.raises(Forbidden):
        await ground.put(url, (CONTENT * 2)[:length])
    with pytest.raises(NotFound):
        await ground.bucket.look("a")


async def test_a_url_expires(ground: Ground) -> None:
    """What could be put to it cannot be put any more."""
    lifetime = timedelta(seconds=2)
    url = await ground.bucket.put_url("a", size_bytes=3, lifetime=lifetime)
    await ground.outlast(url, lifetime)
    with pytest.raises(Forbidden):
        await ground.put(url, b"abc")


async def test_an_object_is_made_of_parts(ground: Ground) -> None:
    """They may come in any order, and again; nothing is to be seen of the object before it is complete."""
    multipart_id = await ground.bucket.begin("a")
    etags = await put_parts(ground, "a", multipart_id, 3, 1, 2, 1)
    parts = await ground.bucket.parts("a", multipart_id)
    assert [(part.number, part.size_bytes, part.etag) for part in parts] == [
        (part.number, part.size_bytes, etags[part.number]) for part in CUT.parts()
    ]
    with pytest.raises(NotFound):
        await ground.bucket.look("a")
    await ground.bucket.complete("a", multipart_id, parts)
    found = await ground.bucket.look("a")
    assert found.size_bytes == len(CONTENT)
    assert sha256(await content_of(ground.bucket, found)).digest() == sha256(CONTENT).digest()
    assert list(await ground.bucket.multiparts()) == []
    with suppress(NotFound):
        await ground.bucket.complete("a", multipart_id, parts)
    assert (await ground.bucket.look("a")).etag == found.etag
    with pytest.raises(NotFound):
        await ground.bucket.parts("a", multipart_id)


async def test_a_part_has_one_length(ground: Ground) -> None:
    """Neither more bytes nor fewer can be put to its URL."""
    multipart_id = await ground.bucket.begin("a")
    (url,) = await ground.bucket.part_urls("a", multipart_id, [CUT.part(3)], lifetime=HOUR)
    for content in (CONTENT, b"", CONTENT[-CUT.part(3).size_bytes + 1 :]):
        with pytest.raises(Forbidden):
            await ground.put(url, content)
    assert list(await ground.bucket.parts("a", multipart_id)) == []


async def test_a_part_that_was_put_again_counts(ground: Ground) -> None:
    """It is listed once, as the one that came last: storages count in seconds."""
    multipart_id = await ground.bucket.begin("a")
    one = Cut(length_bytes=3, part_bytes=3).part(1)
    (url,) = await ground.bucket.part_urls("a", multipart_id, [one], lifetime=HOUR)
    old = await ground.put(url, b"old")
    begun, new = datetime.now(UTC), old
    while (parts := await ground.bucket.parts("a", multipart_id)) and parts[0].etag == old:
        assert datetime.now(UTC) < begun + PATIENCE
        new = await ground.put(url, b"new")
    assert parts == [StoredPart(number=1, size_bytes=3, etag=new)]
    await ground.bucket.complete("a", multipart_id, parts)
    assert await content_of(ground.bucket, await ground.bucket.look("a")) == b"new"


@pytest.mark.parametrize("number", [1, 2])
async def test_an_object_is_made_of_what_came(ground: Ground, number: int) -> None:
    """Not of a part with another ETag, nor of one that is not there; afterwards all is as before."""
    multipart_id = await ground.bucket.begin("a")
    etags = await put_parts(ground, "a", multipart_id, 1)
    wrong = [StoredPart(number=number, size_bytes=CUT.part_bytes, etag="0" * 32)]
    with pytest.raises(ChecksumMismatch):
        await ground.bucket.complete("a", multipart_id, wrong)
    assert [part.etag for part in await ground.bucket.parts("a", multipart_id)] == [etags[1]]


async def test_what_is_aborted_is_gone(ground: Ground) -> None:
    """Its parts with it; its URLs are good for nothing; to abort it again is no fault."""
    multipart_id = await ground.bucket.begin("a")
    await put_parts(ground, "a", multipart_id, 1)
    for _ in range(2):
        await ground.bucket.abort("a", multipart_id)
    with pytest.raises(NotFound):
        await put_parts(ground, "a", multipart_id, 2)
    with pytest.raises(NotFound):
        await ground.bucket.parts("a", multipart_id)
    assert list(await ground.bucket.multiparts()) == []


async def test_multiparts_are_listed(ground: Ground) -> None:
    """Those that are under way, two of one name too, with the moment at which they began."""
    begun = {(key, await ground.bucket.begin(key)) for key in ("a", "a", "b")}
    multiparts = await ground.bucket.multiparts()
    assert {(multipart.key, multipart.id) for multipart in multiparts} == begun
    assert all(abs(datetime.now(UTC) - multipart.begun_at) < timedelta(minutes=5) for multipart in multiparts)


async def test_an_object_is_deleted(ground: Ground) -> None:
    """To delete what is not there is no fault."""
    await ground.put(await ground.bucket.put_url("a", size_bytes=3, lifetime=HOUR), b"abc")
    for _ in range(2):
        await ground.bucket.delete("a")
    with pytest.raises(NotFound):
        await ground.bucket.look("a")
    assert list(await ground.bucket.objects()) == []


async def test_another_object_is_not_read_in_its_place(ground: Ground) -> None:
    """What was looked at is what is read, or nothing."""
    url = await ground.bucket.put_url("a", size_bytes=3, lifetime=HOUR)
    await ground.put(url, b"old")
    found = await ground.bucket.look("a")
    await ground.put(url, b"new")
    with pytest.raises(NotFound):
        await content_of(ground.bucket, found)
    await ground.bucket.delete("a")
    with pytest.raises(NotFound):
        await content_of(ground.bucket, found)


async def test_pages_are_let_in(ground: Ground) -> None:
    """Nobody's at first; then those of the origins that were named last."""
    assert await ground.bucket.origins() == frozenset()
    for origins in ({"https://a.example", "http://b.example:8080"}, {"*"}, {"https://a.example"}):
        await ground.bucket.allow_origins(origins)
        assert await ground.bucket.origins() == origins


async def test_it_can_be_stored_in(ground: Ground) -> None:
    """To check that leaves nothing behind."""
    await ground.bucket.check()
    assert list(await ground.bucket.objects()) == []
