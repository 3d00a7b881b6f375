"""A bucket of an object storage, to which clients send bytes directly."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from streamserver.domain.buckets import Multipart, StoredObject
from streamserver.domain.parts import Part, StoredPart


class Bucket(Protocol):
    """The part of a bucket that is ours: the keys below a prefix, which itself is not seen here.

    Every method raises `Unavailable` with a sentence where the storage cannot be reached, or does not let us.
    """

    async def check(self) -> None:
        """Return if the bucket is there and objects can be stored in it."""

    async def put_url(self, key: str, *, size_bytes: int, lifetime: timedelta) -> str:
        """Return a URL to which an object of exactly this length can be put, until it expires."""

    async def begin(self, key: str) -> str:
        """Begin an object that comes in parts; return the multipart's id."""

    async def part_urls(
        self, key: str, multipart_id: str, parts: Iterable[Part], *, lifetime: timedelta
    ) -> Sequence[str]:
        """Return for each part a URL to which it can be put, in exactly its length, until the URL expires.

        The answer to a PUT has the part's ETag. A part may be put again; the last one counts.
        """

    async def parts(self, key: str, multipart_id: str) -> Sequence[StoredPart]:
        """Return the parts that are there, in order; `NotFound` where no such multipart is under way.

        Of a part that was put twice within a second, a storage may show either.
        """

    async def complete(self, key: str, multipart_id: str, parts: Iterable[StoredPart]) -> None:
        """Make an object of parts; `NotFound` where no such multipart is under way.

        Where that was done before, nothing happens, or `NotFound` is raised.

        Raises `ChecksumMismatch` where one of the parts did not come with this ETag.
        """

    async def abort(self, key: str, multipart_id: str) -> None:
        """Forget a multipart with its parts; one that is not under way is ignored."""

    async def multiparts(self) -> Sequence[Multipart]:
        """Return all multiparts that are under way."""

    async def look(self, key: str) -> StoredObject:
        """Return what is known of an object; `NotFound` where there is none."""

    async def objects(self) -> Sequence[StoredObject]:
        """Return what is known of all objects."""

    def read(self, found: StoredObject, *, position: int = 0) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open an object at a position, so that its bytes can be read as they come.

        Raises `NotFound` where there is no such object (any more), or another one under its key.
        """

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is ignored."""

    async def origins(self) -> frozenset[str]:
        """Return the origins whose pages may put objects and read their ETags (CORS); `*` stands for all."""

    async def allow_origins(self, origins: Iterable[str]) -> None:
        """Let the pages of these origins put objects and read their ETags, in place of those we let before.

        Rules that are not ours stay as they are.
        """
