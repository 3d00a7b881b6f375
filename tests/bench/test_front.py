"""nginx in front of a server: what its cache fetches is what the server is asked for."""

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.deliveries.front import SLICE_BYTES, front, has_slices, read_log
from benchmarks.servers import Server

from tests.bench.media_server import FRAGMENT_BYTES, MediaServer, media_server_beside, timeline
from tests.facts import missing

ANY_CORE = frozenset({0})


@pytest.fixture
def media() -> Iterator[MediaServer]:
    if shutil.which("nginx") is None:
        missing("nginx is not installed")
    with media_server_beside() as running:
        yield running


def origin(media: MediaServer) -> Server:
    return Server(name="made up", port=media.port, group=0)


def get(server: Server, path: str, ranges: str | None = None) -> tuple[int, int]:
    """GET through the cache; return the status and the length of the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path, headers={"Range": ranges} if ranges else {})
    response = connection.getresponse()
    length = len(response.read())
    connection.close()
    return response.status, length


def test_a_segment_is_fetched_once(media: MediaServer, tmp_path: Path) -> None:
    """The second viewer's segment comes from the cache."""
    with front(origin(media), tmp_path / "cache", slicing=False, cores=ANY_CORE) as cache:
        assert [get(cache.server, "/0.m4s") for _ in range(2)] == [(200, FRAGMENT_BYTES)] * 2
        traffic = cache.origin_traffic()
    assert media.asked == ["/0.m4s"]
    assert traffic.requests == 1
    assert FRAGMENT_BYTES < traffic.received_bytes < FRAGMENT_BYTES + 500
    assert traffic.kept_bytes > FRAGMENT_BYTES


def test_slices_are_fetched_one_by_one(media: MediaServer, tmp_path: Path) -> None:
    """A range within the second megabyte fetches that megabyte alone, once."""
    if not has_slices():
        missing("nginx has no slice module")
    wanted = f"bytes={SLICE_BYTES + 10}-{SLICE_BYTES + 19}"
    with front(origin(media), tmp_path / "cache", slicing=True, cores=ANY_CORE) as cache:
        assert [get(cache.server, "/best.mp4", wanted) for _ in range(2)] == [(206, 10)] * 2
        assert cache.origin_traffic().requests == 1
    assert media.asked == [f"/best.mp4 {SLICE_BYTES}-{2 * SLICE_BYTES - 1}"]


def test_a_plain_cache_fetches_all_of_a_file(media: MediaServer, tmp_path: Path) -> None:
    """For ten bytes of a file, nginx asks for the file."""
    with front(origin(media), tmp_path / "cache", slicing=False, cores=ANY_CORE) as cache:
        assert get(cache.server, "/whole.mp4", "bytes=50-59") == (206, 10)
        traffic = cache.origin_traffic()
    assert media.asked == ["/whole.mp4"]
    assert traffic.received_bytes > timeline().size_bytes


def test_the_log_is_read() -> None:
    """Hits fetch nothing; a fetch that was tried twice counts all its bytes."""
    text = "512|MISS|/a\n-|HIT|/a\n100, 412|MISS|/b\n"
    assert read_log(text) == [512, 512]
