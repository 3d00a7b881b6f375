"""From a media address to what it stands for."""

import asyncio
import re
from itertools import pairwise
from typing import Any

import m3u8
import pytest

from streamserver.domain.answers import Delivery
from streamserver.domain.caching import FINISHED_PLAYLIST, IMMUTABLE
from streamserver.domain.conditions import EntityTag
from streamserver.domain.media_types import JPEG, MP4, PLAYLIST, SEGMENT, WEBVTT
from streamserver.domain.multipart import body_length
from streamserver.domain.sources import SubtitleStream
from streamserver.domain.videos import RenditionStatus
from streamserver.errors import EncoderFault, NotFound, NotReady
from streamserver.flows.deliver import FRESH_SECONDS
from streamserver.flows.indexes import rendition_key
from tests.flows.works import Works, open_works, source_bytes

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
SMALL: dict[str, Any] = {"width": 320, "height": 180}
ENGLISH = SubtitleStream(index=2, codec="subrip", language="eng", title="English")


async def whole(works: Works, path: str) -> bytes:
    return works.content(await works.deliver.resolve(path))


def names_in(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if not line.startswith("#")]


class TestFiles:
    """A source and its renditions, whole."""

    async def test_the_source(self, works: Works) -> None:
        """A source is what was uploaded, of the type that it was found to be, and offered for keeping."""
        video = await works.complete()
        found = await works.deliver.resolve(f"{video.id}/source")
        assert works.content(found) == source_bytes()
        assert found.representation.length == len(source_bytes())
        assert (found.representation.content_type, found.representation.disposition) == (
            video.source.content_type,
            "attachment",
        )

    @pytest.mark.parametrize(("folder", "delivery"), [("", Delivery.RANGE), ("region/", Delivery.REGION)])
    async def test_a_rendition(self, folder: str, delivery: Delivery, works: Works) -> None:
        """A finished rendition is one file, by Range and by ResourceRegion."""
        video = await works.complete(**SMALL)
        (rendition,) = video.renditions
        found = await works.deliver.resolve(f"{video.id}/{folder}{rendition.key}.mp4")
        assert works.content(found) == works.blobs.path(rendition_key(rendition)).read_bytes()
        assert (found.delivery, found.representation.content_type) == (delivery, MP4)
        assert found.representation.cache_control == IMMUTABLE

    async def test_both_ways_have_the_same_validator(self, works: Works) -> None:
        """The bytes are the same, so a cache may use either to check the other."""
        video = await works.complete(**SMALL)
        (rendition,) = video.renditions
        by_range = await works.deliver.resolve(f"{video.id}/{rendition.key}.mp4")
        by_region = await works.deliver.resolve(f"{video.id}/region/{rendition.key}.mp4")
        assert by_range.representation == by_region.representation

    async def test_posters_and_text(self, works: Works) -> None:
        """A poster is a picture, a text track is WebVTT; both are kept for ever."""
        works.encoder.subtitles = (ENGLISH,)
        video = await works.complete()
        poster = await works.deliver.resolve(f"{video.id}/poster-{video.poster_key}.jpg")
        assert (poster.representation.content_type, works.content(poster)[:2]) == (JPEG, b"\xff\xd8")
        text = await works.deliver.resolve(f"{video.id}/subtitles/{video.subtitles[0].key}.vtt")
        assert (text.representation.content_type, works.content(text)[:6]) == (WEBVTT, b"WEBVTT")
        assert poster.representation.cache_control == text.representation.cache_control == IMMUTABLE

    @pytest.mark.parametrize(
        "path",
        [
            "{id}/none.mp4",
            "{id}/region/none.mp4",
            "{id}/hls/none/index.m3u8",
            "{id}/hls/none/init.mp4",
            "{id}/hls/none/0.m4s",
            "{id}/hls/{key}/99.m4s",
            "{id}/hls/subtitles/none.m3u8",
            "{id}/poster-none.jpg",
            "{id}/poster-" + "x" * 300 + ".jpg",
            "{id}/subtitles/none.vtt",
            "{id}/subtitles/" + "x" * 300 + ".vtt",
            "x" * 300 + "/source",
            "none/source",
            "none/hls/master.m3u8",
            "{id}/../{id}/source",
            "{id}",
            "",
        ],
    )
    async def test_what_is_not_there(self, path: str, works: Works) -> None:
        """An address that leads nowhere is not found, whatever it looks like."""
        video = await works.complete(**SMALL)
        with pytest.raises(NotFound):
            await works.deliver.resolve(path.format(id=video.id, key=video.renditions[0].key))


