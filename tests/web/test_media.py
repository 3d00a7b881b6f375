"""Media as clients get it: types, caching, conditions and ranges, over each kind of address."""

from pathlib import Path

import pytest

from tests.facts import go_ranges
from tests.facts.parts import read_partial
from tests.web.house import REGION_BYTES, House, open_house
from tests.web.media import IMMUTABLE, PLAYLISTS, SHORT, Kind, Media, add_source, complete_media

M3U8 = "application/vnd.apple.mpegurl"
EXPECTED = {
    Kind.SOURCE: ("application/octet-stream", IMMUTABLE),
    Kind.POSTER: ("image/jpeg", IMMUTABLE),
    Kind.FILE: ("video/mp4", IMMUTABLE),
    Kind.REGION: ("video/mp4", IMMUTABLE),
    Kind.MULTIVARIANT: (M3U8, SHORT),
    Kind.MANIFEST: ("application/dash+xml", SHORT),
    Kind.PLAYLIST: (M3U8, SHORT),
    Kind.INIT: ("video/mp4", IMMUTABLE),
    Kind.SEGMENT: ("video/iso.segment", IMMUTABLE),
    Kind.SUBTITLE: ("text/vtt; charset=utf-8", IMMUTABLE),
    Kind.SUBTITLE_PLAYLIST: (M3U8, SHORT),
}
"""Content-Type and Cache-Control."""

each_kind = pytest.mark.parametrize("kind", Kind)


@pytest.fixture
async def media(house: House) -> Media:
    """Give a complete video."""
    return await complete_media(house)


@each_kind
async def test_each_kind_has_its_type_and_may_be_kept_for_as_long_as_it_holds(
    house: House, media: Media, kind: Kind
) -> None:
    """What never changes is immutable, playlists are asked for again; all have a strong ETag and take ranges."""
    async with house.client.get(media.addresses[kind]) as response:
        body = await response.read()
        headers = response.headers
    assert response.status == 200
    assert (headers["Content-Type"], headers["Cache-Control"]) == EXPECTED[kind]
    assert headers["ETag"].startswith('"')
    assert headers["Accept-Ranges"] == "bytes"
    assert ("Last-Modified" in headers) == (kind not in PLAYLISTS)
    assert "Vary" not in headers
    assert len(body) == int(headers["Content-Length"]) > 0


@each_kind
async def test_tags_are_the_same_on_every_server(house: House, media: Media, kind: Kind, tmp_path: Path) -> None:
    """A second server, or the same one after a restart, has the same bytes under the same ETag."""
    here = await house.client.get(media.addresses[kind])
    async with open_house(tmp_path / "other", catalog=house.catalog, blobs=house.blobs) as other:
        there = await other.client.get(media.addresses[kind])
        assert there.headers["ETag"] == here.headers["ETag"]
        assert there.headers.get("Last-Modified") == here.headers.get("Last-Modified")
        assert await there.read() == await here.read()


async def test_different_bytes_have_different_tags(house: House, media: Media) -> None:
    """Only the two deliveries of a file share a tag; a second encode of the same source shares none."""
    again = await complete_media(house)
    kinds = [kind for kind in Kind if kind not in {Kind.REGION, *PLAYLISTS}]
    addresses = [found.addresses[kind] for found in (media, again) for kind in kinds]
    addresses += [media.addresses[kind] for kind in PLAYLISTS]
    tags = [(await house.client.head(address)).headers["ETag"] for address in addresses]
    assert len(set(tags)) == len(tags)
    file, region = [await house.client.head(media.addresses[kind]) for kind in (Kind.FILE, Kind.REGION)]
    assert file.headers["ETag"] == region.headers["ETag"]


@each_kind
async def test_head_tells_what_get_does(house: House, media: Media, kind: Kind) -> None:
    """The same status and header, no body; with conditions and ranges too (ranges mean nothing to HEAD)."""
    address = media.addresses[kind]
    tag = (await house.client.head(address)).headers["ETag"]
    for asked in ({}, {"If-None-Match": tag}, {"If-Match": '"x"'}):
        get = await house.client.get(address, headers=asked)
        head = await house.client.head(address, headers=asked)
        assert head.status == get.status
        assert {**head.headers, "Date": ""} == {**get.headers, "Date": ""}
        assert await head.read() == b""
    ranged = await house.client.head(address, headers={"Range": "bytes=0-0"})
    assert ranged.status == 200


@each_kind
async def test_conditions_are_judged(house: House, media: Media, kind: Kind) -> None:
    """304 repeats what a cache needs, 412 for a state that is gone; date conditions where there is a date."""
    address = media.addresses[kind]
    first = await house.client.get(address)
    tag = first.headers["ETag"]
    for asked in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        response = await house.client.get(address, headers={"If-None-Match": asked})
        assert (response.status, await response.read()) == (304, b"")
        for name in ("ETag", "Cache-Control"):
            assert response.headers[name] == first.headers[name]
    assert (await house.client.get(address, headers={"If-None-Match": '"x"'})).status == 200
    assert (await house.client.get(address, headers={"If-Match": tag})).status == 200
    for failing in ('"x"', f"W/{tag}"):
        assert (await house.client.get(address, headers={"If-Match": failing})).status == 412
    if "Last-Modified" in first.headers:
        date = first.headers["Last-Modified"]
        assert (await house.client.get(address, headers={"If-Modified-Since": date})).status == 304
        assert (await house.client.get(address, headers={"If-Unmodified-Since": date})).status == 200


