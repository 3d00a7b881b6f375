"""Taking in a source: durable first, then known, then acknowledged."""

import asyncio
from contextlib import suppress

import pytest

from streamserver.blobs.memory import MemoryBlobs
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.sniffing import SNIFF_BYTES
from streamserver.domain.videos import Video, VideoStatus
from streamserver.errors import BadInput, QueueFull, StreamserverError, TooLarge, Unavailable, UnsupportedMedia
from streamserver.flows.receive import source_key
from tests.flows.doubles import TroubledCatalog
from tests.flows.works import LIFETIME, MAX_BYTES, Works, is_there, open_works, source_bytes


async def unknown(_folder: str) -> bool:
    return False


async def nothing_remains(works: Works) -> bool:
    """Tell whether no upload left anything: no video, no job, no bytes, no place taken."""
    return (
        await works.catalog.video_ids() == set()
        and await works.catalog.uploads() == []
        and works.line() == []
        and await works.blobs.sweep(unknown) == []
        and works.receive.under_way == 0
    )


class TestGoodUploads:
    """A file that is taken in."""

    async def test_it_is_kept_known_and_in_line(self, works: Works) -> None:
        """The bytes are kept as they came, the video and its job are in the catalog, the job is in line."""
        content = source_bytes(seconds=3)
        async with works.receive.upload(len(content)) as upload:
            for start in range(0, len(content), 7):
                await upload.write(content[start : start + 7])
            video, job = await upload.finish("Holiday_in_Köln.mp4", None)
        assert await works.catalog.video(video.id) == video
        assert await works.catalog.job(job.id) == job
        assert works.line() == [job.id]
        assert works.blobs.path(f"{video.id}/source").read_bytes() == content
        assert (video.title, video.status, video.job_id) == ("Holiday in Köln", VideoStatus.PROCESSING, job.id)
        assert (video.source.file_name, video.source.size_bytes) == ("Holiday_in_Köln.mp4", len(content))
        assert (job.status, job.video_id, job.attempt) == (JobStatus.READY, video.id, 0)
        assert video.created_at == job.created_at

    async def test_durable_then_known_then_in_line(self) -> None:
        """The catalog hears of a video once its bytes are kept, and the line once the catalog knows."""
        blobs = MemoryBlobs()
        seen: list[tuple[bool, int]] = []

        class Witness(TroubledCatalog):
            async def finish_upload(self, job: Job, video: Video | None) -> None:
                assert video is not None
                seen.append((is_there(blobs, source_key(video.id)), len(works.line())))
                await super().finish_upload(job, video)

        async with open_works(catalog=Witness(), blobs=blobs) as works:
            await works.upload()
            assert seen == [(True, 0)]
            assert len(works.line()) == 1

    @pytest.mark.parametrize(
        ("file_name", "title", "expected"),
        [
            ("clip.mp4", "My  title ", "My title"),
            ("../../etc/clip_one.mp4", None, "clip one"),
            ("clip.mp4", "", "clip"),
            ("clip.mp4", " \t", "clip"),
            ("", None, "video"),
        ],
    )
    async def test_titles(self, file_name: str, title: str | None, expected: str, works: Works) -> None:
        """A video has the title that was given, or else one out of its file's name."""
        async with works.receive.upload() as upload:
            await upload.write(source_bytes())
            video, _ = await upload.finish(file_name, title)
        assert video.title == expected

    async def test_every_upload_can_be_another_video(self, works: Works) -> None:
        """Where duplicates are to be kept, the same file sent twice makes two videos."""
        one, other = await works.upload(), await works.upload()
        assert one.id != other.id
        assert one.job_id != other.job_id
        assert await works.catalog.video_ids() == {one.id, other.id}