class TestHls:
    """Playlists, init segments and segments."""

    async def test_all_segments_are_the_file(self, works: Works) -> None:
        """The init segment and the segments hold every fragment, each byte once."""
        video = await works.complete(**SMALL, seconds=21)
        (rendition,) = video.renditions
        base = f"{video.id}/hls/{rendition.key}"
        names = names_in(await works.text(f"{base}/index.m3u8"))
        content = await whole(works, f"{base}/init.mp4") + b"".join(
            [await whole(works, f"{base}/{it}") for it in names]
        )
        assert content == works.blobs.path(rendition_key(rendition)).read_bytes()
        assert len(names) == 4 + 4

    async def test_what_each_is(self, works: Works) -> None:
        """Playlists, init segments and segments have their types; what never changes is kept for ever."""
        video = await works.complete(**SMALL)
        base = f"{video.id}/hls/{video.renditions[0].key}"
        kinds = {
            f"{video.id}/hls/master.m3u8": (PLAYLIST, FINISHED_PLAYLIST),
            f"{base}/index.m3u8": (PLAYLIST, FINISHED_PLAYLIST),
            f"{base}/init.mp4": (MP4, IMMUTABLE),
            f"{base}/0.m4s": (SEGMENT, IMMUTABLE),
        }
        for path, kind in kinds.items():
            found = (await works.deliver.resolve(path)).representation
            assert (found.content_type, found.cache_control) == kind

    async def test_every_length_is_that_of_its_parts(self, works: Works) -> None:
        """What is promised in Content-Length is what the parts have."""
        works.encoder.subtitles = (ENGLISH,)
        video = await works.complete(**H264)
        base = f"{video.id}/hls/{video.renditions[0].key}"
        for path in (
            *(f"{video.id}/source", f"{video.id}/hls/master.m3u8", f"{base}/index.m3u8", f"{base}/init.mp4"),
            *(f"{base}/0.m4s", f"{video.id}/poster-{video.poster_key}.jpg"),
            f"{video.id}/hls/subtitles/{video.subtitles[0].key}.m3u8",
        ):
            found = await works.deliver.resolve(path)
            assert found.representation.length == body_length(found.parts) == len(works.content(found)) > 0

    async def test_the_multivariant_playlist(self, works: Works) -> None:
        """Each rendition is listed with its size, codecs and true bit rates, the best first, and text beside."""
        works.encoder.subtitles = (ENGLISH,)
        video = await works.complete(**H264)
        read: Any = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
        assert [it.stream_info.resolution for it in read.playlists] == [(640, 360), (480, 270), (320, 180)]
        assert [it.uri for it in read.playlists] == [f"{it.key}/index.m3u8" for it in video.renditions]
        for variant in read.playlists:
            assert variant.stream_info.codecs == "avc1.64001e"
            assert variant.stream_info.frame_rate == 25
            assert variant.stream_info.bandwidth >= variant.stream_info.average_bandwidth > 0
        (text,) = read.media
        assert (text.name, text.language, text.uri) == (
            "English",
            "eng",
            f"subtitles/{video.subtitles[0].key}.m3u8",
        )
        listed: Any = m3u8.loads(await works.text(f"{video.id}/hls/{text.uri}"))
        assert listed.segments[0].uri == f"../../subtitles/{video.subtitles[0].key}.vtt"
        assert listed.segments[0].duration == 10


