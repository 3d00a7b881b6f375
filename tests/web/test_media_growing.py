"""Media of a video that is still being encoded."""

from collections.abc import AsyncIterator

import pytest

from tests.web.house import Document, House, assert_problem
from tests.web.media import IMMUTABLE, SHORT


@pytest.fixture
async def growing(house: House) -> AsyncIterator[Document]:
    """Give a video that grows."""
    yield await house.growing(seconds=20)
    house.encoder.gate.set()


async def test_nothing_can_be_watched_before_the_first_fragment(house: House) -> None:
    """While a video waits its playlist is 503 with Retry-After, for a moment only."""
    await house.growing()
    video, _ = await house.upload()
    async with house.client.get(f"/media/{video['id']}/hls/master.m3u8") as response:
        await assert_problem(response, 503, "not_ready")
        assert response.headers["Retry-After"] == "2"


async def test_a_growing_rendition_is_an_event_and_then_a_recording(house: House, growing: Document) -> None:
    """Its playlists only grow: EVENT, short-lived and without an end, then VOD with one."""
    address = growing["renditions"][0]["playlist_url"]
    playlists, tags = [], []
    for _ in range(3):
        async with house.client.get(address) as response:
            assert response.headers["Cache-Control"] == "public, max-age=2"
            playlists.append(await response.text())
            tags.append(response.headers["ETag"])
        await house.grow(growing)
    await house.finish(growing)
    async with house.client.get(address) as response:
        assert response.headers["Cache-Control"] == SHORT
        complete = await response.text()
    for earlier, later in zip(playlists, [*playlists[1:], complete], strict=True):
        segments = earlier[earlier.index("#EXTINF") :]
        assert later[later.index("#EXTINF") :].startswith(segments)
    assert len(set(tags)) == 3
    assert all("#EXT-X-PLAYLIST-TYPE:EVENT\n" in text and "ENDLIST" not in text for text in playlists)
    assert "#EXT-X-PLAYLIST-TYPE:VOD\n" in complete
    assert complete.endswith("#EXT-X-ENDLIST\n")
    heads = {text.split("#EXTINF")[0].replace("EVENT", "VOD") for text in [*playlists, complete]}
    assert len(heads) == 1, "nothing but the type may change"


async def test_the_multivariant_playlist_of_a_growing_video_is_asked_for_again(
    house: House, growing: Document
) -> None:
    """It lists what has fragments by now, and may be kept for a second only."""
    async with house.client.get(growing["hls_url"]) as response:
        assert response.headers["Cache-Control"] == "public, max-age=1"
        text = await response.text()
    for rendition in growing["renditions"]:
        assert f"{rendition['key']}/index.m3u8" in text


async def test_the_manifest_of_a_growing_video_is_asked_for_again(house: House, growing: Document) -> None:
    """It is dynamic and may be kept for a second only; complete, it is static and kept as playlists are."""
    async with house.client.get(growing["dash_url"]) as response:
        assert response.headers["Cache-Control"] == "public, max-age=1"
        assert 'type="dynamic"' in await response.text()
    await house.finish(growing)
    async with house.client.get(growing["dash_url"]) as response:
        assert response.headers["Cache-Control"] == SHORT
        assert 'type="static"' in await response.text()


async def test_what_was_published_while_growing_never_changes(house: House, growing: Document) -> None:
    """Init segment and segments have the same bytes, tag and policy before and after completion."""
    await house.grow(growing)
    folder = growing["renditions"][0]["playlist_url"].rsplit("/", 1)[0]
    before = {}
    for name in ("init.mp4", "0.m4s", "1.m4s"):
        async with house.client.get(f"{folder}/{name}") as response:
            assert response.status == 200
            before[name] = (await response.read(), response.headers["ETag"], response.headers["Cache-Control"])
    assert {policy for _, _, policy in before.values()} == {IMMUTABLE}
    await house.finish(growing)
    for name, (content, tag, policy) in before.items():
        async with house.client.get(f"{folder}/{name}") as response:
            assert await response.read() == content
            assert (response.headers["ETag"], response.headers["Cache-Control"]) == (tag, policy)


async def test_what_is_still_to_come_is_not_kept_by_caches(house: House, growing: Document) -> None:
    """The next segment is 404, the file 503, both `no-store`; later they are there."""
    rendition = growing["renditions"][0]
    later = [(f"{rendition['playlist_url'].rsplit('/', 1)[0]}/3.m4s", 404, "not_found")]
    later += [(rendition[name], 503, "not_ready") for name in ("file_url", "region_url")]
    for address, status, code in later:
        await assert_problem(await house.client.get(address), status, code)
    await house.finish(growing)
    for address, _, _ in later:
        assert (await house.client.get(address)).status == 200


async def test_a_remuxed_source_is_complete_while_the_rest_grows(house: House) -> None:
    """H.264 is copied first: its file and a VOD playlist are there while the ladder still grows."""
    house.encoder.gate.set()
    house.encoder.is_encoding.clear()
    video, job = await house.upload(codec="h264", seconds=20)
    await house.report(job["id"], lambda job: job.stage == "encode" or job.is_terminal)
    video = await house.json(f"/api/videos/{video['id']}")
    best = video["renditions"][0]
    assert (best["name"], best["status"]) == ("360p", "complete")
    assert (await house.client.get(best["file_url"])).status == 200
    assert "#EXT-X-ENDLIST" in await (await house.client.get(best["playlist_url"])).text()
    await house.end_of(job["id"])
