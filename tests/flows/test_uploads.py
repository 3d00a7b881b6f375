"""Uploads from their first byte on: who may begin one, how it is told of, and how it ends."""

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from streamserver.blobs.memory import MemoryBlobs, MemoryIncoming
from streamserver.domain.jobs import Job, JobStatus, Stage
from streamserver.domain.tus import Standing
from streamserver.domain.uploads import Quota, Upload, UploadKind
from streamserver.domain.users import ANYONE
from streamserver.errors import (
    ChecksumMismatch,
    Conflict,
    Forbidden,
    Gone,
    Locked,
    NotFound,
    StorageFull,
    StreamserverError,
    TooLarge,
    TooManyUploads,
    TooSlow,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from streamserver.flows.pieces import join
from streamserver.flows.receiving import REPORT_SECONDS
from streamserver.flows.tus import SILENCE_SECONDS, Creation, Piece, Tus
from streamserver.flows.uploads import source_key
from streamserver.ports import ReadInto
from tests.flows.doubles import TroubledCatalog
from tests.flows.works import LIFETIME, MAX_BYTES, Works, is_there, open_works, source_bytes
from tests.web.clock import skip, until

SOURCE = source_bytes(note="x" * 1000)


async def begin(works: Works, length: int | None = len(SOURCE), *, user: str = ANYONE, **more: object) -> Upload:
    return await works.receive.create(
        UploadKind.TUS,
        user=user,
        file_name="clip.mp4",
        length_bytes=length,
        **more,  # type: ignore[arg-type]  # as named
    )


async def write(works: Works, upload: Upload, content: bytes) -> None:
    async with works.receive.resume(upload.id, user=upload.user) as receiving:
        await receiving.write(content)


async def finish(works: Works, upload: Upload, content: bytes = SOURCE) -> Job:
    async with works.receive.resume(upload.id, user=upload.user) as receiving:
        await receiving.write(content)
        _, job = await works.receive.finish(receiving)
    return job


def tus(works: Works) -> Tus:
    return Tus(catalog=works.catalog, blobs=works.blobs, receive=works.receive, library=works.library)


class Chunks:
    """The body of a request."""

    def __init__(self, *contents: bytes) -> None:
        self._contents = contents

    async def chunks(self) -> AsyncIterator[bytes]:
        for content in self._contents:
            yield content

    async def rest(self) -> AsyncIterator[ReadInto]:
        for _ in ():
            yield _


class TestOneStream:
    """An upload and its job are one thing to whoever listens."""

    async def test_from_the_first_byte_to_the_end(self) -> None:
        """One subscription hears how much has come, then the line, the encoding and the end, by rising numbers."""
        async with open_works() as works:
            upload = await begin(works, title="A title")
            heard: list[Job] = []

            async def listen() -> None:
                async for job in works.follow(upload.id):
                    heard.append(job)  # noqa: PERF401 - looked at while it grows

            listening = asyncio.create_task(listen())
            await until(lambda: bool(heard))
            for start in range(0, len(SOURCE), 500):
                await write(works, upload, SOURCE[start : start + 500])
                await asyncio.sleep(0)
            await works.pool.start()
            async with works.receive.resume(upload.id, user=ANYONE) as receiving:
                await works.receive.finish(receiving)
            await listening
        received = [job.received_bytes for job in heard if job.is_receiving]
        assert received == sorted(received, key=lambda count: count or 0)
        assert (received[0], received[-1]) == (0, len(SOURCE))
        assert {job.status for job in heard if job.is_receiving} == {JobStatus.READY}
        assert [job.sequence for job in heard] == sorted({job.sequence for job in heard})
        assert (heard[-1].status, heard[-1].percent) == (JobStatus.COMPLETE, 100.0)
        assert {job.video_id for job in heard} == {upload.video_id}

    async def test_all_tabs_hear_of_it(self, works: Works) -> None:
        """Whoever follows all jobs hears of uploads that were there before, and of new ones."""
        before = await begin(works)
        reports = works.jobs.follow_all()
        assert (await anext(reports)).id == before.id
        after = await begin(works)
        assert (await anext(reports)).id == after.id
        await works.receive.cancel(before.id, user=ANYONE)
        ended = await anext(reports)
        assert (ended.id, ended.status) == (before.id, JobStatus.ERROR)
        await reports.aclose()  # type: ignore[attr-defined]  # async generators have it

    async def test_a_form_is_heard_of_as_well(self, works: Works) -> None:
        """How much of a file has come that comes in one go, under the name that it has."""
        async with works.receive.upload(len(SOURCE)) as one_go:
            await one_go.begin("holiday_in_rome.mp4")
            await one_go.write(SOURCE[:100])
            skip(REPORT_SECONDS + 0.1)
            await one_go.write(SOURCE[100:200])
            (job,), _ = await works.jobs.page()
            assert (job.title, job.received_bytes, job.size_bytes) == ("holiday in rome", 200, len(SOURCE))
            assert job.bytes_per_second is not None
            assert job.stage is Stage.UPLOAD
            await one_go.write(SOURCE[200:])
            video, _ = await one_go.finish("holiday_in_rome.mp4", None)
        assert (await works.jobs.get(job.id)).video_id == video.id == job.video_id

    async def test_a_form_that_breaks_off_is_heard_of(self, works: Works) -> None:
        """Whoever watches is told that it is over, and why."""
        with suppress(ConnectionError):
            async with works.receive.upload(len(SOURCE)) as one_go:
                await one_go.write(SOURCE[:100])
                (job,), _ = await works.jobs.page()
                ending = asyncio.create_task(works.end_of(job.id))
                await asyncio.sleep(0)
                raise ConnectionResetError
        ended = await ending
        assert ended.error is not None
        assert ended.error.code == "cut_off"
        with pytest.raises(NotFound):
            await works.jobs.get(job.id)

    async def test_the_speed(self, works: Works) -> None:
        """It is told about once a second, with how long the rest will take; when nothing comes it is not."""
        upload = await begin(works, 100_000)
        async with works.receive.resume(upload.id, user=ANYONE) as receiving:
            await receiving.write(bytes(10_000))
            skip(2 * REPORT_SECONDS)
            await receiving.write(bytes(10_000))
            job = await works.jobs.get(upload.id)
            assert job.bytes_per_second is not None
            assert 5_000 < job.bytes_per_second < 10_001
            assert job.eta_seconds == 80_000 / job.bytes_per_second
            sequence = job.sequence
            await receiving.write(bytes(10))
            assert (await works.jobs.get(upload.id)).sequence == sequence
        paused = await works.jobs.get(upload.id)
        assert (paused.bytes_per_second, paused.eta_seconds, paused.received_bytes) == (None, None, 20_010)

    async def test_pages_of_jobs(self, works: Works) -> None:
        """Uploads stand among jobs by age, in pages without a gap, each of them once; pieces do not."""
        expected = []
        for number in range(6):
            if number % 2:
                expected.append((await works.upload()).job_id)
            else:
                expected.append((await begin(works)).id)
        await begin(works, details={"is_partial": True})
        for limit in (1, 2, 4, 100):
            shown: list[str] = []
            after = None
            while True:
                page, after = await works.jobs.page(limit=limit, after=after)
                shown += [job.id for job in page]
                if after is None:
                    break
            assert shown == expected[::-1]
        ready, _ = await works.jobs.page(statuses=[JobStatus.READY])
        assert len(ready) == 6
        assert await works.jobs.page(statuses=[JobStatus.COMPLETE]) == ([], None)


class TestQuota:
    """Who may begin an upload."""

    async def test_of_many_at_once_as_many_as_may(self) -> None:
        """However many begin at the same moment, no user has more than he may; others have theirs."""
        quota = Quota(max_bytes=MAX_BYTES, max_uploads_per_user=3)
        async with open_works(quota=quota) as works:

            async def be_slow(_name: str) -> None:
                for _ in range(3):
                    await asyncio.sleep(0)

            works.catalog.before = be_slow
            users = ["anna", "ben"] * 10
            outcomes = await asyncio.gather(*(begin(works, user=user) for user in users), return_exceptions=True)
            assert sum(isinstance(outcome, TooManyUploads) for outcome in outcomes) == 14
            owners = sorted(upload.user for upload in await works.catalog.uploads())
            assert owners == ["anna"] * 3 + ["ben"] * 3

    async def test_a_place_is_given_back(self) -> None:
        """By an upload that becomes whole, is ended, or has failed."""
        quota = Quota(max_bytes=MAX_BYTES, max_uploads_per_user=1)
        async with open_works(quota=quota) as works:
            await finish(works, await begin(works))
            await works.receive.cancel((await begin(works)).id, user=ANYONE)
            with suppress(UnsupportedMedia):
                await write(works, await begin(works, 9000), b"a text file\n" * 500)
            await begin(works)
            with pytest.raises(TooManyUploads):
                await begin(works)
            with pytest.raises(TooManyUploads):
                await works.upload()

    async def test_what_has_expired_counts_no_more(self) -> None:
        """Neither against its user nor for the room of others, also before a sweep has removed it."""
        quota = Quota(max_bytes=MAX_BYTES, max_uploads_per_user=1)
        async with open_works(quota=quota, blobs=MemoryBlobs(room_bytes=len(SOURCE))) as works:
            await begin(works)
            with pytest.raises(TooManyUploads):
                await begin(works)
            works.clock.advance(LIFETIME)
            await begin(works)

    async def test_bytes_that_nobody_announced_count(self) -> None:
        """Whoever never says how long his files are has no more under way than others."""
        async with open_works(quota=Quota(max_bytes=MAX_BYTES, max_bytes_per_user=100)) as works:
            await write(works, await begin(works, None), SOURCE[:60])
            await begin(works, 40)
            with pytest.raises(TooManyUploads):
                await begin(works, 1)

    async def test_room_is_promised_once(self) -> None:
        """What is free is reserved by those who have begun, byte by byte; what is given up is free again."""
        size = len(SOURCE)
        async with open_works(blobs=MemoryBlobs(room_bytes=2 * size)) as works:
            first = await begin(works)
            await begin(works)
            for length in (1, size):
                with pytest.raises(StorageFull):
                    await begin(works, length)
            await write(works, first, SOURCE[:100])
            await begin(works, 100)
            await works.receive.cancel(first.id, user=ANYONE)
            await begin(works, size - 100)

    async def test_a_length_that_is_said_later_is_promised_once(self) -> None:
        """Of several that say it at the same moment as many may go on as there is room for."""
        async with open_works(blobs=MemoryBlobs(room_bytes=len(SOURCE))) as works:
            protocol, uploads = tus(works), [await begin(works, None) for _ in range(4)]

            async def be_slow(_name: str) -> None:
                for _ in range(3):
                    await asyncio.sleep(0)

            async def say(upload: Upload) -> Standing:
                piece = Piece(user=ANYONE, offset_bytes=0, body=Chunks(), length_bytes=len(SOURCE))
                return await protocol.add(upload.id, piece)

            works.catalog.before = be_slow
            outcomes = await asyncio.gather(*(say(upload) for upload in uploads), return_exceptions=True)
            assert sum(isinstance(outcome, StorageFull) for outcome in outcomes) == 3
            works.catalog.come_back()
            assert sum(upload.length_bytes is not None for upload in await works.catalog.uploads()) == 1

    async def test_too_large(self, works: Works) -> None:
        """What is announced as too large is refused, and so is what becomes it."""
        with pytest.raises(TooLarge):
            await begin(works, MAX_BYTES + 1)
        upload = await begin(works, None)
        with pytest.raises(TooLarge):
            await write(works, upload, bytes(MAX_BYTES + 1))


class TestOwners:
    """Whose upload it is."""

    async def test_others_may_not(self, works: Works) -> None:
        """Nobody else may add to it, end it or join it; everybody sees that it is there."""
        upload = await begin(works, user="anna")
        tries = [
            write_as(works, upload, "ben"),
            works.receive.cancel(upload.id, user="ben"),
            works.jobs.cancel(upload.id, user="ben"),
            tus(works).look(upload.id, user="ben"),
            tus(works).end(upload.id, user="ben"),
        ]
        for attempt in tries:
            with pytest.raises(Forbidden):
                await attempt
        with pytest.raises(Unauthorized):
            await works.jobs.cancel(upload.id, user=None)
        assert (await works.jobs.get(upload.id)).is_receiving
        assert (await works.jobs.cancel(upload.id, user="anna")).status is JobStatus.ERROR


async def write_as(works: Works, upload: Upload, user: str) -> None:
    async with works.receive.resume(upload.id, user=user) as receiving:
        await receiving.write(b"x")


class TestDuplicates:
    """The same file again."""

    async def test_it_is_not_stored_twice(self) -> None:
        """Its job is complete at once, and leads to the video that is there; nothing else is kept."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.complete(note="same")
            again = await begin(works, None)
            job = await finish(works, again, source_bytes(note="same"))
            assert (job.status, job.video_id, job.is_duplicate) == (JobStatus.COMPLETE, known.id, True)
            assert await works.jobs.get(again.id) == job
            assert await works.catalog.video_ids() == {known.id}
            assert await works.blobs.incoming_sizes() == {}
            assert not is_there(works.blobs, f"{again.video_id}/source")
            assert works.line() == []

    async def test_other_files_are_others(self) -> None:
        """One byte makes a difference."""
        async with open_works(keep_duplicates=False) as works:
            one, other = await works.upload(note="a"), await works.upload(note="b")
            assert one.id != other.id

    async def test_at_the_same_moment(self) -> None:
        """Of several that become whole at once one is a video, the others are duplicates of it."""
        async with open_works(keep_duplicates=False) as works:

            async def be_slow(_name: str) -> None:
                for _ in range(3):
                    await asyncio.sleep(0)

            uploads = [await begin(works) for _ in range(5)]
            works.catalog.before = be_slow
            jobs = await asyncio.gather(*(finish(works, upload) for upload in uploads))
            assert len({job.video_id for job in jobs}) == 1
            assert sorted(job.is_duplicate for job in jobs) == [False, True, True, True, True]

    async def test_a_failed_video_has_no_duplicates(self) -> None:
        """Where a video came to nothing the same file is tried anew."""
        async with open_works(keep_duplicates=False) as works:
            failed = await works.complete(fault="The encoder had a bad day.")
            assert failed.status == "error"
            again = await works.upload(fault="The encoder had a bad day.")
            assert again.id != failed.id

    async def test_nothing_need_be_sent(self) -> None:
        """Who announces the SHA-256 of a video that is there has no byte to send; of another length he has."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")
            content = source_bytes(note="same")
            said = f"sha256 {base64(hashlib.sha256(content).hexdigest())}"
            protocol = tus(works)
            for length, offset in ((len(content), len(content)), (len(content) + 1, 0)):
                standing = await protocol.create(Creation(user=ANYONE, length_bytes=length, metadata=said))
                assert standing.offset_bytes == offset
                job = await works.jobs.get(standing.upload_id)
                assert job.is_duplicate == (offset > 0)
                assert (job.video_id == known.id) == (offset > 0)

    async def test_only_files_of_one_length_are_compared(self) -> None:
        """What a file is known by is worked out once another is as long, and then recorded."""
        async with open_works(keep_duplicates=False) as works:
            first, longer = await works.upload(note="a"), await works.upload(note="longer")
            assert {(await works.catalog.video(it.id)).source.sha256 for it in (first, longer)} == {None}
            assert (await works.upload(note="b")).id != first.id
            assert (await works.catalog.video(longer.id)).source.sha256 is None
            recorded = (await works.catalog.video(first.id)).source.sha256
            assert recorded == hashlib.sha256(source_bytes(note="a")).hexdigest()

    async def test_what_was_worked_out_of_a_new_file_is_recorded(self) -> None:
        """So that of many files of one length each is read through once."""
        async with open_works(keep_duplicates=False) as works:
            await works.upload(note="a")
            second = await works.upload(note="b")
            assert second.source.sha256 == hashlib.sha256(source_bytes(note="b")).hexdigest()

    async def test_many_at_once_read_through_what_is_there_once(self) -> None:
        """One after another looks at it, and all but the first find what was recorded."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")
            recorded: list[str] = []

            async def note(name: str) -> None:
                recorded.append(name)
                await asyncio.sleep(0)

            uploads = [await begin(works, len(source_bytes(note="same"))) for _ in range(5)]
            works.catalog.before = note
            jobs = await asyncio.gather(*(finish(works, it, source_bytes(note="same")) for it in uploads))
            assert {job.video_id for job in jobs} == {known.id}
            assert recorded.count("set_source_sha256") == 1

    @pytest.mark.parametrize("is_recorded", [False, True])
    async def test_a_source_that_is_gone(self, is_recorded: bool) -> None:
        """It is a duplicate of nothing, also where it is known what it was: whoever sends it again has a video."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")
            if is_recorded:
                sha256 = hashlib.sha256(source_bytes(note="same")).hexdigest()
                await works.catalog.set_source_sha256(known.id, sha256)
            await works.blobs.delete(source_key(known.id))
            assert (await works.upload(note="same")).id != known.id

    async def test_a_source_that_cannot_be_read(self) -> None:
        """What its disk has lost keeps nobody from a video."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")
            directory = os.open("/", os.O_RDONLY)
            os.dup2(directory, works.blobs._kept[source_key(known.id)])  # EISDIR, as if a disk had a fault
            os.close(directory)
            assert (await works.upload(note="same")).id != known.id

    async def test_one_that_is_deleted_at_that_moment(self) -> None:
        """Whoever sends its file again loses nothing: it becomes a video of its own."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")

            async def delete(name: str) -> None:
                if name == "finish_upload":
                    works.catalog.come_back()
                    await works.catalog.delete_video(known.id)

            works.catalog.before = delete
            again = await works.upload(note="same")
            assert await works.catalog.video_ids() == {again.id} != {known.id}

    async def test_ending_a_duplicate_keeps_the_video(self) -> None:
        """Who takes it back has not taken the video with it."""
        async with open_works(keep_duplicates=False) as works:
            known = await works.upload(note="same")
            again = await begin(works, None)
            await finish(works, again, source_bytes(note="same"))
            await tus(works).end(again.id, user=ANYONE)
            assert await works.catalog.video_ids() == {known.id}


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


