"""Every catalog records videos, renditions and subtitles as `Catalog` says."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from streamserver.domain.chapters import Chapter
from streamserver.domain.videos import RenditionStatus, VideoStatus
from streamserver.errors import Conflict, NotFound
from streamserver.ports import Catalog
from tests.catalog.samples import (
    NOON,
    add,
    sample_index,
    sample_job,
    sample_rendition,
    sample_sound,
    sample_subtitle,
    sample_upload,
    sample_video,
)

pytest_plugins = ["tests.services.catalogs"]

MISSING: dict[str, Callable[[Catalog], Awaitable[object]]] = {
    "video": lambda catalog: catalog.video("none"),
    "rename_video": lambda catalog: catalog.rename_video("none", "title"),
    "describe_video": lambda catalog: catalog.describe_video(
        "none", content_type="video/mp4", duration_seconds=1.0, width=2, height=2
    ),
    "set_video_status": lambda catalog: catalog.set_video_status("none", VideoStatus.ERROR),
    "set_poster": lambda catalog: catalog.set_poster("none", "key"),
    "set_storyboard": lambda catalog: catalog.set_storyboard("none", "key"),
    "set_chapters": lambda catalog: catalog.set_chapters("none", []),
    "delete_video": lambda catalog: catalog.delete_video("none"),
    "add_renditions": lambda catalog: catalog.add_renditions([sample_rendition(video_id="none")]),
    "complete_rendition": lambda catalog: catalog.complete_rendition(sample_rendition("none"), sample_index()),
    "fragment_index": lambda catalog: catalog.fragment_index("none"),
    "add_subtitle": lambda catalog: catalog.add_subtitle(sample_subtitle(video_id="none")),
    "upload": lambda catalog: catalog.upload("none"),
    "change_upload": lambda catalog: catalog.change_upload(sample_upload("none")),
    "delete_upload": lambda catalog: catalog.delete_upload("none"),
    "finish_upload": lambda catalog: catalog.finish_upload(
        sample_job(sample_video("w", job_id="none")), sample_video("w", job_id="none")
    ),
    "job": lambda catalog: catalog.job("none"),
    "claim_job": lambda catalog: catalog.claim_job(sample_job(sample_video("none"), attempt=1)),
    "record_job": lambda catalog: catalog.record_job(sample_job(sample_video("none"), sequence=1)),
    "finish_job": lambda catalog: catalog.finish_job(
        sample_job(sample_video("none"), sequence=1), VideoStatus.COMPLETE
    ),
}


@pytest.mark.parametrize("method", MISSING)
async def test_what_is_not_there_is_not_found(catalog: Catalog, method: str) -> None:
    """Each method that names something which was never recorded raises `NotFound`, beside things that were."""
    await add(catalog)
    with pytest.raises(NotFound):
        await MISSING[method](catalog)


async def test_an_open_catalog_answers(catalog: Catalog) -> None:
    """A check of a catalog that works returns."""
    await catalog.check()


class TestVideos:
    """One video."""

    async def test_every_field_comes_back(self, catalog: Catalog) -> None:
        """A video that was probed comes back as it was recorded."""
        video = await add(
            catalog,
            status=VideoStatus.PLAYABLE,
            duration_seconds=596.4743083003953,
            width=1920,
            height=1080,
            poster_key="poster-x",
        )
        assert await catalog.video("v") == video

    async def test_a_new_video_has_nothing_yet(self, catalog: Catalog) -> None:
        """What is not known of a video comes back as None, and no rendition or subtitle is invented."""
        video = await add(catalog)
        assert await catalog.video("v") == video
        assert video.duration_seconds is None
        assert video.renditions == ()

    @pytest.mark.parametrize("microsecond", [0, 1, 500_000, 999_999])
    async def test_times_keep_microseconds_and_are_utc(self, catalog: Catalog, microsecond: int) -> None:
        """A time comes back to the microsecond, and in UTC."""
        await add(catalog, created_at=NOON.replace(microsecond=microsecond))
        created_at = (await catalog.video("v")).created_at
        assert created_at == NOON.replace(microsecond=microsecond)
        assert created_at.utcoffset() == timedelta(0)

    async def test_a_time_in_another_zone_is_the_same_moment(self, catalog: Catalog) -> None:
        """Noon in UTC is also 13:30 somewhere."""
        elsewhere = timezone(timedelta(hours=1, minutes=30))
        await add(catalog, created_at=NOON.astimezone(elsewhere))
        assert (await catalog.video("v")).created_at == NOON

    @pytest.mark.parametrize(
        "title",
        [
            "Grüße aus Köln",
            "🎬 Кино 映画 👩‍👩‍👧",
            "'; DROP TABLE videos; --",
            r"100% \_a\\b",
            "x" * 500,
            "🎬" * 500,
            " a ",
        ],
    )
    async def test_titles_survive(self, catalog: Catalog, title: str) -> None:
        """Any title comes back character by character, those of four bytes too."""
        await add(catalog, title=title)
        assert (await catalog.video("v")).title == title

    @pytest.mark.parametrize("other", ["V", "v ", "ｖ", "v\u0301"])
    async def test_ids_are_equal_only_when_identical(self, catalog: Catalog, other: str) -> None:
        """Ids that differ in case, a trailing space, width or an accent name different videos."""
        await add(catalog, "v", title="plain")
        with pytest.raises(NotFound):
            await catalog.video(other)
        await add(catalog, other, title="other")
        assert (await catalog.video("v")).title == "plain"
        assert (await catalog.video(other)).title == "other"
        assert await catalog.video_ids() == {"v", other}

    async def test_an_id_is_taken_once(self, catalog: Catalog) -> None:
        """A second video with an id, or a second job with one, is a conflict and leaves nothing."""
        await add(catalog, title="first")
        with pytest.raises(Conflict):
            await add(catalog, title="second")
        with pytest.raises(Conflict):
            await add(catalog, "w", job_id="v-job")
        assert (await catalog.video("v")).title == "first"
        assert await catalog.video_ids() == {"v"}

    async def test_rename(self, catalog: Catalog) -> None:
        """A renamed video is returned and recorded as it now is, and found under its new title alone."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition()])
        renamed = await catalog.rename_video("v", "Ein Urlaub")
        assert renamed == await catalog.video("v")
        assert renamed.title == "Ein Urlaub"
        assert renamed.renditions == (sample_rendition(),)
        assert await catalog.videos(query="urlaub") == [renamed]
        assert await catalog.videos(query="holiday") == []

    async def test_a_change_to_what_is_there_already_succeeds(self, catalog: Catalog) -> None:
        """Databases that count changed rows, not matching ones, must not take this for a missing video."""
        video = await add(catalog)
        assert await catalog.rename_video("v", video.title) == video
        await catalog.set_video_status("v", video.status)

    async def test_describe(self, catalog: Catalog) -> None:
        """What a probe found is recorded, and nothing else changes."""
        video = await add(catalog)
        await catalog.describe_video(
            "v", content_type="video/quicktime", duration_seconds=0.1 + 0.2, width=1080, height=1920
        )
        assert await catalog.video("v") == replace(
            video,
            source=replace(video.source, content_type="video/quicktime"),
            duration_seconds=0.1 + 0.2,
            width=1080,
            height=1920,
        )

    async def test_status_and_poster(self, catalog: Catalog) -> None:
        """Status and poster are recorded, and nothing else changes."""
        video = await add(catalog)
        await catalog.set_video_status("v", VideoStatus.COMPLETE)
        await catalog.set_poster("v", "poster-y")
        assert await catalog.video("v") == replace(video, status=VideoStatus.COMPLETE, poster_key="poster-y")

    async def test_deleting_takes_along_all_that_belongs_to_a_video(self, catalog: Catalog) -> None:
        """Its renditions, subtitles and job are gone, and another video keeps its own."""
        for video_id in ("v", "w"):
            await add(catalog, video_id)
            await catalog.add_renditions([sample_rendition(f"r-{video_id}", video_id=video_id)])
            await catalog.add_subtitle(sample_subtitle(f"s-{video_id}", video_id=video_id))
        await catalog.complete_rendition(sample_rendition("r-v"), sample_index())
        kept = await catalog.video("w")
        await catalog.delete_video("v")
        for gone in (catalog.video("v"), catalog.job("v-job"), catalog.fragment_index("r-v")):
            with pytest.raises(NotFound):
                await gone
        assert await catalog.video_ids() == {"w"}
        assert await catalog.video("w") == kept
        assert (await catalog.job("w-job")).video_id == "w"
        assert await add(catalog, "v") == await catalog.video("v")


