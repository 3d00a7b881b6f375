"""What a restart, asked for or not, means to those who use the server: nothing but a short silence."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client, Document
from tests.end_to_end.processes import encoders_of
from tests.services.server import ServerProcess, running_server

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.mariadb import MariaDB

pytest_plugins = ["tests.clips.fixtures", "tests.services.mariadb"]

SLOW = {"STREAMSERVER_X264_PRESET": "veryslow"}
"""So that there is a middle to be killed in."""
FAST = {"STREAMSERVER_X264_PRESET": "ultrafast"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def assert_tidy(client: Client, data: Path, video: Document) -> None:
    """Check that a folder holds what the API shows of its video, and nothing else."""
    files = {path.name for path in (data / "media" / video["id"]).iterdir()}
    shown = [video["poster_url"], *(rendition["file_url"] for rendition in video["renditions"])]
    assert files == {"source", *(address.rsplit("/", 1)[-1] for address in shown)}
    assert list((data / "incoming").iterdir()) == []
    for address in (video["hls_url"], *shown):
        assert client.ask(address).status == 200
    assert {rendition["status"] for rendition in video["renditions"]} == {"complete"}


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


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    with running_server(data) as server:
        yield server


def streamserver(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streamserver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_files_are_added_beside_a_running_server(server: ServerProcess, data: Path, clips: Clips) -> None:
    """`add` hands them over, and with `--wait` shows how the server encodes them, or why it cannot."""
    added = streamserver("add", "--wait", "--data-dir", str(data), "--title", "By hand", str(clips("silent.mp4")))
    assert (added.returncode, added.stdout) == (0, "")
    client = Client(server)
    (video,) = client.get("/api/videos").json["videos"]
    assert (video["title"], video["status"]) == ("By hand", "complete")
    failed = streamserver("add", "--wait", "--data-dir", str(data), str(clips("noise.mp4")))
    assert failed.returncode == 1
    assert "The file is not a video" in failed.stdout


def test_the_whole_way_over_mariadb(data: Path, mariadb: "MariaDB", clips: Clips) -> None:
    """With `--database-url`: upload, follow, search, watch, delete; no catalog lies in the data folder."""
    with running_server(data, "--database-url", mariadb.create_database("whole_way")) as server:
        client = Client(server)
        video, job = client.upload(clips("h264.mp4"), title="Größe 😀")
        assert client.end_of(job["id"])["status"] == "COMPLETE"
        (found,) = client.get("/api/videos?q=GR%C3%B6").json["videos"]
        assert (found["id"], found["title"]) == (video["id"], "Größe 😀")
        assert_tidy(client, data, found)
        assert client.ask(f"/api/videos/{video['id']}", method="DELETE").status == 204
    assert list((data / "media").iterdir()) == []
    assert not list(data.glob("*.sqlite3*"))