class TestFailures:
    """Uploads that can never be videos."""

    async def test_they_are_shown_until_they_expire(self, works: Works) -> None:
        """With their reason, and without their bytes."""
        upload = await begin(works, len(SOURCE), sha256="0" * 64)
        with pytest.raises(ChecksumMismatch):
            await finish(works, upload)
        job = await works.jobs.get(upload.id)
        assert job.error is not None
        assert job.error.code == "checksum_mismatch"
        assert await works.blobs.incoming_sizes() == {}
        with pytest.raises(Gone, match="another SHA-256"):
            await write(works, upload, b"x")
        works.clock.advance(LIFETIME * 2)
        await works.receive.recover()
        with pytest.raises(NotFound):
            await works.jobs.get(upload.id)

    @pytest.mark.parametrize("name", ["finish_upload", "sources_of_size"])
    async def test_a_catalog_that_is_away(self, name: str) -> None:
        """What is whole and could not be recorded is finished later: when its client looks, or by itself."""
        for is_looked_at in (True, False):
            async with open_works(keep_duplicates=False) as works:
                upload = await begin(works)
                works.catalog.be_away(name)
                with pytest.raises(Unavailable):
                    await finish(works, upload)
                standing = await tus(works).look(upload.id, user=ANYONE)
                assert (standing.offset_bytes, standing.length_bytes) == (len(SOURCE), len(SOURCE))
                works.catalog.come_back()
                await works.library.sweep()
                if is_looked_at:
                    await tus(works).look(upload.id, user=ANYONE)
                else:
                    await works.receive.recover()
                video = await works.catalog.video(upload.video_id)
                assert video.source.size_bytes == len(SOURCE)
                assert works.blobs.path(f"{video.id}/source").read_bytes() == SOURCE
                assert works.line() == [upload.id]
                assert await works.blobs.incoming_sizes() == {}


