"""The manifest of a video, beside what HLS says of it."""

import asyncio
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import m3u8
import pytest

from streamserver.domain.caching import FINISHED_PLAYLIST
from streamserver.domain.media_types import MANIFEST
from streamserver.domain.mpd import NAMESPACE
from streamserver.domain.sources import SubtitleStream
from streamserver.errors import EncoderFault, NotFound, NotReady
from tests.flows.works import Works

H264: dict[str, Any] = {"codec": "h264", "width": 640, "height": 360}
SMALL: dict[str, Any] = {"width": 320, "height": 180}
ENGLISH = SubtitleStream(index=2, codec="subrip", language="eng", title="English")
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