class TestRefusals:
    """A file that is not taken in leaves nothing."""

    async def test_a_file_that_is_cut_off(self, works: Works) -> None:
        """An upload whose sender goes away leaves nothing."""
        with pytest.raises(ConnectionError):
            await cut_off(works)
        assert await nothing_remains(works)

    async def test_a_file_that_is_never_finished(self, works: Works) -> None:
        """An upload that is merely left leaves nothing."""
        async with works.receive.upload() as upload:
            await upload.write(source_bytes())
        assert await nothing_remains(works)

    async def test_an_announced_size(self, works: Works) -> None:
        """A file that says it is too large is refused before a byte is read; the largest one is not."""
        with pytest.raises(TooLarge, match=r"larger than the 100 kB that"):
            await send(works, announced=MAX_BYTES + 1)
        async with works.receive.upload(MAX_BYTES):
            pass
        assert await nothing_remains(works)

    async def test_a_size_that_was_not_announced(self, works: Works) -> None:
        """A file that becomes too large is refused with the byte that is too many, whatever was announced."""
        content = bytes(MAX_BYTES)
        await send(works, content, announced=10)
        with pytest.raises(TooLarge):
            await send(works, content, b"\0", announced=10)

    @pytest.mark.parametrize(
        ("content", "name"),
        [(b"#EXTM3U\n", "an HLS playlist"), (b"%PDF-1.7\n\0", "a PDF document"), (b"words " * 9, "a text file")],
    )
    async def test_a_small_file_that_is_no_video(self, content: bytes, name: str, works: Works) -> None:
        """What is certainly no video is refused when it ends, and called what it is."""
        with pytest.raises(UnsupportedMedia, match=f"^The file is {name}, not a video.$"):
            await send(works, content)
        assert await nothing_remains(works)

    @pytest.mark.parametrize("chunk_bytes", [1, 1000, SNIFF_BYTES, SNIFF_BYTES * 4])
    async def test_a_large_file_that_is_no_video(self, chunk_bytes: int, works: Works) -> None:
        """It is refused as soon as enough was seen, in whatever pieces it comes."""
        content = b"A text of many words. " * 2000
        pieces = [content[start : start + chunk_bytes] for start in range(0, len(content), chunk_bytes)]
        taken = 0
        async with works.receive.upload() as upload:
            with suppress(UnsupportedMedia):
                for piece in pieces:
                    await upload.write(piece)
                    taken += len(piece)
        assert SNIFF_BYTES - chunk_bytes <= taken < SNIFF_BYTES
        assert await nothing_remains(works)

    async def test_an_empty_file(self, works: Works) -> None:
        """A file without a byte is refused."""
        with pytest.raises(BadInput, match="The file is empty"):
            await send(works)
        assert await nothing_remains(works)

    async def test_a_title_that_is_impossible(self, works: Works) -> None:
        """A title that is too long is refused, with the file."""
        with pytest.raises(BadInput, match="The title is 201 characters long"):
            await send(works, source_bytes(), title="x" * 201)
        assert await nothing_remains(works)

    async def test_a_catalog_that_is_away(self, works: Works) -> None:
        """A video that could not be made known is not acknowledged, not in line, and removed."""
        works.catalog.be_away("finish_upload")
        with pytest.raises(Unavailable):
            await send(works, source_bytes())
        assert await nothing_remains(works)

    async def test_a_catalog_that_stays_away(self, works: Works) -> None:
        """Where not even the removal can be recorded, it is made up for once the upload has expired."""
        works.catalog.be_away("finish_upload", "delete_upload")
        with pytest.raises(Unavailable):
            await send(works, source_bytes())
        works.catalog.come_back()
        assert works.line() == []
        async with open_works(catalog=works.catalog, blobs=works.blobs) as later:
            later.clock.advance(2 * LIFETIME)
            await later.receive.recover()
            assert await nothing_remains(later)


async def send(works: Works, *chunks: bytes, title: str | None = None, announced: int | None = None) -> None:
    async with works.receive.upload(announced) as upload:
        for chunk in chunks:
            await upload.write(chunk)
        await upload.finish("clip.mp4", title)


async def cut_off(works: Works) -> None:
    async with works.receive.upload() as upload:
        await upload.write(source_bytes())
        raise ConnectionResetError


class TestBoundedLine:
    """Only so many videos wait, those that are still being sent included."""

    async def test_past_the_bound_it_is_full(self) -> None:
        """The place after the last one is refused before a byte is read, and can be had once a job is taken."""
        async with open_works(max_waiting=2) as works:
            first = await works.upload()
            await works.upload()
            with pytest.raises(QueueFull):
                await works.upload()
            await works.run(first)
            await works.upload()

    async def test_files_under_way_count(self) -> None:
        """A file that is being sent has its place already, and gives it back when it is cut off."""
        async with open_works(max_waiting=2) as works:
            async with works.receive.upload(), works.receive.upload():
                assert works.receive.under_way == 2
                with pytest.raises(QueueFull):
                    await works.upload()
            assert works.receive.under_way == 0
            await works.upload()

    async def test_many_at_the_same_moment(self) -> None:
        """Of uploads that begin together as many are let in as there are places, however slow the catalog."""
        async with open_works(max_waiting=3) as works:

            async def be_slow(_name: str) -> None:
                for _ in range(5):
                    await asyncio.sleep(0)

            works.catalog.before = be_slow
            outcomes = await asyncio.gather(*(works.upload() for _ in range(10)), return_exceptions=True)
            assert sum(isinstance(outcome, QueueFull) for outcome in outcomes) == 7
            assert len(works.line()) == 3
            assert works.receive.under_way == 0

    async def test_a_catalog_that_is_away_takes_no_place(self, works: Works) -> None:
        """An upload that could not even begin gives its place back."""
        works.catalog.be_away()
        with pytest.raises(StreamserverError):
            await works.upload()
        assert works.receive.under_way == 0