class TestTime:
    """How long an upload lives."""

    async def test_nobody_goes_on(self, works: Works) -> None:
        """After its time an upload is gone with its bytes; whoever watches is told."""
        upload = await begin(works)
        await write(works, upload, SOURCE[:100])
        works.clock.advance(LIFETIME * 0.9)
        await works.receive.recover()
        assert await works.blobs.incoming_size(upload.id) == 100
        works.clock.advance(LIFETIME * 0.2)
        with pytest.raises(Gone):
            await write(works, upload, SOURCE[100:])
        ending = asyncio.create_task(works.end_of(upload.id))
        await asyncio.sleep(0)
        await works.receive.recover()
        ended = await ending
        assert ended.error is not None
        assert ended.error.code == "gone"
        assert await works.blobs.incoming_sizes() == {}
        assert await works.catalog.uploads() == []

    async def test_a_disk_without_room_for_a_file(self) -> None:
        """One that cannot be ended now keeps nobody else's bytes, nor the server from its start."""

        class FullBlobs(MemoryBlobs):
            full: str = ""

            @asynccontextmanager
            async def incoming(self, name: str) -> AsyncIterator[MemoryIncoming]:
                if name == self.full:
                    raise StorageFull
                async with super().incoming(name) as incoming:
                    yield incoming

        blobs = FullBlobs()
        async with open_works(blobs=blobs) as works:
            older, newer = await begin(works), await begin(works)
            await write(works, older, SOURCE[:100])
            works.clock.advance(LIFETIME * 2)
            blobs.full = newer.id
            await works.receive.recover()
            assert await works.blobs.incoming_sizes() == {}
            assert [upload.id for upload in await works.catalog.uploads()] == [newer.id]
        await blobs.close()

    async def test_somebody_goes_on(self, works: Works) -> None:
        """With each piece its time begins anew."""
        upload = await begin(works)
        for _ in range(5):
            works.clock.advance(LIFETIME * 0.9)
            await works.receive.recover()
            await write(works, upload, b"\0")
        assert await works.blobs.incoming_size(upload.id) == 5

    async def test_somebody_writes(self, works: Works) -> None:
        """While it is written to it does not expire."""
        upload = await begin(works)
        async with works.receive.resume(upload.id, user=ANYONE) as receiving:
            works.clock.advance(LIFETIME * 2)
            await works.receive.recover()
            await receiving.write(SOURCE)
            await works.receive.finish(receiving)
        assert await works.catalog.video_ids() == {upload.video_id}

    async def test_silence(self, works: Works) -> None:
        """A connection that says nothing for long loses its hold, and what it brought is kept."""
        upload = await begin(works)

        class Silent(Chunks):
            async def chunks(self) -> AsyncIterator[bytes]:
                yield SOURCE[:100]
                skip(SILENCE_SECONDS - 1)
                yield SOURCE[100:200]
                skip(SILENCE_SECONDS + 1)
                await asyncio.Event().wait()

        with pytest.raises(TooSlow):
            await tus(works).add(upload.id, Piece(user=ANYONE, offset_bytes=0, body=Silent()))
        assert await works.blobs.incoming_size(upload.id) == 200
        standing = await tus(works).add(upload.id, Piece(user=ANYONE, offset_bytes=200, body=Chunks(SOURCE[200:])))
        assert standing.offset_bytes == len(SOURCE)


