"""A machine that has no room, no memory, or a broken ffmpeg; and a job that nobody wants any more."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clips.programs import PROGRAMS, ffmpeg
from tests.encoder.processes import script
from tests.end_to_end.client import Client, Document
from tests.end_to_end.processes import encoders_of
from tests.services.disks import small_file_system
from tests.services.server import running_server

FAST = {"STREAMSERVER_X264_PRESET": "ultrafast", "STREAMSERVER_RETRY_SECONDS": "0.2"}
SLOW = {"STREAMSERVER_X264_PRESET": "veryslow"}
LITTLE_MEMORY_KILOBYTES = 260_000
"""Of address space: enough to start with, and too little for x264."""
LITTLE_ROOM_BYTES = 1_000_000
"""Less than what `restless` becomes, more than the catalog takes meanwhile."""

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few megabytes."""
    with small_file_system(tmp_path / "disk", "size=24m") as folder:
        yield folder


@pytest.fixture(scope="module")
def restless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clip whose renditions become as large as their bit rates allow."""
    target = tmp_path_factory.mktemp("clips") / "restless.avi"
    picture = "testsrc2=size=480x270:rate=25:duration=30,noise=alls=60:allf=t"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-q:v", "31", str(target))
    return target


def report_of(client: Client, job_id: str, is_wanted: Callable[[Document], bool]) -> Document:
    return next(report for report in client.follow(job_id) if is_wanted(report))


def was_failed(report: Document) -> bool:
    return report["last_error"] is not None


def test_no_room(small_disk: Path, restless: Path) -> None:
    """A job that finds the disk full leaves nothing half-done, says why, and goes on once there is room."""
    filler, data = small_disk / "filler", small_disk / "data"
    with running_server(data, environment=FAST) as server:
        client = Client(server)
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(bytes(free - restless.stat().st_size - LITTLE_ROOM_BYTES))
        video, job = client.upload(restless)
        report = report_of(client, job["id"], was_failed)
        assert report["last_error"]["code"] == "out_of_room"
        assert report["failures"] >= 1
        filler.unlink()
        assert client.end_of(job["id"])["status"] == "COMPLETE"
        found = client.video(video["id"])
        assert {rendition["status"] for rendition in found["renditions"]} == {"complete"}
        names = {rendition["file_url"].rsplit("/", 1)[-1] for rendition in found["renditions"]}
        assert {path.name for path in (data / "media" / video["id"]).glob("*.mp4")} == names


def test_no_memory(data: Path, tmp_path: Path, copied: Path) -> None:
    """An encoder that may not have the memory that it asks for is tried again, and then gets COMPLETE."""
    scarce = tmp_path / "scarce"
    scarce.touch()
    limited = f'case "$*" in *libx264*) test -e {scarce} && ulimit -v {LITTLE_MEMORY_KILOBYTES};; esac'
    program = script(tmp_path, f'{limited}\nexec {PROGRAMS.ffmpeg} "$@"', name="ffmpeg")
    with running_server(data, environment={**FAST, "STREAMSERVER_FFMPEG": program}) as server:
        client = Client(server)
        video, job = client.upload(copied)
        report = report_of(client, job["id"], was_failed)
        assert report["last_error"]["code"] in {"out_of_memory", "machine_failed"}
        (kept,) = client.video(video["id"])["renditions"]
        scarce.unlink()
        assert client.end_of(job["id"])["status"] == "COMPLETE"
        found = client.video(video["id"])
        assert kept["key"] == found["renditions"][0]["key"]


def test_an_encoder_that_crashes_in_the_middle(data: Path, tmp_path: Path) -> None:
    """The job ends in ERROR; what was whole can be watched, and another try encodes only what is missing."""
    clip = tmp_path / "clip.mp4"
    picture = "testsrc2=size=480x270:rate=25:duration=20,noise=alls=30:allf=t"
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", picture, *codec, str(clip))
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        video, job = client.upload(clip)
        report_of(client, job["id"], lambda report: report["percent"] > 5)
        for pid in encoders_of(data):
            os.kill(pid, signal.SIGSEGV)
        ended = client.end_of(job["id"])
        assert (ended["status"], ended["error"]["code"]) == ("ERROR", "encoder_failed")
        found = client.video(video["id"])
        (kept,) = found["renditions"]
        assert (found["status"], kept["status"]) == ("playable", "complete")
        assert client.ask(found["hls_url"]).status == 200
    with running_server(data, environment=FAST) as server:
        client = Client(server)
        assert client.ask(f"/api/jobs/{job['id']}/retry", method="POST").status in {200, 202}
        assert client.end_of(job["id"])["status"] == "COMPLETE"
        found = client.video(video["id"])
        assert [rendition["name"] for rendition in found["renditions"]] == ["270p original", "270p", "180p"]
        assert found["renditions"][0] == kept


def test_a_job_is_cancelled_within_a_second(data: Path, long_clip: Path) -> None:
    """When the answer comes no encoder is left, and what it wrote is gone; nobody is kept waiting for it."""
    with running_server(data, environment=SLOW) as server:
        client = Client(server)
        video, job = client.upload(long_clip)
        report_of(client, job["id"], lambda report: report["percent"] > 2)
        began = time.monotonic()
        assert client.ask(f"/api/jobs/{job['id']}", method="DELETE").status == 202
        seconds = time.monotonic() - began
        assert encoders_of(data) == {}
        assert list((data / "media" / video["id"]).glob("*.mp4")) == []
        assert seconds < 1  # what is promised to people, and the only time that is measured here
