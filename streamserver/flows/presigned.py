"""Uploads by URLs that anybody can send bytes to, without credentials, until they expire."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from streamserver.domain.buckets import LONGEST_LIFETIME
from streamserver.domain.jobs import Job
from streamserver.domain.parts import Part, StoredPart, check_complete, cut
from streamserver.domain.presigned import (
    COMPLETION_BYTES,
    Offer,
    Plan,
    Target,
    complete_path,
    cut_of,
    part_path,
    parts_path,
    plan_of,
)
from streamserver.domain.signing import Permit, SigningKey, signed_url, verified
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import Video
from streamserver.errors import (
    Cancelled,
    ChecksumMismatch,
    Conflict,
    Gone,
    Locked,
    NotFound,
    StreamserverError,
    TooSlow,
)
from streamserver.flows.bucket_uploads import BucketUploads
from streamserver.flows.intake import Intake
from streamserver.flows.part_progress import PartProgress
from streamserver.flows.patience import Patience
from streamserver.flows.receiving import OTHER_SHA256
from streamserver.ports import Blobs, Catalog, Clock, PartDraft, ReadInto

log = logging.getLogger(__name__)

SILENCE_SECONDS = 60.0
"""After so long without a byte of it a part is given up; it may be sent again."""


class Presigned:
    """A user asks for URLs, whoever has them sends the bytes, and says so in the end."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        clock: Clock,
        intake: Intake,
        keys: Sequence[SigningKey],
        bucket_uploads: BucketUploads | None = None,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._clock = clock
        self._intake = intake
        self._keys = keys
        self._bucket_uploads = bucket_uploads
        self._coming: dict[str, PartProgress] = {}
        intake.uploads.listen(self._stop)
        self._completing: set[str] = set()

    async def start(self) -> None:
        """Go on with what was under way when the server stopped."""
        if self._bucket_uploads is not None:
            await self._bucket_uploads.start()

    async def close(self) -> None:
        """Stop; what was under way goes on after the next start."""
        if self._bucket_uploads is not None:
            await self._bucket_uploads.close()

    async def recover(self) -> None:
        """Bring to an end what a server that is gone left behind, here and in the bucket."""
        for upload in await self._intake.uploads.all():
            if upload.kind is not UploadKind.PRESIGNED or plan_of(upload).is_in_bucket:
                continue
            try:
                if await self._intake.is_whole(upload):
                    await self._become_a_video(upload)
            except (Locked, NotFound):  # somebody is at it, or has just been
                continue
            except StreamserverError as error:
                log.warning("upload %s could not be finished: %s", upload.id, error)
        if self._bucket_uploads is not None:
            await self._bucket_uploads.sweep()

    def permit(self, method: str, path: str, query: Sequence[tuple[str, str]]) -> Permit:
        """Return what a request's URL permits; raises as `verified` does."""
        return verified(method, path, query, keys=self._keys, now=self._clock.now())

    async def owner(self, upload_id: str) -> str:
        """Return for whom the holder of an upload's URLs acts; `NotFound` where there is no such upload."""
        return (await self._catalog.upload(upload_id)).user

    async def begin(
        self,
        *,
        user: str,
        file_name: str,
        title: str | None,
        size_bytes: int,
        part_bytes: int | None = None,
        sha256: str | None = None,
    ) -> Offer:
        """Begin an upload and sign its URLs; raises as `Intake.create` and `cut` do."""
        plan = Plan(
            part_bytes=cut(size_bytes, part_bytes).part_bytes, is_in_bucket=self._bucket_uploads is not None
        )
        upload = await self._intake.create(
            UploadKind.PRESIGNED,
            user=user,
            file_name=file_name,
            title=title,
            length_bytes=size_bytes,
            sha256=sha256,
            details=plan.details(),
        )
        if self._bucket_uploads is not None:
            upload = await self._bucket_uploads.begin(upload)
        return await self._offer(upload)

    async def offer(self, upload_id: str, *, user: str) -> Offer:
        """Return what is there of an upload that somebody goes on with, with new URLs for what is not."""
        upload = await self._intake.uploads.get(upload_id, user=user)
        plan_of(upload)  # none of another kind
        return await self._offer(await self._intake.uploads.prolong(upload))

    @asynccontextmanager
    async def receive(self, upload_id: str, number: int, *, user: str) -> AsyncIterator["ReceivingPart"]:
        """Hold a part to be sent to this server.

        Raises `Locked` while it is sent by another connection, `NotFound` for a part that the upload does not
        have, `Conflict` where the parts go to the bucket, `Gone` where the upload is ended meanwhile, `TooSlow`
        where nothing comes for long.
        """
        upload = await self._intake.uploads.get(upload_id, user=user)
        part = cut_of(upload).part(number)
        if plan_of(upload).is_in_bucket:
            raise Conflict("This upload goes to the bucket; please use the URLs that were given for it.")
        async with self._blobs.parts.part(upload.id, part) as draft:
            await self._intake.uploads.prolong(upload)
            progress = await self._progress(upload)
            receiving = ReceivingPart(part, draft, progress)
            patience = progress.coming[number] = receiving.patience
            try:
                async with patience:
                    yield receiving
            except TimeoutError:
                if not patience.is_over:
                    raise
                raise (Gone(Cancelled().message) if progress.is_stopped else TooSlow()) from None
            finally:
                progress.leave(number, is_kept=receiving.is_kept)
                if not progress.coming:
                    self._coming.pop(upload.id, None)
                    await progress.rest()

    async def complete(
        self, upload_id: str, *, user: str, etags: Mapping[int, str], sha256: str | None = None
    ) -> tuple[Video, Job]:
        """Check that all is there, and let it become a video; return that and its job.

        What was sent to the bucket is fetched first, while the video is processing. Raises `Incomplete` or
        `ChecksumMismatch` with what is to be sent (again), and `Locked` while another does the same. A SHA-256
        that is said now counts rather than one that was said before; after a wrong one all parts stay, so that the
        right one can be said, or a part be sent again.
        """
        if upload_id in self._completing:
            raise Locked("The upload is being completed by another connection.")
        self._completing.add(upload_id)
        try:
            upload = await self._intake.uploads.get(upload_id, user=user)
            said = replace(upload, sha256=sha256 or upload.sha256)
            if plan_of(upload).is_in_bucket and self._bucket_uploads is not None:
                upload = await self._bucket_uploads.complete(await self._recorded(said, upload), etags)
                return self._intake.uploads.video(upload), await self._intake.uploads.job(upload.id)
            # An attempt before this one may have come to the hashing of the whole.
            is_whole = await self._intake.is_whole(upload)
            if not is_whole:
                await self._check(said, etags)
            await self._recorded(said, upload)
            if not is_whole:
                await self._blobs.parts.hand_over(upload.id)
            return await self._become_a_video(upload)
        finally:
            self._completing.discard(upload_id)

    async def _check(self, upload: Upload, etags: Mapping[int, str]) -> None:
        check_complete(cut_of(upload), await self._blobs.parts.stored(upload.id), etags)
        if upload.sha256 is not None and upload.sha256 != await self._blobs.parts.sha256(upload.id):
            raise ChecksumMismatch(OTHER_SHA256)

    async def _recorded(self, said: Upload, before: Upload) -> Upload:
        return before if said == before else await self._intake.uploads.change(said)

    def _stop(self, upload: Upload) -> None:
        """Have what is coming of an upload come no more: it was ended."""
        if progress := self._coming.get(upload.id):
            progress.is_stopped = True
            for patience in progress.coming.values():
                patience.end()

    async def _become_a_video(self, upload: Upload) -> tuple[Video, Job]:
        async with self._intake.resume(upload.id, user=upload.user) as receiving:
            return await self._intake.finish(receiving)

    async def _offer(self, upload: Upload) -> Offer:
        now = self._clock.now()
        expires_at = min(upload.expires_at, now + LONGEST_LIFETIME).replace(microsecond=0)
        stored, found = await self._stored(upload), cut_of(upload)
        missing = found.missing(stored)
        return Offer(
            upload=upload,
            cut=found,
            expires_at=expires_at,
            stored=stored,
            missing=await self._targets(upload, missing, expires_at, expires_at - now),
            parts_url=self._signed("GET", parts_path(upload.id), 0, expires_at),
            complete_url=self._signed("POST", complete_path(upload.id), COMPLETION_BYTES, expires_at),
        )

    async def _stored(self, upload: Upload) -> Sequence[StoredPart]:
        if plan_of(upload).is_in_bucket:
            return await self._bucket_uploads.stored(upload) if self._bucket_uploads else ()
        return await self._blobs.parts.stored(upload.id)

    async def _targets(
        self, upload: Upload, parts: Iterable[Part], expires_at: datetime, lifetime: timedelta
    ) -> Sequence[Target]:
        if plan_of(upload).is_in_bucket:
            return await self._bucket_uploads.targets(upload, parts, lifetime) if self._bucket_uploads else ()
        return [
            Target(
                part=part,
                url=self._signed("PUT", part_path(upload.id, part.number), part.size_bytes, expires_at),
            )
            for part in parts
        ]

    def _signed(self, method: str, path: str, max_bytes: int, expires_at: datetime) -> str:
        permit = Permit(method=method, path=path, max_bytes=max_bytes, expires_at=expires_at)
        return signed_url(permit, self._keys[0])

    async def _progress(self, upload: Upload) -> PartProgress:
        if upload.id not in self._coming:
            stored = await self._blobs.parts.stored(upload.id)
            self._coming.setdefault(upload.id, PartProgress(self._intake.uploads, upload, stored))
        return self._coming[upload.id]


class ReceivingPart:
    """A part in the hands of its one writer."""

    def __init__(self, part: Part, draft: PartDraft, progress: PartProgress) -> None:
        self.part = part
        """Which one."""
        self._draft = draft
        self._progress = progress
        self._size_bytes = 0
        self.patience = Patience(SILENCE_SECONDS)
        """Ends the writing when nothing has come for long, or the upload is ended."""
        self.is_kept = False
        """Whether it was acknowledged."""

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes; `TooLarge` beyond the part's end."""
        with self.patience.busy():
            await self._draft.write(chunk)
            await self._note(len(chunk))

    async def fill(self, read_into: ReadInto) -> None:
        """Take in what a thread reads; raises as `write` does."""
        with self.patience.busy():
            await self._note(await self._draft.fill(read_into))

    async def keep(self) -> StoredPart:
        """Acknowledge the part: it is durable when this returns; `BadInput` where bytes are missing."""
        with self.patience.busy():
            stored = await self._draft.keep()
        self.is_kept = True
        return stored

    async def _note(self, more_bytes: int) -> None:
        self._size_bytes += more_bytes
        await self._progress.count(self.part.number, self._size_bytes)
