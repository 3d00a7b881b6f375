"""The JSON routes of videos: what they answer, key by key."""

from datetime import UTC, datetime
from io import BytesIO

import pytest

from streamserver.domain.jobs import JobStatus
from tests.web.house import House, assert_problem

VIDEO_KEYS = {
    *("id", "title", "status", "url", "created_at", "duration_seconds", "width", "height", "poster_url"),
    *("hls_url", "dash_url", "source_url", "storyboard_url", "subtitles", "renditions", "job_id"),
    *("chapters_url", "chapters", "audio"),
}
RENDITION_KEYS = {
    *("name", "key", "width", "height", "frame_rate", "bit_rate_bps", "status"),
    *("file_url", "region_url", "playlist_url"),
}


async def test_a_complete_video_is_shown_with_all_that_can_be_done_with_it(house: House) -> None:
    """GET of a video: exactly the documented keys, its size and length, and addresses that all answer 200."""
    video = await house.complete("Holiday", width=640, height=360, seconds=10)
    assert video.keys() == VIDEO_KEYS
    assert (video["title"], video["status"], video["url"]) == ("Holiday", "complete", f"/watch/{video['id']}")
    assert (video["width"], video["height"], video["duration_seconds"]) == (640, 360, 10.0)
    assert [rendition["name"] for rendition in video["renditions"]] == ["360p", "270p", "180p"]
    for rendition in video["renditions"]:
        assert rendition.keys() == RENDITION_KEYS
        assert rendition["status"] == "complete"
        assert rendition["key"].startswith(rendition["name"])
    addresses = [video[name] for name in ("url", "poster_url", "hls_url", "dash_url", "source_url")]
    for rendition in video["renditions"]:
        addresses += [rendition[name] for name in ("file_url", "region_url", "playlist_url")]
    for address in addresses:
        assert (await house.client.get(address)).status == 200, address


async def test_what_is_not_there_yet_is_null(house: House) -> None:
    """A video that waits has neither size nor length, and no address that would lead nowhere."""
    house.encoder.gate.clear()
    await house.upload()
    video, job = await house.upload("Second")
    assert video["status"] == "processing"
    assert job["status"] == "READY"
    empty = ("duration_seconds", "width", "height", "poster_url", "hls_url", "dash_url", "storyboard_url")
    assert [video[name] for name in empty] == [None] * len(empty)
    assert (video["renditions"], video["subtitles"]) == ([], [])


async def test_times_are_rfc_3339_in_utc(house: House) -> None:
    """`created_at` ends in Z and is the moment of the upload."""
    before = datetime.now(UTC)
    video, job = await house.upload()
    for text in (video["created_at"], job["created_at"]):
        assert text.endswith("Z")
        assert before <= datetime.fromisoformat(text) <= datetime.now(UTC)


async def test_pages_lead_through_the_library_once_and_newest_first(house: House) -> None:
    """Following `next` shows each video exactly once; the last page has none."""
    uploaded = [(await house.complete(f"No {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    sizes = []
    path = "/api/videos?limit=2"
    while path:
        page = await house.json(path)
        assert page.keys() == {"videos", "next"}
        seen += [video["id"] for video in page["videos"]]
        sizes.append(len(page["videos"]))
        path = f"/api/videos?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == uploaded[::-1]
    assert sizes == [2, 2, 1]


async def test_a_video_that_comes_in_meanwhile_moves_no_page(house: House) -> None:
    """Keyset pagination: the second page goes on where the first ended, whatever was added before it."""
    first, second, third = [(await house.complete(f"No {number}"))["id"] for number in range(3)]
    page = await house.json("/api/videos?limit=2")
    assert [video["id"] for video in page["videos"]] == [third, second]
    await house.complete("newer")
    rest = await house.json(f"/api/videos?limit=2&cursor={page['next']}")
    assert [video["id"] for video in rest["videos"]] == [first]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["100 % Öl", "Cats_and dogs"]),
        ("CATS", ["Cats_and dogs"]),
        ("öl", ["100 % Öl"]),
        ("%", ["100 % Öl"]),
        ("_", ["Cats_and dogs"]),
        ("  dogs ", ["Cats_and dogs"]),
        ("birds", []),
    ],
)
async def test_titles_are_searched(house: House, query: str, found: list[str]) -> None:
    """`q` finds its characters anywhere in the title, in any case; wildcards stand for themselves."""
    for title in ("Cats_and dogs", "100 % Öl"):
        await house.complete(title)
    async with house.client.get("/api/videos", params={"q": query}) as response:
        page = await response.json()
    assert [video["title"] for video in page["videos"]] == found


async def test_a_search_is_paged_too(house: House) -> None:
    """`q` and `cursor` go together."""
    for title in ("cat 1", "dog", "cat 2"):
        await house.complete(title)
    page = await house.json("/api/videos?q=cat&limit=1")
    rest = await house.json(f"/api/videos?q=cat&limit=1&cursor={page['next']}")
    assert [video["title"] for video in (*page["videos"], *rest["videos"])] == ["cat 2", "cat 1"]
    assert rest["next"] is None


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "9" * 5000])
async def test_a_page_has_1_to_100_videos(house: House, limit: str) -> None:
    """Any other `limit` is refused with a sentence."""
    response = await house.client.get("/api/videos", params={"limit": limit})
    assert "1 to 100" in await assert_problem(response, 400, "bad_input")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "MjAyNg==", "MjAyNi0xMS0yMVQwMDowMDowMCBh"])