class TestRenditions:
    """Renditions and their indexes."""

    async def test_best_first(self, catalog: Catalog) -> None:
        """Renditions are sorted by height, then by bit rate, whatever the order they were recorded in."""
        await add(catalog)
        small = sample_rendition("small", height=360, bit_rate_bps=9_000_000)
        lean = sample_rendition("lean", bit_rate_bps=3_000_000)
        rich = sample_rendition("rich", bit_rate_bps=20_000_000_000)
        await catalog.add_renditions([small])
        await catalog.add_renditions(rendition for rendition in (lean, rich))
        assert (await catalog.video("v")).renditions == (rich, lean, small)

    async def test_none_to_add_or_to_delete(self, catalog: Catalog) -> None:
        """Nothing is a number of renditions too."""
        await add(catalog)
        await catalog.add_renditions([])
        await catalog.delete_renditions([])
        assert (await catalog.video("v")).renditions == ()

    async def test_a_key_is_taken_once(self, catalog: Catalog) -> None:
        """Where one of several keys is taken, none of the renditions is recorded."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition("a")])
        with pytest.raises(Conflict):
            await catalog.add_renditions([sample_rendition("b"), sample_rendition("a", width=2)])
        assert (await catalog.video("v")).renditions == (sample_rendition("a"),)

    async def test_complete(self, catalog: Catalog) -> None:
        """A complete rendition is as it was given, with its index; it had none while it grew."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition("a"), sample_rendition("b", height=1)])
        with pytest.raises(NotFound):
            await catalog.fragment_index("a")
        complete = sample_rendition(
            "a",
            status=RenditionStatus.COMPLETE,
            codecs="avc1.64001f,mp4a.40.2",
            bit_rate_bps=3_456_789,
            size_bytes=6_000_000_000,
        )
        await catalog.complete_rendition(complete, sample_index())
        assert (await catalog.video("v")).renditions == (complete, sample_rendition("b", height=1))
        assert await catalog.fragment_index("a") == sample_index()
        with pytest.raises(NotFound):
            await catalog.fragment_index("b")

    async def test_an_index_never_changes(self, catalog: Catalog) -> None:
        """Completing a rendition again is a conflict, and the first index stays."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition()])
        await catalog.complete_rendition(sample_rendition(), sample_index(2))
        with pytest.raises(Conflict):
            await catalog.complete_rendition(sample_rendition(), sample_index(3))
        assert await catalog.fragment_index("720p-a") == sample_index(2)

    async def test_the_index_of_eleven_hours(self, catalog: Catalog) -> None:
        """An index of 20,000 fragments, half a megabyte of JSON, comes back whole."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition()])
        await catalog.complete_rendition(sample_rendition(), sample_index(20_000))
        assert await catalog.fragment_index("720p-a") == sample_index(20_000)

    async def test_delete(self, catalog: Catalog) -> None:
        """Renditions are deleted with their indexes; keys that are not there are ignored."""
        await add(catalog)
        await catalog.add_renditions([sample_rendition("a"), sample_rendition("b"), sample_rendition("A")])
        await catalog.complete_rendition(sample_rendition("a"), sample_index())
        await catalog.delete_renditions(key for key in ("a", "none"))
        assert {rendition.key for rendition in (await catalog.video("v")).renditions} == {"A", "b"}
        with pytest.raises(NotFound):
            await catalog.fragment_index("a")


