"""A program that uses a server's API."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

from tests.services.server import ServerProcess

Document: TypeAlias = dict[str, Any]
PATIENCE_SECONDS = 120
"""When a server is given up; nothing waits for it unless something is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    status: int
    """Status code."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    """All of it."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Document:
        """The body as JSON."""
        document: Document = json.loads(self.body)
        return document


class Client:
    """Asks one server."""

    def __init__(self, server: ServerProcess | str) -> None:
        self.url = server if isinstance(server, str) else server.url
        self._where = urlsplit(self.url)

    def address(self, path: str) -> str:
        """Return the whole address of a path."""
        return urljoin(self.url, path)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Return the answer to a request."""
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(status=response.status, headers=names, body=response.read())
        finally:
            connection.close()

    def connect(self) -> HTTPConnection:
        """Open a connection."""
        assert self._where.hostname is not None
        return HTTPConnection(self._where.hostname, self._where.port, timeout=PATIENCE_SECONDS)

    def get(self, path: str) -> Reply:
        """Return what is under a path, which has to be there."""
        reply = self.ask(path)
        assert reply.status == 200, (path, reply.status, reply.body[:500])
        return reply

    def video(self, video_id: str) -> Document:
        """Return a video."""
        return self.get(f"/api/videos/{video_id}").json

    def job(self, job_id: str) -> Document:
        """Return a job."""
        return self.get(f"/api/jobs/{job_id}").json

    def send(self, file: Path, *, title: str | None = None) -> Reply:
        """Send a file by form."""
        headers, body = form(file, title=title)
        return self.ask("/api/videos", method="POST", headers=headers, body=body)

    def upload(self, file: Path, *, title: str | None = None) -> tuple[Document, Document]:
        """Send a file that is taken; return the video and the job."""
        reply = self.send(file, title=title)
        assert reply.status == 201, reply.body
        return reply.json["video"], reply.json["job"]

    def follow(self, job_id: str, *, heard: int | None = None) -> Iterator[Document]:
        """Yield a job's reports as its Server-Sent Events tell them, until the stream ends."""
        connection = self.connect()
        try:
            headers = {} if heard is None else {"Last-Event-ID": str(heard)}
            connection.request("GET", f"/api/jobs/{job_id}/events", headers=headers)
            response = connection.getresponse()
            assert response.status == 200
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        finally:
            connection.close()

    def end_of(self, job_id: str) -> Document:
        """Wait for the end of a job and return its last report."""
        *_, last = self.follow(job_id)
        assert last["status"] in {"COMPLETE", "ERROR"}
        return last

    def complete(self, file: Path) -> Document:
        """Send a file and return the video once it is complete."""
        video, job = self.upload(file)
        ended = self.end_of(job["id"])
        assert ended["status"] == "COMPLETE", ended["error"]
        return self.video(video["id"])


def form(file: Path, *, title: str | None = None) -> tuple[dict[str, str], bytes]:
    """Return the header and the body of a form with a file in it."""
    boundary = uuid.uuid4().hex
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    body = part.encode() + file.read_bytes() + b"\r\n"
    if title is not None:
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n'
        body = field.encode() + body
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
    return headers, body + f"--{boundary}--\r\n".encode()
