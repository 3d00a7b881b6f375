"""Pre-signed uploads by curl: to the server, and straight to a bucket of SeaweedFS."""

import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streamserver.key_file import NAME
from tests.end_to_end.client import Client
from tests.end_to_end.presigned import HALF, begin, complete, lengthened, put_all, refused_by
from tests.services.server import ServerProcess, running_server
from tests.waiting import until

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.seaweedfs import S3Client, SeaweedFS

pytest_plugins = ["tests.clips.fixtures", "tests.services.seaweedfs"]


@pytest.fixture(scope="module")
def large(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lengthened(copied, tmp_path_factory.mktemp("large") / "large.mp4")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("here") / "data") as server:
        yield server


@pytest.fixture
def bucket(seaweedfs: "SeaweedFS") -> str:
    return seaweedfs.make_bucket()


@pytest.fixture
def there(seaweedfs: "SeaweedFS", bucket: str, tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(tmp_path / "data", environment=environment(seaweedfs, bucket)) as server:
        yield server


@pytest.fixture
def storage(seaweedfs: "SeaweedFS") -> "Iterator[S3Client]":
    """Give a client that the server does not know."""
    client = seaweedfs.client()
    yield client
    client.close()


def environment(seaweedfs: "SeaweedFS", bucket: str) -> dict[str, str]:
    """Tell a server of a bucket."""
    place = seaweedfs.place(bucket)
    return {
        "STREAMSERVER_BUCKET": place.bucket,
        "STREAMSERVER_BUCKET_ENDPOINT": place.endpoint,
        "STREAMSERVER_BUCKET_ACCESS_KEY": place.access_key,
        "STREAMSERVER_BUCKET_SECRET_KEY": place.secret_key,
    }


def assert_became(client: Client, job_id: str, file: Path) -> None:
    """Wait until an upload is a complete video, and check that its source is the file."""
    ended = client.end_of(job_id)
    assert ended["status"] == "COMPLETE", ended["error"]
    source = client.get(client.video(ended["video_id"])["source_url"]).body
    assert sha256(source).digest() == sha256(file.read_bytes()).digest()


@pytest.mark.parametrize("part_bytes", [None, HALF], ids=["whole", "parts"])
def test_curl_uploads_to_the_server(here: ServerProcess, large: Path, part_bytes: int | None) -> None:
    """Without credentials; with the checksum of the whole."""
    client = Client(here)
    digest = sha256(large.read_bytes()).hexdigest()
    offer = begin(client, large, part_bytes=part_bytes, sha256=digest, title=f"In {part_bytes}")
    assert len(offer["parts"]) == (2 if part_bytes else 0)
    put_all(offer, large)
    answer = complete(offer)
    assert answer["job"]["id"] == offer["id"]
    assert_became(client, offer["id"], large)


def test_the_key_is_for_the_server_alone(here: ServerProcess) -> None:
    """It is made at the first start, and nobody else can read it."""
    data = here.log.with_suffix("")
    assert stat.S_IMODE((data / NAME).stat().st_mode) == 0o600


def test_parts_outlive_the_server(tmp_path: Path, large: Path) -> None:
    """What was acknowledged before it was killed is there after; the URLs are still good."""
    data = tmp_path / "data"
    with running_server(data, "--port", "0") as server:
        offer = begin(Client(server), large, part_bytes=HALF)
        put_all({**offer, "parts": offer["parts"][1:]}, large)
        server.kill()
    with running_server(data) as after:
        client = Client(after)
        moved = offer["parts_url"].replace(server.url, after.url)
        listed = client.ask(moved.removeprefix(after.url)).json
        assert [part["number"] for part in listed["stored"]] == [2]
        put_all(listed, large)
        assert complete(listed)["job"]["id"] == offer["id"]
        assert_became(client, offer["id"], large)


@pytest.mark.parametrize("part_bytes", [None, HALF], ids=["whole", "parts"])
def test_curl_uploads_to_the_bucket(
    there: ServerProcess, bucket: str, storage: "S3Client", large: Path, part_bytes: int | None
) -> None:
    """No byte of it is sent to the server, who fetches it once it is complete, and removes it there."""
    client = Client(there)
    offer = begin(client, large, part_bytes=part_bytes, sha256=sha256(large.read_bytes()).hexdigest())
    assert all(there.url not in url for url in [offer["url"] or "", *(part["url"] for part in offer["parts"])])
    put_all(offer, large)
    if part_bytes is None:
        found = storage.get_object(Bucket=bucket, Key=f"uploads/{offer['id']}")
        assert sha256(found["Body"].read()).digest() == sha256(large.read_bytes()).digest()
    answer = complete(offer)
    assert answer["video"]["status"] == "processing"
    assert_became(client, offer["id"], large)
    left = storage.list_objects_v2(Bucket=bucket)
    assert left["KeyCount"] == 0


def test_the_bucket_takes_what_was_signed_alone(
    there: ServerProcess, bucket: str, storage: "S3Client", large: Path
) -> None:
    """Not more bytes, nor fewer, nor to another name; what is not complete is told."""
    client = Client(there)
    offer = begin(client, large, part_bytes=HALF)
    part = offer["parts"][0]
    content = large.read_bytes()[:HALF]
    assert refused_by(part["url"], content + b"x") == 403
    assert refused_by(part["url"], content[:-1]) == 403
    assert refused_by(part["url"].replace("partNumber=1", "partNumber=2"), content) == 403
    assert refused_by(part["url"].replace(offer["id"], "x" * 16), content) == 403
    put_all({**offer, "parts": [part]}, large)
    path = offer["complete_url"].removeprefix(there.url)
    reply = client.ask(path, method="POST")
    assert (reply.status, reply.json["code"]) == (409, "incomplete")
    assert reply.json["detail"] == "Not all parts are here; please send part 2."
    assert client.job(offer["id"])["received_bytes"] == 0


def test_what_was_left_in_the_bucket_is_removed(
    seaweedfs: "SeaweedFS", bucket: str, storage: "S3Client", tmp_path: Path, large: Path
) -> None:
    """A multipart that nobody knows any more is aborted, and an object removed, when a server starts."""
    with running_server(tmp_path / "one", environment=environment(seaweedfs, bucket)) as server:
        client = Client(server)
        offer = begin(client, large, part_bytes=HALF)
        put_all({**offer, "parts": offer["parts"][:1]}, large)
        small = begin(client, large)
        put_all(small, large)
        assert len(storage.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
        server.stop()
    with running_server(tmp_path / "two", environment=environment(seaweedfs, bucket)):  # one that knows of neither
        assert "Uploads" not in storage.list_multipart_uploads(Bucket=bucket)
        assert (storage.list_objects_v2(Bucket=bucket))["KeyCount"] == 0


async def test_what_is_cancelled_leaves_the_bucket(
    seaweedfs: "SeaweedFS", bucket: str, storage: "S3Client", tmp_path: Path, large: Path
) -> None:
    """At once, while the server runs: its room costs money."""
    with running_server(tmp_path / "data", environment=environment(seaweedfs, bucket)) as server:
        client = Client(server)
        offer, small = begin(client, large, part_bytes=HALF), begin(client, large)
        put_all({**offer, "parts": offer["parts"][:1]}, large)
        put_all(small, large)
        for found in (offer, small):
            assert client.ask(f"/api/jobs/{found['id']}", method="DELETE").status == 202
        await until(lambda: "Uploads" not in storage.list_multipart_uploads(Bucket=bucket))
        await until(lambda: storage.list_objects_v2(Bucket=bucket)["KeyCount"] == 0)


def test_a_server_that_is_killed_fetches_after_all(
    seaweedfs: "SeaweedFS", bucket: str, tmp_path: Path, large: Path
) -> None:
    """What was complete before becomes a video after."""
    with running_server(tmp_path / "data", environment=environment(seaweedfs, bucket)) as server:
        offer = begin(Client(server), large)
        put_all(offer, large)
        complete(offer)
        server.kill()
    with running_server(tmp_path / "data", environment=environment(seaweedfs, bucket)) as after:
        client = Client(after)
        assert_became(client, offer["id"], large)
