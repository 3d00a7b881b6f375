"""Telling how much of an upload has come to the bucket, whose storage tells nobody by itself."""

import asyncio
import logging
from dataclasses import dataclass, replace

from streamserver.domain.presigned import is_on_its_way_to_the_bucket, plan_of
from streamserver.domain.uploads import Upload
from streamserver.errors import NotFound, Unavailable
from streamserver.flows.receiving import NEW_SHARE
from streamserver.flows.uploads import Uploads
from streamserver.ports import Bucket

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often an upload is looked at of which something comes."""
LONGEST_PAUSE_SECONDS = 300.0
"""How often one is of which nothing has come for long; until then the pause is doubled each time."""


@dataclass(slots=True, kw_only=True)
class Sight:
    """How an upload stood when it was last looked at."""

    looked_at: float
    """When, by the loop's clock."""
    received_bytes: int = 0
    """How much had come."""
    bytes_per_second: float | None = None
    """How fast it came; None where nothing did."""
    pause_seconds: float = LOOK_SECONDS
    """How long to wait before the next look."""


class BucketWatch:
    """Looks at the uploads that come to the bucket in parts; one piece is not seen before it has come."""

    def __init__(self, *, bucket: Bucket, uploads: Uploads, changing: asyncio.Lock) -> None:
        self._bucket = bucket
        self._uploads = uploads
        self._changing = changing
        self._sights: dict[str, Sight] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Look at those whose turn it is, and tell of what has come."""
        coming = [upload for upload in await self._uploads.all() if is_on_its_way_to_the_bucket(upload)]
        now = asyncio.get_running_loop().time()
        new = Sight(looked_at=now - LOOK_SECONDS)
        self._sights = {upload.id: self._sights.get(upload.id) or replace(new) for upload in coming}
        for upload in coming:
            sight = self._sights[upload.id]
            if now - sight.looked_at >= sight.pause_seconds:
                await self._look_at(upload, sight, now)

    async def _look_at(self, upload: Upload, sight: Sight, now: float) -> None:
        try:
            parts = await self._bucket.parts(upload.id, plan_of(upload).multipart_id or "")
        except NotFound:  # it has become an object
            return
        received, seconds = sum(part.size_bytes for part in parts), now - sight.looked_at
        sight.looked_at = now
        if received > sight.received_bytes:
            fresh, before = (received - sight.received_bytes) / seconds, sight.bytes_per_second
            sight.bytes_per_second = fresh if before is None else before + NEW_SHARE * (fresh - before)
            sight.pause_seconds = LOOK_SECONDS
            await self._prolong(upload)
        else:
            sight.pause_seconds = min(2 * sight.pause_seconds, LONGEST_PAUSE_SECONDS)
            if sight.bytes_per_second is None:
                return
            sight.bytes_per_second = None
        sight.received_bytes = received
        speed = sight.bytes_per_second
        await self._uploads.tell_if_there(
            upload, received, bytes_per_second=None if speed is None else round(speed)
        )

    async def _prolong(self, upload: Upload) -> None:
        async with self._changing:  # so that nothing is lost that is recorded of it at this moment
            known = await self._uploads.get(upload.id, user=upload.user)
            await self._uploads.prolong(known)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (Unavailable, NotFound) as error:
                log.warning("nobody knows how much has come to the bucket: %s", error)
            except Exception:
                log.exception("looking at the bucket failed for an unforeseen reason, and goes on")
