"""Imports: recorded first, fetched in turn, gone on with after a restart, and ended with a sentence."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from streamserver.domain.downloads import Bounds
from streamserver.domain.jobs import Job, JobStatus, Stage
from streamserver.domain.links import Reach
from streamserver.domain.uploads import Quota
from streamserver.domain.users import ANYONE
from streamserver.errors import BadInput, Conflict, Forbidden, LinkForbidden, NotFound, TooManyUploads
from streamserver.fetcher.memory import MemoryFetcher, Served
from streamserver.flows.imports import LOOK_SECONDS, Imports
from tests.flows.works import Works, open_works, source_bytes
from tests.web.clock import skip

CONTENT = source_bytes(seconds=4)
URL = "https://media.example/film.mp4?token=secret"
HEADERS = {"etag": '"one"', "content-length": str(len(CONTENT))}
BOUNDS = Bounds(max_bytes=50_000, tries=2, first_wait_seconds=0.001)


class Site:
    """A server for `URL`, which answers when it is let, with what it is told."""

    def __init__(self) -> None:
        self.answers: list[Served] = []
        self.asked: list[Mapping[str, str]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.was_asked = asyncio.Event()

    async def __call__(self, headers: Mapping[str, str]) -> Served:
        self.asked.append(headers)
        self.was_asked.set()
        await self.is_open.wait()
        if self.answers:
            return self.answers.pop(0)
        position = int(headers.get("Range", "bytes=0-")[6:-1])
        if not position:
            return Served(headers=HEADERS, chunks=(CONTENT,))
        content_range = f"bytes {position}-{len(CONTENT) - 1}/{len(CONTENT)}"
        fields = {**HEADERS, "content-length": str(len(CONTENT) - position), "content-range": content_range}
        return Served(status=206, headers=fields, chunks=(CONTENT[position:],))


class Ground:
    """Flows over memory, a site, and imports from it."""

    def __init__(self, works: Works, stack: AsyncExitStack) -> None:
        self.works = works
        self.site = Site()
        self.fetcher = MemoryFetcher(Reach(), {URL: self.site})
        self._stack = stack

    async def start(self, *, at_once: int = 2, bounds: Bounds = BOUNDS) -> Imports:
        """Carry out imports, until the test is over or it is closed."""
        imports = Imports(
            intake=self.works.receive,
            fetcher=self.fetcher,
            reach=Reach(),
            clock=self.works.clock,
            bounds=bounds,
            at_once=at_once,
        )
        await imports.start()
        self._stack.push_async_callback(imports.close)
        return imports

    async def add(self, imports: Imports, url: str = URL, **options: Any) -> Job:  # noqa: ANN401 - as `add` has them
        _, job = await imports.add(url, options.pop("title", None), **{"user": ANYONE, **options})
        return job

    async def until(self, job: Job, status: JobStatus, stage: Stage | None = None) -> Job:
        """Wait for a report of a job."""
        return await self.works.report(
            job.id, lambda it: it.status is status and (stage is None or it.stage is stage)
        )

    async def whole(self, job: Job) -> Job:
        """Wait until the file of a job is here."""
        return await self.works.report(job.id, lambda it: it.received_bytes is None)


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    async with (
        open_works(quota=Quota(max_bytes=100_000, max_uploads_per_user=3)) as works,
        AsyncExitStack() as stack,
    ):
        yield Ground(works, stack)


async def test_from_a_link_to_a_video(ground: Ground) -> None:
    """An import is one job from the first byte to the last rendition, and the video is what the link led to."""
    imports = await ground.start()
    video, job = await imports.add(URL, " My   film ", user=ANYONE)
    assert (job.video_id, job.id, job.status) == (video.id, video.job_id, JobStatus.READY)
    with pytest.raises(NotFound):
        await ground.works.library.get(video.id)
    await ground.works.pool.start()
    ended = await ground.works.end_of(job.id)
    assert ended.status is JobStatus.COMPLETE
    found = await ground.works.library.get(video.id)
    assert (found.title, found.source.file_name) == ("My film", "film.mp4")
    assert found.source.size_bytes == len(CONTENT)
    with ground.works.blobs.lease(f"{video.id}/source") as lease:
        assert lease.read(0, 1_000_000) == CONTENT


async def test_a_title_and_a_name_from_elsewhere(ground: Ground) -> None:
    """Without a title the file's name makes one, as its server says it."""
    disposition = {**HEADERS, "content-disposition": 'attachment; filename="The_Film.mkv"'}
    ground.site.answers = [Served(headers=disposition, chunks=(CONTENT,))]
    job = await ground.add(await ground.start())
    await ground.whole(job)
    assert (await ground.works.library.get(job.video_id)).title == "The Film"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", BadInput),
        ("film.mp4", BadInput),
        ("ftp://media.example/", BadInput),
        ("https://me:secret@media.example/", BadInput),
        ("http://127.0.0.1/", LinkForbidden),
        ("http://[::ffff:10.0.0.1]/", LinkForbidden),
        ("http://media.example:22/", LinkForbidden),
    ],
)
async def test_links_that_nobody_follows(ground: Ground, url: str, error: type[Exception]) -> None:
    """They are refused at once, and nothing is recorded."""
    imports = await ground.start()
    with pytest.raises(error):
        await ground.add(imports, url)
    assert not await ground.works.uploads.all()


