"""A bucket behind the S3 protocol: Amazon's, or that of any storage that speaks it.

aiobotocore rather than obstore, which signs URLs without their query and header fields (so no part of a multipart
upload, and no length), lists no multiparts, and knows no CORS.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, timedelta
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as StreamError
from botocore.exceptions import BotoCoreError, ClientError

from streamserver.domain.buckets import Multipart, Place, StoredObject
from streamserver.domain.parts import Part, StoredPart
from streamserver.errors import ChecksumMismatch, NotFound, StreamserverError, Unavailable

RULE = "streamserver"
"""The name of our rule among those for CORS."""
READ_BYTES = 1024 * 1024
CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
TRIES = 3
SIGNED_AT_ONCE = 8
"""A URL takes half a millisecond to sign; after so many it is somebody else's turn."""
PREFLIGHT_SECONDS = 3600
"""How long a browser need not ask again."""
GONE = frozenset({"404", "NoSuchKey", "NoSuchUpload", "PreconditionFailed", "412", "NoSuchCORSConfiguration"})
OTHER_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


@asynccontextmanager
async def open_bucket(place: Place) -> AsyncIterator["S3Bucket"]:
    """Open a bucket; nothing is asked of it yet."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(_client(place, place.endpoint))
        signer = client
        if place.public_endpoint and place.public_endpoint != place.endpoint:
            signer = await stack.enter_async_context(_client(place, place.public_endpoint))
        yield S3Bucket(place, client, signer)


class S3Bucket:
    """`Bucket` through aiobotocore; see `open_bucket`."""

    def __init__(self, place: Place, client: Any, signer: Any) -> None:  # noqa: ANN401 - botocore makes the class at run time
        self._place = place
        self._client = client
        self._signer = signer

    async def check(self) -> None:
        """See `Bucket.check`."""
        key = "check"
        await self._ask("put_object", Key=key, Body=b"can this be stored?")
        await self.delete(key)

    async def put_url(self, key: str, *, size_bytes: int, lifetime: timedelta) -> str:
        """See `Bucket.put_url`."""
        return await self._signed("put_object", lifetime, Key=key, ContentLength=size_bytes)

    async def begin(self, key: str) -> str:
        """See `Bucket.begin`."""
        answer = await self._ask("create_multipart_upload", Key=key)
        return str(answer["UploadId"])

    async def part_urls(
        self, key: str, multipart_id: str, parts: Iterable[Part], *, lifetime: timedelta
    ) -> Sequence[str]:
        """See `Bucket.part_urls`."""
        urls = []
        for part in parts:
            url = await self._signed(
                "upload_part",
                lifetime,
                Key=key,
                UploadId=multipart_id,
                PartNumber=part.number,
                ContentLength=part.size_bytes,
            )
            urls.append(url)
            if not len(urls) % SIGNED_AT_ONCE:
                await asyncio.sleep(0)
        return urls

    async def parts(self, key: str, multipart_id: str) -> Sequence[StoredPart]:
        """See `Bucket.parts`."""
        latest: dict[int, dict[str, Any]] = {}
        async for part in self._pages("list_parts", "Parts", Key=key, UploadId=multipart_id):
            # SeaweedFS goes on listing a part that was put again beside the one that replaces it.
            before = latest.get(part["PartNumber"], part)
            if part["LastModified"] >= before["LastModified"]:
                latest[part["PartNumber"]] = part
        return [
            StoredPart(number=number, size_bytes=part["Size"], etag=_bare(part["ETag"]))
            for number, part in sorted(latest.items())
        ]

    async def complete(self, key: str, multipart_id: str, parts: Iterable[StoredPart]) -> None:
        """See `Bucket.complete`."""
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        await self._ask(
            "complete_multipart_upload", Key=key, UploadId=multipart_id, MultipartUpload={"Parts": named}
        )

    async def abort(self, key: str, multipart_id: str) -> None:
        """See `Bucket.abort`."""
        try:
            await self._ask("abort_multipart_upload", Key=key, UploadId=multipart_id)
        except NotFound:
            return

    async def multiparts(self) -> Sequence[Multipart]:
        """See `Bucket.multiparts`."""
        found = self._pages("list_multipart_uploads", "Uploads", Prefix=self._place.prefix)
        return [
            Multipart(key=self._own_key(one), id=one["UploadId"], begun_at=one["Initiated"].astimezone(UTC))
            async for one in found
        ]

    async def look(self, key: str) -> StoredObject:
        """See `Bucket.look`."""
        answer = await self._ask("head_object", Key=key)
        return StoredObject(
            key=key,
            size_bytes=answer["ContentLength"],
            etag=_bare(answer["ETag"]),
            changed_at=answer["LastModified"].astimezone(UTC),
        )

    async def objects(self) -> Sequence[StoredObject]:
        """See `Bucket.objects`."""
        found = self._pages("list_objects_v2", "Contents", Prefix=self._place.prefix)
        return [
            StoredObject(
                key=self._own_key(one),
                size_bytes=one["Size"],
                etag=_bare(one["ETag"]),
                changed_at=one["LastModified"].astimezone(UTC),
            )
            async for one in found
        ]

    @asynccontextmanager
    async def read(self, found: StoredObject, *, position: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Bucket.read`."""
        if position >= found.size_bytes:  # a range that begins at the end is none
            yield _nothing()
            return
        answer = await self._ask(
            "get_object", Key=found.key, IfMatch=f'"{found.etag}"', Range=f"bytes={position}-"
        )
        async with answer["Body"] as body:
            yield self._chunks(body)

    async def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        try:
            await self._ask("delete_object", Key=key)
        except NotFound:
            return

    async def origins(self) -> frozenset[str]:
        """See `Bucket.origins`."""
        return frozenset(
            origin
            for rule in await self._rules()
            if "PUT" in rule["AllowedMethods"]
            and "etag" in {name.lower() for name in rule.get("ExposeHeaders", [])}
            for origin in rule["AllowedOrigins"]
        )

    async def allow_origins(self, origins: Iterable[str]) -> None:
        """See `Bucket.allow_origins`."""
        rule = {
            "ID": RULE,
            "AllowedOrigins": sorted(origins),
            "AllowedMethods": ["PUT"],
            "AllowedHeaders": ["*"],  # a browser names the type of the file that it sends
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": PREFLIGHT_SECONDS,
        }
        others = [other for other in await self._rules() if other.get("ID") != RULE]
        await self._ask("put_bucket_cors", CORSConfiguration={"CORSRules": [*others, rule]})

    async def _rules(self) -> Sequence[dict[str, Any]]:
        try:
            answer = await self._ask("get_bucket_cors")
        except NotFound:
            return []
        rules: Sequence[dict[str, Any]] = answer["CORSRules"]
        return rules

    async def _ask(self, operation: str, **options: object) -> dict[str, Any]:
        with self._sentences():
            answer: dict[str, Any] = await getattr(self._client, operation)(**self._in_bucket(options))
            return answer

    async def _pages(self, operation: str, name: str, **options: object) -> AsyncIterator[dict[str, Any]]:
        with self._sentences():
            async for page in self._client.get_paginator(operation).paginate(**self._in_bucket(options)):
                for found in page.get(name, ()):
                    yield found

    async def _signed(self, operation: str, lifetime: timedelta, **options: object) -> str:
        url: str = await self._signer.generate_presigned_url(
            operation, Params=self._in_bucket(options), ExpiresIn=int(lifetime.total_seconds())
        )
        return url

    async def _chunks(self, body: Any) -> AsyncIterator[bytes]:  # noqa: ANN401 - see __init__
        with self._sentences():
            async for chunk in body.iter_chunks(READ_BYTES):
                yield chunk

    def _own_key(self, found: dict[str, Any]) -> str:
        key: str = found["Key"]
        return key.removeprefix(self._place.prefix)

    def _in_bucket(self, options: dict[str, Any]) -> dict[str, Any]:
        named = {"Bucket": self._place.bucket, **options}
        if "Key" in named:
            named["Key"] = self._place.prefix + named["Key"]
        return named

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what the library raises into errors of ours."""
        try:
            yield
        except ClientError as error:
            raise self._refusal(error.response.get("Error", {})) from error
        except (BotoCoreError, StreamError, OSError) as error:  # TimeoutError is an OSError
            raise Unavailable(f"The object storage {self._where} did not answer: {error}") from error

    def _refusal(self, answer: dict[str, str]) -> StreamserverError:
        code, message = answer.get("Code", ""), answer.get("Message", "")
        if code in GONE:
            return NotFound()
        if code in OTHER_PARTS:
            return ChecksumMismatch(
                "The parts in the bucket are not those that were sent; please send them again."
            )
        return Unavailable(
            f"The object storage {self._where} refused: {message or 'no reason was given'} ({code})."
        )

    @property
    def _where(self) -> str:
        return f"{self._client.meta.endpoint_url} (bucket {self._place.bucket})"


def _client(place: Place, endpoint: str) -> Any:  # noqa: ANN401 - botocore makes the class at run time
    return get_session().create_client(
        "s3",
        region_name=place.region,
        endpoint_url=endpoint or None,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        config=AioConfig(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "virtual"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # Storages other than Amazon's need not know the checksums that it has added since 2025.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _bare(etag: str) -> str:
    return etag.strip('"')


async def _nothing() -> AsyncIterator[bytes]:
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk
