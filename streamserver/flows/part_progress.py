"""How much of an upload has come, while several of its parts come at a time."""

import asyncio
from collections.abc import Iterable

from streamserver.domain.parts import StoredPart
from streamserver.domain.uploads import Upload
from streamserver.flows.patience import Patience
from streamserver.flows.receiving import NEW_SHARE, REPORT_SECONDS
from streamserver.flows.uploads import Uploads


class PartProgress:
    """Adds up the parts of one upload, and tells the sum now and then."""

    def __init__(self, uploads: Uploads, upload: Upload, stored: Iterable[StoredPart]) -> None:
        self._uploads = uploads
        self._upload = upload
        self._counts = {part.number: part.size_bytes for part in stored}
        self._told_bytes = self.received_bytes
        self._told_at = asyncio.get_running_loop().time()
        self._bytes_per_second: float | None = None
        self.coming: dict[int, Patience] = {}
        """The parts that are being sent, by number, and what can end that."""
        self.is_stopped = False
        """Whether somebody does not want the upload any more."""

    @property
    def received_bytes(self) -> int:
        """How much of it has come."""
        return sum(self._counts.values())

    async def count(self, number: int, size_bytes: int) -> None:
        """Know that so much of a part has come."""
        self._counts[number] = size_bytes
        now = asyncio.get_running_loop().time()
        if (seconds := now - self._told_at) >= REPORT_SECONDS:
            fresh = max(0, self.received_bytes - self._told_bytes) / seconds
            before = self._bytes_per_second
            self._bytes_per_second = fresh if before is None else before + NEW_SHARE * (fresh - before)
            self._told_at, self._told_bytes = now, self.received_bytes
            await self._uploads.tell_if_there(
                self._upload, self.received_bytes, bytes_per_second=round(self._bytes_per_second)
            )

    def leave(self, number: int, *, is_kept: bool) -> None:
        """Know that a part is not coming any more; what was not kept counts for nothing."""
        del self.coming[number]
        if not is_kept:
            self._counts.pop(number, None)

    async def rest(self) -> None:
        """Tell that nothing comes for the present."""
        await self._uploads.tell_if_there(self._upload, self.received_bytes)
