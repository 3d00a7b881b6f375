"""A client of tus that knows which bytes were acknowledged, and goes on after any fault."""

import hashlib
import random
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

VERSION = {"Tus-Resumable": "1.0.0"}
CHUNK = {**VERSION, "Content-Type": "application/offset+octet-stream"}
PATIENCE_SECONDS = 60


@dataclass(slots=True, kw_only=True)
class TusUpload:
    """A file on its way to a server, which may be another process by the time it is whole."""

    content: bytes
    """All of it."""
    title: str
    """What the video is to be called."""
    path: str = ""
    """Where the upload is found; empty while that is not known."""
    acknowledged: int = 0
    """How many bytes the server has said that it has."""
    statuses: list[int] = field(default_factory=list)
    """Of answers that were no success."""

    @property
    def id(self) -> str:
        """The id of the upload, and of its job."""
        return self.path.rsplit("/", 1)[1]

    @property
    def is_done(self) -> bool:
        """Whether all was acknowledged."""
        return self.acknowledged == len(self.content)

    @property
    def sha256(self) -> str:
        """What the file is known by."""
        return hashlib.sha256(self.content).hexdigest()


class TusConnection:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        self._connection = HTTPConnection(where.hostname, where.port, timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str]]:
        """Return the status and the fields of an answer."""
        self._connection.request(method, path, body=body or None, headers=headers)
        response = self._connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}

    def create(self, upload: TusUpload) -> int:
        """Begin an upload and return the status."""
        said = f"title {b64encode(upload.title.encode()).decode()}"
        headers = {**VERSION, "Upload-Length": str(len(upload.content)), "Upload-Metadata": said}
        status, found = self.ask("POST", "/api/uploads", headers)
        if status == 201:
            upload.path = found["location"]
        return status

    def look(self, upload: TusUpload) -> int:
        """Return how much the server has."""
        status, found = self.ask("HEAD", upload.path, VERSION)
        assert status == 200, status
        assert found["upload-length"] == str(len(upload.content))
        return int(found["upload-offset"])

    def add(self, upload: TusUpload, offset: int, count: int) -> int:
        """Send bytes and return the status; what the server acknowledges is noted."""
        headers = {**CHUNK, "Upload-Offset": str(offset)}
        status, found = self.ask("PATCH", upload.path, headers, upload.content[offset : offset + count])
        if status == 204:
            upload.acknowledged = int(found["upload-offset"])
        else:
            upload.statuses.append(status)
        return status

    def take_up(self, upload: TusUpload) -> None:
        """Create the upload, or learn how much of it the server has: no less than it acknowledged."""
        if not upload.path:
            assert self.create(upload) == 201
        offset = self.look(upload)
        assert offset >= upload.acknowledged, "acknowledged bytes are gone"
        upload.acknowledged = offset

    def go_on(self, upload: TusUpload, chances: random.Random, *, most: int) -> bool:
        """Send the rest in pieces of any size; False where the connection breaks off before its end."""
        try:
            self.take_up(upload)
            while not upload.is_done:
                assert self.add(upload, upload.acknowledged, chances.randint(1, most)) == 204
        except (OSError, HTTPException):
            return False
        return True
