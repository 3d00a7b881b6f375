"""What is on its way in: looked at, changed, ended, and shown as the jobs that it will be."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from streamserver.domain.jobs import Job, JobError
from streamserver.domain.uploads import Quota, Upload, check_length, check_quota, check_room, job_of, video_of
from streamserver.domain.videos import Video
from streamserver.errors import (
    Cancelled,
    Forbidden,
    Gone,
    Locked,
    NotFound,
    StorageFault,
    StorageFull,
    StreamserverError,
    Unavailable,
)
from streamserver.ports import Blobs, Bus, Catalog, Clock, Incoming

log = logging.getLogger(__name__)

CANCELLED = JobError(code=Cancelled.code, message=Cancelled().message)
"""Why an upload ended that somebody did not want any more."""
EXPIRED = JobError(code=Gone.code, message=Gone().message)
"""Why an upload ended that nobody went on with."""
UNFORESEEN = JobError(
    code=StreamserverError.code, message="Something went wrong on the server. It has been noted."
)
"""Why an upload ended that met a mistake of ours."""


def source_key(video_id: str) -> str:
    """Return where a video's source is kept."""
    return f"{video_id}/source"


def upload_id_of(name: str) -> str:
    """Return the upload that incoming bytes belong to: those of its id, or of a part, `{id}.{part}`."""
    return name.partition(".")[0]


