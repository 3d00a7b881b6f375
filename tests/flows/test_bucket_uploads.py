"""Pre-signed uploads to the bucket: sent there, completed, fetched from there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from streamserver.bucket.memory import MemoryBucket
from streamserver.domain.buckets import Multipart, StoredObject
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.parts import Cut
from streamserver.domain.presigned import Offer, Plan
from streamserver.domain.signing import SigningKey
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.errors import ChecksumMismatch, Gone, Incomplete, NotFound, Unavailable
from streamserver.flows.bucket_uploads import RETRY_SECONDS, BucketUploads
from streamserver.flows.bucket_watch import LOOK_SECONDS
from streamserver.flows.presigned import Presigned
from streamserver.flows.receive import source_key
from tests.flows.doubles import TickingClock
from tests.flows.works import LIFETIME, Works, source_bytes
from tests.web.clock import skip, until

ANNA = "anna"
KEY = SigningKey(id="k", secret=b"k" * 32)
CONTENT = source_bytes(padding="x" * 1000)
CUT = Cut(length_bytes=len(CONTENT), part_bytes=600)
"""Shorter parts than anybody can ask for."""


class TroubledBucket(MemoryBucket):
    """A bucket that can be made to fail, or to take its time."""

    def __init__(self, clock: TickingClock) -> None:
        super().__init__(clock)
        self.good_chunks = 100
        """After so many that were read it fails, once."""
        self.gate = asyncio.Event()
        """Nothing is read before it is set."""
        self.gate.set()
        self.is_mistaken = False
        """Whether reading ends by an exception that nobody reckons with."""
        self.positions: list[int] = []
        """From where it was read."""

    @asynccontextmanager
    async def read(self, found: StoredObject, *, position: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        self.positions.append(position)
        if self.is_mistaken:
            raise RuntimeError(found)
        await self.gate.wait()
        async with super().read(found, position=position) as chunks:
            yield self._some(chunks)

    async def _some(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if not self.good_chunks:
                self.good_chunks = 100
                raise Unavailable("The storage went away.")
            self.good_chunks -= 1
            yield chunk


@pytest.fixture
def bucket(works: Works) -> TroubledBucket:
    return TroubledBucket(works.clock)


@pytest.fixture
async def bucket_uploads(works: Works, bucket: TroubledBucket) -> AsyncIterator[BucketUploads]:
    bucket_uploads = BucketUploads(bucket=bucket, intake=works.receive)
    yield bucket_uploads
    await bucket_uploads.close()


@pytest.fixture
def presigned(works: Works, bucket_uploads: BucketUploads) -> Presigned:
    return Presigned(
        catalog=works.catalog,
        blobs=works.blobs,
        clock=works.clock,
        intake=works.receive,
        keys=(KEY,),
        bucket_uploads=bucket_uploads,
    )


async def in_one_piece(presigned: Presigned, *, checksum: str | None = None) -> Offer:
    return await presigned.begin(
        user=ANNA, file_name="some clip.mp4", title=None, size_bytes=len(CONTENT), sha256=checksum
    )


async def in_parts(works: Works, presigned: Presigned, bucket_uploads: BucketUploads) -> Offer:
    plan = Plan(part_bytes=CUT.part_bytes, is_in_bucket=True)
    upload = await works.receive.create(
        UploadKind.PRESIGNED,
        user=ANNA,
        file_name="some clip.mp4",
        length_bytes=len(CONTENT),
        details=plan.details(),
    )
    await bucket_uploads.begin(upload)
    return await presigned.offer(upload.id, user=ANNA)


def send(bucket: MemoryBucket, offer: Offer, *, but: int = 0) -> dict[int, str]:
    """Put all parts to their URLs, but for one; return their ETags."""
    return {
        part.number: bucket.put(target.url, CONTENT[part.position : part.position + part.size_bytes])
        for target in offer.missing
        if (part := target.part).number != but
    }


async def complete(presigned: Presigned, upload: Upload, etags: dict[int, str] | None = None) -> Job:
    _, job = await presigned.complete(upload.id, user=ANNA, etags=etags or {})
    return job


def has_received(count: int) -> Callable[[Job], bool]:
    return lambda job: job.received_bytes == count


async def let_all_go_on() -> None:
    """Let tasks come to where they wait for the clock."""
    for _ in range(100):
        await asyncio.sleep(0)


async def assert_became_a_video(works: Works, bucket: MemoryBucket, upload: Upload) -> None:
    """Wait until it is one, whole, and nothing is left in the bucket."""
    await works.report(upload.id, lambda job: not job.is_receiving)
    assert works.blobs.path(source_key(upload.video_id)).read_bytes() == CONTENT
    assert works.line() == [upload.id]
    async with asyncio.timeout(5):
        while await bucket.objects():  # noqa: ASYNC110 - nobody is told when it is gone
            await asyncio.sleep(0)
    assert await bucket.multiparts() == []


async def test_one_piece_is_put_and_fetched(works: Works, presigned: Presigned, bucket: TroubledBucket) -> None:
    """The bytes are at the server only once they are complete; until then the job says that they come."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    assert await works.blobs.incoming_sizes() == {}
    assert await works.catalog.video_ids() == set()
    bucket.gate.clear()
    job = await complete(presigned, offer.upload)
    assert (job.id, job.status, job.is_receiving) == (offer.upload.id, JobStatus.READY, True)
    bucket.gate.set()
    await assert_became_a_video(works, bucket, offer.upload)


