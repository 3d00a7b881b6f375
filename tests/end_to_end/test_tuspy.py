"""Uploads by tuspy, a client that others wrote: stopped in the middle, resumed, finished."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage

from tests.end_to_end.client import Client
from tests.end_to_end.tus_client import VERSION
from tests.services.server import running_server

FAST = {"STREAMSERVER_X264_PRESET": "ultrafast"}
PIECE_BYTES = 20_000

pytestmark = pytest.mark.timeout(200)


class Stream(BytesIO):
    """A file that nobody closes: given a path, tuspy opens it again and again, and closes nothing."""

    def close(self) -> None:
        """Stay open."""


@pytest.mark.parametrize("is_checked", [False, True], ids=["plain", "with checksums"])
def test_stop_and_resume(copied: Path, tmp_path: Path, is_checked: bool) -> None:
    """An upload that is stopped in the middle is resumed by another client, and is the same file in the end.

    Meanwhile the server was killed and started again.
    """
    data, half = tmp_path / "data", copied.stat().st_size // 2
    with running_server(data, environment=FAST) as server:
        first = TusClient(f"{server.url}/api/uploads").uploader(
            file_stream=Stream(copied.read_bytes()),
            chunk_size=PIECE_BYTES,
            metadata={"filename": "größer.mp4", "title": "By tuspy"},
            upload_checksum=is_checked,
        )
        first.upload(stop_at=half)
        path = first.url.removeprefix(server.url)
        server.kill()
    with running_server(data, environment=FAST) as server:
        second = TusClient(f"{server.url}/api/uploads").uploader(
            file_stream=Stream(copied.read_bytes()),
            chunk_size=PIECE_BYTES,
            url=f"{server.url}{path}",
            upload_checksum=is_checked,
        )
        assert second.offset == first.offset >= half
        second.upload()
        client = Client(server)
        assert_same(client, path, copied, "By tuspy")


def test_it_finds_its_upload_again(copied: Path, tmp_path: Path) -> None:
    """A client that remembers addresses goes on with the unfinished upload of the same file."""
    with running_server(tmp_path / "data", environment=FAST) as server:
        storage = FileStorage(str(tmp_path / "urls.json"))
        options = {"chunk_size": PIECE_BYTES, "store_url": True, "url_storage": storage}
        client = TusClient(f"{server.url}/api/uploads")
        first = client.uploader(file_stream=Stream(copied.read_bytes()), **options)
        first.upload_chunk()
        second = client.uploader(file_stream=Stream(copied.read_bytes()), **options)
        assert (second.url, second.offset) == (first.url, PIECE_BYTES)
        second.upload()
        storage.close()
        assert_same(Client(server), second.url.removeprefix(server.url), copied, "video")


def test_it_hears_refusals(copied: Path, tmp_path: Path) -> None:
    """A file that is too large is refused, and so are the pieces of an upload that is gone."""
    with running_server(tmp_path / "data", environment={"STREAMSERVER_MAX_UPLOAD_BYTES": "1000"}) as server:
        uploader = TusClient(f"{server.url}/api/uploads").uploader(file_stream=Stream(copied.read_bytes()))
        with pytest.raises(TusCommunicationError) as refused:
            uploader.upload()
        assert refused.value.status_code == 413
    with running_server(tmp_path / "data") as server:
        uploader = TusClient(f"{server.url}/api/uploads").uploader(
            file_stream=Stream(copied.read_bytes()), chunk_size=PIECE_BYTES
        )
        uploader.upload_chunk()
        path = uploader.url.removeprefix(server.url)
        assert Client(server).ask(path, method="DELETE", headers=VERSION).status == 204
        with pytest.raises(TusUploadFailed) as gone:
            uploader.upload_chunk()
        assert gone.value.status_code == 404


def assert_same(client: Client, path: str, file: Path, title: str) -> None:
    """Check that an upload has become a video with the bytes of a file."""
    job = client.end_of(path.rsplit("/", 1)[1])
    assert job["status"] == "COMPLETE"
    video = client.video(job["video_id"])
    assert video["title"] == title
    source = client.get(video["source_url"]).body
    assert hashlib.sha256(source).digest() == hashlib.sha256(file.read_bytes()).digest()
