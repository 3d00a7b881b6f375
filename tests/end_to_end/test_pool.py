"""The bounded pool: encoders + preparers processes at most, a line with places, and room in it again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips.generated import Clips
from tests.end_to_end.client import Client
from tests.end_to_end.processes import LOOK_SECONDS, encoders_of
from tests.services.server import running_server

pytest_plugins = ["tests.clips.fixtures"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(data: Path, tmp_path: Path) -> Iterator[Client]:
    config = tmp_path / "small.toml"
    config.write_text('encoders = 1\npreparers = 1\nqueue_limit = 2\nx264_preset = "veryslow"\n')
    with running_server(data, "--config", str(config)) as server:
        yield Client(server)


def test_the_pool_is_bounded(client: Client, data: Path, long_clip: Path, clips: Clips) -> None:
    """One encodes, two wait and know their place, the fourth is 503; who cancels makes room for the next."""
    counted: list[int] = []
    is_over = threading.Event()

    def count() -> None:
        while not is_over.wait(LOOK_SECONDS):
            counted.append(sum(Path(words[0]).name.startswith("ffmpeg") for words in encoders_of(data).values()))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        _, first = client.upload(long_clip)
        for report in client.follow(first["id"]):
            if report["stage"] == "encode":
                break
        _, second = client.upload(clips("silent.mp4"))
        _, third = client.upload(clips("silent.mp4"))
        assert [client.job(job["id"])["queue_position"] for job in (second, third)] == [1, 2]
        refused = client.send(clips("silent.mp4"))
        assert (refused.status, refused.json["code"]) == (503, "queue_full")
        assert int(refused.headers["retry-after"]) > 0

        places = (report["queue_position"] for report in client.follow(third["id"]) if report["queue_position"])
        assert next(places) == 2
        assert client.ask(f"/api/jobs/{second['id']}", method="DELETE").status == 202
        assert next(places) == 1
        _, fourth = client.upload(clips("silent.mp4"))

        cancelled = client.ask(f"/api/jobs/{first['id']}", method="DELETE")
        assert (cancelled.status, cancelled.json["error"]["code"]) == (202, "cancelled")
        for job in (third, fourth):
            assert client.end_of(job["id"])["status"] == "COMPLETE"
    finally:
        is_over.set()
        counting.join()
    assert max(counted) <= 1 + 1  # encoders + preparers
    assert encoders_of(data) == {}
    names = {job["id"]: job["status"] for job in client.get("/api/jobs").json["jobs"]}
    assert [names[job["id"]] for job in (first, second, third, fourth)] == [
        "ERROR",
        "ERROR",
        "COMPLETE",
        "COMPLETE",
    ]


@pytest.mark.parametrize(("name", "lowest"), [("h264.mp4", 2), ("msmpeg4.avi", 1)])
def test_a_new_video_does_not_wait_for_a_ladder(
    name: str, lowest: int, data: Path, long_clip: Path, clips: Clips
) -> None:
    """While the one encoder is busy, a new video gets something to watch, and then waits for the rest."""
    environment = {"STREAMSERVER_ENCODERS": "1", "STREAMSERVER_X264_PRESET": "veryslow"}
    with running_server(data, environment=environment) as server:
        client = Client(server)
        _, first = client.upload(long_clip)
        next(report for report in client.follow(first["id"]) if report["percent"] > 1)
        video, second = client.upload(clips(name))
        waiting = next(report for report in client.follow(second["id"]) if report["stage"] == "wait")
        assert (waiting["status"], waiting["queue_position"]) == ("RUNNING", 1)
        found = client.video(video["id"])
        assert (found["status"], len(found["renditions"])) == ("playable", lowest)
        assert client.ask(found["hls_url"]).status == 200
        assert client.job(first["id"])["status"] == "RUNNING"
        client.ask(f"/api/jobs/{first['id']}", method="DELETE")
        assert client.end_of(second["id"])["status"] == "COMPLETE"
