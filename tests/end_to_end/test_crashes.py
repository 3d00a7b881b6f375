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
from tests.end_to_end.tidiness import assert_tidy
from tests.services.server import running_server

SEED = 20
LIVES = 10
STRIKES = 4
"""On encoders, in each life of the server, which ends with one on the server itself."""
PERCENT = (-20.0, 80.0)
"""Below 0 is the moment at which an attempt begins; soon after 80 it may have come to its end."""
SLOW = {"STREAMSERVER_RETRY_SECONDS": "0.01", "STREAMSERVER_X264_PRESET": "slower"}
FAST = {"STREAMSERVER_X264_PRESET": "ultrafast"}

pytestmark = pytest.mark.timeout(600)


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
        *strikes, end = (max(0.0, moments.uniform(*PERCENT)) for _ in range(STRIKES + 1))
        yield Life(strikes=tuple(strikes), end=end, is_copied=bool(number % 2))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Make two restless clips that take a moment to encode; one of them browsers can play."""
    folder = tmp_path_factory.mktemp("clips")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=12:duration=6,noise=alls=20:allf=t")
    sound = ("-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000:duration=6")
    codecs = {
        True: ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "1M", "-g", "50", "-c:a", "aac"),
        False: ("-c:v", "mpeg4"),
    }
    found = {}
    for is_copied, codec in codecs.items():
        found[is_copied] = folder / f"{'copied' if is_copied else 'encoded'}.mkv"
        ffmpeg(*picture, *sound, *codec, "-pix_fmt", "yuv420p", str(found[is_copied]))
    return found


def test_fifty_moments(clips: dict[bool, Path], tmp_path: Path) -> None:
    """Every job ends COMPLETE, and once, with the renditions of its video whole and nothing else left anywhere."""
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)}
    job_ids, strikes, kept = [], 0, {"lock"}
    for life in lives():
        with running_server(data, environment={**SLOW, **environment}) as server:
            client = Client(server)
            _, job = client.upload(clips[life.is_copied])
            job_ids.append(job["id"])
            kept |= {path.name for path in data.iterdir()}
            strikes += live(client, data, job, life)
            server.kill()
        until_none(data)
    with running_server(data, environment={**FAST, **environment}) as server:
        client = Client(server)
        ended = [client.end_of(job_id) for job_id in job_ids]
        assert {job["status"] for job in ended} == {"COMPLETE"}, [job["error"] for job in ended]
        videos = client.get("/api/videos?limit=100").json["videos"]
        for video in videos:
            assert [rendition["name"] for rendition in video["renditions"]] == ["360p", "270p", "180p"]
            assert_tidy(client, data, video)
        told = server.log.read_text()
        assert server.stop() == 0
    assert strikes >= LIVES * STRIKES * 0.9  # one may find that the job was faster
    assert encoders_of(data) == {}
    assert {folder.name for folder in (data / "media").iterdir()} == {video["id"] for video in videos}
    assert len(videos) == LIVES
    assert {path.name for path in data.iterdir()} <= kept
    assert list(temporary.iterdir()) == []
    assert_ended_once(told, job_ids)


def live(client: Client, data: Path, job: Document, life: Life) -> int:
    """Kill a job's encoders at the moments of a life, and come to its end; return how many strikes hit."""
    attempt = strikes = 0
    for percent in life.strikes:
        attempt = reached(client, job["id"], percent, after_attempt=attempt)
        strikes += strike(client, data, job)
    reached(client, job["id"], life.end, after_attempt=attempt)
    return strikes


def reached(client: Client, job_id: str, percent: float, *, after_attempt: int) -> int:
    """Wait until a later attempt is so far, or the job is over; return which attempt that was."""
    for report in client.follow(job_id):
        if report["attempt"] > after_attempt and report["percent"] >= percent and report["status"] == "RUNNING":
            return int(report["attempt"])
    return after_attempt


def strike(client: Client, data: Path, job: Document) -> bool:
    """Kill whatever works for a job, between two programs the next one; False where the job was over first."""
    while not (found := encoders_of(data, job["video_id"])):
        if client.job(job["id"])["status"] in {"COMPLETE", "ERROR"}:
            return False
        time.sleep(LOOK_SECONDS)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it came to its own end
            continue
    return True


def until_none(data: Path) -> None:
    """Wait until nothing works for a server that is gone."""
    deadline = time.monotonic() + 20
    while encoders_of(data):
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)


def assert_ended_once(told: str, job_ids: list[str]) -> None:
    """Check what all servers together said: no end was told twice, nothing was unforeseen.

    A server that was killed between recording an end and telling it said nothing.
    """
    lines = told.splitlines()
    ends = [sum(f"job {job_id} of" in line and "COMPLETE" in line for line in lines) for job_id in job_ids]
    assert max(ends) == 1, ends
    assert "Traceback" not in told
