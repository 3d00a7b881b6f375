"""The same file again: known by its SHA-256, which is worked out only where another file is as long."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from streamserver.domain.videos import Video
from streamserver.errors import NotFound
from streamserver.flows.uploads import source_key
from streamserver.ports import Blobs, Catalog, Lease

log = logging.getLogger(__name__)

STEP_BYTES = 1024 * 1024


class Duplicates:
    """What the library has already.

    Hashing a file costs as much as receiving it, and nearly all files are of lengths of their own.
    """

    def __init__(self, *, catalog: Catalog, blobs: Blobs, are_kept: bool) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._are_kept = are_kept
        self._turn = asyncio.Lock()

    async def find(self, size_bytes: int, sha256: Callable[[], Awaitable[str]]) -> Video | None:
        """Return the oldest video whose source has these bytes; None where a file of them is to be a new one.

        `sha256` tells theirs, and is asked only where a source is as long.
        """
        if self._are_kept:
            return None
        for video_id, recorded in (await self._catalog.sources_of_size(size_bytes)).items():
            its = recorded or await self._worked_out(video_id)
            if its == await sha256() and self._size_bytes(video_id) == size_bytes:
                with suppress(NotFound):  # it has just been deleted
                    return await self._catalog.video(video_id)
        return None

    def _size_bytes(self, video_id: str) -> int | None:
        """Return how long a source is; None where it is gone, whatever is recorded of it."""
        try:
            with self._blobs.lease(source_key(video_id)) as lease:
                return lease.current_size()
        except (NotFound, OSError):
            return None

    async def _worked_out(self, video_id: str) -> str | None:
        """Return the SHA-256 of a source, and record it; None where it is gone, or cannot be read."""
        async with self._turn:  # one at a time: viewers need the disk, too, and others may ask for the same
            return await self._hashed(video_id)

    async def _hashed(self, video_id: str) -> str | None:
        try:
            video = await self._catalog.video(video_id)
            if video.source.sha256 is not None:
                return video.source.sha256
            with self._blobs.lease(source_key(video_id)) as lease:
                sha256 = await asyncio.to_thread(_hash, lease)
            await self._catalog.set_source_sha256(video_id, sha256)
        except NotFound:
            return None
        except OSError as fault:  # what is whole is kept, rather once more than not at all
            log.warning("the source of video %s cannot be compared: %s", video_id, fault)
            return None
        return sha256


def _hash(lease: Lease) -> str:
    sha256, position = hashlib.sha256(), 0
    while chunk := lease.read(position, STEP_BYTES):
        sha256.update(chunk)
        position += len(chunk)
    return sha256.hexdigest()
