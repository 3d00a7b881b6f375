"""The short way gives the same answers as the ordinary one, and only where it may."""

import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streamserver.domain.conditions import parse_http_date
from tests.web.loopback import Connection, Reply, assert_right, chance_of, content_of, on_each_loop
from tests.web.media_server import INIT, REGION_BYTES, SEGMENT_BYTES, MediaServer, media_path, media_server

LARGE_BYTES = 5 * 1024 * 1024 + 321
"""More than the kernel takes of a connection that is not read."""
LARGE, SMALL = media_path("large.mp4"), media_path("small.mp4")
PLAYLIST = media_path("hls/small/index.m3u8")
TOLERATED_SECONDS = 60
"""A busy machine may be slow, but not by a minute."""

pytestmark = on_each_loop


@pytest.fixture(scope="module")
def contents() -> Mapping[str, bytes]:
    return {"large": content_of("large", LARGE_BYTES), "small": content_of("small", 200_000)}


@pytest.fixture
def media(loop: str, tmp_path: Path, contents: Mapping[str, bytes]) -> Iterator[MediaServer]:
    with media_server(tmp_path, loop, contents) as server:
        yield server


def warm_up(connection: Connection, *paths: str) -> None:
    """Have the server know what it serves; the connection's task waits for requests then."""
    for path in paths:
        for _ in range(2):
            assert connection.ask(path, {"Range": "bytes=0-0"}).status == 206


PLAIN: list[tuple[str, dict[str, str], int]] = [
    (LARGE, {"Range": "bytes=0-0"}, 206),
    (LARGE, {"Range": "bytes=1000-66535"}, 206),
    (LARGE, {"Range": "bytes=1000-66536"}, 206),
    (LARGE, {"Range": f"bytes={LARGE_BYTES - 1}-"}, 206),
    (LARGE, {"Range": "bytes=5000000-999999999999"}, 206),
    (LARGE, {"Range": "bytes=7-100000", "If-Range": '"large"'}, 206),
    (LARGE, {"If-None-Match": '"large"'}, 304),
    (LARGE, {"If-None-Match": '"large"', "If-Modified-Since": "Wed, 01 Jul 2026 12:00:00 GMT"}, 304),
    (LARGE, {"If-None-Match": '"large"', "Range": "bytes=0-9"}, 304),
    (SMALL, {}, 200),
    (media_path("region/large.mp4"), {"Range": "bytes=1000-"}, 206),
    (media_path("region/large.mp4"), {"Range": "bytes=5000000-5000001"}, 206),
    (media_path("hls/small/0.m4s"), {}, 200),
    (media_path("hls/small/1.m4s"), {"Range": "bytes=10-2000"}, 206),
    (media_path("hls/small/init.mp4"), {}, 200),
    (PLAYLIST, {}, 200),
    (media_path("hls/master.m3u8"), {}, 200),
]
ODD: list[tuple[str, dict[str, str], int]] = [
    (LARGE, {"Range": "bytes=-70000"}, 206),
    (LARGE, {"Range": "bytes=0-9,100-109"}, 206),
    (LARGE, {"Range": "bytes=9-0", "If-None-Match": '"other"'}, 200),
    (LARGE, {"Range": f"bytes={LARGE_BYTES}-"}, 416),
    (LARGE, {"Range": "bytes=7-100000", "If-Range": '"other"'}, 200),
    (LARGE, {"Range": "bytes=0-9", "If-Match": '"other"'}, 412),
    (LARGE, {"If-Unmodified-Since": "Wed, 01 Jul 2020 12:00:00 GMT"}, 412),
    (LARGE, {"If-None-Match": 'W/"large"'}, 304),
    (LARGE, {"If-Modified-Since": "Wed, 01 Jul 2026 12:00:00 GMT"}, 304),
    (SMALL, {"Expect": "100-continue", "If-None-Match": '"other"'}, 200),
]


def dateless(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in reply.headers.items() if name != "date"}
    content_type, _, boundary = headers.get("content-type", "").partition("; boundary=")
    if boundary:
        headers["content-type"] = content_type
    return reply.status, headers, reply.body.replace(boundary.encode(), b"") if boundary else reply.body


@pytest.mark.parametrize(("path", "fields", "status"), PLAIN)
def test_plain_requests_are_answered_alike_in_the_short_way(
    media: MediaServer, path: str, fields: dict[str, str], status: int
) -> None:
    """What a cold address, a hot one and a connection that is to be closed get is the same, byte for byte."""
    with Connection(media.port) as connection:
        cold = connection.ask(path, fields)
        assert cold.status == status
        connection.ask(path)
        hot, tasked = media.count_tasked(lambda: connection.ask(path, fields))
        assert tasked == 0
        assert dateless(hot) == dateless(cold)
    with Connection(media.port) as closing:
        last, tasked = media.count_tasked(lambda: closing.ask(path, {**fields, "Connection": "close"}))
        assert tasked == 1
        assert last.headers.pop("connection") == "close"  # type: ignore[attr-defined]  # it is a dictionary
        assert dateless(last) == dateless(cold)
        assert closing.is_closed()