class Uploads:
    """The record of uploads, and what everybody may know of them."""

    def __init__(
        self, *, catalog: Catalog, blobs: Blobs, bus: Bus, clock: Clock, quota: Quota, lifetime: timedelta
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._bus = bus
        self._clock = clock
        self._quota = quota
        self._lifetime = lifetime
        self._listeners: list[Callable[[Upload], None]] = []

    def listen(self, listener: Callable[[Upload], None]) -> None:
        """Have somebody told of every upload that is forgotten, and becomes no video."""
        self._listeners.append(listener)

    @property
    def quota(self) -> Quota:
        """How much may be under way."""
        return self._quota

    async def admit(
        self,
        length_bytes: int | None,
        *,
        user: str,
        besides: Collection[str] = (),
        received_bytes: int = 0,
        is_elsewhere: bool = False,
    ) -> None:
        """Return if another upload of a length may begin, or one that has received something have that length.

        Raises `TooLarge`, `TooManyUploads` or `StorageFull` with a sentence. The uploads `besides` do not count
        against the user.
        """
        check_length(length_bytes, self._quota)
        # Those whose time is over cannot be gone on with, also before a sweep comes by.
        others = [
            upload
            for upload in await self._catalog.uploads()
            if upload.id not in besides and upload.expires_at > self._clock.now()
        ]
        stored = await self._stored()
        check_quota(length_bytes, [upload for upload in others if upload.user == user], self._quota, stored)
        if length_bytes is not None and not is_elsewhere:
            check_room(length_bytes - received_bytes, others, stored, await self._blobs.room_bytes())

    async def record(self, upload: Upload) -> Upload:
        """Record an upload that begins, and tell of it; it expires when nobody has gone on with it for long."""
        now = self._clock.now()
        upload = replace(upload, created_at=now, expires_at=now + self._lifetime)
        await self._catalog.add_upload(upload)
        await self.tell(upload, 0)
        return upload

    async def get(self, upload_id: str, *, user: str) -> Upload:
        """Return an upload that can be gone on with.

        Raises `NotFound` where there is none, `Forbidden` where it is another user's, and `Gone` where it has
        failed or expired.
        """
        upload = await self.owned(upload_id, user=user)
        if upload.error is not None:
            raise Gone(upload.error.message)
        if upload.expires_at <= self._clock.now():
            raise Gone
        return upload

    async def received_bytes(self, upload: Upload) -> int:
        """Return how much of an upload is durable."""
        size_bytes = await self._blobs.incoming_size(upload.id)
        return size_bytes or self.whole_bytes(upload) or 0

    def whole_bytes(self, upload: Upload) -> int | None:
        """Return how long an upload is that became whole, if the server was ended before that was recorded."""
        try:
            with self._blobs.lease(source_key(upload.video_id)) as lease:
                return lease.current_size()
        except NotFound:
            return None

    async def change(self, upload: Upload) -> Upload:
        """Record an upload as it now is, with a new time to live."""
        changed = replace(upload, expires_at=self._clock.now() + self._lifetime)
        await self._catalog.change_upload(changed)
        return changed

    async def prolong(self, upload: Upload) -> Upload:
        """Let an upload that somebody goes on with live longer."""
        left = upload.expires_at - self._clock.now()
        return upload if left > self._lifetime * 0.9 else await self.change(upload)

    async def tell(self, upload: Upload, received_bytes: int, *, bytes_per_second: float | None = None) -> Job:
        """Tell everyone how far an upload is, and return that; of pieces nobody hears."""
        job = job_of(
            upload,
            received_bytes,
            now=self._clock.now(),
            after=self.last_sequence(upload.id),
            bytes_per_second=bytes_per_second,
        )
        if not upload.is_partial:
            await self._bus.publish(job)
        return job

    async def tell_if_there(
        self, upload: Upload, received_bytes: int, *, bytes_per_second: float | None = None
    ) -> None:
        """Tell everyone how far an upload is that its sender alone does not hold: unless it has ended."""
        with suppress(NotFound, Unavailable):
            known = await self._catalog.upload(upload.id)
            if known.error is None:
                await self.tell(upload, received_bytes, bytes_per_second=bytes_per_second)

    async def announce(self, job: Job) -> None:
        """Tell everyone what an upload has become."""
        await self._bus.publish(job)

    def last_sequence(self, upload_id: str) -> int:
        """Return the number of the last report of an upload; -1 where this process has told nothing."""
        latest = self._bus.latest(upload_id)
        return -1 if latest is None else latest.sequence

    async def fail(self, upload: Upload, error: JobError) -> Job:
        """Record that an upload failed for good, and tell why; that can be looked at until it expires.

        Its bytes are the caller's to discard.
        """
        failed = await self.change(replace(upload, error=error, failed_at=self._clock.now()))
        return await self.tell(failed, 0)

    async def forget(self, upload: Upload, error: JobError = CANCELLED) -> Job:
        """Forget an upload, and tell why it ended; its bytes are the caller's to discard."""
        await self._catalog.delete_upload(upload.id)
        for listener in self._listeners:
            listener(upload)
        return await self.tell(replace(upload, error=error, failed_at=self._clock.now()), 0)

    async def all(self) -> Sequence[Upload]:
        """Return all uploads, the newest first."""
        return await self._catalog.uploads()

    async def names(self) -> set[str]:
        """Return the names under which uploads have bytes: their own, and those of their videos."""
        return {name for upload in await self._catalog.uploads() for name in (upload.id, upload.video_id)}

    async def job(self, upload_id: str) -> Job:
        """Show an upload as the job that it will be; `NotFound` where there is none."""
        upload = await self._catalog.upload(upload_id)
        return self._shown(upload, await self._stored())

    async def jobs(self) -> Sequence[Job]:
        """Show all uploads as jobs, the newest first; pieces of sources are none."""
        uploads = [upload for upload in await self._catalog.uploads() if not upload.is_partial]
        sizes = await self._stored() if uploads else {}
        return [self._shown(upload, sizes) for upload in uploads]

    async def videos(self) -> Mapping[str, Video]:
        """Return the videos that uploads will be, by id."""
        return {upload.video_id: self.video(upload) for upload in await self._catalog.uploads()}

    def video(self, upload: Upload) -> Video:
        """Return the video that an upload will be."""
        return video_of(upload, now=upload.created_at, size_bytes=upload.length_bytes or 0)

    async def expired(self) -> Sequence[Upload]:
        """Return the uploads whose time is over."""
        now = self._clock.now()
        return [upload for upload in await self._catalog.uploads() if upload.expires_at <= now]

    async def end(self, upload: Upload, error: JobError = CANCELLED) -> Job:
        """Forget an upload with all its bytes; `Locked` where somebody is writing them."""
        async with self._blobs.incoming(upload.id) as incoming:
            return await self.remove(upload, incoming, error)

    async def remove(self, upload: Upload, incoming: Incoming, error: JobError) -> Job:
        """Forget an upload with all its bytes, which the caller holds."""
        try:
            job = await self.forget(upload, error)
            await self._blobs.delete(upload.video_id)
            await self._blobs.parts.delete(upload.id)
        finally:
            await incoming.discard()
        return job

    async def expire(self) -> None:
        """End the uploads whose time is over, but for those that are being written, or cannot be ended now."""
        for upload in await self.expired():
            try:
                await self.end(upload, EXPIRED)
            except (Locked, NotFound):
                continue
            except (StorageFault, StorageFull) as fault:  # the others may give back the room that is wanting
                log.warning("upload %s has expired, but cannot be ended yet: %s", upload.id, fault)
                continue
            log.info("upload %s of %s has expired", upload.id, upload.user)

    async def owned(self, upload_id: str, *, user: str) -> Upload:
        """Return an upload; `NotFound` where there is none, `Forbidden` where it is another user's."""
        upload = await self._catalog.upload(upload_id)
        if upload.user != user:
            raise Forbidden("This is the upload of somebody else.")
        return upload

    async def _stored(self) -> Mapping[str, int]:
        """Return how much has come of each upload: under its id, and of its parts under `{id}.{part}`."""
        found: dict[str, int] = {}
        for name, size_bytes in (await self._blobs.incoming_sizes()).items():
            upload_id = upload_id_of(name)
            found[upload_id] = found.get(upload_id, 0) + size_bytes
        return found

    def _shown(self, upload: Upload, sizes: Mapping[str, int]) -> Job:
        latest = self._bus.latest(upload.id)
        if latest is not None and latest.is_receiving:
            return latest
        received = sizes.get(upload.id) or self.whole_bytes(upload) or 0
        return job_of(upload, received, now=self._clock.now())