async def test_no_more_at_once_than_may_be(ground: Ground) -> None:
    """Those that were asked for first are fetched first, and the others wait."""
    ground.site.is_open.clear()
    imports = await ground.start(at_once=1)
    first, second = await ground.add(imports), await ground.add(imports)
    await ground.site.was_asked.wait()
    assert len(ground.site.asked) == 1
    assert (await ground.works.jobs.get(second.id)).received_bytes == 0
    ground.site.is_open.set()
    assert (await ground.whole(first)).created_at <= (await ground.whole(second)).created_at


async def test_a_server_that_stops_goes_on_later(ground: Ground) -> None:
    """What was fetched when it stopped is kept; the rest is asked for on condition that the file is the same."""
    imports = await ground.start()
    ground.site.answers = [Served(headers=HEADERS, chunks=(CONTENT[:10],), is_cut_off=True)]
    slow = Bounds(max_bytes=50_000, first_wait_seconds=30)
    await imports.close()
    imports = await ground.start(bounds=slow)
    job = await ground.add(imports)
    waiting = await ground.works.report(job.id, lambda it: it.retry_at is not None)
    assert waiting.last_error is not None
    assert waiting.last_error.code == "link_cut"
    assert (waiting.received_bytes, waiting.size_bytes) == (10, len(CONTENT))
    await imports.close()
    await ground.start()
    await ground.whole(job)
    assert [(it.get("Range"), it.get("If-Range")) for it in ground.site.asked] == [
        (None, None),
        ("bytes=10-", '"one"'),
    ]


async def test_what_came_by_another_process_is_fetched(ground: Ground) -> None:
    """An import that is recorded is found, whoever recorded it."""
    asleep = await ground.start(at_once=1)
    await asleep.close()
    job = await ground.add(asleep)
    await ground.start()
    await ground.whole(job)


async def test_one_that_fails_says_why(ground: Ground) -> None:
    """Its job ends in ERROR with a sentence, nothing of it stays on disk, and it can be tried again."""
    ground.site.answers = [Served(status=404)]
    job = await ground.add(await ground.start())
    failed = await ground.until(job, JobStatus.ERROR)
    assert failed.error is not None
    assert (failed.error.code, failed.stage) == ("link_unusable", Stage.UPLOAD)
    assert "no file behind the link (404)" in failed.error.message
    assert not await ground.works.blobs.incoming_sizes()
    with pytest.raises(Conflict):
        await ground.works.jobs.cancel(job.id)
    again = await ground.works.jobs.retry(job.id)
    assert (again.status, again.error) == (JobStatus.READY, None)
    assert again.sequence > failed.sequence
    skip(LOOK_SECONDS)
    await ground.whole(job)


async def test_one_that_cannot_go_on_now_keeps_what_it_has(ground: Ground) -> None:
    """When its server stays away it ends in ERROR; tried again it goes on where it was."""
    away = Served(status=503)
    ground.site.answers = [Served(headers=HEADERS, chunks=(CONTENT[:10],), is_cut_off=True), away, away, away]
    job = await ground.add(await ground.start())
    failed = await ground.until(job, JobStatus.ERROR)
    assert failed.error is not None
    assert failed.error.code == "link_unreachable"
    await ground.works.jobs.retry(job.id)
    skip(LOOK_SECONDS)
    await ground.whole(job)
    assert ground.site.asked[-1]["Range"] == "bytes=10-"


async def test_only_what_failed_is_tried_again(ground: Ground) -> None:
    """An import under way is left alone, and another user's is not to be touched."""
    ground.site.is_open.clear()
    job = await ground.add(await ground.start())
    with pytest.raises(Conflict):
        await ground.works.jobs.retry(job.id)
    with pytest.raises(Forbidden):
        await ground.works.jobs.retry(job.id, user="ben")
    with pytest.raises(Forbidden):
        await ground.works.jobs.cancel(job.id, user="ben")


