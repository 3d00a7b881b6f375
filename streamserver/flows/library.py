"""What people do with videos: browse, look, rename, delete."""

import logging
from collections.abc import Iterable, Mapping, Sequence

from streamserver.domain.titles import clean_title
from streamserver.domain.videos import Cursor, Video
from streamserver.errors import Conflict
from streamserver.flows.deliver import Deliver
from streamserver.flows.jobs import Jobs
from streamserver.flows.uploads import Uploads, upload_id_of
from streamserver.ports import Blobs, Catalog

log = logging.getLogger(__name__)


class Library:
    """The verbs behind the routes of videos."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, jobs: Jobs, deliver: Deliver, uploads: Uploads) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._jobs = jobs
        self._deliver = deliver
        self._uploads = uploads

    async def page(
        self, *, query: str = "", limit: int = 50, after: Cursor | None = None
    ) -> tuple[Sequence[Video], Cursor | None]:
        """Return a page of videos, newest first, and where the next one begins, if there is one."""
        videos = await self._catalog.videos(query=query, limit=limit + 1, after=after)
        if len(videos) <= limit:
            return videos, None
        last = videos[limit - 1]
        return videos[:limit], Cursor(created_at=last.created_at, id=last.id)

    async def get(self, video_id: str) -> Video:
        """Return a video; `NotFound` where there is none."""
        return await self._catalog.video(video_id)

    async def videos_of(self, video_ids: Iterable[str]) -> Mapping[str, Video]:
        """Return videos by id; those that are not there are left out."""
        return await self._catalog.videos_of(video_ids)

    async def rename(self, video_id: str, title: str) -> Video:
        """Give a video another title; `BadInput` where that is none."""
        return await self._catalog.rename_video(video_id, clean_title(title))

    async def delete(self, video_id: str) -> None:
        """Remove a video with all its bytes; its encoder is stopped first."""
        video = await self._catalog.video(video_id)
        try:
            await self._jobs.cancel(video.job_id)
        except Conflict:
            log.debug("job %s was over already", video.job_id)
        await self._catalog.delete_video(video_id)
        self._deliver.forget(video)
        await self._blobs.delete(video_id)

    async def sweep(self) -> list[str]:
        """Remove bytes that nothing refers to."""
        known = await self._names()

        async def is_known(name: str) -> bool:
            # What was not known a moment ago may be by now.
            owner = upload_id_of(name)
            return owner in known or owner in await self._names()

        removed = await self._blobs.sweep(is_known)
        if removed:
            log.info("removed what was left behind: %s", ", ".join(removed))
        return removed

    async def _names(self) -> set[str]:
        """Return what bytes are kept under; uploads first, since they become videos."""
        return await self._uploads.names() | await self._catalog.video_ids()
