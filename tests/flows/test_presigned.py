"""Pre-signed uploads to this server: begun, sent in parts, completed."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import pytest

from streamserver.domain.jobs import JobStatus, Stage
from streamserver.domain.presigned import COMPLETION_BYTES, Offer, Plan, part_path
from streamserver.domain.signing import Permit, SigningKey
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import Video
from streamserver.errors import (
    BadInput,
    ChecksumMismatch,
    Conflict,
    Forbidden,
    Gone,
    Incomplete,
    Locked,
    NotFound,
    TooLarge,
    UnsupportedMedia,
    UrlExpired,
)
from streamserver.flows.presigned import Presigned
from streamserver.flows.receive import source_key
from streamserver.flows.receiving import REPORT_SECONDS
from tests.flows.works import LIFETIME, MAX_BYTES, Works, source_bytes
from tests.web.clock import skip

ANNA = "anna"
KEY = SigningKey(id="k", secret=b"k" * 32)
CONTENT = source_bytes(padding="x" * 1000)
PART_BYTES = 600
"""Less than anybody can ask for, so that a short file has several parts."""
NUMBERS = range(1, -(-len(CONTENT) // PART_BYTES) + 1)


@pytest.fixture
def presigned(works: Works) -> Presigned:
    return Presigned(
        catalog=works.catalog, blobs=works.blobs, clock=works.clock, intake=works.receive, keys=(KEY,)
    )


@pytest.fixture
async def upload(works: Works) -> Upload:
    """Begin an upload in parts."""
    return await begun(works)


async def begun(works: Works, **given: str) -> Upload:
    return await works.receive.create(
        UploadKind.PRESIGNED,
        user=ANNA,
        file_name="some clip.mp4",
        length_bytes=len(CONTENT),
        sha256=given.get("sha256"),
        details=Plan(part_bytes=PART_BYTES).details(),
    )


async def send(presigned: Presigned, upload: Upload, number: int, content: bytes | None = None) -> str:
    """Send a part of `CONTENT`, or something else in its place; return its ETag."""
    start = (number - 1) * PART_BYTES
    async with presigned.receive(upload.id, number, user=ANNA) as receiving:
        await receiving.write(CONTENT[start : start + PART_BYTES] if content is None else content)
        return (await receiving.keep()).etag


async def complete(presigned: Presigned, upload: Upload, **etags: str) -> Video:
    numbered = {int(name.removeprefix("p")): etag for name, etag in etags.items()}
    video, _ = await presigned.complete(upload.id, user=ANNA, etags=numbered)
    return video


def permit_of(presigned: Presigned, method: str, url: str) -> Permit:
    """Verify a URL as the web does."""
    address = urlsplit(url)
    return presigned.permit(method, address.path, parse_qsl(address.query))


async def test_parts_become_a_video(works: Works, presigned: Presigned, upload: Upload) -> None:
    """Sent in any order, one of them twice; the source is whole, and the job, of the same id, waits in line."""
    for number in [*reversed(NUMBERS), 2]:
        await send(presigned, upload, number)
    video = await complete(presigned, upload)
    assert works.blobs.path(source_key(video.id)).read_bytes() == CONTENT
    assert (video.id, video.job_id) == (upload.video_id, upload.id)
    assert works.line() == [upload.id]
    assert await works.catalog.uploads() == []
    assert await works.blobs.parts.sizes() == {}
    with pytest.raises(NotFound):
        await complete(presigned, upload)


async def test_a_small_file_is_one_piece(works: Works, presigned: Presigned) -> None:
    """Whoever begins it gets one URL, which permits just that many bytes, and one to complete it."""
    offer = await presigned.begin(user=ANNA, file_name="a.mp4", title=" My  clip ", size_bytes=len(CONTENT))
    (target,) = offer.missing
    path, expires_at = part_path(offer.upload.id, 1), offer.expires_at
    assert permit_of(presigned, "PUT", target.url) == Permit(
        method="PUT", path=path, max_bytes=len(CONTENT), expires_at=expires_at
    )
    assert permit_of(presigned, "POST", offer.complete_url).max_bytes == COMPLETION_BYTES
    assert permit_of(presigned, "GET", offer.parts_url).max_bytes == 0
    assert await presigned.owner(offer.upload.id) == ANNA
    async with presigned.receive(offer.upload.id, 1, user=ANNA) as receiving:
        await receiving.write(CONTENT)
        await receiving.keep()
    video = await complete(presigned, offer.upload)
    assert (video.title, video.source.file_name) == ("My clip", "a.mp4")


async def test_urls_expire_with_the_upload(works: Works, presigned: Presigned, upload: Upload) -> None:
    """Whoever goes on with it gets new ones."""

    async def offer() -> Offer:
        return await presigned.offer(upload.id, user=ANNA)

    first = await offer()
    works.clock.advance(LIFETIME / 2)
    second = await offer()
    works.clock.advance(LIFETIME / 2)
    with pytest.raises(UrlExpired):
        permit_of(presigned, "PUT", first.missing[0].url)
    assert permit_of(presigned, "PUT", second.missing[0].url).expires_at == second.expires_at
    works.clock.advance(LIFETIME)
    with pytest.raises(Gone):
        await offer()


async def test_what_is_missing_is_offered(presigned: Presigned, upload: Upload) -> None:
    """And no URL for what has come."""
    etag = await send(presigned, upload, 2)
    offer = await presigned.offer(upload.id, user=ANNA)
    assert [(part.number, part.etag) for part in offer.stored] == [(2, etag)]
    assert [target.part.number for target in offer.missing] == [number for number in NUMBERS if number != 2]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"size_bytes": MAX_BYTES + 1}, TooLarge),
        ({"size_bytes": 0}, BadInput),
        ({"part_bytes": 1000}, BadInput),
        ({"title": "\x00"}, BadInput),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(
    works: Works, presigned: Presigned, given: dict[str, object], error: type[Exception]
) -> None:
    """Before anything is recorded."""
    wish: dict[str, object] = {"user": ANNA, "file_name": "a.mp4", "title": None, "size_bytes": 5, **given}
    with pytest.raises(error):
        await presigned.begin(**wish)  # type: ignore[arg-type]  # some are wrong on purpose
    assert await works.catalog.uploads() == []


async def test_nothing_is_complete_before_all_is_there(works: Works, presigned: Presigned, upload: Upload) -> None:
    """The sentence names what is missing; what has come stays, and can be gone on with."""
    with pytest.raises(Incomplete, match="please send parts 1, 2, 3"):
        await complete(presigned, upload)
    for number in NUMBERS[1:]:
        await send(presigned, upload, number)
    with pytest.raises(Incomplete, match=r"please send part 1\."):
        await complete(presigned, upload)
    await send(presigned, upload, 1)
    assert (await complete(presigned, upload)).id == upload.video_id


async def test_a_part_that_differs_is_told(works: Works, presigned: Presigned, upload: Upload) -> None:
    """A sender who names the ETags that it reckons with can mend it."""
    for number in NUMBERS:
        await send(presigned, upload, number)
    good = (await presigned.offer(upload.id, user=ANNA)).stored[1].etag
    await send(presigned, upload, 2, b"x" * PART_BYTES)
    with pytest.raises(ChecksumMismatch, match="please send part 2 again"):
        await complete(presigned, upload, p2=good)
    with pytest.raises(BadInput, match="no part 99"):
        await complete(presigned, upload, p99=good)
    await send(presigned, upload, 2)
    assert (await complete(presigned, upload, p2=f'"{good}"')).id == upload.video_id


@pytest.mark.parametrize("is_said_late", [False, True])
async def test_a_wrong_checksum_loses_nothing(works: Works, presigned: Presigned, is_said_late: bool) -> None:
    """Said at the beginning or in the end: all parts stay, and with the right one they become a video."""
    wrong = sha256(b"other").hexdigest()
    upload = await begun(works, **({} if is_said_late else {"sha256": wrong}))
    for number in NUMBERS:
        await send(presigned, upload, number)
    with pytest.raises(ChecksumMismatch):
        await presigned.complete(upload.id, user=ANNA, etags={}, sha256=wrong if is_said_late else None)
    assert (await works.jobs.get(upload.id)).is_receiving
    assert not (await presigned.offer(upload.id, user=ANNA)).missing
    right = sha256(CONTENT).hexdigest()
    video, _ = await presigned.complete(upload.id, user=ANNA, etags={}, sha256=right)
    assert (video.id, video.source.sha256) == (upload.video_id, right)


async def test_a_part_that_was_wrong_is_sent_again(works: Works, presigned: Presigned) -> None:
    """Where it was not the checksum that was mistaken."""
    upload = await begun(works, sha256=sha256(CONTENT).hexdigest())
    for number in NUMBERS:
        await send(presigned, upload, number, b"y" * PART_BYTES if number == 2 else None)
    with pytest.raises(ChecksumMismatch):
        await complete(presigned, upload)
    await send(presigned, upload, 2)
    assert (await complete(presigned, upload)).id == upload.video_id
    assert works.blobs.path(source_key(upload.video_id)).read_bytes() == CONTENT


async def test_a_wrong_checksum_after_the_catalog_was_away(works: Works, presigned: Presigned) -> None:
    """The parts are one file by then, and that stays as well."""
    upload = await begun(works)
    for number in NUMBERS:
        await send(presigned, upload, number)
    await works.blobs.parts.hand_over(upload.id)
    with pytest.raises(ChecksumMismatch):
        await presigned.complete(upload.id, user=ANNA, etags={}, sha256=sha256(b"other").hexdigest())
    right = sha256(CONTENT).hexdigest()
    video, _ = await presigned.complete(upload.id, user=ANNA, etags={}, sha256=right)
    assert video.id == upload.video_id


async def test_the_right_checksum_is_good(works: Works, presigned: Presigned) -> None:
    """Said at the beginning and in the end."""
    right = sha256(CONTENT).hexdigest()
    upload = await begun(works, sha256=right)
    for number in NUMBERS:
        await send(presigned, upload, number)
    video, _ = await presigned.complete(upload.id, user=ANNA, etags={}, sha256=right)
    assert video.source.sha256 == right


async def test_what_is_no_video_is_refused(works: Works, presigned: Presigned) -> None:
    """At the end, with the sentence that other uploads get."""
    text = b"<!doctype html><title>not a video</title>"
    offer = await presigned.begin(user=ANNA, file_name="a.mp4", title=None, size_bytes=len(text))
    async with presigned.receive(offer.upload.id, 1, user=ANNA) as receiving:
        await receiving.write(text)
        await receiving.keep()
    with pytest.raises(UnsupportedMedia):
        await complete(presigned, offer.upload)
    assert (await works.jobs.get(offer.upload.id)).status is JobStatus.ERROR


async def test_two_do_not_complete_it_both(works: Works, presigned: Presigned, upload: Upload) -> None:
    """The second at the same moment is told to wait; a third, after that, that it is done. There is one video."""
    reached, gate = asyncio.Event(), asyncio.Event()

    async def wait_at_the_end(name: str) -> None:
        if name == "finish_upload":
            reached.set()
            await gate.wait()

    for number in NUMBERS:
        await send(presigned, upload, number)
    works.catalog.before = wait_at_the_end
    first = asyncio.create_task(complete(presigned, upload))
    await reached.wait()
    with pytest.raises(Locked):
        await complete(presigned, upload)
    gate.set()
    assert (await first).id == upload.video_id
    with pytest.raises(NotFound):
        await complete(presigned, upload)
    assert await works.catalog.video_ids() == {upload.video_id}
    assert works.line() == [upload.id]


async def test_nothing_is_complete_while_a_part_comes(presigned: Presigned, upload: Upload) -> None:
    """Even where all have come before."""
    for number in NUMBERS:
        await send(presigned, upload, number)
    async with presigned.receive(upload.id, 1, user=ANNA):
        with pytest.raises(Locked):
            await complete(presigned, upload)
        with pytest.raises(Locked):
            await send(presigned, upload, 1)
    assert (await complete(presigned, upload)).id == upload.video_id


async def test_it_is_somebody_s_own(works: Works, presigned: Presigned, upload: Upload) -> None:
    """Nobody else can send to it, look at it, or complete it; nor is an upload of another kind one of these."""
    for number in NUMBERS:
        await send(presigned, upload, number)
    with pytest.raises(Forbidden):
        await presigned.offer(upload.id, user="ben")
    with pytest.raises(Forbidden):
        await presigned.complete(upload.id, user="ben", etags={})
    with pytest.raises(Forbidden):
        async with presigned.receive(upload.id, 1, user="ben"):
            pass
    other = await works.receive.create(UploadKind.TUS, user=ANNA, file_name="a.mp4", length_bytes=5)
    with pytest.raises(NotFound):
        await presigned.offer(other.id, user=ANNA)
    with pytest.raises(NotFound):
        await send(presigned, other, 1)
    with pytest.raises(NotFound):
        await complete(presigned, other)


@pytest.mark.parametrize("number", [0, NUMBERS[-1] + 1, 10_001])
async def test_there_are_no_other_parts(presigned: Presigned, upload: Upload, number: int) -> None:
    """The sentence says which there are."""
    with pytest.raises(NotFound, match=f"numbered from 1 to {NUMBERS[-1]}"):
        await send(presigned, upload, number, b"x")


async def test_a_part_of_another_length_is_refused(presigned: Presigned, upload: Upload) -> None:
    """And is not there then."""
    with pytest.raises(BadInput, match="there came only 5"):
        await send(presigned, upload, 1, b"x" * 5)
    with pytest.raises(TooLarge):
        await send(presigned, upload, 1, b"x" * (PART_BYTES + 1))
    assert (await presigned.offer(upload.id, user=ANNA)).stored == []


async def test_everybody_sees_how_much_has_come(works: Works, presigned: Presigned, upload: Upload) -> None:
    """Parts that come side by side are added up; what broke off counts for nothing."""
    await send(presigned, upload, 1)
    async with (
        presigned.receive(upload.id, 2, user=ANNA) as second,
        presigned.receive(upload.id, 3, user=ANNA) as third,
    ):
        await second.write(b"x" * 100)
        skip(REPORT_SECONDS)
        await third.write(b"x" * 50)
        job = await works.jobs.get(upload.id)
        assert (job.stage, job.received_bytes, job.size_bytes) == (Stage.UPLOAD, PART_BYTES + 150, len(CONTENT))
        assert job.bytes_per_second
    job = await works.jobs.get(upload.id)
    assert (job.received_bytes, job.bytes_per_second) == (PART_BYTES, None)


async def test_what_is_cancelled_leaves_nothing(works: Works, presigned: Presigned, upload: Upload) -> None:
    """Neither its parts, nor one that is just coming."""
    await send(presigned, upload, 1)
    async with presigned.receive(upload.id, 2, user=ANNA) as receiving:
        await receiving.write(b"x" * PART_BYTES)
        await works.receive.cancel(upload.id, user=ANNA)
        with pytest.raises(NotFound):
            await receiving.keep()
    assert await works.blobs.incoming_sizes() == {}
    with pytest.raises(NotFound):
        await complete(presigned, upload)


async def test_a_part_that_comes_slowly_ends_with_its_upload(
    works: Works, presigned: Presigned, upload: Upload
) -> None:
    """Its sender need not send the rest for nothing."""
    is_coming = asyncio.Event()

    async def send_slowly() -> None:
        async with presigned.receive(upload.id, 1, user=ANNA) as receiving:
            await receiving.write(b"x" * 100)
            is_coming.set()
            await asyncio.Event().wait()

    sending = asyncio.create_task(send_slowly())
    await is_coming.wait()
    await works.receive.cancel(upload.id, user=ANNA)
    with pytest.raises(Gone, match="cancelled"):
        await sending


async def test_what_is_cancelled_is_heard_of_no_more(works: Works, presigned: Presigned, upload: Upload) -> None:
    """A part that comes all the same does not bring it back to whoever watches, now or later."""
    reports = works.jobs.follow_all()
    async with presigned.receive(upload.id, 2, user=ANNA) as receiving:
        await receiving.write(b"x" * 100)
        await works.receive.cancel(upload.id, user=ANNA)
        skip(REPORT_SECONDS)
        await receiving.write(b"x" * 100)
    after = await begun(works)
    assert works.bus.latest(upload.id) is None
    assert (await anext(reports)).id == after.id
    await reports.aclose()  # type: ignore[attr-defined]  # async generators have it


async def test_what_nobody_goes_on_with_is_removed(works: Works, presigned: Presigned, upload: Upload) -> None:
    """A part that came late lets it live longer."""
    works.clock.advance(LIFETIME - timedelta(minutes=5))
    await send(presigned, upload, 1)
    works.clock.advance(LIFETIME - timedelta(minutes=5))
    await works.receive.recover()
    assert await works.blobs.incoming_sizes() == {upload.id: PART_BYTES}
    works.clock.advance(timedelta(minutes=10))
    await works.receive.recover()
    assert await works.blobs.incoming_sizes() == {}
    assert await works.catalog.uploads() == []


async def test_what_was_complete_when_the_server_ended_becomes_a_video(
    works: Works, presigned: Presigned, upload: Upload
) -> None:
    """Between the parts' becoming one file and its being known nothing is lost; nor is it finished any sooner."""
    for number in NUMBERS:
        await send(presigned, upload, number)
    await presigned.recover()
    assert works.line() == []
    await works.blobs.parts.hand_over(upload.id)
    await presigned.recover()
    assert works.line() == [upload.id]
    assert works.blobs.path(source_key(upload.video_id)).read_bytes() == CONTENT


async def test_parts_for_the_bucket_do_not_come_here(works: Works, presigned: Presigned) -> None:
    """Whoever tries is told where they go."""
    upload = await works.receive.create(
        UploadKind.PRESIGNED,
        user=ANNA,
        file_name="a.mp4",
        length_bytes=5,
        details=Plan(part_bytes=5, is_in_bucket=True).details(),
    )
    with pytest.raises(Conflict, match="goes to the bucket"):
        await send(presigned, upload, 1)
