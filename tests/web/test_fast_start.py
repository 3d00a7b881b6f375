"""Finished files with their `moov` in front, over the wire: every range is right, and most take the short way."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from streamserver.domain.fast_start import fast_start
from streamserver.domain.ranges import ResourceRegion
from tests.clips.finished import finished_mp4, presented
from tests.facts.parts import read_partial
from tests.web.loopback import Connection, assert_right, chance_of, content_of, on_each_loop
from tests.web.media_server import REGION_BYTES, MediaServer, media_path, media_server

FILE = finished_mp4(content_of("media", 3_000_000), chunks=500, padding=6000)
FILM, REGIONS = media_path("film.mp4"), media_path("region/film.mp4")
TAG = '"film-fast"'

pytestmark = on_each_loop


def rearranged() -> tuple[bytes, int]:
    """Return what is presented, and where the media begins in it."""
    body = fast_start(lambda position, count: FILE[position : position + count], len(FILE))
    assert body is not None
    assert isinstance(body[-1], ResourceRegion)
    content = presented(body, FILE)
    return content, len(content) - body[-1].count


CONTENT, MEDIA = rearranged()


@pytest.fixture
def media(loop: str, tmp_path: Path) -> Iterator[MediaServer]:
    with media_server(tmp_path, loop, {"film": FILE}) as server:
        yield server


def test_the_whole_is_what_is_presented(media: MediaServer) -> None:
    """A 200 has the `moov` first and all of the media; asked for again it has the same."""
    with Connection(media.port) as connection:
        for _ in range(2):
            whole = connection.ask(FILM)
            assert (whole.status, whole.headers["etag"]) == (200, TAG)
            assert whole.body == CONTENT
        head = connection.ask(FILM, method="HEAD")
        assert head.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("first", "last", "is_short"),
    [
        (0, 0, False),
        (0, len(CONTENT) - 1, False),
        (MEDIA - 1, MEDIA, False),
        (MEDIA - 1, len(CONTENT) + 9, False),
        (MEDIA, MEDIA, True),
        (MEDIA, MEDIA + 100_000, True),
        (len(CONTENT) - 70_000, len(CONTENT) - 1, True),
        (len(CONTENT) - 1, len(CONTENT) - 1, True),
    ],
)
def test_ranges_within_the_media_take_the_short_way(
    media: MediaServer, first: int, last: int, *, is_short: bool
) -> None:
    """What touches the header is put together by the ordinary way; the bytes are right either way."""
    with Connection(media.port) as connection:
        for _ in range(2):
            connection.ask(FILM, {"Range": "bytes=1-1"})
        for fields in ({}, {"If-Range": TAG}):
            asked = {"Range": f"bytes={first}-{last}", **fields}
            reply, tasked = media.count_tasked(partial(connection.ask, FILM, asked))
            assert_right(reply, CONTENT)
            assert reply.body == CONTENT[first : last + 1]
            assert tasked == (0 if is_short else 1)


def test_random_ranges_arrive_whole(media: MediaServer) -> None:
    """Of every size and from everywhere, by either delivery."""
    chance = chance_of("fast start")
    with Connection(media.port) as connection:
        for _ in range(60):
            first = chance.choice([chance.randrange(len(CONTENT)), chance.randrange(2 * MEDIA)])
            last = first + chance.choice([0, 500, 5000, 65_536, 300_000, 2_000_000])
            assert_right(connection.ask(FILM, {"Range": f"bytes={first}-{last}"}), CONTENT)
            region = connection.ask(REGIONS, {"Range": f"bytes={first}-{last}"})
            assert region.body == CONTENT[first : min(last + 1, first + REGION_BYTES)]


def test_several_ranges_come_in_parts(media: MediaServer) -> None:
    """Some in the header, one across its end, one in the media."""
    asked = [(0, 9), (MEDIA - 5, MEDIA + 4), (MEDIA + 70_000, MEDIA + 200_000)]
    with Connection(media.port) as connection:
        for _ in range(2):
            spec = ", ".join(f"{first}-{last}" for first, last in asked)
            reply = connection.ask(FILM, {"Range": f"bytes={spec}"})
            assert reply.status == 206
            parts = read_partial(reply.headers["content-type"], reply.headers.get("content-range"), reply.body)
            assert [part.content for part in parts] == [CONTENT[first : last + 1] for first, last in asked]


def test_the_beginning_and_the_rest_are_one_file(media: MediaServer) -> None:
    """A download that was cut off within the header, and taken up again, has each byte once."""
    with Connection(media.port) as connection:
        for cut in (1, MEDIA // 2, MEDIA, MEDIA + 1):
            begun = connection.ask(FILM, {"Range": f"bytes=0-{cut - 1}"})
            rest = connection.ask(FILM, {"Range": f"bytes={cut}-", "If-Range": begun.headers["etag"]})
            assert begun.body + rest.body == CONTENT


def test_a_part_of_the_old_layout_is_not_continued(media: MediaServer) -> None:
    """Who holds bytes under the file's own tag gets all of it anew."""
    with Connection(media.port) as connection:
        for _ in range(2):
            reply = connection.ask(FILM, {"Range": f"bytes={MEDIA}-", "If-Range": '"film"'})
            assert (reply.status, reply.body) == (200, CONTENT)
            assert connection.ask(FILM, {"If-None-Match": TAG}).status == 304
