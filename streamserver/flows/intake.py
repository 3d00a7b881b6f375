"""What every way in has in common: a file is begun, written to, and becomes a video, or ends."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from streamserver.domain.jobs import Job, JobError, JobStatus
from streamserver.domain.order import Turn
from streamserver.domain.titles import clean_file_name, clean_title
from streamserver.domain.uploads import Upload, UploadKind, duplicate_job_of, video_of, whole_job_of
from streamserver.domain.videos import Video
from streamserver.errors import BadInput, Conflict, Locked, NotFound, QueueFull, StreamserverError
from streamserver.flows.duplicates import Duplicates
from streamserver.flows.receiving import Receiving
from streamserver.flows.uploads import CANCELLED, Uploads, source_key
from streamserver.ports import Blobs, Catalog, Clock, Incoming, Queue

log = logging.getLogger(__name__)

CUT_OFF = JobError(code="cut_off", message="The connection broke off before the file was whole.")
"""Why an upload ended that cannot be resumed."""


class Intake:
    """What all ways in have in common: a file is begun, written to, finished, or ended."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        queue: Queue,
        clock: Clock,
        uploads: Uploads,
        max_waiting: int,
        encoders: int = 1,
        keep_duplicates: bool = False,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._queue = queue
        self._clock = clock
        self.uploads = uploads
        """The record of what is on its way in."""
        self._max_waiting = max_waiting
        self._encoders = encoders
        self.duplicates = Duplicates(catalog=catalog, blobs=blobs, are_kept=keep_duplicates)
        """What need not be stored once more."""
        self._began_at = clock.now()
        self._receiving = 0
        self._writers: dict[str, Receiving] = {}
        self._creating = asyncio.Lock()
        self._finishing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()  # by length

    @property
    def max_bytes(self) -> int:
        """The largest file that is accepted."""
        return self.uploads.quota.max_bytes

    @property
    def under_way(self) -> int:
        """How many files are being received."""
        return self._receiving

    async def create(
        self,
        kind: UploadKind,
        *,
        user: str,
        file_name: str,
        title: str | None = None,
        length_bytes: int | None = None,
        url: str | None = None,
        sha256: str | None = None,
        details: Mapping[str, Any] | None = None,
        upload_id: str | None = None,
        has_place: bool = False,
        besides: Collection[str] = (),
    ) -> Upload:
        """Begin an upload and reserve its room.

        Raises `BadInput` for an impossible title, `QueueFull` unless it has its place already, `Conflict` where
        the id is taken, and as `Uploads.admit` does.
        """
        if not has_place:
            await self.check_line(self.under_way)
        now = self._clock.now()
        upload = Upload(
            id=upload_id or _new_id(),
            video_id=_new_id(),
            kind=kind,
            user=user,
            file_name=clean_file_name(file_name),
            title=chosen_title(title),
            length_bytes=length_bytes,
            url=url,
            sha256=sha256,
            created_at=now,
            expires_at=now,
            details=details or {},
        )
        async with self._creating:  # so that no two have the same room promised
            await self.uploads.admit(length_bytes, user=user, besides=besides, is_elsewhere=upload.is_elsewhere)
            return await self.uploads.record(upload)

    async def promise(self, upload: Upload, *, received_bytes: int) -> Upload:
        """Record an upload whose length has become known, and reserve its room; raises as `Uploads.admit` does."""
        async with self._creating:
            await self.uploads.admit(
                upload.length_bytes, user=upload.user, besides=[upload.id], received_bytes=received_bytes
            )
            return await self.uploads.change(upload)

    async def check_line(self, under_way: int) -> None:
        """Return if another video may wait beside so many files that are being received; raise `QueueFull`."""
        # Those between two of their tasks wait, too.
        begun = await self._catalog.count_jobs(JobStatus.RUNNING)
        waiting = await self._catalog.count_jobs(JobStatus.READY) + max(0, begun - self._encoders)
        if waiting + under_way >= self._max_waiting:
            raise QueueFull

    @asynccontextmanager
    async def resume(
        self, upload_id: str, *, user: str, patience_seconds: float | None = None
    ) -> AsyncIterator[Receiving]:
        """Hold an upload to add to it; what has come when it is left stays.

        Raises as `Uploads.get` does, `Locked` where another writer has it, and `TooSlow` when nothing comes for
        longer than that.
        """
        await self.uploads.get(upload_id, user=user)  # nothing is made for one that is not there
        with self.place_in_line():
            async with self.writing(upload_id, user=user, patience_seconds=patience_seconds) as receiving:
                yield receiving

    @asynccontextmanager
    async def writing(
        self, upload_id: str, *, user: str, patience_seconds: float | None = None
    ) -> AsyncIterator[Receiving]:
        """Hold an upload that is there; see `resume`."""
        receiving = None
        try:
            async with self._blobs.incoming(upload_id) as incoming:
                upload = await self._still_there(upload_id, user, incoming)
                receiving = Receiving(self.uploads, upload, incoming, patience_seconds=patience_seconds)
                self._writers[upload_id] = receiving
                try:
                    async with receiving.patience:
                        yield receiving
                finally:
                    await self._let_go(receiving)
        except TimeoutError:
            if receiving is None or not receiving.patience.is_over:
                raise
            raise receiving.why_over() from None
        finally:
            if receiving is not None:
                del self._writers[upload_id]
                receiving.gone.set()

    async def finish(self, receiving: Receiving) -> tuple[Video, Job]:
        """Make a source that is whole known, and put its job in line; return the video and the job.

        Where a video has the same source already it is that one, and the job is COMPLETE. Raises `BadInput` for an
        empty file, `UnsupportedMedia` for what is no video, `ChecksumMismatch` for what is not as announced.
        """
        upload, incoming = receiving.upload, receiving.incoming
        if not incoming.size_bytes and self.uploads.whole_bytes(upload) is None:
            raise BadInput("The file is empty.")
        with receiving.finishing():
            if incoming.size_bytes:
                await receiving.check()
                await self._known(receiving)  # this may take long, and nobody waits for it yet
            lock = self._finishing.setdefault(incoming.size_bytes, asyncio.Lock())
            async with lock:  # so that no two with the same source find nobody else
                finished = await self._finish_known(receiving) or await self._finish_new(receiving)
            receiving.is_ended = True
        return finished

    async def finish_as(self, upload: Upload, known: Video) -> Job:
        """End an upload well whose bytes are those of a video in the library."""
        now, after = self._clock.now(), self.uploads.last_sequence(upload.id)
        job = duplicate_job_of(upload, known, now=now, after=after)
        await self._catalog.finish_upload(job, None)
        await self.uploads.announce(job)
        log.info("upload %s is video %s once more", upload.id, known.id)
        return job

    async def cancel(self, upload_id: str, *, user: str) -> Job:
        """End an upload with all that has come of it; raises `NotFound` or `Forbidden`."""
        upload = await self.uploads.owned(upload_id, user=user)
        while writer := self._writers.get(upload_id):
            writer.stop()
            await writer.gone.wait()
            if writer.ended_as is not None:  # what comes in one go ends with its writer
                return writer.ended_as
        return await self.uploads.end(upload)

    async def reopen(self, upload_id: str, *, user: str) -> Job:
        """Let an import that failed be tried again; `Conflict` where only its uploader could send it again."""
        upload = await self.uploads.owned(upload_id, user=user)
        if upload.kind is not UploadKind.LINK:
            raise Conflict("Nothing is there to encode; please upload the file again.")
        if upload.error is None:
            raise Conflict("The import has not failed; there is nothing to try again.")
        async with self._creating:
            await self.uploads.admit(upload.length_bytes, user=user, besides=[upload_id])
            upload = await self.uploads.change(replace(upload, error=None, failed_at=None))
        return await self.uploads.tell(upload, await self.uploads.received_bytes(upload))

    async def recover(self) -> None:
        """Bring to an end what a server that is gone left behind, and what nobody has gone on with."""
        await self.uploads.expire()
        for upload in await self.uploads.all():
            try:
                if upload.kind is UploadKind.FORM:
                    # What this process has begun it also ends.
                    if upload.created_at < self._began_at:
                        await self.uploads.end(upload, CUT_OFF)
                elif upload.kind is UploadKind.TUS and await self.is_whole(upload):
                    async with self.resume(upload.id, user=upload.user) as receiving:
                        await self.finish(receiving)
            except (Locked, NotFound):  # somebody is at it, or has just been
                continue
            except StreamserverError as error:
                log.warning("upload %s could not be finished: %s", upload.id, error)

    async def is_whole(self, upload: Upload) -> bool:
        """Tell whether all has come of an upload that becomes a video by itself."""
        if upload.error is not None or upload.is_partial or upload.length_bytes is None:
            return False
        return await self.uploads.received_bytes(upload) == upload.length_bytes

    async def _known(self, receiving: Receiving) -> Video | None:
        """Return the video that a source already is; None where it is a new one, or kept already."""
        size_bytes = receiving.incoming.size_bytes
        return await self.duplicates.find(size_bytes, receiving.find_sha256) if size_bytes else None

    async def _finish_known(self, receiving: Receiving) -> tuple[Video, Job] | None:
        """End an upload well whose source the library has; None where it does not, or not any more."""
        known = await self._known(receiving)
        if known is None:
            return None
        try:
            job = await self.finish_as(receiving.upload, known)
        except NotFound:  # the video was deleted at this moment
            return None
        await receiving.incoming.discard()
        return known, job

    async def _finish_new(self, receiving: Receiving) -> tuple[Video, Job]:
        """Keep the bytes and make them known.

        Where the catalog fails the bytes are whole already, and the upload is finished later, or ended.
        """
        upload, incoming = receiving.upload, receiving.incoming
        size_bytes = incoming.size_bytes or self.uploads.whole_bytes(upload) or 0
        now = self._clock.now()
        video = video_of(upload, now=now, size_bytes=size_bytes, sha256=upload.sha256 or receiving.sha256)
        job = whole_job_of(upload, now=now, after=self.uploads.last_sequence(upload.id))
        if incoming.size_bytes:
            await incoming.keep(source_key(video.id))
        else:
            await incoming.discard()
        await self._catalog.finish_upload(job, video)
        await self.uploads.announce(job)
        await self._queue.offer(Turn(job_id=job.id, arrived_at=now))
        return video, job

    async def _still_there(self, upload_id: str, user: str, incoming: Incoming) -> Upload:
        """Look again once it is locked: it may have become whole, or ended, meanwhile."""
        try:
            upload = await self.uploads.get(upload_id, user=user)
        except NotFound:
            await incoming.discard()
            raise
        return await self.uploads.prolong(upload)

    async def _let_go(self, receiving: Receiving) -> None:
        if receiving.refusal is not None and receiving.upload.kind is not UploadKind.FORM:
            error = JobError(code=receiving.refusal.code, message=receiving.refusal.message)
            await receiving.incoming.discard()
            await self.uploads.fail(receiving.upload, error)
        elif receiving.is_stopped and not receiving.is_ended:
            # Here rather than by whoever wants it: to make durable first what is to go would take its time.
            receiving.ended_as = await self.uploads.remove(receiving.upload, receiving.incoming, CANCELLED)
        else:
            await receiving.leave()

    @contextmanager
    def place_in_line(self) -> Iterator[int]:
        """Hold a place while a file is received; gives how many others were held before it."""
        self._receiving += 1
        try:
            yield self._receiving - 1
        finally:
            self._receiving -= 1


def chosen_title(title: str | None) -> str | None:
    """Return the title that somebody chose; None where it is to be that of the file; `BadInput` for a bad one."""
    return clean_title(title) if title and title.strip() else None


def _new_id() -> str:
    """Make an opaque id: 64 random bits, safe in URLs and file names."""
    return secrets.token_hex(8)
