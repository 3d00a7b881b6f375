"""A disk that is full or broken while an upload comes: nothing is acknowledged, and it goes on in the end."""

import errno
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client
from tests.end_to_end.tus_client import TusConnection, TusUpload
from tests.facts import missing
from tests.services.server import ServerProcess, running_server

PLAIN = {"STREAMSERVER_SANDBOX": "off", "STREAMSERVER_X264_PRESET": "ultrafast"}
STEPS = 4
FILLING_BYTES = 6_000_000

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Make a video of some megabytes, most of which players pass over."""
    target = tmp_path_factory.mktemp("clips") / "tiny.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.5")
    ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(target))
    filling = (FILLING_BYTES + 8).to_bytes(4) + b"free" + os.urandom(FILLING_BYTES)
    return target.read_bytes() + filling


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode:
        missing("a small file system can be mounted only by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what lets system calls fail."""
    if shutil.which("cc") is None:
        missing("cc is not installed")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def assert_video(client: Client, upload: TusUpload) -> None:
    """Check that an upload has become a video, byte for byte, and is encoded."""
    assert upload.is_done
    assert client.end_of(upload.id)["status"] == "COMPLETE"
    video = client.video(client.job(upload.id)["video_id"])
    assert hashlib.sha256(client.get(video["source_url"]).body).hexdigest() == upload.sha256


def test_a_disk_that_becomes_full(small_disk: Path, content: bytes, tmp_path: Path) -> None:
    """507 and no acknowledgement, with what had come before; once there is room the upload goes on to its end."""
    filler, data = small_disk / "filler", small_disk / "data"
    environment = {**PLAIN, "STREAMSERVER_DATABASE_URL": f"sqlite:///{tmp_path / 'catalog.sqlite3'}"}
    with running_server(data, environment=environment) as server:
        connection = TusConnection(server.url)
        upload = TusUpload(content=content, title="Full")
        assert connection.create(upload) == 201
        assert connection.add(upload, 0, 1_000_000) == 204
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(bytes(free - 1_500_000))
        for _ in range(2):
            offset = connection.look(upload)
            assert offset >= 1_000_000
            assert connection.add(upload, offset, len(content)) == 507
        assert upload.acknowledged == 1_000_000
        assert content.startswith((data / "uploads" / upload.id).read_bytes())
        assert connection.create(TusUpload(content=content, title="Another")) == 507
        filler.unlink()
        offset = connection.look(upload)
        assert offset >= 1_000_000
        assert connection.add(upload, offset, len(content)) == 204
        assert_video(Client(server), upload)
        connection.close()


FAULTS = (
    ("pwrite", errno.EIO, 503),
    ("pwrite", errno.ENOSPC, 507),
    ("fdatasync", errno.EIO, 503),
    ("fdatasync", errno.ENOSPC, 507),
    ("fdatasync", errno.EDQUOT, 507),
    ("fsync", errno.EIO, 503),
)


def test_a_disk_that_fails(content: bytes, faulty: Path, tmp_path: Path) -> None:
    """A clear status and no acknowledgement, at each step; the upload goes on where it was once all is well."""
    faults, data = tmp_path / "faults", tmp_path / "data"
    environment = {**PLAIN, "LD_PRELOAD": str(faulty), "FAULTS": str(faults)}
    with running_server(data, environment=environment) as server:
        for call, number, status in FAULTS:
            upload = TusUpload(content=content, title=f"{call} {number}")
            upload_through(server, upload, faults, status)
            assert_video(Client(server), upload)


def upload_through(server: ServerProcess, upload: TusUpload, faults: Path, status: int) -> None:
    """Upload a file while each piece fails once, in the way that its title says."""
    connection = TusConnection(server.url)
    assert connection.create(upload) == 201
    count = len(upload.content) // STEPS + 1
    while not upload.is_done:
        offset = upload.acknowledged
        is_last = offset + count >= len(upload.content)
        if is_last or not upload.title.startswith("fsync"):  # which is the very last thing that is done
            faults.write_text(upload.title)
            assert connection.add(upload, offset, count) == status
            faults.unlink()
            assert upload.acknowledged == offset
        found = connection.look(upload)
        if found == len(upload.content):  # nothing but its end had failed
            upload.acknowledged = found
        else:
            assert found == offset
            assert connection.add(upload, offset, count) == 204
    connection.close()


def test_the_tool_lets_calls_fail(faulty: Path, tmp_path: Path) -> None:
    """The fault is there while the file says so, and for uploads alone."""
    (tmp_path / "uploads").mkdir()
    faults = tmp_path / "faults"
    script = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    try: print(os.pwrite(os.open(path, os.O_CREAT | os.O_RDWR), b'x', 0))\n"
        "    except OSError as error: print(error.errno)\n"
    )
    command = ["python3", "-c", script, str(tmp_path / "uploads" / "a"), str(tmp_path / "b")]
    environment = {**os.environ, "LD_PRELOAD": str(faulty), "FAULTS": str(faults)}

    def said() -> list[str]:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert said() == ["1", "1"]
    faults.write_text("pwrite 5")
    assert said() == ["5", "1"]
