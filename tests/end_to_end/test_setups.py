"""Other ways to use a server: files that are added on the spot, a catalog in MariaDB."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client
from tests.end_to_end.tidiness import assert_tidy
from tests.services.server import ServerProcess, running_server

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.mariadb import MariaDB

pytest_plugins = ["tests.clips.fixtures", "tests.services.mariadb"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


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
