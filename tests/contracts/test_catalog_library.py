"""Every catalog shows the library page by page, and searches it, as `Catalog` says."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from streamserver.domain.videos import Cursor, Video, VideoStatus
from streamserver.ports import Catalog
from tests.catalog.samples import LATER, NOON, add, sample_rendition, sample_subtitle

pytest_plugins = ["tests.services.catalogs"]


def titles(videos: Sequence[Video]) -> list[str]:
    return [video.title for video in videos]


async def test_newest_first_with_all_that_belongs_to_them(catalog: Catalog) -> None:
    """A page shows the newest video first, each with its renditions and subtitles."""
    await add(catalog, "old")
    await add(catalog, "new", created_at=LATER)
    await catalog.add_renditions([sample_rendition("r-old", video_id="old")])
    await catalog.add_subtitle(sample_subtitle("s-new", video_id="new"))
    page = await catalog.videos()
    assert page == [await catalog.video("new"), await catalog.video("old")]
    assert [len(video.renditions) + len(video.subtitles) for video in page] == [1, 1]


async def test_failed_videos_are_left_out_of_pages_alone(catalog: Catalog) -> None:
    """A video in `error` is not in the library, but its id and itself are still there."""
    await add(catalog)
    await catalog.set_video_status("v", VideoStatus.ERROR)
    assert await catalog.videos() == []
    assert await catalog.video_ids() == {"v"}
    assert (await catalog.video("v")).status is VideoStatus.ERROR


async def test_an_empty_library(catalog: Catalog) -> None:
    """No videos make an empty page."""
    assert await catalog.videos() == []
    assert await catalog.video_ids() == set()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
async def test_pages_join_to_the_whole_library(catalog: Catalog, limit: int) -> None:
    """Page after page, each video is seen once and in order, also where many have the same time."""
    times = [NOON, NOON + timedelta(microseconds=1), LATER]
    for number in range(10):
        await add(catalog, f"{'aB'[number % 2]}{number}", created_at=times[number % 3])
    seen: list[Video] = []
    after = None
    while page := await catalog.videos(limit=limit, after=after):
        assert len(page) <= limit
        seen += page
        after = Cursor(created_at=page[-1].created_at, id=page[-1].id)
    expected = [await catalog.video(video_id) for video_id in await catalog.video_ids()]
    assert seen == sorted(expected, key=lambda it: (it.created_at, it.id), reverse=True)


async def test_a_page_holds_its_place(catalog: Catalog) -> None:
    """What is added or deleted between two pages neither repeats nor hides a video."""
    for number in range(4):
        await add(catalog, str(number), created_at=NOON + timedelta(seconds=number))
    first = await catalog.videos(limit=2)
    await add(catalog, "newest", created_at=NOON + timedelta(days=1))
    await catalog.delete_video(first[-1].id)
    second = await catalog.videos(limit=2, after=Cursor(created_at=first[-1].created_at, id=first[-1].id))
    assert [video.id for video in second] == ["1", "0"]


@pytest.mark.parametrize(
    ("title", "query", "is_found"),
    [
        ("A Holiday at Sea", "holiday", True),
        ("A Holiday at Sea", "A HOLIDAY AT SEA", True),
        ("A Holiday at Sea", "holidays", False),
        ("A Holiday at Sea", "", True),
        ("Ärger im Büro", "ärger IM BÜRO", True),
        ("ärger", "ÄRGER", True),
        ("Ärger", "arger", False),
        ("Straße", "STRASSE", True),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("Привет", "ПРИВЕТ", True),
        ("Cafe\u0301", "café", True),
        ("Cafe\u0301", "cafe", False),
        ("\u03b1\u0345\u0301", "\u03ac\u0345", True),
        ("🎬 take one", "🎬", True),
        ("🎬 take one", "🎥", False),
        ("100% pure", "100%", True),
        ("1000 pure", "100%", False),
        ("a_b", "a_b", True),
        ("axb", "a_b", False),
        (r"back\slash", "k\\s", True),
        (r"back\slash", "\\%", False),
        ("it's", "t's", True),
        ("[abc]*?", "[abc]*?", True),
        ("trailing", "trailing ", False),
        ("any", "%", False),
        ("any", "_", False),
    ],
)
async def test_search(catalog: Catalog, title: str, query: str, is_found: bool) -> None:
    """A query is looked for anywhere in a title, ignoring case, and its characters stand for themselves."""
    await add(catalog, title=title)
    assert titles(await catalog.videos(query=query)) == ([title] if is_found else [])


async def test_a_very_long_query_finds_nothing(catalog: Catalog) -> None:
    """A query longer than any pattern that a database would accept is an answer, not an error."""
    await add(catalog)
    assert await catalog.videos(query="%a" * 100_000) == []


async def test_search_goes_on_page_by_page(catalog: Catalog) -> None:
    """A limit counts what is found, and a cursor continues it."""
    for number in range(6):
        title = f"{'odd' if number % 2 else 'even'} {number}"
        await add(catalog, str(number), title=title, created_at=NOON + timedelta(seconds=number))
    first = await catalog.videos(query="ODD", limit=2)
    rest = await catalog.videos(query="ODD", after=Cursor(created_at=first[-1].created_at, id=first[-1].id))
    assert titles(first) == ["odd 5", "odd 3"]
    assert titles(rest) == ["odd 1"]
