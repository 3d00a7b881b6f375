"""What a restart, asked for or not, means to those who use the server: nothing but a short silence."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client, Document, form
from tests.end_to_end.processes import encoders_of, until
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


def encoding_report(client: Client, job: Document) -> Document:
    """Follow a job into the middle of its encoding; return the last report heard."""
    reports = (report for report in client.follow(job["id"]) if report["stage"] == "encode")
    return list(islice(reports, 3))[-1]


def assert_tidy(client: Client, data: Path, video: Document) -> None:
    """Check that a folder holds what the API shows of its video, and nothing else."""
    files = {path.name for path in (data / "media" / video["id"]).iterdir()}
    shown = [video["poster_url"], *(rendition["file_url"] for rendition in video["renditions"])]
    assert files == {"source", *(address.rsplit("/", 1)[-1] for address in shown)}
    assert list((data / "incoming").iterdir()) == []
    for address in (video["hls_url"], *shown):
        assert client.ask(address).status == 200
    assert {rendition["status"] for rendition in video["renditions"]} == {"complete"}


def test_who_followed_a_job_hears_the_rest_of_it_from_the_next_server(data: Path, long_clip: Path) -> None:
    """A browser that comes back with its `Last-Event-ID` after a crash hears only what is new, up to the end."""
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        video, job = client.upload(long_clip)
        heard = encoding_report(client, job)
        server.kill()
    with running_server(data, environment=FAST) as server:
        client = Client(server)
        assert [found["id"] for found in client.get("/api/videos").json["videos"]] == [video["id"]]
        rest = list(client.follow(job["id"], heard=heard["sequence"]))
        assert min(report["sequence"] for report in rest) > heard["sequence"]
        assert (rest[-1]["status"], rest[-1]["attempt"]) == ("COMPLETE", heard["attempt"] + 1)
        assert_tidy(client, data, client.video(video["id"]))


def test_a_server_killed_during_uploads_keeps_nothing_of_them(data: Path, tmp_path: Path, clips: Clips) -> None:
    """Whatever had come in, it is neither listed nor kept by the next server; what was acknowledged is."""
    file = tmp_path / "large.mkv"
    file.write_bytes(clips("silent.mp4").read_bytes() + bytes(5_000_000))
    headers, body = form(file)
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        _, acknowledged = client.upload(clips("silent.mp4"))
        connections = [client.connect() for _ in range(4)]
        shares = (300, len(body) // 3, len(body) - 1000, len(body) - 1)
        for connection, count in zip(connections, shares, strict=True):
            connection.putrequest("POST", "/api/videos")
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body[:count])
        until(lambda: len(list((data / "incoming").iterdir())) == len(shares))
        server.kill()
        for connection in connections:
            connection.close()
    assert len(list((data / "incoming").iterdir())) == len(shares)
    with running_server(data, environment=FAST) as server:
        client = Client(server)
        assert list((data / "incoming").iterdir()) == []
        assert len(list((data / "media").iterdir())) == 1
        assert [job["id"] for job in client.get("/api/jobs").json["jobs"]] == [acknowledged["id"]]
        assert client.end_of(acknowledged["id"])["status"] == "COMPLETE"


def test_streams_end_in_order_when_a_server_is_asked_to_end(data: Path, long_clip: Path) -> None:
    """Who follows a job that runs sees the stream close, and no end of the job; the log has nothing to regret."""
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        _, job = client.upload(long_clip)
        reports = client.follow(job["id"])
        assert any(report["stage"] == "encode" for report in reports)
        assert server.stop() == 0
        assert all(report["status"] == "RUNNING" for report in reports)
    assert encoders_of(data) == {}
    assert "Traceback" not in server.log.read_text()


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
    """With `--database-url`: upload, encode, kill, restart, search; the data folder holds no catalog of its own."""
    url = mariadb.create_database("whole_way")
    with running_server(data, "--database-url", url) as server:
        client = Client(server)
        video, job = client.upload(clips("h264.mp4"), title="Größe 😀")
        assert client.end_of(job["id"])["status"] == "COMPLETE"
        server.kill()
    with running_server(data, "--database-url", url) as server:
        client = Client(server)
        found = client.get("/api/videos?q=GR%C3%B6").json["videos"]
        assert [(video["id"], video["title"]) for video in found] == [(video["id"], "Größe 😀")]
        assert_tidy(client, data, found[0])
        assert client.ask(f"/api/videos/{video['id']}", method="DELETE").status == 204
        assert list((data / "media").iterdir()) == []
    assert not list(data.glob("*.sqlite3*"))
