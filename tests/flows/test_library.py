"""What people do with videos: browse, look, rename, delete."""

import asyncio
from typing import Any

import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.domain.videos import Cursor, VideoStatus
from streamserver.errors import BadInput, NotFound, SourceFault
from streamserver.flows.receive import source_key
from tests.flows.works import Works, is_there
from tests.waiting import until

SMALL: dict[str, Any] = {"width": 320, "height": 180}


class TestBrowsing:
    """The library, page by page."""

    @pytest.mark.parametrize(("count", "limit"), [(0, 3), (1, 3), (3, 3), (4, 3), (7, 3), (6, 3), (5, 1)])
    async def test_every_video_is_on_one_page(self, count: int, limit: int, works: Works) -> None:
        """Walking from page to page shows each video once, the newest first, and no empty page at the end."""
        videos = [await works.upload() for _ in range(count)]
        pages: list[list[str]] = []
        after: Cursor | None = None
        while True:
            page, after = await works.library.page(limit=limit, after=after)
            pages.append([video.id for video in page])
            if after is None:
                break
        assert [video_id for page in pages for video_id in page] == [video.id for video in reversed(videos)]
        assert all(len(page) == limit for page in pages[:-1])
        assert pages == [[]] or all(pages)

    async def test_what_comes_meanwhile_moves_nothing(self, works: Works) -> None:
        """A video that is uploaded, or deleted, between two pages neither repeats nor hides another."""
        videos = [await works.upload() for _ in range(4)]
        first, after = await works.library.page(limit=2)
        await works.upload()
        await works.library.delete(first[-1].id)
        second, _ = await works.library.page(limit=2, after=after)
        assert [video.id for video in second] == [videos[1].id, videos[0].id]

    async def test_searching(self, works: Works) -> None:
        """A search shows the videos whose title has the words, page by page."""
        for title in ("Cats", "Dogs", "More cats", "100 %"):
            await works.upload(title)
        page, after = await works.library.page(query="CAT", limit=1)
        assert [video.title for video in page] == ["More cats"]
        page, after = await works.library.page(query="CAT", limit=1, after=after)
        assert ([video.title for video in page], after) == (["Cats"], None)
        assert [video.title for video in (await works.library.page(query="%"))[0]] == ["100 %"]

    async def test_what_failed_is_not_shown(self, works: Works) -> None:
        """A video of which nothing will be watched is not in the library; it can be looked at still."""
        works.encoder.faults["probe"] = SourceFault()
        video = await works.upload()
        await works.run(video)
        assert await works.library.page() == ([], None)
        assert (await works.library.get(video.id)).status is VideoStatus.ERROR


class TestRenaming:
    """Another title."""

    async def test_a_title_is_cleaned(self, works: Works) -> None:
        """The new title is made fit to be shown, and kept."""
        video = await works.upload("Before")
        assert (await works.library.rename(video.id, " After\n all ")).title == "After all"
        assert (await works.library.get(video.id)).title == "After all"

    @pytest.mark.parametrize("title", ["", " ", "\u200b", "x" * 201])
    async def test_no_title(self, title: str, works: Works) -> None:
        """What is no title is refused, and the old one stays."""
        video = await works.upload("Before")
        with pytest.raises(BadInput):
            await works.library.rename(video.id, title)
        assert (await works.library.get(video.id)).title == "Before"

    async def test_a_video_that_is_not_there(self, works: Works) -> None:
        """Nobody can rename, look at or delete what is not there."""
        for asking in (works.library.get("v"), works.library.rename("v", "Title"), works.library.delete("v")):
            with pytest.raises(NotFound):
                await asking


