"""Uploads that go to the bucket: the server hands out URLs, and fetches what came once it is complete."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from streamserver.domain.buckets import StoredObject
from streamserver.domain.jobs import JobError
from streamserver.domain.parts import Part, StoredPart, check_complete
from streamserver.domain.presigned import Plan, Target, cut_of, plan_of
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.errors import (
    ChecksumMismatch,
    Incomplete,
    Locked,
    NotFound,
    StreamserverError,
    Unavailable,
)
from streamserver.flows.bucket_watch import BucketWatch
from streamserver.flows.intake import Intake
from streamserver.flows.uploads import UNFORESEEN
from streamserver.ports import Bucket

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Objects that are fetched at a time."""
RETRY_SECONDS = (5.0, 15.0, 60.0, 300.0)
"""From one attempt to fetch to the next; the last of them again and again, until the upload expires."""


class BucketUploads:
    """The name of an upload's object is the upload's id."""

    def __init__(self, *, bucket: Bucket, intake: Intake) -> None:
        self._bucket = bucket
        self._intake = intake
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._clearing: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._watch = BucketWatch(bucket=bucket, uploads=intake.uploads, changing=self._changing)
        intake.uploads.listen(self._clear_soon)

    async def start(self) -> None:
        """Go on with what was complete before the server stopped, and watch what comes."""
        self._watch.start()
        for upload in await self._intake.uploads.all():
            if upload.kind is UploadKind.PRESIGNED and upload.error is None and plan_of(upload).etag is not None:
                self._fetch_soon(upload)

    async def close(self) -> None:
        """Stop; what was not fetched yet is, after the next start."""
        await self._watch.close()
        tasks = [*self._fetching.values(), *self._clearing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self, upload: Upload) -> Upload:
        """Prepare the bucket for what comes in several parts; the upload is ended where that fails."""
        if cut_of(upload).count == 1:
            return upload
        try:
            multipart_id = await self._bucket.begin(upload.id)
        except Unavailable:
            await self._intake.cancel(upload.id, user=upload.user)
            raise
        return await self._planned(upload, replace(plan_of(upload), multipart_id=multipart_id))

    async def targets(self, upload: Upload, parts: Iterable[Part], lifetime: timedelta) -> Sequence[Target]:
        """Sign URLs of the bucket."""
        parts, multipart_id = list(parts), plan_of(upload).multipart_id
        if multipart_id is not None:
            urls = await self._bucket.part_urls(upload.id, multipart_id, parts, lifetime=lifetime)
        else:
            urls = [
                await self._bucket.put_url(upload.id, size_bytes=part.size_bytes, lifetime=lifetime)
                for part in parts
            ]
        return [Target(part=part, url=url) for part, url in zip(parts, urls, strict=True)]

    async def stored(self, upload: Upload) -> Sequence[StoredPart]:
        """Return the parts that are there; what came in one piece, or is complete, is one part."""
        plan = plan_of(upload)
        try:
            if plan.multipart_id is not None and plan.etag is None:
                return await self._bucket.parts(upload.id, plan.multipart_id)
            found = await self._bucket.look(upload.id)
        except NotFound:
            return ()
        return [StoredPart(number=1, size_bytes=found.size_bytes, etag=found.etag)]

    async def complete(self, upload: Upload, etags: Mapping[int, str]) -> Upload:
        """Make one object of what was sent, and begin to fetch it; once more is as good as once."""
        if plan_of(upload).etag is None:
            found = await self._whole(upload, plan_of(upload), etags)
            if found.size_bytes != upload.length_bytes:
                await self._bucket.delete(upload.id)
                raise Incomplete(
                    f"The object has {found.size_bytes} bytes, not {upload.length_bytes}; please start anew."
                )
            upload = await self._planned(upload, replace(plan_of(upload), etag=found.etag))
            await self._intake.uploads.tell(upload, 0)
        self._fetch_soon(upload)
        return upload

    async def sweep(self) -> None:
        """Remove from the bucket what belongs to no upload (any more); later, where the storage is away."""
        try:
            await self._sweep()
        except Unavailable as error:
            log.warning("the bucket could not be swept: %s", error)

    async def _sweep(self) -> None:
        # Whoever begins something there is recorded before: what is not known afterwards is nobody's.
        multiparts, objects = await self._bucket.multiparts(), await self._bucket.objects()
        known = {upload.id for upload in await self._intake.uploads.all() if upload.error is None}
        for multipart in multiparts:
            if multipart.key not in known:
                await self._bucket.abort(multipart.key, multipart.id)
                log.info("aborted %s in the bucket, which nobody went on with", multipart.key)
        for found in objects:
            if found.key not in known:
                await self._bucket.delete(found.key)
                log.info("removed %s from the bucket, which nobody needs", found.key)

    async def _whole(self, upload: Upload, plan: Plan, etags: Mapping[int, str]) -> StoredObject:
        try:
            found = await self._bucket.look(upload.id)  # an attempt before this one may have come as far
        except NotFound:
            if plan.multipart_id is None:
                raise Incomplete("Nothing was sent to the bucket yet.") from None
            stored = await self.stored(upload)
            check_complete(cut_of(upload), stored, etags)
            await self._bucket.complete(upload.id, plan.multipart_id, stored)
            return await self._bucket.look(upload.id)
        if plan.multipart_id is None and etags.get(1, found.etag).strip('"') != found.etag:
            raise ChecksumMismatch(
                "What is in the bucket differs from what was sent; please send it again."
            ) from None
        return found

    async def _planned(self, upload: Upload, plan: Plan) -> Upload:
        async with self._changing:
            return await self._intake.uploads.change(replace(upload, details=plan.details()))

    def _fetch_soon(self, upload: Upload) -> None:
        if upload.id not in self._fetching:
            task = asyncio.create_task(self._fetch_until_done(upload))
            self._fetching[upload.id] = task
            task.add_done_callback(lambda _: self._fetching.pop(upload.id, None))

    async def _fetch_until_done(self, upload: Upload) -> None:
        """Fetch an object, again after each fault that is not its own, and remove it once nobody needs it."""
        attempt = 0
        while True:
            try:
                async with self._turns:
                    await self._fetch_or_give_up(upload)
                break
            except Unavailable as error:
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                log.warning("upload %s cannot be fetched; the next try is in %g s: %s", upload.id, pause, error)
                attempt += 1
                await asyncio.sleep(pause)
        await self._clear(upload)

    async def _fetch_or_give_up(self, upload: Upload) -> None:
        """Bring an upload to its end, well or not; raise `Unavailable` where it may go better later."""
        try:
            await self._fetch(upload)
        except Unavailable:
            raise
        except StreamserverError as error:
            log.info("upload %s is not fetched: %s", upload.id, error)
            await self._give_up(upload, JobError(code=error.code, message=error.message))
        except Exception:
            log.exception("upload %s is not fetched for an unforeseen reason", upload.id)
            await self._give_up(upload, UNFORESEEN)

    def _clear_soon(self, upload: Upload) -> None:
        """Have the bucket keep nothing of an upload that was ended."""
        if upload.kind is UploadKind.PRESIGNED and plan_of(upload).is_in_bucket:
            task = asyncio.create_task(self._clear(upload))
            self._clearing.add(task)
            task.add_done_callback(self._clearing.discard)

    async def _clear(self, upload: Upload) -> None:
        plan = plan_of(upload)
        try:
            if plan.multipart_id is not None and plan.etag is None:
                await self._bucket.abort(upload.id, plan.multipart_id)
            await self._bucket.delete(upload.id)
        except Unavailable as error:
            log.warning("%s stays in the bucket until the next sweep: %s", upload.id, error)

    async def _fetch(self, upload: Upload) -> None:
        """Go on with an object where an attempt before this one ended."""
        await self._intake.uploads.get(upload.id, user=upload.user)
        found = await self._bucket.look(upload.id)
        if found.etag != plan_of(upload).etag:
            raise ChecksumMismatch("The file was changed in the bucket after it was complete.")
        async with self._intake.resume(upload.id, user=upload.user) as receiving:
            async with self._bucket.read(found, position=receiving.incoming.size_bytes) as chunks:
                async for chunk in chunks:
                    await receiving.write(chunk)
            await self._intake.finish(receiving)

    async def _give_up(self, upload: Upload, error: JobError) -> None:
        """Let everybody see why an upload became no video, unless that is recorded, or nobody wants it."""
        try:
            async with self._intake.resume(upload.id, user=upload.user) as receiving:
                receiving.is_ended = True
                await receiving.incoming.discard()  # of no use to anybody
                await self._intake.uploads.fail(receiving.upload, error)
        except (NotFound, Locked):  # it was cancelled, or has expired, or has failed already
            return
