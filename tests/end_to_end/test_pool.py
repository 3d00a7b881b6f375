"""The bounded pool: encoders + preparers at most, a line with places, and room in it again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.client import Client, Document
from tests.end_to_end.processes import LOOK_SECONDS, encoders_of
from tests.services.server import running_server

ENCODERS = 1
PREPARERS = 1
SETTINGS = {
    "STREAMSERVER_ENCODERS": str(ENCODERS),
    "STREAMSERVER_PREPARERS": str(PREPARERS),
    "STREAMSERVER_QUEUE_LIMIT": "2",
    "STREAMSERVER_X264_PRESET": "veryslow",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(data: Path) -> Iterator[Client]:
    with running_server(data, environment=SETTINGS) as server:
        yield Client(server)


def until_waiting(client: Client, job: Document, *, there: int) -> Document:
    """Wait until a job has got all that is quick, so many renditions, and waits for its ladder."""
    reports = client.follow(job["id"])
    return next(report for report in reports if report["stage"] == "wait" and len(report["renditions"]) == there)


def until_encoding(client: Client, job: Document) -> Document:
    """Wait until a job's ladder is on its way."""
    return next(report for report in client.follow(job["id"]) if report["percent"] > 1)


@contextmanager
def counting_encoders(data: Path) -> Iterator[list[int]]:
    """Count again and again how many encoders run, not those that take a picture beside one; give the counts."""
    counts: list[int] = []
    is_over = threading.Event()

    def count() -> None:
        while not is_over.wait(LOOK_SECONDS):
            running = [words for words in encoders_of(data).values() if Path(words[0]).name.startswith("ffmpeg")]
            counts.append(sum("image2" not in words for words in running))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield counts
    finally:
        is_over.set()
        counting.join()


def test_the_pool_is_bounded(client: Client, data: Path, endless_clip: Path, encoded: Path) -> None:
    """One encodes, two wait and know their place, the fourth is 503; who cancels makes room for the next."""
    with counting_encoders(data) as counts:
        _, first = client.upload(endless_clip)
        until_encoding(client, first)
        _, second = client.upload(encoded)
        _, third = client.upload(encoded)
        for job in (second, third):
            until_waiting(client, job, there=1)
        assert [client.job(job["id"])["queue_position"] for job in (second, third)] == [1, 2]
        refused = client.send(encoded)
        assert (refused.status, refused.json["code"]) == (503, "queue_full")
        assert int(refused.headers["retry-after"]) > 0

        places = (report["queue_position"] for report in client.follow(third["id"]) if report["queue_position"])
        assert next(places) == 2
        assert client.ask(f"/api/jobs/{second['id']}", method="DELETE").status == 202
        assert next(places) == 1
        _, fourth = client.upload(encoded)

        cancelled = client.ask(f"/api/jobs/{first['id']}", method="DELETE")
        assert (cancelled.status, cancelled.json["error"]["code"]) == (202, "cancelled")
        for job in (third, fourth):
            assert client.end_of(job["id"])["status"] == "COMPLETE"
    assert 1 <= max(counts) <= ENCODERS + PREPARERS
    assert encoders_of(data) == {}
    listed = {job["id"]: job["status"] for job in client.get("/api/jobs").json["jobs"]}
    assert [listed[job["id"]] for job in (first, second, third, fourth)] == [*["ERROR"] * 2, *["COMPLETE"] * 2]


@pytest.mark.parametrize(("name", "there"), [("encoded", 1), ("copied", 2)])
def test_a_new_video_does_not_wait_for_a_ladder(
    name: str, there: int, client: Client, endless_clip: Path, request: pytest.FixtureRequest
) -> None:
    """While the one encoder is busy, a new video gets something to watch, and then waits for the rest."""
    _, first = client.upload(endless_clip)
    until_encoding(client, first)
    video, second = client.upload(request.getfixturevalue(name))
    waiting = until_waiting(client, second, there=there)
    assert (waiting["status"], waiting["queue_position"]) == ("RUNNING", 1)
    assert [rendition["percent"] for rendition in waiting["renditions"]] == [100] * there
    found = client.video(video["id"])
    assert (found["status"], len(found["renditions"])) == ("playable", there)
    assert client.ask(found["hls_url"]).status == 200
    assert client.job(first["id"])["status"] == "RUNNING"
    client.ask(f"/api/jobs/{first['id']}", method="DELETE")
    assert client.end_of(second["id"])["status"] == "COMPLETE"