async def nothing_remains(works: Works, video_id: str, job_id: str) -> None:
    """Check that a video is gone from everywhere."""
    for asking in (works.catalog.video(video_id), works.catalog.job(job_id)):
        with pytest.raises(NotFound):
            await asking
    for path in (f"{video_id}/source", f"{video_id}/hls/master.m3u8"):
        with pytest.raises(NotFound):
            await works.deliver.resolve(path)
    assert not [key for key in works.blobs._kept if key.startswith(video_id)]
    assert works.line() == []
    assert works.bus.latest(job_id) is None
    await until(lambda: not works.pool.running)


class TestDeleting:
    """A video goes with everything that belongs to it."""

    async def test_a_complete_video(self, works: Works) -> None:
        """Its bytes, its renditions and its job go, and its addresses mean nothing any more."""
        video = await works.complete(**SMALL)
        (rendition,) = video.renditions
        paths = [f"{video.id}/hls/{rendition.key}/{name}" for name in ("init.mp4", "0.m4s", "index.m3u8")]
        for path in paths:
            await works.deliver.resolve(path)
        await works.library.delete(video.id)
        await nothing_remains(works, video.id, video.job_id)
        for path in paths:
            with pytest.raises(NotFound):
                await works.deliver.resolve(path)

    async def test_a_video_in_line(self, works: Works) -> None:
        """Its job leaves the line."""
        video = await works.upload()
        await works.library.delete(video.id)
        await nothing_remains(works, video.id, video.job_id)

    @pytest.mark.parametrize("moments", [0, 1, 2, 3, 5, 8, 13, 21, 34])
    async def test_a_video_that_is_being_encoded(self, moments: int, works: Works) -> None:
        """At whatever moment, its encoder is stopped first, who follows its job hears the end, nothing remains."""
        works.encoder.gate.clear()
        await works.pool.start()
        video = await works.upload(codec="h264", width=640, height=360)
        with works.bus.subscribe(video.job_id) as reports:
            for _ in range(moments):
                await asyncio.sleep(0)
            await works.library.delete(video.id)
            while not (job := await anext(reports)).is_terminal:
                continue
        assert job.status is JobStatus.ERROR
        await nothing_remains(works, video.id, video.job_id)

    async def test_its_neighbours_stay(self, works: Works) -> None:
        """No other video loses anything."""
        one, other = await works.complete(**SMALL), await works.complete(**SMALL)
        await works.library.delete(one.id)
        assert await works.library.get(other.id) == other
        assert is_there(works.blobs, source_key(other.id))
        assert await works.text(f"{other.id}/hls/master.m3u8")


class TestSweeping:
    """Bytes that nothing refers to."""

    async def test_only_what_is_unknown_goes(self, works: Works) -> None:
        """Videos keep their bytes, whatever their state; a folder that no video has goes."""
        waiting, whole = await works.upload(**SMALL), await works.complete(**SMALL)
        async with works.blobs.draft() as draft:
            await draft.write(b"left behind")
            await draft.keep("unknown/source")
        assert await works.library.sweep() == ["unknown"]
        assert is_there(works.blobs, source_key(waiting.id))
        assert is_there(works.blobs, source_key(whole.id))
        assert await works.library.sweep() == []

    async def test_a_large_library_costs_few_questions(self, works: Works) -> None:
        """The catalog is not asked once for each of many videos."""
        for _ in range(50):
            await works.upload()
        works.catalog.calls.clear()
        assert await works.library.sweep() == []
        assert len(works.catalog.calls) <= 2

    async def test_a_video_that_comes_in_meanwhile(self, works: Works) -> None:
        """A video that becomes known while the sweep is under way keeps its bytes."""
        asked, go_on = asyncio.Event(), asyncio.Event()
        await works.upload()

        async def hold_up(name: str) -> None:
            if name == "video_ids" and not asked.is_set():
                asked.set()
                await go_on.wait()

        works.catalog.before = hold_up
        sweeping = asyncio.create_task(works.library.sweep())
        await asked.wait()
        late = await works.upload()
        go_on.set()
        assert await sweeping == []
        assert is_there(works.blobs, source_key(late.id))
