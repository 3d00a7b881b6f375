"""The manifest of a video, beside what HLS says of it."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import m3u8
import pytest

from streamserver.domain.caching import FINISHED_PLAYLIST
from streamserver.domain.media_types import MANIFEST
from streamserver.domain.mpd import NAMESPACE
from streamserver.domain.sources import AudioStream, SubtitleStream
from streamserver.domain.videos import AnyRendition, RenditionStatus
from streamserver.errors import EncoderFault, NotFound, NotReady
from streamserver.flows.indexes import rendition_key
from tests.flows.works import Works

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
SMALL: dict[str, Any] = {"width": 320, "height": 180}
ENGLISH = SubtitleStream(index=2, codec="subrip", language="eng", title="English")
LANGUAGES = (
    AudioStream(index=1, codec="flac", channels=2, sample_rate_hz=48000, language="en"),
    AudioStream(index=2, codec="flac", channels=2, sample_rate_hz=48000, language="de"),
)
NAMES = {"": NAMESPACE}


async def manifest_of(works: Works, video_id: str) -> Element:
    return ET.fromstring(await works.text(f"{video_id}/manifest.mpd"))  # noqa: S314 - we wrote it


def segment_seconds(representation: Element) -> list[float]:
    (template,) = representation.findall("SegmentTemplate", NAMES)
    return [
        int(line.attrib["d"]) / int(template.attrib["timescale"])
        for line in template.findall("SegmentTimeline/S", NAMES)
        for _ in range(1 + int(line.get("r", "0")))
    ]


async def test_it_lists_what_hls_lists(works: Works) -> None:
    """The same renditions in the same order, with the same sizes, codecs, segments and URLs."""
    video = await works.complete(**H264, seconds=21)
    read: Any = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
    root = await manifest_of(works, video.id)
    representations = root.findall(".//Representation", NAMES)
    assert len(representations) == len(read.playlists) == 3
    for found, variant in zip(representations, read.playlists, strict=True):
        assert (int(found.attrib["width"]), int(found.attrib["height"])) == variant.stream_info.resolution
        assert found.get("codecs") == variant.stream_info.codecs
        assert int(found.attrib["bandwidth"]) == variant.stream_info.bandwidth
        listed: Any = m3u8.loads(await works.text(f"{video.id}/hls/{variant.uri}"))
        assert segment_seconds(found) == [segment.duration for segment in listed.segments]
        (template,) = found.findall("SegmentTemplate", NAMES)
        for number, segment in enumerate(listed.segments):
            url = template.attrib["media"].replace("$Number$", str(number))
            assert url == f"hls/{found.attrib['id']}/{segment.uri}"
            assert (await works.deliver.resolve(f"{video.id}/{url}")).blob_key is not None
        assert (
            await works.deliver.resolve(f"{video.id}/{template.attrib['initialization']}")
        ).blob_key is not None


async def test_what_it_is(works: Works) -> None:
    """It has the type of a manifest and is kept as playlists are."""
    video = await works.complete(**SMALL)
    found = (await works.deliver.resolve(f"{video.id}/manifest.mpd")).representation
    assert (found.content_type, found.cache_control) == (MANIFEST, FINISHED_PLAYLIST)


async def test_text_tracks_are_in_it(works: Works) -> None:
    """Their files are those of the player."""
    works.encoder.subtitles = (ENGLISH,)
    video = await works.complete(**SMALL)
    root = await manifest_of(works, video.id)
    (url,) = root.findall(".//BaseURL", NAMES)
    assert works.content(await works.deliver.resolve(f"{video.id}/{url.text}"))[:6] == b"WEBVTT"


async def test_languages_are_apart_from_the_picture(works: Works) -> None:
    """Each sound track is an adaptation set; the pictures' segments are the ones without sound, as in HLS."""
    works.encoder.audio = LANGUAGES
    video = await works.complete(**H264, seconds=21)
    root = await manifest_of(works, video.id)
    sets = root.findall("Period/AdaptationSet", NAMES)
    assert [(it.get("contentType"), it.get("lang")) for it in sets] == [
        ("video", None),
        ("audio", "en"),
        ("audio", "de"),
    ]
    pictures = sets[0].findall("Representation", NAMES)
    assert [it.get("codecs") for it in pictures] == ["avc1.64001e"] * 3
    read: Any = m3u8.loads(await works.text(f"{video.id}/hls/master.m3u8"))
    tracks = [it.uri for it in read.media if it.type == "AUDIO"]
    for found, uri in zip(
        [*pictures, *root.findall(".//AdaptationSet[@contentType='audio']/Representation", NAMES)],
        [*(it.uri for it in read.playlists), *tracks],
        strict=True,
    ):
        listed: Any = m3u8.loads(await works.text(f"{video.id}/hls/{uri}"))
        folder = f"hls/{uri.removesuffix('/index.m3u8')}"
        (template,) = found.findall("SegmentTemplate", NAMES)
        assert template.attrib["initialization"] == f"{folder}/init.mp4"
        assert template.attrib["media"] == f"{folder}/$Number$.m4s"
        assert segment_seconds(found) == [segment.duration for segment in listed.segments]


