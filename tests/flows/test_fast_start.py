"""A finished rendition as it is delivered: its `moov` first, whatever the file on disk is like."""

from dataclasses import replace

import pytest

from streamserver.domain.answers import Delivery
from streamserver.domain.fast_start import fast_start
from streamserver.domain.ranges import ResourceRegion
from streamserver.domain.videos import Video
from streamserver.flows.indexes import rendition_key
from tests.clips.finished import finished_mp4, presented
from tests.flows.works import Works

CONTENT = finished_mp4(bytes(range(256)) * 50, padding=5000)


async def with_file(works: Works, content: bytes) -> Video:
    """Return a complete video whose only rendition has this file."""
    video = await works.complete(width=320, height=180)
    (rendition,) = video.renditions
    index = await works.catalog.fragment_index(rendition.key)
    works.blobs.path(rendition_key(rendition)).write_bytes(content)
    await works.catalog.delete_renditions([rendition.key])
    rendition = replace(rendition, size_bytes=len(content))
    await works.catalog.add_renditions([rendition])
    await works.catalog.complete_rendition(rendition, index)
    return await works.catalog.video(video.id)


@pytest.mark.parametrize(("folder", "delivery"), [("", Delivery.RANGE), ("region/", Delivery.REGION)])
async def test_a_finished_file_starts_with_its_moov(folder: str, delivery: Delivery, works: Works) -> None:
    """Both deliveries present the same, under the same tag, and end with one region of the file."""
    video = await with_file(works, CONTENT)
    (rendition,) = video.renditions
    found = await works.deliver.resolve(f"{video.id}/{folder}{rendition.key}.mp4")
    body = fast_start(lambda position, count: CONTENT[position : position + count], len(CONTENT))
    assert body is not None
    assert works.content(found) == presented(body, CONTENT)
    assert found.representation.length == len(works.content(found))
    assert found.parts[-1] == ResourceRegion(position=28, count=8 + 256 * 50)
    assert found.delivery is delivery
    other = await works.deliver.resolve(f"{video.id}/{'' if folder else 'region/'}{rendition.key}.mp4")
    assert other.representation == found.representation


async def test_the_tag_is_not_that_of_the_file(works: Works) -> None:
    """A client that holds a part of the file as it is on disk does not put it together with this."""
    video = await with_file(works, CONTENT)
    path = f"{video.id}/{video.renditions[0].key}.mp4"
    fast = (await works.deliver.resolve(path)).representation
    works.deliver.forget(video)
    works.blobs.path(rendition_key(video.renditions[0])).write_bytes(b"\0\0\0\x08moov".ljust(len(CONTENT), b"x"))
    plain = (await works.deliver.resolve(path)).representation
    assert fast.etag != plain.etag
    assert plain.length == len(CONTENT)
