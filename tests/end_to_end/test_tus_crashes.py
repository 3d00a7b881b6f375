"""kill -9 of the server at fifty moments of resumable uploads: nothing that was acknowledged is lost.

The moments, and the sizes of what is sent, are drawn beforehand; what the server does at such a moment is chance.
"""

import hashlib
import random
import signal
import struct
import threading
from pathlib import Path

import pytest

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client
from tests.end_to_end.tus_client import TusConnection, TusUpload
from tests.services.server import running_server

SEED = 50
KILLS = 50
LIFE_SECONDS = (0.0, 0.3)
"""When a server is killed, from when it has told what it keeps."""
FILE_BYTES = (10_000, 12_000_000)
PIECE_BYTES = 2_500_000
"""The largest piece that is sent in one request; those of a megabyte and more are read from the socket itself."""
PLAIN = {
    "STREAMSERVER_SANDBOX": "off",
    "STREAMSERVER_X264_PRESET": "ultrafast",
    "STREAMSERVER_QUEUE_LIMIT": "5000",
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Make a tiny video."""
    target = tmp_path_factory.mktemp("clips") / "tiny.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.2")
    ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(target))
    return target.read_bytes()


def file_of(clip: bytes, chances: random.Random, number: int) -> TusUpload:
    """Make a video that is no other: the clip, and a box of any size that players pass over (ISO/IEC 14496-12)."""
    filling = chances.randbytes(chances.randint(*FILE_BYTES))
    content = clip + struct.pack(">I4s", len(filling) + 8, b"free") + filling
    return TusUpload(content=content, title=f"Upload {number}")


def test_fifty_moments(clip: bytes, tmp_path: Path) -> None:
    """After each kill HEAD tells what is kept, which is all that was acknowledged; each file ends up whole."""
    data, chances = tmp_path / "data", random.Random(SEED)  # noqa: S311 - moments, not secrets
    uploads = [file_of(clip, chances, 0)]
    midway = 0
    for _ in range(KILLS):
        with running_server(data, environment=PLAIN) as server:
            connection = TusConnection(server.url)
            connection.take_up(uploads[-1])
            timer = threading.Timer(chances.uniform(*LIFE_SECONDS), server.kill)
            timer.start()
            while connection.go_on(uploads[-1], chances, most=PIECE_BYTES):
                uploads.append(file_of(clip, chances, len(uploads)))
            connection.close()
            timer.join()
            assert server.process.wait() == -signal.SIGKILL
            midway += 0 < uploads[-1].acknowledged < len(uploads[-1].content)
            assert_kept(data, uploads[-1])
    with running_server(data, environment=PLAIN) as server:
        connection = TusConnection(server.url)
        assert connection.go_on(uploads[-1], chances, most=PIECE_BYTES)
        connection.close()
        assert_whole(Client(server), uploads)
        assert server.stop() == 0
    assert midway > KILLS / 5, "hardly a kill came in the middle of a file"
    assert list((data / "uploads").iterdir()) == []
    assert len(list((data / "media").iterdir())) == len(uploads)


def assert_kept(data: Path, upload: TusUpload) -> None:
    """Check that what lies on the disk is the beginning of the file, and all of it that was acknowledged."""
    if not upload.path or not (kept := data / "uploads" / upload.id).exists():
        return  # nothing had come, or all of it, and it is a video
    found = kept.read_bytes()
    assert len(found) >= upload.acknowledged
    assert upload.content.startswith(found)


def assert_whole(client: Client, uploads: list[TusUpload]) -> None:
    """Check that each file became one video, byte for byte."""
    assert all(upload.is_done for upload in uploads)
    found: dict[str, str] = {}
    for upload in uploads:
        video = client.video(client.job(upload.id)["video_id"])
        found[video["title"]] = hashlib.sha256(client.get(video["source_url"]).body).hexdigest()
    assert found == {upload.title: upload.sha256 for upload in uploads}