class TestSubtitles:
    """Text tracks."""

    async def test_by_language(self, catalog: Catalog) -> None:
        """Subtitles are sorted by language."""
        await add(catalog)
        tracks = [sample_subtitle("1", language="sv"), sample_subtitle("2"), sample_subtitle("3", language="en")]
        for track in tracks:
            await catalog.add_subtitle(track)
        assert (await catalog.video("v")).subtitles == (tracks[1], tracks[2], tracks[0])

    async def test_a_key_is_taken_once(self, catalog: Catalog) -> None:
        """A second text track with a key is a conflict."""
        await add(catalog)
        await catalog.add_subtitle(sample_subtitle())
        with pytest.raises(Conflict):
            await catalog.add_subtitle(sample_subtitle(label="Other"))
        assert (await catalog.video("v")).subtitles == (sample_subtitle(),)

    async def test_delete(self, catalog: Catalog) -> None:
        """Text tracks are deleted by their keys; those that are not there are ignored."""
        await add(catalog)
        for key in ("a", "b"):
            await catalog.add_subtitle(sample_subtitle(key))
        await catalog.delete_subtitles(key for key in ("a", "none"))
        await catalog.delete_subtitles([])
        assert (await catalog.video("v")).subtitles == (sample_subtitle("b"),)

    async def test_where_they_are_from(self, catalog: Catalog) -> None:
        """A text track that somebody sent is told from one that was found in the source."""
        await add(catalog)
        for key, is_uploaded in (("a", True), ("b", False)):
            await catalog.add_subtitle(sample_subtitle(key, is_uploaded=is_uploaded))
        assert [track.is_uploaded for track in (await catalog.video("v")).subtitles] == [True, False]


