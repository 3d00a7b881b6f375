"""kill -9 of the server, or of an encoder, at fifty moments of the lives of jobs: all end well, nothing is left.

The moments are drawn beforehand, as shares of a job that are to be seen in its reports, so that each run strikes
at the same ones.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client, Document
from tests.end_to_end.processes import LOOK_SECONDS, encoders_of
from tests.services.server import running_server

SEED = 20
LIVES = 10
STRIKES = 4
"""On encoders, in each life of the server, which ends with one on the server itself."""
SETTINGS = {
    "STREAMSERVER_RETRY_SECONDS": "0.01",
    "STREAMSERVER_X264_PRESET": "slower",
}

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What happens to one server."""

    strikes: tuple[float, ...]
    """When an encoder is killed: the percentage that its job is to have, one attempt after the other."""
    end: float
    """When the server is killed."""
    is_copied: bool
    """Whether the video of this life is one that browsers can play as it is."""


def lives() -> Iterator[Life]:
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    for number in range(LIVES):
        *strikes, end = (max(0.0, moments.uniform(-20, 95)) for _ in range(STRIKES + 1))
        yield Life(strikes=tuple(strikes), end=end, is_copied=bool(number % 2))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Make two restless clips that take a moment to encode; one of them browsers can play."""
    folder = tmp_path_factory.mktemp("clips")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=426x240:rate=25:duration=6,noise=alls=20:allf=t")
    sound = ("-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000:duration=6")
    codecs = {
        True: ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac"),
        False: ("-c:v", "mpeg4"),
    }
    found = {}
    for is_copied, codec in codecs.items():
        found[is_copied] = folder / f"{'copied' if is_copied else 'encoded'}.mkv"
        ffmpeg(*picture, *sound, *codec, "-pix_fmt", "yuv420p", str(found[is_copied]))
    return found


def test_fifty_moments(clips: dict[bool, Path], tmp_path: Path) -> None:
    """Every job ends COMPLETE, once, with the renditions of its video whole and nothing else on the disk."""
    data, job_ids, moments = tmp_path / "data", [], 0
    for life in lives():
        with running_server(data, environment=SETTINGS) as server:
            client = Client(server)
            _, job = client.upload(clips[life.is_copied])
            job_ids.append(job["id"])
            attempt = 0
            for percent in life.strikes:
                attempt = reached(client, job["id"], percent, after_attempt=attempt)
                strike(client, data, job["id"])
                moments += 1
            reached(client, job["id"], life.end, after_attempt=attempt)
            server.kill()
            moments += 1
        until_none(data)
    assert moments == 50
    with running_server(data, environment={"STREAMSERVER_X264_PRESET": "ultrafast"}) as server:
        client = Client(server)
        ended = [client.end_of(job_id) for job_id in job_ids]
        assert {job["status"] for job in ended} == {"COMPLETE"}, ended
        videos = client.get("/api/videos?limit=100").json["videos"]
        assert len(videos) == LIVES
        for video in videos:
            assert_whole(client, data, video)
        told = server.log.read_text()
        assert server.stop() == 0
    assert encoders_of(data) == {}
    assert list((data / "incoming").iterdir()) == []
    assert {folder.name for folder in (data / "media").iterdir()} == {video["id"] for video in videos}
    for job_id in job_ids:
        # A server that was killed after the end was recorded did not get to tell it.
        assert (
            len([line for line in told.splitlines() if f"job {job_id} of video" in line and "COMPLETE" in line])
            <= 1
        )
    assert "Traceback" not in told


def reached(client: Client, job_id: str, percent: float, *, after_attempt: int) -> int:
    """Wait until a later attempt is so far, or the job is over; return which attempt that was."""
    for report in client.follow(job_id):
        if report["attempt"] > after_attempt and report["percent"] >= percent and report["status"] == "RUNNING":
            return int(report["attempt"])
    return after_attempt


def strike(client: Client, data: Path, job_id: str) -> None:
    """Kill whatever works on the video; between two programs, the next one."""
    while not (found := encoders_of(data)):
        if client.job(job_id)["status"] in {"COMPLETE", "ERROR"}:
            return
        time.sleep(LOOK_SECONDS)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it came to its own end
            continue


def until_none(data: Path) -> None:
    """Wait until nothing works for a server that is gone."""
    deadline = time.monotonic() + 20
    while encoders_of(data):
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)


def assert_whole(client: Client, data: Path, video: Document) -> None:
    """Check that a video is complete, and that its folder holds what is shown of it and nothing else."""
    assert video["status"] == "complete"
    assert {rendition["status"] for rendition in video["renditions"]} == {"complete"}
    assert [rendition["name"] for rendition in video["renditions"]] == ["240p", "180p"]
    addresses = [rendition["file_url"] for rendition in video["renditions"]]
    addresses += [video["poster_url"]] if video["poster_url"] else []
    files = {path.name for path in (data / "media" / video["id"]).iterdir()}
    assert files == {"source", *(address.rsplit("/", 1)[-1] for address in addresses)}
    for address in (video["hls_url"], *addresses):
        assert client.ask(address).status == 200