async def test_only_cursors_given_out_are_taken(house: House, cursor: str) -> None:
    """A cursor that was made up (not base64, no time, no time zone) is refused with a sentence."""
    response = await house.client.get("/api/videos", params={"cursor": cursor})
    assert "begin without one" in await assert_problem(response, 400, "bad_input")


async def test_a_video_is_renamed(house: House) -> None:
    """PATCH answers with the video under its new title, white space folded, which is then found by it."""
    video = await house.complete("Old")
    answer = await house.json(f"/api/videos/{video['id']}", method="PATCH", json={"title": " New \n name "})
    assert answer == {**video, "title": "New name"}
    assert await house.json(f"/api/videos/{video['id']}") == answer
    assert len((await house.json("/api/videos?q=new%20name"))["videos"]) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "JSON object"),
        (b"[]", "JSON object"),
        (b'"title"', "JSON object"),
        (b"\xff\xfe", "JSON object"),
        (b"[" * 100_000, "JSON object"),
        (b"{}", '{"title": "…"}'),
        (b'{"title": 5}', '{"title": "…"}'),
        (b'{"title": " \\n "}', "empty"),
        (b'{"title": "\\ud800"}', "empty"),
        (b'{"title": "%s"}' % (b"a" * 201), "201 characters"),
    ],
)
async def test_a_title_that_is_none_is_refused(house: House, body: bytes, sentence: str) -> None:
    """PATCH with anything else than a usable title changes nothing and says what is wanted."""
    video = await house.complete("Old")
    response = await house.client.patch(f"/api/videos/{video['id']}", data=body)
    assert sentence in await assert_problem(response, 400, "bad_input")
    assert await house.json(f"/api/videos/{video['id']}") == video


async def test_a_body_that_is_too_large_is_refused(house: House) -> None:
    """PATCH with more than a megabyte is 413."""
    video = await house.complete()
    response = await house.client.patch(f"/api/videos/{video['id']}", data=BytesIO(b" " * 2_000_000))
    await assert_problem(response, 413, "too_large")


@pytest.mark.parametrize("charset", ["unheard-of", "rot13", "latin-1"])
async def test_json_is_utf_8_whatever_its_type_says(house: House, charset: str) -> None:
    """A charset parameter means nothing (RFC 8259 §11)."""
    video = await house.complete()
    answer = await house.json(
        f"/api/videos/{video['id']}",
        method="PATCH",
        data='{"title": "é"}'.encode(),
        headers={"Content-Type": f"application/json; charset={charset}"},
    )
    assert answer["title"] == "é"


async def test_a_deleted_video_is_gone_with_all_its_bytes(house: House) -> None:
    """DELETE answers 204 without a body; the video, its job, its page and every address of it are then 404."""
    video = await house.complete()
    addresses = [video[name] for name in ("url", "poster_url", "hls_url", "dash_url", "source_url")]
    for rendition in video["renditions"]:
        addresses += [rendition[name] for name in ("file_url", "region_url", "playlist_url")]
    addresses += [
        f"/api/videos/{video['id']}",
        f"/api/jobs/{video['job_id']}",
        f"/api/jobs/{video['job_id']}/events",
    ]
    for address in addresses:
        assert (await house.client.get(address)).status in {200, 204}, address
    response = await house.client.delete(f"/api/videos/{video['id']}")
    assert (response.status, await response.read()) == (204, b"")
    for address in addresses:
        await assert_problem(await house.client.get(address), 404, "not_found")
    await assert_problem(await house.client.delete(f"/api/videos/{video['id']}"), 404, "not_found")
    assert (await house.json("/api/videos"))["videos"] == []
    assert not house.blobs._kept


async def test_a_video_that_is_being_encoded_can_be_deleted(house: House) -> None:
    """DELETE stops its encoder first; whoever follows the job hears of its end, and the next job runs."""
    video = await house.growing()
    async with house.client.get(f"/api/jobs/{video['job_id']}/events") as stream:
        assert (await house.client.delete(f"/api/videos/{video['id']}")).status == 204
        heard = await stream.text()
    assert heard.count("event: error") == 1
    assert not house.blobs._kept
    house.encoder.gate.set()
    assert (await house.complete())["status"] == "complete"


async def test_a_video_in_error_is_left_out_of_the_library(house: House) -> None:
    """It is not listed, but still there for its uploader, without any address of it."""
    _, job = await house.upload(seconds="none")
    ended = await house.end_of(job["id"])
    assert ended.status is JobStatus.ERROR
    assert (await house.json("/api/videos"))["videos"] == []
    video = await house.json(f"/api/videos/{job['video_id']}")
    assert video["status"] == "error"
    assert (video["hls_url"], video["source_url"], video["renditions"]) == (None, None, [])
    assert not house.blobs._kept
