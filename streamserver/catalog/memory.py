"""The catalog as dictionaries: for tests, and to show what a catalog means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from streamserver.catalog.folding import fold
from streamserver.catalog.memory_uploads import MemoryUploads
from streamserver.catalog.memory_webhooks import MemoryWebhooks
from streamserver.catalog.sentences import FINAL, NO_JOB, NO_RENDITION, NO_VIDEO, STILL_GROWING, TAKEN
from streamserver.domain.chapters import Chapter
from streamserver.domain.fragments import FragmentIndex
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.videos import (
    AnyRendition,
    AudioRendition,
    Cursor,
    Rendition,
    Subtitle,
    Video,
    VideoStatus,
)
from streamserver.errors import Conflict, NotFound


class MemoryCatalog(MemoryUploads, MemoryWebhooks):
    """A catalog that lasts as long as its process. No method awaits, so each is one transaction."""

    def __init__(self) -> None:
        super().__init__()
        self._videos: dict[str, Video] = {}  # without their renditions and subtitles
        self._renditions: dict[str, AnyRendition] = {}
        self._indexes: dict[str, FragmentIndex] = {}
        self._subtitles: dict[str, Subtitle] = {}
        self._jobs: dict[str, Job] = {}

    async def check(self) -> None:
        """Return: memory always answers."""

    async def close(self) -> None:
        """Hold nothing, so give nothing back."""

    async def add_video(self, video: Video, job: Job) -> None:
        """Record a video and its job together; `Conflict` where an id is taken."""
        if video.id in self._videos or job.id in self._jobs:
            raise Conflict(TAKEN)
        self._videos[video.id] = replace(video, renditions=(), subtitles=(), audio=())
        self._jobs[job.id] = replace(job, queue_position=None)

    async def video(self, video_id: str) -> Video:
        """Return a video with its renditions and subtitles."""
        video = self._bare_video(video_id)
        files = [rendition for rendition in self._renditions.values() if rendition.video_id == video_id]
        renditions = (rendition for rendition in files if isinstance(rendition, Rendition))
        audio = (rendition for rendition in files if isinstance(rendition, AudioRendition))
        subtitles = (subtitle for subtitle in self._subtitles.values() if subtitle.video_id == video_id)
        return replace(
            video,
            renditions=tuple(sorted(renditions, key=lambda it: (-it.height, -it.bit_rate_bps, it.key))),
            subtitles=tuple(sorted(subtitles, key=lambda it: (it.language, it.key))),
            audio=tuple(sorted(audio, key=lambda it: (it.number, it.key))),
        )

    async def videos(self, *, query: str = "", limit: int = 50, after: Cursor | None = None) -> Sequence[Video]:
        """Return a page of the library, newest first."""
        page = [
            video
            for video in sorted(self._videos.values(), key=lambda it: (it.created_at, it.id), reverse=True)
            if video.status is not VideoStatus.ERROR
            and fold(query) in fold(video.title)
            and (after is None or (video.created_at, video.id) < (after.created_at, after.id))
        ]
        return [await self.video(video.id) for video in page[:limit]]

    async def videos_of(self, video_ids: Iterable[str]) -> Mapping[str, Video]:
        """Return videos by id; those that are not there are left out."""
        return {video_id: await self.video(video_id) for video_id in video_ids if video_id in self._videos}

    async def sources_of_size(self, size_bytes: int) -> Mapping[str, str | None]:
        """Return the sources that are so long."""
        return {
            video.id: video.source.sha256
            for video in sorted(self._videos.values(), key=lambda it: (it.created_at, it.id))
            if video.source.size_bytes == size_bytes and video.status is not VideoStatus.ERROR
        }

    async def set_source_sha256(self, video_id: str, sha256: str) -> None:
        """Record what the bytes of a source are known by."""
        video = self._bare_video(video_id)
        self._videos[video_id] = replace(video, source=replace(video.source, sha256=sha256))

    async def video_ids(self) -> set[str]:
        """Return the ids of all videos."""
        return set(self._videos)

    async def rename_video(self, video_id: str, title: str) -> Video:
        """Change the title."""
        self._videos[video_id] = replace(self._bare_video(video_id), title=title)
        return await self.video(video_id)

    async def describe_video(
        self, video_id: str, *, content_type: str, duration_seconds: float, width: int, height: int
    ) -> None:
        """Record what a probe found."""
        video = self._bare_video(video_id)
        self._videos[video_id] = replace(
            video,
            source=replace(video.source, content_type=content_type),
            duration_seconds=duration_seconds,
            width=width,
            height=height,
        )

    async def set_video_status(self, video_id: str, status: VideoStatus) -> None:
        """Record what a viewer can do with a video, and the events that follow."""
        self._change_status(self._jobs[self._bare_video(video_id).job_id], status, has_ended=False)

    async def set_poster(self, video_id: str, poster_key: str) -> None:
        """Record which picture stands for a video."""
        self._videos[video_id] = replace(self._bare_video(video_id), poster_key=poster_key)

    async def set_storyboard(self, video_id: str, storyboard_key: str) -> None:
        """Record which pictures help to seek in a video."""
        self._videos[video_id] = replace(self._bare_video(video_id), storyboard_key=storyboard_key)

    async def set_chapters(self, video_id: str, chapters: Sequence[Chapter]) -> None:
        """Record the chapters of a video, in place of those before."""
        self._videos[video_id] = replace(self._bare_video(video_id), chapters=tuple(chapters))

    async def delete_video(self, video_id: str) -> None:
        """Forget a video with all that belongs to it."""
        video = await self.video(video_id)
        await self.delete_renditions(rendition.key for rendition in video.files)
        await self.delete_subtitles(subtitle.key for subtitle in video.subtitles)
        self._jobs = {job_id: job for job_id, job in self._jobs.items() if job.video_id != video_id}
        self.forget_events_of(video_id)
        del self._videos[video_id]

    async def add_renditions(self, renditions: Iterable[AnyRendition]) -> None:
        """Record renditions that begin to grow: all of them, or none and `Conflict` where a key is taken."""
        added: dict[str, AnyRendition] = {}
        for rendition in renditions:
            self._bare_video(rendition.video_id)
            if rendition.key in self._renditions or rendition.key in added:
                raise Conflict(TAKEN)
            added[rendition.key] = rendition
        self._renditions |= added

    async def complete_rendition(self, rendition: AnyRendition, index: FragmentIndex) -> None:
        """Record a rendition as it is in the end; `Conflict` where that was done before."""
        if rendition.key not in self._renditions:
            raise NotFound(NO_RENDITION)
        if rendition.key in self._indexes:
            raise Conflict(FINAL)
        self._renditions[rendition.key] = rendition
        self._indexes[rendition.key] = index

    async def delete_renditions(self, keys: Iterable[str]) -> None:
        """Forget renditions and their indexes."""
        for key in keys:
            self._renditions.pop(key, None)
            self._indexes.pop(key, None)

    async def fragment_index(self, rendition_key: str) -> FragmentIndex:
        """Return the index of a complete rendition."""
        if rendition_key not in self._renditions:
            raise NotFound(NO_RENDITION)
        if rendition_key not in self._indexes:
            raise NotFound(STILL_GROWING)
        return self._indexes[rendition_key]

    async def add_subtitle(self, subtitle: Subtitle) -> None:
        """Record a text track; `Conflict` where its key is taken."""
        self._bare_video(subtitle.video_id)
        if subtitle.key in self._subtitles:
            raise Conflict(TAKEN)
        self._subtitles[subtitle.key] = subtitle

    async def delete_subtitles(self, keys: Iterable[str]) -> None:
        """Forget text tracks."""
        for key in keys:
            self._subtitles.pop(key, None)

    async def finish_upload(self, job: Job, video: Video | None) -> None:
        """Put a job, and the video if it is new, in the place of an upload."""
        await self.upload(job.id)
        if video is None:
            self._bare_video(job.video_id)
            self._jobs[job.id] = job
        else:
            await self.add_video(video, job)
        await self.delete_upload(job.id)

    async def job(self, job_id: str) -> Job:
        """Return a job as it was last recorded."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFound(NO_JOB) from None

    async def jobs(
        self, *, statuses: Iterable[JobStatus] | None = None, limit: int = 100, after: Cursor | None = None
    ) -> Sequence[Job]:
        """Return jobs, the newest first."""
        wanted = set(JobStatus if statuses is None else statuses)
        page = [
            job
            for job in sorted(self._jobs.values(), key=lambda it: (it.created_at, it.id), reverse=True)
            if job.status in wanted and (after is None or (job.created_at, job.id) < (after.created_at, after.id))
        ]
        return page[:limit]

    async def count_jobs(self, status: JobStatus) -> int:
        """Return how many jobs have a status."""
        return sum(job.status is status for job in self._jobs.values())

    async def claim_job(self, claimed: Job) -> bool:
        """Record the start of an attempt, unless another was first."""
        recorded = await self.job(claimed.id)
        if recorded.status is not JobStatus.READY or recorded.attempt != claimed.attempt - 1:
            return False
        self._jobs[claimed.id] = replace(claimed, queue_position=None)
        return True

    async def record_job(self, job: Job) -> bool:
        """Record a report, unless it is old."""
        recorded = await self.job(job.id)
        if recorded.attempt != job.attempt or recorded.sequence >= job.sequence:
            return False
        self._jobs[job.id] = replace(job, queue_position=None)
        return True

    async def finish_job(self, job: Job, video_status: VideoStatus) -> bool:
        """Record a terminal report and the video's status together, unless it is old."""
        if not await self.record_job(job):
            return False
        self._change_status(job, video_status, has_ended=True)
        return True

    def _change_status(self, job: Job, status: VideoStatus, *, has_ended: bool) -> None:
        video = self._bare_video(job.video_id)
        self._videos[video.id] = replace(video, status=status)
        self.note(job, video.status, status, has_ended=has_ended)

    def _bare_video(self, video_id: str) -> Video:
        try:
            return self._videos[video_id]
        except KeyError:
            raise NotFound(NO_VIDEO) from None
