"""A bucket behind S3: what is said when it cannot be used, and what is ours in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from streamserver.bucket.s3 import open_bucket
from streamserver.domain.buckets import Place, StoredObject
from streamserver.domain.parts import Cut
from streamserver.errors import Unavailable

if TYPE_CHECKING:  # pytest imports it as a plugin, and wants to be the first
    from tests.services.seaweedfs import SeaweedFS

pytest_plugins = ["tests.services.seaweedfs"]

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"secret_key": "another"}, r"refused: .* \(SignatureDoesNotMatch\)"),
        ({"access_key": "nobody"}, r"refused: .* \(InvalidAccessKeyId\)"),
        ({"bucket": "no-such-bucket"}, r"refused: .* \(NoSuchBucket\)"),
        ({"endpoint": "http://127.0.0.1:1"}, "did not answer: "),
    ],
    ids=str,
)
async def test_why_it_cannot_be_used_is_told(seaweedfs: "SeaweedFS", wrong: dict[str, str], sentence: str) -> None:
    """With the storage's address, the bucket and the storage's reason, and without the secret."""
    place = replace(seaweedfs.place(seaweedfs.make_bucket()), **wrong)
    async with open_bucket(place) as bucket:
        with pytest.raises(Unavailable, match=sentence) as raised:
            await bucket.check()
    assert f"The object storage {place.endpoint} (bucket {place.bucket})" in str(raised.value)
    assert place.secret_key not in str(raised.value)


async def test_a_url_names_the_storage_as_clients_reach_it(seaweedfs: "SeaweedFS") -> None:
    """Where that is another address; we go on using ours."""
    place = seaweedfs.place(seaweedfs.make_bucket())
    public = place.endpoint.replace("127.0.0.1", "localhost")
    async with open_bucket(replace(place, public_endpoint=public)) as bucket, ClientSession() as session:
        url = await bucket.put_url("a", size_bytes=3, lifetime=HOUR)
        assert url.startswith(f"{public}/{place.bucket}/a?")
        (part,) = await bucket.part_urls("a", "m", [Cut(length_bytes=3, part_bytes=3).part(1)], lifetime=HOUR)
        assert part.startswith(f"{public}/{place.bucket}/a?")
        async with session.put(url, data=b"abc") as answer:
            assert answer.status == 200
        assert (await bucket.look("a")).size_bytes == 3


async def test_amazon_has_its_own_addresses() -> None:
    """By region, with the bucket in the name of the host."""
    place = Place(bucket="films", region="eu-west-1", access_key="us", secret_key="x")  # noqa: S106 - of nobody
    async with open_bucket(place) as bucket:
        url = await bucket.put_url("a", size_bytes=3, lifetime=HOUR)
    assert url.startswith("https://films.s3.eu-west-1.amazonaws.com/a?")


async def test_what_is_not_ours_is_not_seen(seaweedfs: "SeaweedFS") -> None:
    """Of a bucket that others use too: only what lies under our prefix."""
    name = seaweedfs.make_bucket()
    async with (
        open_bucket(seaweedfs.place(name, prefix="ours/")) as ours,
        open_bucket(seaweedfs.place(name, prefix="theirs/")) as theirs,
        ClientSession() as session,
    ):
        for bucket in (ours, theirs):
            await bucket.begin("multipart")
            url = await bucket.put_url("object", size_bytes=3, lifetime=HOUR)
            async with session.put(url, data=b"abc") as answer:
                assert answer.status == 200
        assert [found.key for found in await ours.objects()] == ["object"]
        assert [found.key for found in await ours.multiparts()] == ["multipart"]
        await ours.delete("object")
        assert [found.key for found in await theirs.objects()] == ["object"]


async def test_rules_of_others_stay(seaweedfs: "SeaweedFS") -> None:
    """Where pages may read already, they still may; ours is there once."""
    name, client = seaweedfs.make_bucket(), seaweedfs.client()
    theirs = {"ID": "readers", "AllowedOrigins": ["https://reader.example"], "AllowedMethods": ["GET"]}
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [theirs]})
    async with open_bucket(seaweedfs.place(name)) as bucket:
        assert await bucket.origins() == frozenset()
        for origin in ("https://a.example", "https://b.example"):
            await bucket.allow_origins([origin])
            assert await bucket.origins() == {origin}
    rules = client.get_bucket_cors(Bucket=name)["CORSRules"]
    assert [rule["AllowedMethods"] for rule in rules] == [["GET"], ["PUT"]]
    client.close()


async def test_many_parts_are_listed(seaweedfs: "SeaweedFS") -> None:
    """More than a storage shows on one page."""
    async with open_bucket(seaweedfs.place(seaweedfs.make_bucket())) as bucket, ClientSession() as session:
        cut = Cut(length_bytes=1005, part_bytes=1)
        multipart_id = await bucket.begin("a")
        urls = await bucket.part_urls("a", multipart_id, cut.parts(), lifetime=HOUR)
        assert len(set(urls)) == cut.count
        for url in urls:
            async with session.put(url, data=b"x") as answer:
                assert answer.status == 200
        parts = await bucket.parts("a", multipart_id)
        assert [part.number for part in parts] == list(range(1, cut.count + 1))


async def test_an_answer_that_breaks_off_is_told() -> None:
    """Bytes that do not come are not taken for the end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"e"', "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"some")
        assert request.transport is not None
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    place = Place(
        bucket="films",
        endpoint=str(server.make_url("/")).rstrip("/"),
        access_key="us",
        secret_key="x",  # noqa: S106 - of nobody
    )
    found = StoredObject(key="a", size_bytes=1000, etag="e", changed_at=datetime.now(UTC))
    async with open_bucket(place) as bucket:
        with pytest.raises(Unavailable, match="did not answer"):
            async with bucket.read(found) as chunks:
                assert [chunk async for chunk in chunks] == []
    await server.close()