@each_kind
async def test_ranges_cut_out_what_they_name(house: House, media: Media, kind: Kind) -> None:
    """Closed, open, suffix and single-byte ranges, also across the two regions of an init segment."""
    address = media.addresses[kind]
    content = await (await house.client.get(address)).read()
    length = len(content)
    asked = [f"{first}-{first}" for first in range(0, length, max(1, length // 9))]
    asked += [
        "0-",
        "-1",
        "-5",
        f"5-{length + 9}",
        f"{length - 1}-",
        f"-{length + 5}",
        f"0-{length - 1}",
        f"{length // 2}-{length}",
    ]
    for spec in asked:
        response = await house.client.get(address, headers={"Range": f"bytes={spec}"})
        assert response.status == 206, spec
        (part,) = read_partial(
            response.headers["Content-Type"], response.headers["Content-Range"], await response.read()
        )
        assert part.content == content[part.start : part.end]
        assert part.length == length
        assert response.headers["Cache-Control"] == EXPECTED[kind][1]
        first, _, last = spec.partition("-")
        if kind is not Kind.REGION:
            expected = content[int(first) : int(last or length) + 1] if first else content[-int(last) :]
            assert part.content == expected, spec


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.REGION])
async def test_several_ranges_come_in_parts(house: House, media: Media, kind: Kind) -> None:
    """multipart/byteranges, each part with its type and place."""
    address = media.addresses[kind]
    content = await (await house.client.get(address)).read()
    async with house.client.get(address, headers={"Range": "bytes=0-1, 4-4, -2"}) as response:
        assert response.status == 206
        parts = read_partial(response.headers["Content-Type"], None, await response.read())
    assert [part.content for part in parts] == [content[:2], content[4:5], content[-2:]]
    assert {part.content_type for part in parts} == {EXPECTED[kind][0]}


@each_kind
async def test_a_range_past_the_end_is_416(house: House, media: Media, kind: Kind) -> None:
    """It tells the length, and no cache may keep it as if it were the media."""
    address = media.addresses[kind]
    length = (await house.client.head(address)).headers["Content-Length"]
    for spec in (f"{length}-", "-0"):
        response = await house.client.get(address, headers={"Range": f"bytes={spec}"})
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{length}"
        assert "immutable" not in response.headers.get("Cache-Control", "")


@each_kind
async def test_a_range_of_other_bytes_is_not_given(house: House, media: Media, kind: Kind) -> None:
    """If-Range with the present tag gives the part, with any other the whole."""
    address = media.addresses[kind]
    tag = (await house.client.head(address)).headers["ETag"]
    for value, status in ((tag, 206), ('"x"', 200), (f"W/{tag}", 200)):
        response = await house.client.get(address, headers={"Range": "bytes=0-3", "If-Range": value})
        assert (value, response.status) == (value, status)


async def test_a_region_leads_through_the_file(house: House) -> None:
    """An open range is answered by one region; asking on from its end gives the whole file."""
    media = await complete_media(house, seconds=60)
    address, content = media.addresses[Kind.REGION], b""
    whole = await (await house.client.get(media.addresses[Kind.FILE])).read()
    assert len(whole) > 5 * REGION_BYTES
    requests = 0
    while len(content) < len(whole):
        response = await house.client.get(address, headers={"Range": f"bytes={len(content)}-"})
        assert response.status == 206
        content += await response.read()
        requests += 1
    assert content == whole
    assert requests == -(-len(whole) // REGION_BYTES)


async def test_a_region_is_the_most_that_any_range_gives(house: House) -> None:
    """Closed ranges, suffixes and several at once are cut too; without Range there is the whole file."""
    media = await complete_media(house, seconds=60)
    address = media.addresses[Kind.REGION]
    whole = await (await house.client.get(address)).read()
    asked = {f"7-{len(whole)}": 7, f"-{len(whole) - 3}": 3, "5-30000, 90-": 5}
    for spec, start in asked.items():
        response = await house.client.get(address, headers={"Range": f"bytes={spec}"})
        assert response.status == 206
        assert await response.read() == whole[start : start + REGION_BYTES]
    short = await house.client.get(address, headers={"Range": "bytes=5-9"})
    assert await short.read() == whole[5:10]


async def test_segments_and_file_are_the_same_bytes(house: House, media: Media) -> None:
    """The init segment and all segments are slices of the rendition's file, which hold every fragment once."""
    file = await (await house.client.get(media.addresses[Kind.FILE])).read()
    playlist = await (await house.client.get(media.addresses[Kind.PLAYLIST])).text()
    folder = media.addresses[Kind.PLAYLIST].rsplit("/", 1)[0]
    names = [line for line in playlist.splitlines() if not line.startswith("#")]
    assert len(names) == 5
    init = await (await house.client.get(f"{folder}/init.mp4")).read()
    segments = [await (await house.client.get(f"{folder}/{name}")).read() for name in names]
    assert init[4:8] == b"ftyp"
    assert b"moov" in init
    for segment in segments:
        assert segment[4:8] == b"moof"
        assert segment in file
    assert sum(file.count(segment) for segment in segments) == len(segments)
    assert file.endswith(b"".join(segments))


async def test_go_is_agreed_with_through_the_whole_server(house: House) -> None:
    """All cases of Go's table come out alike for a source in the library."""
    table = go_ranges.table()
    address = await add_source(house, table.content)
    for case in table.cases:
        response = await house.client.get(address, headers={"Range": case.header} if case.header else {})
        body = await response.read()
        assert (case.header, response.status) == (case.header, case.status)
        if response.status == 206:
            parts = read_partial(response.headers["Content-Type"], response.headers.get("Content-Range"), body)
            assert tuple((part.start, part.end) for part in parts) == case.ranges
            assert all(part.content == table.content[part.start : part.end] for part in parts)
        elif response.status == 200:
            assert body == table.content