@pytest.mark.parametrize("is_under_way", [True, False])
async def test_one_that_is_cancelled(ground: Ground, is_under_way: bool) -> None:
    """It ends, whether it waits or is being fetched, nothing of it is left, and the next one is fetched."""
    ground.site.is_open.clear()
    imports = await ground.start(at_once=1)
    jobs = [await ground.add(imports), await ground.add(imports)]
    await ground.site.was_asked.wait()
    ended, other = jobs if is_under_way else reversed(jobs)
    job = await ground.works.jobs.cancel(ended.id)
    assert job.error is not None
    assert (job.status, job.error.code) == (JobStatus.ERROR, "cancelled")
    assert ended.id not in await ground.works.blobs.incoming_sizes()
    ground.site.is_open.set()
    skip(LOOK_SECONDS)
    await ground.whole(other)


async def test_a_web_page_ends_it(ground: Ground) -> None:
    """What certainly is no video is not kept, though its server says that it is one."""
    page = b"<!doctype html>" + b" " * 5000
    ground.site.answers = [Served(headers={"content-type": "video/mp4"}, chunks=(page,))]
    failed = await ground.until(await ground.add(await ground.start()), JobStatus.ERROR)
    assert failed.error is not None
    assert failed.error.code == "unsupported_media"
    assert not await ground.works.blobs.incoming_sizes()


async def test_the_same_file_again(ground: Ground) -> None:
    """Bytes that the library has are not kept twice: the job ends with the video that has them."""
    async with open_works(keep_duplicates=False) as works, AsyncExitStack() as stack:
        ground = Ground(works, stack)
        imports = await ground.start()
        first = await ground.whole(await ground.add(imports))
        second = await ground.until(await ground.add(imports), JobStatus.COMPLETE)
        assert (second.is_duplicate, second.video_id) == (True, first.video_id)


async def test_limits_of_a_user(ground: Ground) -> None:
    """A user has no more imports under way than uploads of any other kind."""
    ground.site.is_open.clear()
    imports = await ground.start()
    for _ in range(3):
        await ground.add(imports, user="anna")
    with pytest.raises(TooManyUploads):
        await ground.add(imports, user="anna")
    await ground.add(imports, user="ben")


async def test_a_length_over_the_limit(ground: Ground) -> None:
    """A file that turns out to be larger than may be ends the import before a byte of it comes."""
    ground.site.answers = [Served(headers={"content-length": "60000"})]
    failed = await ground.until(await ground.add(await ground.start()), JobStatus.ERROR)
    assert failed.error is not None
    assert "60 kB long, more than the 50 kB" in failed.error.message


async def test_no_more_is_taken_than_may_be(ground: Ground) -> None:
    """When more has come than that in its time, the rest waits, however much of it is there."""
    ground.site.answers = [Served(headers=HEADERS, chunks=(CONTENT[:10], CONTENT[10:]))]
    slow = Bounds(max_bytes=50_000, most_bytes_per_second=0.1)
    job = await ground.add(await ground.start(bounds=slow))
    while not (sizes := await ground.works.blobs.incoming_sizes()).get(job.id):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert sizes == await ground.works.blobs.incoming_sizes() == {job.id: 10}
    skip(10_000)
    await ground.whole(job)


async def test_a_catalog_that_is_away_at_the_end(ground: Ground) -> None:
    """A file that is whole is handed over as soon as that can be recorded."""
    patient = Bounds(max_bytes=50_000, first_wait_seconds=30)
    ground.works.catalog.be_away("finish_upload")
    job = await ground.add(await ground.start(bounds=patient))
    await ground.works.report(job.id, lambda it: it.retry_at is not None)
    ground.works.catalog.come_back()
    skip(60)
    await ground.whole(job)
    assert len(ground.site.asked) == 1


async def test_what_nobody_foresaw(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged whole and shown blank, and the next import is carried out."""

    async def broken(_headers: Mapping[str, str]) -> Served:
        raise RuntimeError("secret of the house")

    ground.fetcher.servers["https://media.example/broken"] = broken
    imports = await ground.start(at_once=1)
    failed = await ground.until(await ground.add(imports, "https://media.example/broken"), JobStatus.ERROR)
    assert failed.error is not None
    assert "secret" not in failed.error.message
    assert "secret of the house" in caplog.text
    await ground.whole(await ground.add(imports))


async def test_the_record_keeps_no_more_than_it_needs(ground: Ground) -> None:
    """The link with its secret is in the record alone, and gone with it."""
    ground.site.is_open.clear()
    job = await ground.add(await ground.start())
    (upload,) = await ground.works.uploads.all()
    assert upload.url == URL
    assert "secret" not in str(await ground.works.jobs.get(job.id))
    ground.site.is_open.set()
    await ground.whole(job)
    assert not await ground.works.uploads.all()
