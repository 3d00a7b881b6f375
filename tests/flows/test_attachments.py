"""What people add to a video later: texts, and another poster."""

from collections.abc import Awaitable, Callable

import pytest

from streamserver.domain.videos import Video
from streamserver.errors import (
    BadInput,
    Conflict,
    EncoderFault,
    NotFound,
    SourceFault,
    StreamserverError,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from streamserver.flows.attachments import MAX_SUBTITLES, MAX_TEXT_BYTES
from streamserver.flows.receive import poster_key, subtitle_key
from tests.flows.turns import MOST_IN_A_TURN, turns
from tests.flows.works import Works, is_there

VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello <script>world</script>\n"
CUE = b"\n00:00:01.000 --> 00:00:02.000\nWords that are said, at length, and <i>with emphasis</i>\n"
SRT = "1\r\n00:00:01,000 --> 00:00:02,000\r\nGrüße\r\n".encode("cp1252")
JPEG = b"\xff\xd8\xff a picture \xff\xd9"


def blobs_of(works: Works, video: Video) -> set[str]:
    return {key for key in works.blobs._kept if key.startswith(f"{video.id}/")}


class TestSubtitles:
    """Text tracks that somebody sends."""

    @pytest.mark.parametrize("content", [VTT, SRT], ids=["WebVTT", "SubRip"])
    async def test_they_can_be_read_along(self, content: bytes, works: Works) -> None:
        """A file is clean WebVTT afterwards, listed in the video and in its playlist."""
        video = await works.complete()
        added = await works.attachments.add_subtitle(video.id, content, language="GER")
        assert (added.language, added.label, added.is_uploaded) == ("de", "Deutsch", True)
        assert (await works.catalog.video(video.id)).subtitles == (added,)
        text = await works.text(f"{video.id}/subtitles/{added.key}.vtt")
        assert text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n")
        assert text.splitlines()[-1] in {"Hello world", "Grüße"}
        assert f"subtitles/{added.key}.m3u8" in await works.text(f"{video.id}/hls/master.m3u8")

    async def test_others_are_served_meanwhile(self, works: Works) -> None:
        """While a long one is cleaned the server goes on."""
        video = await works.complete()
        content = b"WEBVTT\n" + CUE * (MAX_TEXT_BYTES // len(CUE) // 2)
        async with turns() as longest:
            await works.attachments.add_subtitle(video.id, content, language="en")
            assert longest() < MOST_IN_A_TURN

    @pytest.mark.parametrize(
        ("language", "label", "expected"),
        [
            ("en", "", "English"),
            ("en", "  For \x00 all ", "For all"),
            ("und", "", "Subtitles"),
            ("gsw", "", "gsw"),
        ],
    )
    async def test_what_they_are_called(self, language: str, label: str, expected: str, works: Works) -> None:
        """A text track has the label that was given, in words fit to be shown, or that of its language."""
        video = await works.complete()
        added = await works.attachments.add_subtitle(video.id, VTT, language=language, label=label)
        assert added.label == expected

    @pytest.mark.parametrize(
        ("content", "language", "fault"),
        [
            (VTT, "german", BadInput),
            (b"These are just words.", "en", BadInput),
            (b"", "en", BadInput),
            (bytes(range(256)), "en", BadInput),
            (VTT.ljust(MAX_TEXT_BYTES + 1), "en", TooLarge),
        ],
    )
    async def test_what_is_refused(
        self, content: bytes, language: str, fault: type[StreamserverError], works: Works
    ) -> None:
        """What is no text track, or in no language, is refused and leaves nothing."""
        video = await works.complete()
        before = blobs_of(works, video)
        with pytest.raises(fault):
            await works.attachments.add_subtitle(video.id, content, language=language)
        assert (await works.catalog.video(video.id)).subtitles == ()
        assert blobs_of(works, video) == before

    async def test_where_nothing_can_be_added(self, works: Works) -> None:
        """A video that is not there, that failed, or that has as many as it may, takes no more."""
        with pytest.raises(NotFound):
            await works.attachments.add_subtitle("none", VTT, language="en")
        works.encoder.faults["ladder"] = SourceFault()
        failed = await works.complete()
        with pytest.raises(Conflict):
            await works.attachments.add_subtitle(failed.id, VTT, language="en")
        works.encoder.faults.clear()
        video = await works.complete()
        for _ in range(MAX_SUBTITLES):
            await works.attachments.add_subtitle(video.id, VTT, language="en")
        with pytest.raises(Conflict, match="remove one first"):
            await works.attachments.add_subtitle(video.id, VTT, language="en")

    async def test_one_is_removed(self, works: Works) -> None:
        """A text track that is removed is gone with its bytes, at once, and the others stay."""
        video = await works.complete()
        one, other = [await works.attachments.add_subtitle(video.id, VTT, language=it) for it in ("de", "en")]
        path = f"{video.id}/subtitles/{one.key}.vtt"
        await works.deliver.resolve(path)
        await works.attachments.remove_subtitle(video.id, one.key)
        assert (await works.catalog.video(video.id)).subtitles == (other,)
        assert not is_there(works.blobs, subtitle_key(one))
        with pytest.raises(NotFound):
            await works.deliver.resolve(path)
        for key in (one.key, "none"):
            with pytest.raises(NotFound):
                await works.attachments.remove_subtitle(video.id, key)

    async def test_another_try_keeps_them(self, works: Works) -> None:
        """A job that is tried again takes the source's texts anew and leaves those that were sent."""
        works.encoder.faults["ladder"] = EncoderFault()
        video = await works.complete(codec="h264", width=640, height=360)
        added = await works.attachments.add_subtitle(video.id, VTT, language="en")
        works.encoder.faults.clear()
        await works.jobs.retry(video.job_id)
        await works.run(video)
        assert (await works.catalog.video(video.id)).subtitles == (added,)
        assert is_there(works.blobs, subtitle_key(added))


class TestPosters:
    """Pictures that somebody sends."""

    async def test_another_picture(self, works: Works) -> None:
        """It takes the place of the one before under a new address, and nothing else remains."""
        video = await works.complete()
        before = blobs_of(works, video)
        assert video.poster_key is not None
        changed = await works.attachments.replace_poster(video.id, JPEG)
        assert changed.poster_key not in {None, video.poster_key}
        found = await works.deliver.resolve(f"{video.id}/poster-{changed.poster_key}.jpg")
        assert works.content(found) == b"\xff\xd8jpeg\xff\xd9"
        with pytest.raises(NotFound):
            await works.deliver.resolve(f"{video.id}/poster-{video.poster_key}.jpg")
        old, new = (poster_key(video.id, key or "") for key in (video.poster_key, changed.poster_key))
        assert blobs_of(works, video) == before - {old} | {new}

    @pytest.mark.parametrize("content", [b"", b"words", b"\x89PNG\r\n\x1a\n cut off", b"RIFF----WAVE"])
    async def test_what_is_no_picture(self, content: bytes, works: Works) -> None:
        """What is no picture, or only begins like one, is refused in words, and the poster stays."""
        video = await works.complete()
        before = blobs_of(works, video)
        with pytest.raises(UnsupportedMedia, match="please send a JPEG, PNG, WebP or GIF"):
            await works.attachments.replace_poster(video.id, content)
        assert await works.catalog.video(video.id) == video
        assert blobs_of(works, video) == before

    async def test_a_catalog_that_is_away(self, works: Works) -> None:
        """A poster that could not be made known leaves no bytes."""
        video = await works.complete()
        before = blobs_of(works, video)
        works.catalog.be_away("set_poster")
        with pytest.raises(Unavailable):
            await works.attachments.replace_poster(video.id, JPEG)
        assert blobs_of(works, video) == before

    @pytest.mark.parametrize(
        "ask",
        [
            lambda works: works.attachments.replace_poster("none", JPEG),
            lambda works: works.attachments.remove_subtitle("none", "key"),
        ],
    )
    async def test_a_video_that_is_not_there(
        self, ask: Callable[[Works], Awaitable[object]], works: Works
    ) -> None:
        """Nothing can be done with a video that is not there."""
        with pytest.raises(NotFound):
            await ask(works)
