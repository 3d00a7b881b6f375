"""The bucket of tests, which shows what a bucket means."""

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import md5

from streamserver.domain.buckets import Multipart, StoredObject
from streamserver.domain.parts import Part, StoredPart
from streamserver.errors import ChecksumMismatch, Forbidden, NotFound
from streamserver.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What may be put to a URL."""

    key: str
    """The object."""
    size_bytes: int
    """How long exactly."""
    expires_at: datetime
    """Until when (UTC)."""
    multipart_id: str = ""
    """The multipart, for one of its parts."""
    number: int = 0
    """Which part."""


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of one multipart."""

    multipart: Multipart
    """What it is called."""
    stored: dict[int, bytes] = field(default_factory=dict)
    """What came, by number."""


class MemoryBucket:
    """`Bucket` in dictionaries; whoever has a URL puts bytes with `put`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[StoredObject, bytes]] = {}
        self._parts: dict[str, Parts] = {}
        self._targets: dict[str, Target] = {}
        self._origins: frozenset[str] = frozenset()

    def put(self, url: str, content: bytes) -> str:
        """Do what a client does with a URL; return the ETag, or raise `Forbidden` or `NotFound`."""
        target = self._targets.get(url)
        if target is None or len(content) != target.size_bytes or self._clock.now() >= target.expires_at:
            raise Forbidden
        if target.multipart_id:
            self._of(target.key, target.multipart_id).stored[target.number] = content
        else:
            self._store(target.key, content)
        return _etag(content)

    async def check(self) -> None:
        """See `Bucket.check`."""

    async def put_url(self, key: str, *, size_bytes: int, lifetime: timedelta) -> str:
        """See `Bucket.put_url`."""
        return self._url(Target(key=key, size_bytes=size_bytes, expires_at=self._clock.now() + lifetime))

    async def begin(self, key: str) -> str:
        """See `Bucket.begin`."""
        multipart = Multipart(key=key, id=secrets.token_hex(8), begun_at=self._clock.now())
        self._parts[multipart.id] = Parts(multipart=multipart)
        return multipart.id

    async def part_urls(
        self, key: str, multipart_id: str, parts: Iterable[Part], *, lifetime: timedelta
    ) -> Sequence[str]:
        """See `Bucket.part_urls`."""
        return [
            self._url(
                Target(
                    key=key,
                    size_bytes=part.size_bytes,
                    expires_at=self._clock.now() + lifetime,
                    multipart_id=multipart_id,
                    number=part.number,
                )
            )
            for part in parts
        ]

    async def parts(self, key: str, multipart_id: str) -> Sequence[StoredPart]:
        """See `Bucket.parts`."""
        stored = self._of(key, multipart_id).stored
        return [
            StoredPart(number=number, size_bytes=len(content), etag=_etag(content))
            for number, content in sorted(stored.items())
        ]

    async def complete(self, key: str, multipart_id: str, parts: Iterable[StoredPart]) -> None:
        """See `Bucket.complete`."""
        stored: Mapping[int, bytes] = self._of(key, multipart_id).stored
        named = list(parts)
        if not named or any(_etag(stored.get(part.number, b"")) != part.etag for part in named):
            raise ChecksumMismatch
        self._store(key, b"".join(stored[part.number] for part in named))
        del self._parts[multipart_id]

    async def abort(self, key: str, multipart_id: str) -> None:
        """See `Bucket.abort`."""
        with suppress(NotFound):
            self._of(key, multipart_id)
            del self._parts[multipart_id]

    async def multiparts(self) -> Sequence[Multipart]:
        """See `Bucket.multiparts`."""
        return [parts.multipart for parts in self._parts.values()]

    async def look(self, key: str) -> StoredObject:
        """See `Bucket.look`."""
        return self._object(key)[0]

    async def objects(self) -> Sequence[StoredObject]:
        """See `Bucket.objects`."""
        return [found for found, _ in self._objects.values()]

    @asynccontextmanager
    async def read(self, found: StoredObject, *, position: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Bucket.read`."""
        known, content = self._object(found.key)
        if known.etag != found.etag:
            raise NotFound
        yield _in_two(content[position:])

    async def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        self._objects.pop(key, None)

    async def origins(self) -> frozenset[str]:
        """See `Bucket.origins`."""
        return self._origins

    async def allow_origins(self, origins: Iterable[str]) -> None:
        """See `Bucket.allow_origins`."""
        self._origins = frozenset(origins)

    def _of(self, key: str, multipart_id: str) -> Parts:
        parts = self._parts.get(multipart_id)
        if parts is None or parts.multipart.key != key:
            raise NotFound
        return parts

    def _object(self, key: str) -> tuple[StoredObject, bytes]:
        try:
            return self._objects[key]
        except KeyError:
            raise NotFound from None

    def _store(self, key: str, content: bytes) -> None:
        found = StoredObject(key=key, size_bytes=len(content), etag=_etag(content), changed_at=self._clock.now())
        self._objects[key] = (found, content)

    def _url(self, target: Target) -> str:
        url = f"memory:{secrets.token_urlsafe()}"
        self._targets[url] = target
        return url


def _etag(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


async def _in_two(content: bytes) -> AsyncIterator[bytes]:
    half = len(content) // 2
    for chunk in (content[:half], content[half:]):
        if chunk:
            yield chunk