class TestRestarts:
    """What a server that is gone left behind."""

    async def test_what_is_unfinished_stays(self) -> None:
        """Another server goes on where the first one ended, and knows how much there is by the bytes alone."""
        catalog, blobs = TroubledCatalog(), MemoryBlobs()
        async with open_works(catalog=catalog, blobs=blobs) as works:
            upload = await begin(works)
            await write(works, upload, SOURCE[:100])
        async with open_works(catalog=catalog, blobs=blobs) as works:
            await works.receive.recover()
            assert await works.library.sweep() == []
            job = await works.jobs.get(upload.id)
            assert (job.received_bytes, job.size_bytes) == (100, len(SOURCE))
            standing = await tus(works).look(upload.id, user=ANYONE)
            assert standing.offset_bytes == 100
            await finish(works, upload, SOURCE[100:])
            assert await works.catalog.video_ids() == {upload.video_id}
        await blobs.close()

    async def test_what_is_whole_is_finished(self) -> None:
        """Also where nobody comes back to it."""
        catalog, blobs = TroubledCatalog(), MemoryBlobs()
        async with open_works(catalog=catalog, blobs=blobs) as works:
            upload = await begin(works)
            await write(works, upload, SOURCE)
        async with open_works(catalog=catalog, blobs=blobs) as works:
            await works.receive.recover()
            assert works.blobs.path(source_key(upload.video_id)).read_bytes() == SOURCE
            assert works.line() == [upload.id]
        await blobs.close()

    async def test_forms_are_gone(self) -> None:
        """A file that came in one go cannot be gone on with."""
        catalog, blobs = TroubledCatalog(), MemoryBlobs()
        async with open_works(catalog=catalog, blobs=blobs) as works:
            upload = await works.receive.create(UploadKind.FORM, user=ANYONE, file_name="a.mp4")
            async with blobs.incoming(upload.id) as incoming:
                await incoming.write(SOURCE[:100])
        async with open_works(catalog=catalog, blobs=blobs, began=works.clock.now()) as later:
            await later.receive.recover()
            assert await catalog.uploads() == []
            assert await blobs.incoming_sizes() == {}
        await blobs.close()

    async def test_bytes_that_nobody_knows(self, works: Works) -> None:
        """They are swept away; those of uploads, and of videos about to be, are not."""
        upload = await begin(works)
        await write(works, upload, SOURCE[:100])
        async with works.blobs.incoming("0123456789abcdef") as incoming:
            await incoming.write(b"x")
        async with works.blobs.incoming(f"{upload.id}.1") as part:
            await part.write(b"12345")
        assert await works.library.sweep() == ["0123456789abcdef"]
        assert await works.blobs.incoming_sizes() == {upload.id: 100, f"{upload.id}.1": 5}
        assert (await works.jobs.page())[0][0].received_bytes == 100

    async def test_a_join_that_was_cut_off(self) -> None:
        """Asked for again, it goes on where it was, and nothing is in the file twice."""
        async with open_works() as works:
            protocol = tus(works)
            parts: list[Standing] = []
            for start in range(0, len(SOURCE), 700):
                content = SOURCE[start : start + 700]
                part = await protocol.create(Creation(user=ANYONE, length_bytes=len(content), concat="partial"))
                await protocol.add(part.upload_id, Piece(user=ANYONE, offset_bytes=0, body=Chunks(content)))
                parts.append(part)
            addresses = " ".join(f"/api/uploads/{part.upload_id}" for part in parts)
            final = Creation(user=ANYONE, length_bytes=None, concat=f"final;{addresses}")
            works.catalog.be_away("finish_upload")
            with pytest.raises(StreamserverError):
                await protocol.create(final)
            works.catalog.come_back()
            standing = await protocol.create(final)
            assert standing.offset_bytes == len(SOURCE)
            job = await works.catalog.job(standing.upload_id)
            assert works.blobs.path(f"{job.video_id}/source").read_bytes() == SOURCE
            assert await works.blobs.incoming_sizes() == {}


async def test_a_part_that_ends_while_it_is_joined(works: Works) -> None:
    """What is made of others is never shorter than they were, nor does anything of the attempt remain of them."""
    part = await begin(works, 100, details={"is_partial": True})
    await write(works, part, SOURCE[:100])
    final = await begin(works, 100)
    await works.uploads.end(part)
    async with works.receive.resume(final.id, user=ANYONE) as receiving:
        with pytest.raises(Conflict, match="ended meanwhile"):
            await join(works.blobs, receiving, [part])
    assert await works.blobs.incoming_sizes() == {final.id: 0}


async def test_one_writer_at_a_time(works: Works) -> None:
    """While an upload is held nobody else can have it, and its owner can end it all the same."""
    upload = await begin(works)
    held = asyncio.Event()

    async def hold() -> None:
        async with works.receive.resume(upload.id, user=ANYONE) as receiving:
            await receiving.write(SOURCE[:100])
            held.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    with pytest.raises(Locked):
        await write(works, upload, SOURCE[100:])
    assert (await works.receive.cancel(upload.id, user=ANYONE)).status is JobStatus.ERROR
    with pytest.raises(Gone, match="cancelled"):
        await holding
    assert works.receive.under_way == 0
    assert await works.blobs.incoming_sizes() == {}
