"""Importing from links: what people ask for is recorded first, then fetched in turn, also after a restart."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from streamserver.domain.downloads import AnswerHead, Bounds, Held, file_name_of
from streamserver.domain.jobs import Job, JobError
from streamserver.domain.links import Reach, read_link
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import Video
from streamserver.errors import (
    ImportFailed,
    LinkAway,
    Locked,
    NotFound,
    Rejected,
    StreamserverError,
    Unavailable,
)
from streamserver.flows.download import Download
from streamserver.flows.intake import Intake
from streamserver.flows.receiving import Receiving
from streamserver.flows.uploads import UNFORESEEN
from streamserver.ports import Clock, Fetcher

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the record is asked for imports that nobody carries out."""


class Imports:
    """A bounded number of downloads that work through what was asked for; the record is the truth about that."""

    def __init__(
        self, *, intake: Intake, fetcher: Fetcher, reach: Reach, clock: Clock, bounds: Bounds, at_once: int
    ) -> None:
        self._intake = intake
        self._fetcher = fetcher
        self._reach = reach
        self._clock = clock
        self._bounds = bounds
        self._at_once = at_once
        self._carried_out: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def add(self, url: str, title: str | None, *, user: str) -> tuple[Video, Job]:
        """Record that a video is to be imported, and return what it will be; its job tells the rest.

        Raises `BadInput` or `LinkForbidden` for a link that nobody would follow, and as `Intake.create` does.
        """
        link = read_link(url)
        self._reach.check(link)
        upload = await self._intake.create(
            UploadKind.LINK, user=user, file_name=link.file_name, title=title, url=link.url
        )
        self._news.set()
        return self._intake.uploads.video(upload), await self._intake.uploads.job(upload.id)

    async def start(self) -> None:
        """Begin to carry out what was asked for, and what a server that is gone has left."""
        self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Stop; what is not whole is gone on with after the next start."""
        tasks = [*self._carried_out.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._begin()
            except StreamserverError as error:
                log.warning("imports have to wait: %s", error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _begin(self) -> None:
        """Begin as many imports as there are places, those first that were asked for first."""
        for upload in reversed(await self._waiting()):
            if len(self._carried_out) >= self._at_once:
                return
            task = asyncio.create_task(self._carry_out(upload))
            self._carried_out[upload.id] = task
            task.add_done_callback(partial(self._is_over, upload.id))

    async def _waiting(self) -> Sequence[Upload]:
        return [
            upload
            for upload in await self._intake.uploads.all()
            if upload.kind is UploadKind.LINK and upload.error is None and upload.id not in self._carried_out
        ]

    def _is_over(self, upload_id: str, _: asyncio.Task[None]) -> None:
        del self._carried_out[upload_id]
        self._news.set()

    async def _carry_out(self, upload: Upload) -> None:
        """Bring one import to its end; whatever that is, it is recorded."""
        try:
            async with self._intake.resume(upload.id, user=upload.user) as receiving:
                try:
                    await self._fetch(receiving)
                except (LinkAway, Unavailable) as error:
                    await self._fail(receiving, JobError(code=error.code, message=error.message))
                except (ImportFailed, Rejected) as error:
                    await receiving.incoming.discard()  # of no use to whoever tries again
                    await self._fail(receiving, JobError(code=error.code, message=error.message))
                except Exception:
                    log.exception("import %s failed for an unforeseen reason", upload.id)
                    await self._fail(receiving, UNFORESEEN)
        except (NotFound, Locked) as error:  # it was cancelled or has expired, or another server has it
            log.info("import %s is not carried out: %s", upload.id, error)
            await asyncio.sleep(LOOK_SECONDS)
        except Unavailable as error:
            log.warning("import %s has to wait: %s", upload.id, error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _fetch(self, receiving: Receiving) -> None:
        async def note(held: Held, head: AnswerHead) -> None:
            await self._note(receiving, held, head)

        async def tell_wait(failure: StreamserverError, seconds: float) -> None:
            await self._tell_wait(receiving, failure, seconds)

        details = receiving.upload.details
        known = Held(total_bytes=details.get("total_bytes"), validator=details.get("validator"))
        download = Download(
            read_link(receiving.upload.url or ""),
            receiving,
            known,
            fetcher=self._fetcher,
            bounds=self._bounds,
            note=note,
            tell_wait=tell_wait,
        )
        if self._intake.uploads.whole_bytes(receiving.upload) is None:
            await download.complete()
        await self._finish(receiving)

    async def _finish(self, receiving: Receiving) -> None:
        """Hand over what is whole; a record or a storage that is away is waited for like a server."""
        failures = 0
        while not receiving.is_ended:
            try:
                await self._intake.finish(receiving)
            except Unavailable as failure:
                failures += 1
                if failures > self._bounds.tries:
                    raise
                seconds = self._bounds.wait_seconds(failures)
                await self._tell_wait(receiving, failure, seconds)
                await asyncio.sleep(seconds)

    async def _note(self, receiving: Receiving, held: Held, head: AnswerHead) -> None:
        """Record what comes; raise as `Uploads.admit` does where there is no room for that."""
        upload = receiving.upload
        now = replace(
            upload,
            length_bytes=held.total_bytes,
            file_name=file_name_of(head, read_link(upload.url or "")),
            details={**upload.details, "total_bytes": held.total_bytes, "validator": held.validator},
        )
        if held.total_bytes is not None and held.total_bytes != upload.length_bytes:
            received = receiving.incoming.size_bytes
            receiving.upload = await self._intake.promise(now, received_bytes=received)
        elif now != upload:
            receiving.upload = await self._intake.uploads.change(now)

    async def _tell_wait(self, receiving: Receiving, failure: StreamserverError, seconds: float) -> None:
        """Tell everyone why nothing comes for the present, and when it is tried again."""
        uploads = self._intake.uploads
        job = await uploads.tell(receiving.upload, receiving.incoming.size_bytes)
        await uploads.announce(
            replace(
                job,
                sequence=job.sequence + 1,
                last_error=JobError(code=failure.code, message=failure.message),
                retry_at=self._clock.now() + timedelta(seconds=seconds),
            )
        )

    async def _fail(self, receiving: Receiving, error: JobError) -> None:
        if receiving.refusal is None:  # which is recorded in any case
            await self._intake.uploads.fail(receiving.upload, error)
            receiving.is_ended = True
