"""A file that comes in one go: however it ends before it is whole, everyone hears why, and nothing remains."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from streamserver.blobs.memory import MemoryBlobs, MemoryIncoming
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.uploads import Quota
from streamserver.errors import Gone, NotFound, StorageFull, StreamserverError, TooLarge, TooSlow, UnsupportedMedia
from tests.flows.works import MAX_BYTES, Works, open_works, source_bytes
from tests.web.clock import skip

SILENCE_SECONDS = 100.0
SOURCE = source_bytes()


class Sender:
    """Sends a file as somebody does who waits until he is watched, and then does what a test wants."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self.job_id = ""
        self.has_begun = asyncio.Event()
        self.is_watched = asyncio.Event()

    async def send(self, *chunks: bytes, then: BaseException | None = None) -> None:
        """Send chunks; then raise something, or fall silent."""
        async with self._works.receive.upload(patience_seconds=SILENCE_SECONDS) as one_go:
            receiving = await one_go.begin("clip.mp4")
            self.job_id = receiving.upload.id
            self.has_begun.set()
            await self.is_watched.wait()
            for chunk in chunks:
                await one_go.write(chunk)
            if then is not None:
                raise then
            await asyncio.Event().wait()


async def ended(works: Works, sending: "asyncio.Task[None]", sender: Sender) -> Job:
    """Return what those are told who watch a file that comes; nothing of it remains then."""
    await sender.has_begun.wait()
    async with aclosing(works.follow(sender.job_id)) as reports:
        job = await anext(reports)
        sender.is_watched.set()
        while not job.is_terminal:
            job = await anext(reports)
    await asyncio.wait({sending})
    with pytest.raises(NotFound):
        await works.jobs.get(sender.job_id)
    assert await works.catalog.uploads() == []
    assert await works.blobs.incoming_sizes() == {}
    assert works.receive.under_way == 0
    return job


@pytest.mark.parametrize(
    ("chunk", "then", "code"),
    [
        (bytes(MAX_BYTES + 1), None, TooLarge.code),
        (b"a text file\n" * 1000, None, UnsupportedMedia.code),
        (SOURCE, StorageFull(), StorageFull.code),
        (SOURCE, ConnectionResetError(), "cut_off"),
    ],
)
async def test_everybody_hears_why(works: Works, chunk: bytes, then: BaseException | None, code: str) -> None:
    """The reason is the one that its sender is told, and a lost connection only where one was lost."""
    sender = Sender(works)
    sending = asyncio.create_task(sender.send(chunk, then=then))
    job = await ended(works, sending, sender)
    assert job.error is not None
    assert job.error.code == code
    told = sending.exception()
    if isinstance(told, StreamserverError):
        assert job.error.message == told.message


async def test_one_that_falls_silent(works: Works) -> None:
    """Nobody is told that it could be gone on with."""
    sender = Sender(works)
    sending = asyncio.create_task(sender.send(SOURCE))
    ending = asyncio.create_task(ended(works, sending, sender))
    await sender.is_watched.wait()
    while not ending.done():
        skip(SILENCE_SECONDS)
        await asyncio.sleep(0)
    job = await ending
    with pytest.raises(TooSlow, match="send the file again"):
        await sending
    assert job.error is not None
    assert (job.error.code, "send the file again" in job.error.message) == ("too_slow", True)


async def test_one_that_somebody_cancels(works: Works) -> None:
    """By its job: whoever does hears that it is over, like all others, and its sender that it is gone."""
    sender = Sender(works)
    sending = asyncio.create_task(sender.send(SOURCE))
    ending = asyncio.create_task(ended(works, sending, sender))
    await sender.is_watched.wait()
    job = await works.jobs.cancel(sender.job_id)
    assert (job.id, job.status) == (sender.job_id, JobStatus.ERROR)
    assert (await ending).error == job.error
    assert job.error is not None
    assert job.error.code == "cancelled"
    with pytest.raises(Gone, match="cancelled"):
        await sending


class WithoutFiles(MemoryBlobs):
    """A store that has no room for another file."""

    @asynccontextmanager
    async def incoming(self, name: str) -> AsyncIterator[MemoryIncoming]:
        """See `Blobs.incoming`."""
        if name:
            raise StorageFull
        async with super().incoming(name) as incoming:
            yield incoming


async def test_one_that_could_not_even_be_opened() -> None:
    """It holds no place and no room from then on, and whoever watches is told."""
    quota = Quota(max_bytes=MAX_BYTES, max_uploads_per_user=1)
    async with open_works(blobs=WithoutFiles(), quota=quota) as works:
        reports = works.jobs.follow_all()
        listening = asyncio.ensure_future(anext(reports))
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(StorageFull):
                await works.upload()
        assert await works.catalog.uploads() == []
        heard = await listening
        while not heard.is_terminal:
            heard = await anext(reports)
        assert heard.error is not None
        assert heard.error.code == StorageFull.code
        await reports.aclose()  # type: ignore[attr-defined]  # async generators have it
