"""Our own server, started as people start it and used through what it offers to everyone."""

import http.client
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.checkout import this_checkout

from benchmarks.servers import BenchError, Server, free_port, running

CHUNK_BYTES = 1024 * 1024
PATIENCE_SECONDS = 600.0
LOOK_SECONDS = 0.05
NAME = "streamserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back."""

    status: int
    """The status code."""
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes
    """All of it."""

    def accept(self) -> None:
        """Raise `BenchError` where the answer is not a good one."""
        if self.status >= http.client.BAD_REQUEST:
            raise BenchError(f"the server answered {self.status}: {self.body[:500].decode(errors='replace')}")

    def json(self) -> Any:  # noqa: ANN401 - JSON has any shape
        """Read the body as JSON; `BenchError` where the answer is not a good one."""
        self.accept()
        return json.loads(self.body)


@contextmanager
def streamserver(
    data_dir: Path,
    *,
    cores: frozenset[int],
    log: Path,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run `streamserver serve` on a data folder; `settings` are environment variables without their prefix."""
    port = free_port()
    command = [
        sys.executable,
        "-P",
        "-m",
        "streamserver",
        "serve",
        "--port",
        str(port),
        "--data-dir",
        str(data_dir),
        # Or the sample video of a new library would be encoded while something is measured.
        "--no-sample",
    ]
    # Each upload of the same clip is to be another video.
    given = {"keep_duplicates": "true", **(settings or {})}
    variables = {f"STREAMSERVER_{name.upper()}": value for name, value in given.items()}
    # This checkout's server, whichever else may be installed.
    variables["PYTHONPATH"] = str(this_checkout().root)
    with running(
        NAME,
        [*command, *options],
        port=port,
        cores=cores,
        log=log,
        environment={**os.environ, **variables},
    ) as server:
        yield server


def ask(server: Server, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Response:
    """Send one request on a connection of its own and read the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        return response(connection)
    finally:
        connection.close()


def upload(server: Server, file: Path, *, title: str) -> dict[str, Any]:
    """Send a file as a browser's form does; return `{"video": Video, "job": Job}`."""
    boundary = secrets.token_hex(16)
    head = "".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n',
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n',
        )
    ).encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest("POST", "/api/videos")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
        connection.putheader("Content-Length", str(len(head) + file.stat().st_size + len(end)))
        connection.endheaders(head)
        with file.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                connection.send(chunk)
        connection.send(end)
        answer: dict[str, Any] = response(connection).json()
        return answer
    finally:
        connection.close()


def await_job(server: Server, job_id: str) -> dict[str, Any]:
    """Wait until a job is over; return it, or raise `BenchError` if it failed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = ask(server, f"/api/jobs/{job_id}").json()
        if job["status"] == "COMPLETE":
            return job
        if job["status"] == "ERROR":
            raise BenchError(f"the server could not encode: {job['error']}")
        time.sleep(LOOK_SECONDS)
    raise BenchError(f"job {job_id} took longer than {PATIENCE_SECONDS:.0f} s")


def add_video(server: Server, file: Path, *, title: str) -> dict[str, Any]:
    """Upload a file and wait until all its renditions are there; return the Video."""
    added = upload(server, file, title=title)
    await_job(server, added["job"]["id"])
    video: dict[str, Any] = ask(server, f"/api/videos/{added['video']['id']}").json()
    return video


def segment_paths(server: Server, playlist_path: str) -> list[str]:
    """Return the paths of the segments that a media playlist lists (RFC 8216 §4.1)."""
    playlist = ask(server, playlist_path)
    folder = playlist_path.rpartition("/")[0]
    lines = playlist.body.decode().splitlines()
    return [f"{folder}/{line}" for line in lines if line and not line.startswith("#")]


def response(connection: http.client.HTTPConnection) -> Response:
    """Read the whole answer to a request that was sent."""
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Response(status=answer.status, headers=headers, body=answer.read())
