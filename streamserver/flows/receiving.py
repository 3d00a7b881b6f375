"""An upload while somebody writes to it: what may come, how fast it comes, and for how long nothing may."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from streamserver.domain.jobs import Job
from streamserver.domain.sniffing import SNIFF_BYTES, not_a_video
from streamserver.domain.uploads import Upload, UploadKind, check_length
from streamserver.errors import (
    Cancelled,
    ChecksumMismatch,
    Gone,
    Rejected,
    StreamserverError,
    TooLarge,
    TooSlow,
    UnsupportedMedia,
)
from streamserver.flows.patience import Patience
from streamserver.flows.uploads import Uploads
from streamserver.ports import Incoming, ReadInto

REPORT_SECONDS = 1.0
"""How often it is told how much has come."""
NEW_SHARE = 0.3
"""How much of the speed that is told is that since the last report."""
OTHER_SHA256 = "The file that arrived has another SHA-256 than the one that was sent."
NOT_KEPT = "Nothing came for too long, so the upload was ended; please send the file again."
"""To whoever cannot go on with an upload."""


class Receiving:
    """An upload in the hands of its one writer."""

    def __init__(
        self, uploads: Uploads, upload: Upload, incoming: Incoming, *, patience_seconds: float | None = None
    ) -> None:
        self.upload = upload
        """What it is."""
        self.incoming = incoming
        """What has come of it."""
        if upload.sha256 is not None:
            incoming.follow()
        self.patience = Patience(patience_seconds)
        """Ends the writing when nothing has come for long, or somebody wants it to end."""
        self.gone = asyncio.Event()
        """Set once it is free for others."""
        self.refusal: Rejected | None = None
        """Why it can never become a video."""
        self.is_ended = False
        """Whether it is an upload no more."""
        self.is_stopped = False
        """Whether somebody does not want it any more."""
        self.sha256: str | None = None
        """What its bytes are known by, once somebody has asked."""
        self.ended_as: Job | None = None
        """What is told of it where it ended with its writer, and is no video."""
        self._uploads = uploads
        self._is_finishing = False
        self._told_at = asyncio.get_running_loop().time()
        self._told_bytes = incoming.size_bytes
        self._bytes_per_second: float | None = None
        self._is_looked_at = upload.is_partial or incoming.size_bytes >= SNIFF_BYTES

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes; raise `TooLarge` or `UnsupportedMedia` once it cannot be a source."""
        with self.patience.busy():
            self.check_room(len(chunk))
            await self.incoming.write(chunk)
            await self._note()

    async def fill(self, read_into: ReadInto) -> None:
        """Take in what a thread reads; raises as `write` does."""
        with self.patience.busy():
            await self.incoming.fill(read_into)
            self.check_room(0)
            await self._note()

    async def join(self, other: Incoming, position: int = 0) -> None:
        """Take in what another has from a position on; raises as `write` does."""
        with self.patience.busy():
            self.check_room(other.size_bytes - position)
            await self.incoming.join(other, position)
            await self._note()

    async def sync(self) -> int:
        """Return how much there is, once all of it is durable."""
        with self.patience.busy():
            await self.incoming.sync()
        return self.incoming.size_bytes

    def check_room(self, more_bytes: int) -> None:
        """Return if so many bytes more may come; raise `TooLarge` otherwise."""
        size_bytes, length_bytes = self.incoming.size_bytes + more_bytes, self.upload.length_bytes
        check_length(size_bytes, self._uploads.quota)
        # What a form announces is its own length, and that of its file is not known before it ends.
        if self.upload.kind is not UploadKind.FORM and length_bytes is not None and size_bytes > length_bytes:
            raise TooLarge(f"The upload was to have {length_bytes} bytes; more are coming.")

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Be about to become a video: nobody can stop that, and nobody's patience ends."""
        self._is_finishing = True
        try:
            with self.patience.busy():
                yield
        finally:
            self._is_finishing = False

    async def start_over(self) -> None:
        """Forget what has come: it is of another file than what comes next."""
        await self.incoming.clear()
        self._is_looked_at = self.upload.is_partial
        self._told_at, self._told_bytes = asyncio.get_running_loop().time(), 0
        self._bytes_per_second = None
        await self._uploads.tell(self.upload, 0)

    async def check(self) -> None:
        """Make a whole source durable; raise `Rejected` with a sentence where it cannot be used."""
        await self._look()
        announced = self.upload.sha256
        if announced is not None and announced != await self.incoming.sha256():
            mismatch = ChecksumMismatch(OTHER_SHA256)
            if self.upload.kind is UploadKind.PRESIGNED:
                raise mismatch  # it stays: who completes it can say another one
            self._refuse(mismatch)
        await self.incoming.sync()

    async def find_sha256(self) -> str:
        """Return what its bytes are known by."""
        self.sha256 = await self.incoming.sha256()
        return self.sha256

    def stop(self) -> None:
        """Have the writer end, unless everything is there already."""
        if not self._is_finishing and not self.patience.is_over:
            self.is_stopped = True
            self.patience.end()

    def why_over(self) -> StreamserverError:
        """Say why the writing was ended before its time."""
        if self.is_stopped:
            return Gone(Cancelled().message)
        return TooSlow(NOT_KEPT if self.upload.kind is UploadKind.FORM else None)

    async def leave(self) -> None:
        """Tell everyone that nothing comes for the present."""
        if not self.is_ended:
            await self._uploads.tell(self.upload, self.incoming.size_bytes)

    async def _look(self) -> None:
        """Refuse what is certainly no video."""
        self._is_looked_at = True
        found = not_a_video(await self.incoming.read(0, SNIFF_BYTES))
        if found:
            self._refuse(UnsupportedMedia(f"The file is {found}, not a video."))

    def _refuse(self, error: Rejected) -> None:
        self.refusal = error
        raise error

    async def _note(self) -> None:
        """Look at the first bytes once, and tell now and then how much has come."""
        if not self._is_looked_at and self.incoming.size_bytes >= SNIFF_BYTES:
            await self._look()
        now = asyncio.get_running_loop().time()
        seconds, count = now - self._told_at, self.incoming.size_bytes - self._told_bytes
        if seconds < REPORT_SECONDS:
            return
        before = self._bytes_per_second
        fresh = count / seconds
        self._bytes_per_second = fresh if before is None else before + NEW_SHARE * (fresh - before)
        self._told_at, self._told_bytes = now, self.incoming.size_bytes
        await self._uploads.tell(
            self.upload, self.incoming.size_bytes, bytes_per_second=round(self._bytes_per_second)
        )