class TestSounds:
    """Sound tracks with files of their own."""

    async def test_beside_the_renditions(self, catalog: Catalog) -> None:
        """They are listed by number, apart from the renditions, as they were recorded."""
        await add(catalog)
        tracks = [sample_sound("b", number=1, language="en", label="English"), sample_sound("a", number=0)]
        await catalog.add_renditions([*tracks, sample_rendition()])
        found = await catalog.video("v")
        assert found.audio == (tracks[1], tracks[0])
        assert found.renditions == (sample_rendition(),)
        assert (await catalog.videos())[0] == found

    async def test_complete(self, catalog: Catalog) -> None:
        """A finished sound track has its index, as a rendition has, and is deleted like one."""
        await add(catalog)
        await catalog.add_renditions([sample_sound("a")])
        done = sample_sound("a", status=RenditionStatus.COMPLETE, codecs="mp4a.40.2", size_bytes=9, bit_rate_bps=3)
        await catalog.complete_rendition(done, sample_index())
        assert (await catalog.video("v")).audio == (done,)
        assert await catalog.fragment_index("a") == sample_index()
        await catalog.delete_renditions(["a"])
        assert (await catalog.video("v")).audio == ()


class TestChaptersAndStoryboard:
    """What helps to find a place in a video."""

    async def test_they_are_kept(self, catalog: Catalog) -> None:
        """A video has neither at first, and then those that were recorded last."""
        await add(catalog)
        before = await catalog.video("v")
        assert (before.chapters, before.storyboard_key) == ((), None)
        chapters = (
            Chapter(start_seconds=0, end_seconds=1.5, title="Anfang"),
            Chapter(start_seconds=1.5, end_seconds=2.25, title="Ende ☂"),
        )
        await catalog.set_chapters("v", chapters[:1])
        await catalog.set_chapters("v", chapters)
        await catalog.set_storyboard("v", "key")
        found = await catalog.video("v")
        assert (found.chapters, found.storyboard_key) == (chapters, "key")
        await catalog.set_chapters("v", [])
        assert (await catalog.video("v")).chapters == ()
