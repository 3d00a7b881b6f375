"""Uploads as dictionaries."""

from collections.abc import Sequence

from streamserver.catalog.sentences import NO_UPLOAD, TAKEN
from streamserver.domain.uploads import Upload
from streamserver.errors import Conflict, NotFound


class MemoryUploads:
    """The part of a catalog that is about what is on its way in."""

    def __init__(self) -> None:
        super().__init__()
        self._uploads: dict[str, Upload] = {}

    async def add_upload(self, upload: Upload) -> None:
        """Record an upload that begins; `Conflict` where its id is taken."""
        if upload.id in self._uploads:
            raise Conflict(TAKEN)
        self._uploads[upload.id] = upload

    async def upload(self, upload_id: str) -> Upload:
        """Return an upload as it was last recorded."""
        try:
            return self._uploads[upload_id]
        except KeyError:
            raise NotFound(NO_UPLOAD) from None

    async def uploads(self) -> Sequence[Upload]:
        """Return all uploads, the newest first."""
        return sorted(self._uploads.values(), key=lambda it: (it.created_at, it.id), reverse=True)

    async def change_upload(self, upload: Upload) -> None:
        """Record an upload as it now is."""
        await self.upload(upload.id)
        self._uploads[upload.id] = upload

    async def delete_upload(self, upload_id: str) -> None:
        """Forget an upload."""
        await self.upload(upload_id)
        del self._uploads[upload_id]