async def test_sound_does_not_move_while_somebody_watches(works: Works) -> None:
    """Until all languages have a segment, what is complete is static; what is dynamic has them apart."""
    works.encoder.audio = LANGUAGES
    works.encoder.gate.clear()
    video = await works.upload(**H264, seconds=13)
    running = asyncio.create_task(works.run(video))
    await works.started(video.job_id)
    roots = []
    while not running.done():
        with suppress(NotReady):
            roots.append(await manifest_of(works, video.id))
        await works.grow(video.job_id)
    await works.look_again()
    roots.append(await manifest_of(works, video.id))
    kinds = [(root.attrib["type"], len(root.findall("Period/AdaptationSet", NAMES))) for root in roots]
    assert set(kinds) >= {("dynamic", 3)}
    assert kinds[-1] == ("static", 3)
    assert ("dynamic", 1) not in kinds


async def test_sound_waits_for_the_picture(works: Works) -> None:
    """Sound is encoded sooner; while the video grows no more of it is listed than there is picture for."""
    works.encoder.audio = LANGUAGES
    works.encoder.gate.clear()
    video = await works.upload(**SMALL, seconds=61)
    running = asyncio.create_task(works.run(video))
    await works.started(video.job_id)
    await works.grow(video.job_id)
    root = await manifest_of(works, video.id)
    reaches = [sum(segment_seconds(found)) for found in root.findall(".//Representation", NAMES)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(reaches) == 3
    assert len(set(reaches)) == 1
    assert 0 < reaches[0] < 10


async def test_a_language_without_a_segment(works: Works) -> None:
    """While one is still without, what is complete can be watched with its own sound, and not what grows."""
    works.encoder.audio = LANGUAGES
    video = await works.complete(**H264)
    english, german = video.audio
    await works.catalog.delete_renditions([german.key, *(it.key for it in video.renditions[1:])])
    growing = replace(video.renditions[1], key="growing", status=RenditionStatus.GROWING, size_bytes=0)
    late = replace(german, key="late", status=RenditionStatus.GROWING, size_bytes=0)
    await works.catalog.add_renditions([growing, late])
    copy_file(works, video.renditions[1], growing)
    root = await manifest_of(works, video.id)
    assert root.get("type") == "static"
    (found,) = root.findall(".//Representation", NAMES)
    assert found.get("id") == video.renditions[0].key
    (template,) = found.findall("SegmentTemplate", NAMES)
    assert template.get("media") == f"hls/{video.renditions[0].key}/$Number$.m4s"
    await works.catalog.delete_renditions([video.renditions[0].key])
    await works.look_again()
    with pytest.raises(NotReady):
        await manifest_of(works, video.id)
    copy_file(works, english, late)
    await works.look_again()
    root = await manifest_of(works, video.id)
    assert root.get("type") == "dynamic"
    assert [it.get("id") for it in root.findall(".//Representation", NAMES)] == ["growing", english.key, "late"]


def copy_file(works: Works, source: AnyRendition, target: AnyRendition) -> None:
    """Let a rendition have as much as another one has."""
    content = works.blobs.path(rendition_key(source)).read_bytes()
    works.blobs.path(rendition_key(target)).write_bytes(content)


async def test_it_grows_with_the_video(works: Works) -> None:
    """Dynamic while a rendition grows, with more segments each time and none changed, then static."""
    works.encoder.gate.clear()
    video = await works.upload(**SMALL, seconds=13)
    running = asyncio.create_task(works.run(video))
    await works.started(video.job_id)
    found = await works.deliver.resolve(f"{video.id}/manifest.mpd")
    assert found.representation.cache_control == "public, max-age=1"
    roots = []
    while not running.done():
        roots.append(await manifest_of(works, video.id))
        await works.grow(video.job_id)
    await works.look_again()
    roots.append(await manifest_of(works, video.id))
    types = [root.attrib["type"] for root in roots]
    assert types == sorted(types)
    assert (types[0], types[-1]) == ("dynamic", "static")
    timelines = [segment_seconds(root.findall(".//Representation", NAMES)[0]) for root in roots]
    assert all(timelines[-1][: len(timeline)] == timeline for timeline in timelines)
    assert len({len(timeline) for timeline in timelines}) >= 4
    assert sum(timelines[-1]) == 13


async def test_what_is_whole_is_static(works: Works) -> None:
    """A copy that is complete while the ladder waits for its turn is a presentation by itself."""
    works.encoder.faults["ladder"] = EncoderFault()
    video = await works.complete(**H264)
    root = await manifest_of(works, video.id)
    assert root.get("type") == "static"
    assert len(root.findall(".//Representation", NAMES)) == 1


async def test_nothing_yet_and_nothing_ever(works: Works) -> None:
    """Before the first segment it is not ready; of a video that failed there is none."""
    video = await works.upload(**SMALL)
    with pytest.raises(NotReady):
        await works.deliver.resolve(f"{video.id}/manifest.mpd")
    works.encoder.faults["ladder"] = EncoderFault()
    await works.run(video)
    await works.look_again()
    with pytest.raises(NotFound, match="could not be encoded"):
        await works.deliver.resolve(f"{video.id}/manifest.mpd")
