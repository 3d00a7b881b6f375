"""A disk that is full or broken while a part comes: it is not acknowledged, and can be sent again."""

import errno
import os
from pathlib import Path

import pytest

from tests.end_to_end.client import Client, Document
from tests.end_to_end.presigned import begin, complete, put_all, refused_by
from tests.services.server import ServerProcess, running_server

PLAIN = {"STREAMSERVER_SANDBOX": "off", "STREAMSERVER_X264_PRESET": "ultrafast"}
FILLING_BYTES = 6_000_000

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def file(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video of some megabytes, most of which players pass over."""
    target = tmp_path_factory.mktemp("clips") / "some megabytes.mp4"
    filling = (FILLING_BYTES + 8).to_bytes(4, "big") + b"free" + os.urandom(FILLING_BYTES)
    target.write_bytes(copied.read_bytes() + filling)
    return target


def listed(server: ServerProcess, offer: Document) -> Document:
    """Return what the server says has come."""
    return Client(server).get(offer["parts_url"].removeprefix(server.url)).json


def test_a_disk_that_becomes_full(small_disk: Path, file: Path, tmp_path: Path) -> None:
    """507, and the part is not there; once there is room it can be sent again."""
    filler, data = small_disk / "filler", small_disk / "data"
    environment = {**PLAIN, "STREAMSERVER_DATABASE_URL": f"sqlite:///{tmp_path / 'catalog.sqlite3'}"}
    with running_server(data, environment=environment) as server:
        client = Client(server)
        offer = begin(client, file)
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(bytes(free - 2_500_000))
        for _ in range(2):
            assert refused_by(offer["url"], file.read_bytes()) == 507
            assert listed(server, offer)["stored"] == []
        filler.unlink()
        put_all(offer, file)
        complete(offer)
        assert client.end_of(offer["id"])["status"] == "COMPLETE"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (f"pwrite {errno.EIO}", 503),
        (f"pwrite {errno.ENOSPC}", 507),
        (f"fdatasync {errno.EIO}", 503),
        (f"fdatasync {errno.EDQUOT}", 507),
    ],
)
def test_a_disk_that_fails(file: Path, faulty: Path, tmp_path: Path, fault: str, status: int) -> None:
    """A clear status, and the part is not there, nor is the one that it was to replace."""
    faults = tmp_path / "faults"
    environment = {**PLAIN, "LD_PRELOAD": str(faulty), "FAULTS": str(faults)}
    with running_server(tmp_path / "data", environment=environment) as server:
        client = Client(server)
        offer = begin(client, file)
        put_all(offer, file)
        faults.write_text(fault)
        assert refused_by(offer["url"], file.read_bytes()) == status
        faults.unlink()
        assert listed(server, offer)["stored"] == []
        put_all(offer, file)
        complete(offer)
        assert client.end_of(offer["id"])["status"] == "COMPLETE"