@pytest.mark.parametrize(("path", "fields", "status"), ODD)
def test_requests_that_are_not_plain_are_left_to_the_ordinary_way(
    media: MediaServer, path: str, fields: dict[str, str], status: int
) -> None:
    """A hot address changes nothing about them, and the connection goes on."""
    with Connection(media.port) as connection:
        cold = connection.ask(path, fields)
        assert cold.status == status
        warm_up(connection, path)
        hot, tasked = media.count_tasked(lambda: connection.ask(path, fields))
        assert tasked == 1
        assert dateless(hot) == dateless(cold)
        warm_up(connection, path)


def test_random_ranges_arrive_whole(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Ranges of every size over one connection hold the file's bytes, however much the kernel takes at once."""
    chance = chance_of("fast ranges")
    with Connection(media.port) as connection:
        warm_up(connection, LARGE)
        for _ in range(60):
            first = chance.randrange(LARGE_BYTES)
            last = first + chance.choice([0, 500, 65_535, 65_536, 300_000, 524_288, 1_500_000, 4_000_000])
            assert_right(connection.ask(LARGE, {"Range": f"bytes={first}-{last}"}), contents["large"])


def test_parts_of_a_file_are_its_bytes(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Segments, the init segment and regions, asked for twice, are slices of the file."""
    large = contents["large"]
    init = b"".join(large[position : position + count] for position, count in INIT)
    with Connection(media.port) as connection:
        for _ in range(2):
            assert connection.ask(media_path("hls/large/init.mp4")).body == init
            segment = connection.ask(media_path("hls/large/2.m4s")).body
            start = 1000 + 2 * SEGMENT_BYTES
            assert segment == large[start : start + SEGMENT_BYTES]
            region = connection.ask(media_path("region/large.mp4"), {"Range": "bytes=7-"})
            assert region.body == large[7 : 7 + REGION_BYTES]


def test_a_request_in_many_pieces_is_one_request(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """The parser puts together what comes byte by byte."""
    request = f"GET {SMALL} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=5-9\r\n\r\n".encode()
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(request)):
            connection.socket.send(request[position : position + 1])
        assert connection.read().body == contents["small"][5:10]


def test_pipelined_requests_are_answered_in_order(media: MediaServer, contents: Mapping[str, bytes]) -> None:
    """Requests that come all at once, or while a large answer is on its way, wait for their turn."""
    small, large = contents["small"], contents["large"]
    with Connection(media.port) as connection:
        warm_up(connection, SMALL, LARGE)
        ranges = {"Range": "bytes=1-3"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in ranges.items())
        one = f"GET {SMALL} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()
        connection.socket.sendall(one * 40)
        for _ in range(40):
            assert connection.read().body == small[1:4]
        connection.send(LARGE)
        assert connection.read_header()[0] == 200
        connection.send(SMALL, ranges)
        connection.send(LARGE, method="HEAD")
        connection.send(SMALL, ranges)
        assert connection.read_some(LARGE_BYTES) == large
        assert connection.read().body == small[1:4]
        assert connection.read(method="HEAD").status == 200
        assert connection.read().body == small[1:4]
        _, tasked = media.count_tasked(lambda: connection.ask(SMALL, ranges))
        assert tasked == 0


def test_the_first_of_two_requests_may_come_with_half_of_the_second(
    media: MediaServer, contents: Mapping[str, bytes]
) -> None:
    """The answer to the first does not disturb what the parser holds of the second."""
    one = f"GET {SMALL} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-3\r\n\r\n".encode()
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        for _ in range(3):
            connection.socket.sendall(one + one[:20])
            assert connection.read().body == contents["small"][1:4]
            connection.socket.sendall(one[20:])
            assert connection.read().body == contents["small"][1:4]


@pytest.mark.parametrize("path", [SMALL, LARGE, PLAYLIST])
def test_head_tells_what_get_would(media: MediaServer, path: str) -> None:
    """HEAD on a hot address gets the header of a GET and no body."""
    with Connection(media.port) as connection:
        warm_up(connection, path)
        whole = connection.ask(path)
        head, tasked = media.count_tasked(lambda: connection.ask(path, method="HEAD"))
        assert tasked == 1
        assert (head.status, head.body) == (200, b"")
        assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}
        assert connection.ask(path).body == whole.body


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_http_1_0_ends_with_the_body_unless_it_asks_otherwise(media: MediaServer, path: str) -> None:
    """An old client is told whether the connection is kept."""
    with Connection(media.port) as connection:
        warm_up(connection, path)
        whole = connection.ask(path)
        connection.send(path, {"Connection": "keep-alive"}, version="1.0")
        kept = connection.read()
        assert (kept.headers["connection"], kept.body) == ("keep-alive", whole.body)
        connection.send(path, version="1.0")
        assert connection.read().body == whole.body
        assert connection.is_closed()


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_the_body_of_a_get_is_passed_over(media: MediaServer, path: str) -> None:
    """What is sent along with a GET is neither answered nor taken for the next request."""
    hidden = f"GET {PLAYLIST} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with Connection(media.port) as connection:
        warm_up(connection, path)
        whole = connection.ask(path)
        connection.send(path, {"Content-Length": str(len(hidden))}, body=hidden)
        assert connection.read().body == whole.body
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
        connection.send(path, {"Transfer-Encoding": "chunked"}, body=chunked)
        assert connection.read().body == whole.body
        assert connection.ask(path).body == whole.body


def test_headers_as_large_as_the_parser_allows_are_read(media: MediaServer) -> None:
    """8 KB of cookies are no hindrance; more than the parser takes is a 400 that ends the connection."""
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        reply, tasked = media.count_tasked(lambda: connection.ask(SMALL, {"Cookie": "c" * 8000}))
        assert (reply.status, tasked) == (200, 0)
        connection.send(SMALL, {"Cookie": "c" * 100_000})
        assert connection.read().status == 400
        assert connection.is_closed()


def test_what_is_no_http_is_refused(media: MediaServer) -> None:
    """On a connection that was in use, too."""
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        connection.socket.sendall(b"\x16\x03\x01 no request\r\n\r\n")
        assert connection.read().status == 400
        assert connection.is_closed()


def test_an_upgrade_that_nobody_offers_changes_nothing(media: MediaServer) -> None:
    """A client that would like another protocol gets the answer in this one."""
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        reply, tasked = media.count_tasked(lambda: connection.ask(SMALL, upgrade))
        assert (reply.status, tasked) == (200, 1)
        warm_up(connection, SMALL)


def test_repeated_fields_count_as_one_malformed_one(media: MediaServer) -> None:
    """Two Range lines, or two If-Range lines, are no range that anyone could send: the whole comes."""
    for lines in (
        "Range: bytes=0-1\r\nRange: bytes=2-3",
        'Range: bytes=0-1\r\nIf-Range: "small"\r\nIf-Range: "b"',
    ):
        with Connection(media.port) as connection:
            warm_up(connection, SMALL)
            connection.socket.sendall(f"GET {SMALL} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n".encode())
            assert connection.read().status == 200


def test_a_deleted_video_is_gone_at_once(media: MediaServer) -> None:
    """The process that deletes serves nothing of it any more, however hot it was."""

    async def delete() -> None:
        video = await media.catalog.video("v")
        await media.catalog.delete_video("v")
        media.deliver.forget(video)
        await media.blobs.delete("v")

    with Connection(media.port) as connection:
        warm_up(connection, SMALL, PLAYLIST)
        media.run(delete())
        assert connection.ask(SMALL).status == 404
        assert connection.ask(PLAYLIST).status == 404


def test_what_another_process_deletes_is_gone_soon(media: MediaServer, tmp_path: Path) -> None:
    """A file that is removed, and a record of it, are missed without anyone telling."""
    give_up_at = time.monotonic() + 20
    with Connection(media.port) as connection:
        warm_up(connection, SMALL, PLAYLIST)
        (tmp_path / "media/v/small.mp4").unlink()
        media.run(media.catalog.delete_video("v"))
        while connection.ask(SMALL).status != 404 or connection.ask(PLAYLIST).status != 404:
            assert time.monotonic() < give_up_at


def test_a_file_that_was_cut_short_ends_the_connection(
    media: MediaServer, tmp_path: Path, contents: Mapping[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """A hot file that lost its end is never passed off as whole."""
    for count in (1_500_000, 30_000):
        with Connection(media.port) as connection:
            (tmp_path / "media/v/large.mp4").write_bytes(contents["large"])
            warm_up(connection, LARGE)
            with (tmp_path / "media/v/large.mp4").open("r+b") as file:
                file.truncate(2_000_000)
            connection.send(LARGE, {"Range": f"bytes={2_000_000 - count // 2}-{2_000_000 + count // 2}"})
            received = connection.read_to_end()
            _, _, body = received.partition(b"\r\n\r\n")
            assert contents["large"][2_000_000 - count // 2 : 2_000_000].startswith(body)
    assert "cannot send" in caplog.text


def test_the_date_is_the_present(media: MediaServer) -> None:
    """An answer made of ready bytes tells the time all the same."""
    with Connection(media.port) as connection:
        warm_up(connection, SMALL)
        moment = parse_http_date(connection.ask(SMALL).headers["date"])
        assert moment is not None
        assert abs(datetime.now(UTC) - moment) < timedelta(seconds=TOLERATED_SECONDS)
