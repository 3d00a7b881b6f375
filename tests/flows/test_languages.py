"""Videos with several sound tracks: how they are encoded, listed and delivered."""

import asyncio
from typing import Any

import m3u8
import pytest

from streamserver.domain.jobs import JobStatus
from streamserver.domain.sources import AudioStream
from streamserver.domain.videos import AudioRendition, RenditionStatus, VideoStatus
from streamserver.errors import EncoderFault, NotFound, SourceFault
from streamserver.flows.indexes import rendition_key
from tests.flows.works import Works, is_there

SMALL: dict[str, Any] = {"width": 320, "height": 180}
TRACKS = (
    AudioStream(index=1, codec="flac", channels=2, sample_rate_hz=48000, language="en"),
    AudioStream(index=2, codec="flac", channels=2, sample_rate_hz=48000, language="de", title="Kommentar"),
    AudioStream(index=3, codec="flac", channels=2, sample_rate_hz=48000),
)


async def test_each_track_is_a_rendition(works: Works) -> None:
    """Each track has a file of its own, complete and indexed, called by its title, language or number."""
    works.encoder.audio = TRACKS
    video = await works.complete(**SMALL)
    assert [(it.number, it.language, it.label) for it in video.audio] == [
        (0, "en", "English"),
        (1, "de", "Kommentar"),
        (2, "und", "Track 3"),
    ]
    for track in video.audio:
        assert (track.status, track.codecs) == (RenditionStatus.COMPLETE, "mp4a.40.2")
        assert track.size_bytes == len(works.content(await works.deliver.resolve(f"{video.id}/{track.key}.mp4")))
        assert (await works.catalog.fragment_index(track.key)).plan


async def test_nothing_is_left_of_those_of_a_source_that_cannot_be_used(works: Works) -> None:
    """A fault of the source that shows late takes the tracks along that were whole by then."""
    works.encoder.audio = TRACKS
    works.encoder.faults["ladder"] = SourceFault("The video is damaged.")
    video = await works.upload(**SMALL)
    await works.catalog.add_renditions(
        AudioRendition(
            key=f"sound-{number}",
            video_id=video.id,
            number=number,
            language="en",
            label=f"Track {number}",
            target_seconds=4,
            status=RenditionStatus.COMPLETE,
        )
        for number in range(len(TRACKS))
    )
    assert (await works.run(video)).status is JobStatus.ERROR
    assert (await works.catalog.video(video.id)).files == ()


async def test_one_track_needs_none(works: Works) -> None:
    """A video with one sound track has it in its renditions, and they are listed with it."""
    works.encoder.audio = TRACKS[:1]
    video = await works.complete(**SMALL)
    assert video.audio == ()
    playlist = await works.text(f"{video.id}/hls/master.m3u8")
    assert "AUDIO" not in playlist
    assert f"\n{video.renditions[0].key}/index.m3u8" in playlist


async def test_the_playlist_offers_them(works: Works) -> None:
    """All are in one group with different names, one of them the default; the variants are without sound."""
    works.encoder.audio = TRACKS
    video = await works.complete(**SMALL)
    read: Any = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
    tracks = [it for it in read.media if it.type == "AUDIO"]
    assert [(it.name, it.language, it.default, it.autoselect) for it in tracks] == [
        ("English", "en", "YES", "YES"),
        ("Kommentar", "de", "NO", "YES"),
        ("Track 3", None, "NO", "YES"),
    ]
    assert {it.stream_info.audio for it in read.playlists} == {it.group_id for it in tracks} == {"sound"}
    for uri in [*(it.uri for it in tracks), *(it.uri for it in read.playlists)]:
        listed: Any = m3u8.loads(await works.text(f"{video.id}/hls/{uri}"))
        assert listed.is_endlist
        base = f"{video.id}/hls/{uri.rsplit('/', 1)[0]}"
        for name in ("init.mp4", *(segment.uri for segment in listed.segments)):
            assert works.content(await works.deliver.resolve(f"{base}/{name}"))
    for variant in read.playlists:
        assert variant.uri.endswith("/picture/index.m3u8")


@pytest.mark.parametrize("name", ["99.m4s", "none"])
async def test_what_is_not_there_without_sound(name: str, works: Works) -> None:
    """The picture alone has the segments that the rendition has, and no others."""
    works.encoder.audio = TRACKS
    video = await works.complete(**SMALL)
    with pytest.raises(NotFound):
        await works.deliver.resolve(f"{video.id}/hls/{video.renditions[0].key}/picture/{name}")
    with pytest.raises(NotFound):
        await works.deliver.resolve(f"{video.id}/hls/{video.audio[0].key}/picture/0.m4s")


async def test_without_them_a_video_is_a_video(works: Works) -> None:
    """Sound tracks that cannot be encoded are left out, without a trace, and the job is COMPLETE."""
    works.encoder.audio = TRACKS
    works.encoder.faults["sound"] = EncoderFault()
    video = await works.complete(**SMALL)
    assert (video.status, video.audio) == (VideoStatus.COMPLETE, ())
    assert "AUDIO" not in await works.text(f"{video.id}/hls/master.m3u8")
    assert not [key for key in works.blobs._kept if "sound-" in key]


async def test_another_try_keeps_what_is_whole(works: Works) -> None:
    """A job that is tried again does not encode its sound tracks again; those of a cut-off attempt it does."""
    works.encoder.audio = TRACKS
    works.encoder.faults["ladder"] = EncoderFault()
    video = await works.complete(codec="h264", width=640, height=360)
    works.encoder.faults.clear()
    await works.jobs.retry(video.job_id)
    assert (await works.run(video)).status is JobStatus.COMPLETE
    again = (await works.catalog.video(video.id)).audio
    assert [it.status for it in again] == [RenditionStatus.COMPLETE] * 3
    assert all(is_there(works.blobs, rendition_key(it)) for it in again)
    assert len([key for key in works.blobs._kept if "sound-" in key]) == 3


async def test_a_ladder_that_is_cancelled_takes_them_along(works: Works) -> None:
    """A job that is stopped stops encoding sound, too, and leaves none that is half-done."""
    works.encoder.audio = TRACKS
    works.encoder.gate.clear()
    video = await works.upload(**SMALL)
    running = asyncio.create_task(works.run(video))
    await works.started(video.job_id)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for track in (await works.catalog.video(video.id)).audio:
        assert track.status is RenditionStatus.COMPLETE
