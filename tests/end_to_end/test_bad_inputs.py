"""Files that are no video, or none for this server: each is turned away with a sentence, and nothing remains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client
from tests.services.server import running_server

pytest_plugins = ["tests.clips.fixtures"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad") / "data"


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[Client]:
    with running_server(data) as server:
        yield Client(server)


def assert_nothing_remains(client: Client, data: Path) -> None:
    assert client.get("/api/videos").json == {"videos": [], "next": None}
    assert [path for path in data.rglob("*") if path.parent.name in {"media", "incoming"}] == []


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("empty.mp4", (400, "The file is empty.")),
        ("text.mp4", (415, "The file is a text file, not a video.")),
        ("playlist.mp4", (415, "The file is an HLS playlist, not a video.")),
        ("concat.mp4", (415, "The file is a list of files, not a video.")),
        ("cover.mp3", (415, "The file is a sound file, not a video.")),
        ("cover.png", (415, "The file is a PNG picture, not a video.")),
    ],
)
def test_what_is_no_video_at_first_sight_is_refused(
    client: Client, data: Path, clips: Clips, name: str, refusal: tuple[int, str]
) -> None:
    """A 4xx before there is a job, whatever the name says."""
    reply = client.send(clips(name))
    assert (reply.status, reply.json["detail"]) == refusal
    assert_nothing_remains(client, data)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("noise.mp4", "The file is not a video, or it is damaged beyond reading."),
        ("no-end.mp4", "The file is incomplete: its end, which describes the video, is missing."),
        ("half.mp4", "The file is incomplete: it promises 4 seconds and ends after 2."),
        ("sound.m4a", "There is no video in the file."),
        ("very-wide.mkv", "The video claims 65535 × 3 pixels; at most 8192 in a row or column"),
    ],
)
def test_what_is_no_video_on_closer_inspection_ends_in_error(
    client: Client, data: Path, clips: Clips, name: str, sentence: str
) -> None:
    """The job says why in a sentence; its source is removed, so trying again is a conflict."""
    reply = client.send(clips(name))
    assert reply.status == 201
    job = client.end_of(reply.json["job"]["id"])
    assert job["error"]["code"] == "source_unusable"
    assert job["error"]["message"].startswith(sentence)
    assert client.video(job["video_id"])["status"] == "error"
    assert client.ask(f"/api/jobs/{job['id']}/retry", method="POST").status == 409
    assert_nothing_remains(client, data)


def test_a_playlist_in_a_container_s_clothes_reads_no_other_file(
    client: Client, data: Path, tmp_path: Path
) -> None:
    """A list of files that begins like a video is opened by nothing that would follow it."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    disguised = tmp_path / "a.mp4"
    disguised.write_bytes(
        b"\x00\x00\x00\x00\n#EXTM3U\n#EXTINF:1,\nfile://%s\n#EXT-X-ENDLIST\n" % str(secret).encode()
    )
    reply = client.send(disguised)
    assert reply.status == 201
    job = client.end_of(reply.json["job"]["id"])
    assert job["error"]["code"] == "source_unusable"
    assert "secret" not in str(job)
    assert_nothing_remains(client, data)


def test_the_server_is_as_good_as_before(client: Client, clips: Clips) -> None:
    """After all that an ordinary video is encoded."""
    assert client.complete(clips("silent.mp4"))["status"] == "complete"
