"""Chapters and storyboards: taken, delivered, and left out where they cannot be had."""

import m3u8
import pytest

from streamserver.domain.chapters import Chapter
from streamserver.domain.jobs import Stage
from streamserver.domain.media_types import JPEG, WEBVTT
from streamserver.domain.sources import SubtitleStream
from streamserver.domain.videos import VideoStatus
from streamserver.errors import EncoderFault, NotFound
from streamserver.flows.extras import MAX_TEXT_BYTES
from streamserver.flows.receive import subtitle_key
from tests.flows.turns import MOST_IN_A_TURN, turns
from tests.flows.works import Works

CUE = b"\n00:00:01.000 --> 00:00:02.000\nWords that are said, at length, and <i>with emphasis</i>\n"
CHAPTERS = (
    Chapter(start_seconds=0, end_seconds=4, title="Begin"),
    Chapter(start_seconds=4, end_seconds=10, title="End"),
)


class TestChapters:
    """The parts of a video."""

    async def test_they_are_delivered(self, works: Works) -> None:
        """The chapters of a source are those of its video, as WebVTT."""
        works.encoder.chapters = CHAPTERS
        video = await works.complete()
        assert video.chapters == CHAPTERS
        found = await works.deliver.resolve(f"{video.id}/chapters.vtt")
        assert found.representation.content_type == WEBVTT
        assert works.content(found).decode().splitlines()[-1] == "End"

    async def test_there_may_be_none(self, works: Works) -> None:
        """A video without chapters has no such address."""
        video = await works.complete()
        with pytest.raises(NotFound):
            await works.deliver.resolve(f"{video.id}/chapters.vtt")


class TestTexts:
    """The text tracks of a source."""

    async def test_one_without_end_is_left_out(self, works: Works) -> None:
        """A track that is larger than anybody reads costs neither memory nor the video."""
        works.encoder.subtitles = (SubtitleStream(index=2, codec="subrip", language="en"),)
        works.encoder.words = CUE * (MAX_TEXT_BYTES // len(CUE))
        video = await works.complete()
        assert (video.status, video.subtitles) == (VideoStatus.COMPLETE, ())
        assert not [key for key in works.blobs._kept if key.endswith(".vtt") and "storyboard" not in key]

    async def test_they_are_in_the_order_of_the_source(self, works: Works) -> None:
        """Tracks of one language, or of none, are listed as they come, however many there are."""
        works.encoder.words = CUE
        works.encoder.subtitles = tuple(SubtitleStream(index=number, codec="subrip") for number in range(2, 42))
        video = await works.complete()
        assert [it.label for it in video.subtitles] == [f"Subtitles {number}" for number in range(1, 41)]
        assert [begun.count(",") for begun in works.encoder.begun if begun.startswith("texts")] == [39]

    async def test_one_does_not_spoil_the_others(self, works: Works) -> None:
        """All are taken in one go; where one cannot be read, each is taken alone, and nothing of it remains."""
        works.encoder.subtitles = tuple(SubtitleStream(index=number, codec="subrip") for number in (2, 3, 4))
        works.encoder.faults["subtitle 3"] = EncoderFault()
        video = await works.complete()
        assert [it.label for it in video.subtitles] == ["Subtitles 1", "Subtitles 3"]
        begun = [begun for begun in works.encoder.begun if begun.startswith("texts")]
        assert begun == ["texts 2, 3, 4", "texts 2", "texts 3", "texts 4"]
        kept = {key for key in works.blobs._kept if key.endswith(".vtt") and "storyboard" not in key}
        assert kept == {subtitle_key(subtitle) for subtitle in video.subtitles}

    async def test_others_are_served_meanwhile(self, works: Works) -> None:
        """While a long one is cleaned the server goes on."""
        works.encoder.subtitles = (SubtitleStream(index=2, codec="subrip", language="en"),)
        works.encoder.words = CUE * 15_000
        async with turns() as longest:
            assert len((await works.complete()).subtitles) == 1
            assert longest() < MOST_IN_A_TURN


class TestStoryboard:
    """Pictures for seeking."""

    async def test_what_is_done_meanwhile(self, works: Works) -> None:
        """While it is made nobody is told that frames are still being encoded."""
        stages = []

        async def notice(name: str) -> None:
            if name == "set_storyboard":
                stages.append((await works.jobs.get(video.job_id)).stage)

        works.catalog.before = notice
        video = await works.upload()
        await works.run(video)
        assert stages == [Stage.PUBLISH]

    async def test_it_is_delivered(self, works: Works) -> None:
        """Its text names the sheets, which lie beside it, and covers the video to its end."""
        video = await works.complete(seconds=61)
        text = await works.deliver.resolve(f"{video.id}/storyboard-{video.storyboard_key}.vtt")
        assert text.representation.content_type == WEBVTT
        lines = works.content(text).decode().splitlines()
        assert "00:01:00.000 --> 00:01:01.000" in lines
        names = {line.split("#")[0] for line in lines if "#xywh=" in line}
        assert len(names) == 2
        for name in names:
            sheet = await works.deliver.resolve(f"{video.id}/{name}")
            assert sheet.representation.content_type == JPEG
            assert works.content(sheet).startswith(b"\xff\xd8")

    async def test_it_is_no_must(self, works: Works) -> None:
        """A video of which none can be had is COMPLETE all the same, and no half of it is kept."""
        works.encoder.faults["storyboard"] = EncoderFault()
        video = await works.complete()
        assert (video.status, video.storyboard_key) == (VideoStatus.COMPLETE, None)
        assert not [key for key in works.blobs._kept if "storyboard" in key]

    async def test_it_is_taken_once(self, works: Works) -> None:
        """A job that is tried again keeps the storyboard that is there."""
        video = await works.complete(codec="h264", width=640, height=360)
        await works.encode._tasks._extras.storyboard(video.id)
        assert (await works.catalog.video(video.id)).storyboard_key == video.storyboard_key


class TestKeyframes:
    """I-frame playlists."""

    async def test_they_are_listed(self, works: Works) -> None:
        """Each rendition has one, of ranges of its segments, which add up to the time of the video."""
        video = await works.complete(width=640, height=360, seconds=13)
        master = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
        listed = master.iframe_playlists
        assert [it.uri for it in listed] == [f"{it.key}/iframes.m3u8" for it in video.renditions]
        assert {it.iframe_stream_info.codecs for it in listed} == {"avc1.64001e"}
        read = m3u8.loads(await works.text(f"{video.id}/hls/{listed[0].uri}"))
        assert read.is_i_frames_only
        assert sum(segment.duration for segment in read.segments) == pytest.approx(13)
        assert len(read.segments) == 7
        base = f"{video.id}/hls/{video.renditions[0].key}"
        for segment in read.segments:
            count, offset = map(int, segment.byterange.split("@"))
            content = works.content(await works.deliver.resolve(f"{base}/{segment.uri}"))
            assert content[offset + 4 : offset + 8] == b"moof"
            assert offset + count <= len(content)