async def test_parts_are_put_and_fetched(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """What is there is listed, what is missing is offered again; complete is what is whole."""
    offer = await in_parts(works, presigned, bucket_uploads)
    assert [target.part for target in offer.missing] == list(CUT.parts())
    send(bucket, offer, but=2)
    with pytest.raises(Incomplete, match=r"please send part 2\."):
        await complete(presigned, offer.upload)
    again = await presigned.offer(offer.upload.id, user=ANNA)
    assert [target.part.number for target in again.missing] == [2]
    assert [part.number for part in again.stored] == [part.number for part in CUT.parts() if part.number != 2]
    etags = send(bucket, again)
    await complete(presigned, offer.upload, etags)
    await assert_became_a_video(works, bucket, offer.upload)


async def test_everybody_sees_how_much_is_in_the_bucket(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """And how fast it comes; half of the way is the bucket's, the other half is from there to here."""
    await bucket_uploads.start()
    offer = await in_parts(works, presigned, bucket_uploads)
    total, part = len(CONTENT), CUT.part_bytes
    for number in (1, 2):
        await let_all_go_on()
        bucket.put(offer.missing[number - 1].url, CONTENT[(number - 1) * part : number * part])
        skip(LOOK_SECONDS)
        job = await works.report(offer.upload.id, has_received(number * part))
        assert job.percent == round(50 * number * part / total, 1)
        assert job.bytes_per_second
    await let_all_go_on()
    skip(LOOK_SECONDS)
    job = await works.report(offer.upload.id, lambda job: job.bytes_per_second is None)
    assert job.received_bytes == 2 * part
    send(bucket, offer)
    bucket.gate.clear()
    job = await complete(presigned, offer.upload)
    assert (job.received_bytes, job.percent) == (total, 50.0)
    bucket.gate.set()
    await assert_became_a_video(works, bucket, offer.upload)


async def test_nothing_was_put(presigned: Presigned) -> None:
    """The sentence says so; it can still be put."""
    offer = await in_one_piece(presigned)
    with pytest.raises(Incomplete, match="Nothing was sent to the bucket"):
        await complete(presigned, offer.upload)
    assert not (await presigned.offer(offer.upload.id, user=ANNA)).stored


async def test_what_differs_is_told(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """By the ETags that its sender has, of a piece and of a part."""
    for offer in (await in_one_piece(presigned), await in_parts(works, presigned, bucket_uploads)):
        etags = send(bucket, offer)
        with pytest.raises(ChecksumMismatch):
            await complete(presigned, offer.upload, {1: "another"})
        job = await complete(presigned, offer.upload, {1: f'"{etags[1]}"'})
        assert job.id == offer.upload.id


async def test_a_wrong_checksum_is_the_end(works: Works, presigned: Presigned, bucket: TroubledBucket) -> None:
    """It is found out when the bytes are fetched: the job is an ERROR, and the object is removed."""
    offer = await in_one_piece(presigned, checksum=sha256(b"other").hexdigest())
    send(bucket, offer)
    await complete(presigned, offer.upload)
    job = await works.report(offer.upload.id, lambda job: job.is_terminal)
    assert job.error is not None
    assert (job.status, job.error.code) == (JobStatus.ERROR, "checksum_mismatch")
    async with asyncio.timeout(5):
        while await bucket.objects():  # noqa: ASYNC110 - nobody is told when it is gone
            await asyncio.sleep(0)
    assert await works.blobs.incoming_sizes() == {}
    with pytest.raises(Gone, match="SHA-256"):
        await complete(presigned, offer.upload)


async def test_an_object_that_changed_is_the_end(
    works: Works, presigned: Presigned, bucket: TroubledBucket
) -> None:
    """Whoever puts another one to the URL after it was complete does not get that in."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    bucket.gate.clear()
    await complete(presigned, offer.upload)
    bucket.put(offer.missing[0].url, b"y" * len(CONTENT))
    bucket.gate.set()
    job = await works.report(offer.upload.id, lambda job: job.is_terminal)
    assert job.error is not None
    assert await works.catalog.video_ids() == set()


async def fetched_by_half(presigned: Presigned, bucket: TroubledBucket) -> Offer:
    """Have a storage go away in the middle of what it is asked for."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    bucket.good_chunks = 1
    await complete(presigned, offer.upload)
    await until(lambda: bucket.good_chunks == 100)
    await let_all_go_on()
    return offer


async def test_of_one_that_changed_while_it_was_fetched_nothing_stays(
    works: Works, presigned: Presigned, bucket: TroubledBucket
) -> None:
    """What had been fetched of the one before takes no room from others."""
    offer = await fetched_by_half(presigned, bucket)
    assert list(await works.blobs.incoming_sizes()) == [offer.upload.id]
    bucket.put(offer.missing[0].url, b"y" * len(CONTENT))
    skip(RETRY_SECONDS[0])
    job = await works.report(offer.upload.id, lambda job: job.is_terminal)
    assert job.error is not None
    assert job.error.code == ChecksumMismatch.code
    assert await works.blobs.incoming_sizes() == {}


async def test_a_storage_that_goes_away_is_asked_again(
    works: Works, presigned: Presigned, bucket: TroubledBucket
) -> None:
    """From where it was: what was fetched is not fetched again."""
    offer = await fetched_by_half(presigned, bucket)
    skip(RETRY_SECONDS[0])
    await assert_became_a_video(works, bucket, offer.upload)
    assert bucket.positions == [0, len(CONTENT) // 2]


async def test_a_server_that_starts_again_goes_on(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """What was complete before is fetched after."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    bucket.gate.clear()
    await complete(presigned, offer.upload)
    await until(lambda: bucket.positions == [0])
    await bucket_uploads.close()
    bucket.gate.set()
    after = BucketUploads(bucket=bucket, intake=works.receive)
    await after.start()
    await assert_became_a_video(works, bucket, offer.upload)
    await after.close()


async def test_complete_twice_is_fetched_once(works: Works, presigned: Presigned, bucket: TroubledBucket) -> None:
    """While it is under way a second call has the same answer; afterwards there is no such upload any more."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    bucket.gate.clear()
    jobs = [await complete(presigned, offer.upload) for _ in range(3)]
    assert {job.id for job in jobs} == {offer.upload.id}
    bucket.gate.set()
    await assert_became_a_video(works, bucket, offer.upload)
    assert bucket.positions == [0]
    with pytest.raises(NotFound):
        await complete(presigned, offer.upload)


async def test_a_call_that_was_cut_off_can_be_made_again(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """The parts are one object already, but nobody has recorded that."""
    offer = await in_parts(works, presigned, bucket_uploads)
    send(bucket, offer)
    upload = await works.catalog.upload(offer.upload.id)
    multipart_id = upload.details["multipart_id"]
    await bucket.complete(upload.id, multipart_id, await bucket.parts(upload.id, multipart_id))
    await complete(presigned, upload)
    await assert_became_a_video(works, bucket, upload)


async def test_what_nobody_wants_is_removed(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """Of uploads that were cancelled, or have expired; what is under way stays."""
    cancelled = await in_parts(works, presigned, bucket_uploads)
    send(bucket, cancelled, but=1)
    await works.receive.cancel(cancelled.upload.id, user=ANNA)
    expired = await in_one_piece(presigned)
    send(bucket, expired)
    works.clock.advance(LIFETIME)
    await works.receive.recover()
    parts, piece = await in_parts(works, presigned, bucket_uploads), await in_one_piece(presigned)
    send(bucket, parts, but=1)
    send(bucket, piece)
    await presigned.recover()
    assert [multipart.key for multipart in await bucket.multiparts()] == [parts.upload.id]
    assert [found.key for found in await bucket.objects()] == [piece.upload.id]


async def test_what_is_cancelled_leaves_the_bucket_at_once(
    works: Works, presigned: Presigned, bucket: TroubledBucket, bucket_uploads: BucketUploads
) -> None:
    """And what has expired as well: no sweep has to come by."""
    parts, piece = await in_parts(works, presigned, bucket_uploads), await in_one_piece(presigned)
    expired = await in_parts(works, presigned, bucket_uploads)
    for offer in (parts, piece):
        send(bucket, offer, but=1)
        await works.receive.cancel(offer.upload.id, user=ANNA)
    send(bucket, expired, but=1)
    works.clock.advance(LIFETIME)
    await works.receive.recover()
    async with asyncio.timeout(5):
        while await bucket.objects() or await bucket.multiparts():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)


async def test_an_unforeseen_fault_is_told(
    works: Works, presigned: Presigned, bucket: TroubledBucket, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever watches the upload hears that it is over; a log has the rest."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)

    bucket.is_mistaken = True
    await complete(presigned, offer.upload)
    job = await works.report(offer.upload.id, lambda job: job.is_terminal)
    assert job.error is not None
    assert job.error.message == "Something went wrong on the server. It has been noted."
    assert "unforeseen" in caplog.text


async def test_what_is_cancelled_while_it_is_fetched_ends(
    works: Works, presigned: Presigned, bucket: TroubledBucket
) -> None:
    """Nothing is left of it, here or there."""
    offer = await in_one_piece(presigned)
    send(bucket, offer)
    bucket.gate.clear()
    await complete(presigned, offer.upload)
    await until(lambda: bucket.positions == [0])
    await works.receive.cancel(offer.upload.id, user=ANNA)
    async with asyncio.timeout(5):
        while await bucket.objects():  # noqa: ASYNC110 - nobody is told when it is gone
            await asyncio.sleep(0)
    assert await works.blobs.incoming_sizes() == {}
    assert await works.catalog.uploads() == []


async def test_a_bucket_that_is_away_begins_nothing(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    """The upload that was to begin is none; a server can start and sweep nevertheless."""

    class Away(MemoryBucket):
        async def begin(self, key: str) -> str:
            raise Unavailable("The storage is away.")

        async def multiparts(self) -> list[Multipart]:
            raise Unavailable("The storage is away.")

    bucket_uploads = BucketUploads(bucket=Away(works.clock), intake=works.receive)
    presigned = Presigned(
        catalog=works.catalog, blobs=works.blobs, clock=works.clock, intake=works.receive, keys=(KEY,)
    )
    with pytest.raises(Unavailable, match="storage is away"):
        await in_parts(works, presigned, bucket_uploads)
    assert await works.catalog.uploads() == []
    await bucket_uploads.sweep()
    assert "the bucket could not be swept: The storage is away." in caplog.text