class TestGrowing:
    """What is delivered while it is encoded, and what becomes of it."""

    async def test_nothing_yet(self, works: Works) -> None:
        """Before the first fragment a video is not ready: it is there, and will be watched later."""
        video = await works.upload()
        with pytest.raises(NotReady):
            await works.deliver.resolve(f"{video.id}/hls/master.m3u8")

    async def test_a_growing_rendition(self, works: Works) -> None:
        """It is listed as an event, kept for a short time only, and is no file yet."""
        works.encoder.gate.clear()
        video = await works.upload(**SMALL)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        (rendition,) = (await works.catalog.video(video.id)).renditions
        base = f"{video.id}/hls/{rendition.key}"
        found = await works.deliver.resolve(f"{base}/index.m3u8")
        assert found.representation.cache_control == "public, max-age=2"
        assert (await works.deliver.resolve(f"{video.id}/hls/master.m3u8")).representation.cache_control == (
            "public, max-age=1"
        )
        assert (await works.deliver.resolve(f"{base}/0.m4s")).representation.cache_control == IMMUTABLE
        with pytest.raises(NotFound, match="or not yet"):
            await works.deliver.resolve(f"{base}/1.m4s")
        with pytest.raises(NotReady, match="still being encoded"):
            await works.deliver.resolve(f"{video.id}/{rendition.key}.mp4")
        works.encoder.gate.set()
        await running

    async def test_it_becomes_complete(self, works: Works) -> None:
        """Each look lists at least what the one before did; what was delivered stays byte for byte."""
        works.encoder.gate.clear()
        video = await works.upload(**SMALL, seconds=13)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        (rendition,) = (await works.catalog.video(video.id)).renditions
        base = f"{video.id}/hls/{rendition.key}"
        lists: list[list[str]] = []
        seen: dict[str, tuple[EntityTag | None, bytes]] = {}
        while not running.done():
            lists.append(names_in(await works.text(f"{base}/index.m3u8")))
            for name in ("init.mp4", *lists[-1]):
                found = await works.deliver.resolve(f"{base}/{name}")
                delivered = (found.representation.etag, works.content(found))
                assert seen.setdefault(name, delivered) == delivered
            await works.grow(video.job_id)
        await works.look_again()
        text = await works.text(f"{base}/index.m3u8")
        lists.append(names_in(text))
        for before, after in pairwise(lists):
            assert after[: len(before)] == before
        assert len({len(names) for names in lists}) >= 4
        assert text.endswith("#EXT-X-ENDLIST\n")
        works.deliver.forget(await works.catalog.video(video.id))
        for name, delivered in seen.items():
            found = await works.deliver.resolve(f"{base}/{name}")
            assert (found.representation.etag, works.content(found)) == delivered

    async def test_renditions_join_as_they_begin(self, works: Works) -> None:
        """A copy that is whole is listed while the ladder is still at its beginning."""
        works.encoder.gate.clear()
        video = await works.upload(**H264, seconds=2)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        with pytest.raises(NotReady):
            await works.deliver.resolve(f"{video.id}/hls/master.m3u8")
        await works.grow(video.job_id)
        found = await works.catalog.video(video.id)
        assert [it.status for it in found.renditions].count(RenditionStatus.COMPLETE) == 1
        read: Any = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
        assert (640, 360) in [it.stream_info.resolution for it in read.playlists]
        works.encoder.gate.set()
        await running

    async def test_a_video_that_failed(self, works: Works) -> None:
        """A video that could not be encoded is not promised for later."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.complete(**SMALL)
        with pytest.raises(NotFound, match="could not be encoded"):
            await works.deliver.resolve(f"{video.id}/hls/master.m3u8")


class TestValidators:
    """ETags: the same on every node, and never the same for other bytes."""

    async def test_every_address_has_its_own(self, works: Works) -> None:
        """No two addresses of a video share an ETag unless they have the same bytes."""
        video = await works.complete(**H264)
        paths = [f"{video.id}/source", f"{video.id}/hls/master.m3u8"]
        for rendition in video.renditions:
            base = f"{video.id}/hls/{rendition.key}"
            paths += [f"{video.id}/{rendition.key}.mp4", f"{base}/init.mp4"]
            paths += [f"{base}/{name}" for name in names_in(await works.text(f"{base}/index.m3u8"))]
        tags = [(await works.deliver.resolve(path)).representation.etag for path in paths]
        assert len(set(tags)) == len(paths)
        assert all(tag is not None and re.fullmatch(r"[\w-]+", tag.opaque) and not tag.is_weak for tag in tags)

    async def test_another_node_says_the_same(self, works: Works) -> None:
        """A server that shares catalog and storage gives the same ETags and dates."""
        video = await works.complete(**SMALL)
        base = f"{video.id}/hls/{video.renditions[0].key}"
        async with open_works(catalog=works.catalog, blobs=works.blobs) as other:
            for path in (f"{video.id}/source", f"{base}/index.m3u8", f"{base}/init.mp4", f"{base}/1.m4s"):
                assert await works.deliver.resolve(path) == await other.deliver.resolve(path)

    async def test_encoding_again_makes_new_addresses(self, works: Works) -> None:
        """A second encode of the same source has other keys, so nothing that is cached becomes wrong."""
        one, other = await works.complete(**SMALL), await works.complete(**SMALL)
        assert one.renditions[0].key != other.renditions[0].key
        assert one.renditions[0].name == other.renditions[0].name


class TestRemembering:
    """A hot address costs a look-up."""

    async def test_what_never_changes_is_asked_for_once(self, works: Works) -> None:
        """After the first time neither the catalog nor an index is asked for a segment."""
        video = await works.complete(**SMALL)
        path = f"{video.id}/hls/{video.renditions[0].key}/0.m4s"
        first = await works.deliver.resolve(path)
        works.catalog.calls.clear()
        await works.look_again()
        assert await works.deliver.resolve(path) is first
        assert works.catalog.calls == []

    async def test_what_may_change_is_asked_for_again(self, works: Works) -> None:
        """A playlist is remembered for a moment, then looked at anew."""
        video = await works.complete(**SMALL)
        path = f"{video.id}/hls/master.m3u8"
        first = await works.deliver.resolve(path)
        assert await works.deliver.resolve(path) is first
        await works.look_again()
        works.catalog.calls.clear()
        assert await works.deliver.resolve(path) == first
        assert "video" in works.catalog.calls

    async def test_what_was_not_there_is_not_remembered(self, works: Works) -> None:
        """An address that meant nothing a moment ago may mean something now."""
        works.encoder.gate.clear()
        video = await works.upload(**SMALL)
        running = asyncio.create_task(works.run(video))
        await works.started(video.job_id)
        (rendition,) = (await works.catalog.video(video.id)).renditions
        path = f"{video.id}/hls/{rendition.key}/1.m4s"
        with pytest.raises(NotFound):
            await works.deliver.resolve(path)
        works.encoder.gate.set()
        await running
        assert await whole(works, path)

    async def test_a_deleted_video_is_forgotten(self, works: Works) -> None:
        """Nothing of a deleted video is remembered, and nothing of another one is forgotten."""
        gone, here = await works.complete(**SMALL), await works.complete(**SMALL)
        paths = [f"{video.id}/hls/{video.renditions[0].key}/0.m4s" for video in (gone, here)]
        for path in paths:
            await works.deliver.resolve(path)
        await works.library.delete(gone.id)
        assert list(works.indexes._complete) == [here.renditions[0].key]
        works.catalog.calls.clear()
        assert works.content(await works.deliver.resolve(paths[1]))
        assert works.catalog.calls == []
        with pytest.raises(NotFound):
            await works.deliver.resolve(paths[0])

    async def test_indexes_of_what_is_complete_are_let_go(self, works: Works) -> None:
        """Videos that nobody watches leave no index in memory, however many are encoded."""
        for _ in range(3):
            await works.complete(**H264)
        assert works.indexes._scans == {}
        assert len(works.indexes._complete) == 0


class TestAtOnce:
    """Many who want to know the same at the same time."""

    async def test_the_catalog_is_asked_once(self, works: Works) -> None:
        """A video that a thousand people open in one moment costs one question."""
        path = f"{(await works.complete(**SMALL)).id}/source"
        works.catalog.calls.clear()
        found = await asyncio.gather(*(works.deliver.resolve(path) for _ in range(1000)))
        assert works.catalog.calls == ["video"]
        assert all(each is found[0] for each in found)

    async def test_one_who_leaves_takes_nothing_from_the_others(self, works: Works) -> None:
        """Who asked first may go; the answer is for those who stay."""
        path = f"{(await works.complete(**SMALL)).id}/source"
        asked, answered = asyncio.Event(), asyncio.Event()

        async def wait(_: str) -> None:
            asked.set()
            await answered.wait()

        works.catalog.before = wait
        first, second = (asyncio.create_task(works.deliver.resolve(path)) for _ in range(2))
        await asked.wait()
        first.cancel()
        answered.set()
        assert (await second).blob_key is not None
        assert first.cancelled()

    async def test_a_failure_is_everybodys_and_not_kept(self, works: Works) -> None:
        """All who wait are told; whoever comes later has it tried again."""
        path = f"{(await works.complete(**SMALL)).id}/source"

        async def fail(_: str) -> None:
            raise NotReady

        works.catalog.before = fail
        told = await asyncio.gather(*(works.deliver.resolve(path) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [NotReady] * 3
        works.catalog.before = None
        assert (await works.deliver.resolve(path)).blob_key is not None

    async def test_a_playlist_that_did_not_change_is_still_the_same(self, works: Works) -> None:
        """What was prepared for it can go on being used after it has been looked at again."""
        path = f"{(await works.complete(**SMALL)).id}/hls/master.m3u8"
        first = await works.deliver.resolve(path)
        await asyncio.sleep(FRESH_SECONDS)
        assert works.deliver.remembered(path) is None
        assert await works.deliver.resolve(path) is first
        assert works.deliver.remembered(path) is first
