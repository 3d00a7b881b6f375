"""What a restart, asked for or not, means to those who use the server: nothing but a short silence."""

from pathlib import Path

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client, Document
from tests.end_to_end.processes import encoders_of
from tests.end_to_end.tidiness import assert_tidy
from tests.services.server import running_server

pytest_plugins = ["tests.clips.fixtures"]

SLOW = {"STREAMSERVER_X264_PRESET": "veryslow"}
"""So that there is a middle to be killed in."""
FAST = {"STREAMSERVER_X264_PRESET": "ultrafast"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_who_follows_a_job_is_handed_from_server_to_server(data: Path, long_clip: Path) -> None:
    """Streams end in order when a server is asked to end; `Last-Event-ID` brings the rest, after a crash too."""
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        video, job = client.upload(long_clip)
        reports = client.follow(job["id"])
        heard = [next(report for report in reports if report["stage"] == "encode")]
        assert server.stop() == 0
        heard += reports
        assert {report["status"] for report in heard} == {"RUNNING"}
        assert encoders_of(data) == {}
        assert "Traceback" not in server.log.read_text()
    with running_server(data, environment=SLOW) as server:
        reports = Client(server).follow(job["id"], heard=heard[-1]["sequence"])
        heard += [next(report for report in reports if report["stage"] == "encode")]
        server.kill()
    with running_server(data, environment=FAST) as server:
        client = Client(server)
        assert [found["id"] for found in client.get("/api/videos").json["videos"]] == [video["id"]]
        heard += client.follow(job["id"], heard=heard[-1]["sequence"])
        assert_tidy(client, data, client.video(video["id"]))
    sequences = [report["sequence"] for report in heard]
    assert sequences == sorted(set(sequences))
    assert {report["attempt"] for report in heard} >= {1, 2, 3}
    assert (heard[-1]["status"], heard[-1]["attempt"]) == ("COMPLETE", 3)


def test_a_restart_changes_nothing_for_caches(data: Path, clips: Clips) -> None:
    """Every address has the same bytes and the same header under the next server."""

    def look(client: Client, video: Document) -> dict[str, tuple[object, ...]]:
        rendition = video["renditions"][0]
        folder = rendition["playlist_url"].rsplit("/", 1)[0]
        addresses = [video["source_url"], video["poster_url"], video["hls_url"], rendition["playlist_url"]]
        addresses += [rendition["file_url"], rendition["region_url"], f"{folder}/init.mp4", f"{folder}/0.m4s"]
        found = {address: client.get(address) for address in addresses}
        names = ("etag", "cache-control", "last-modified", "content-type", "content-length")
        return {
            address: (reply.body, *(reply.headers.get(name) for name in names)) for address, reply in found.items()
        }

    with running_server(data) as server:
        client = Client(server)
        video = client.complete(clips("h264.mp4"))
        before = look(client, video)
        assert server.stop() == 0
    with running_server(data) as server:
        client = Client(server)
        assert client.video(video["id"]) == video
        assert look(client, video) == before


def test_two_servers_do_not_share_a_folder(data: Path) -> None:
    """The second one says so, and does not start."""
    with (
        running_server(data),
        pytest.raises(AssertionError, match="Another streamserver works with"),
        running_server(data),
    ):
        pass
