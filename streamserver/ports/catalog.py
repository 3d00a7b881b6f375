"""The record of videos, jobs and uploads."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from streamserver.domain.chapters import Chapter
from streamserver.domain.fragments import FragmentIndex
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.uploads import Upload
from streamserver.domain.videos import AnyRendition, Cursor, Subtitle, Video, VideoStatus
from streamserver.domain.webhooks import Message, VideoEvent


class Catalog(Protocol):
    """The record of videos, renditions, subtitles, jobs and uploads.

    Every method is one transaction. Times are UTC and keep microseconds. A method that names a video, rendition,
    job or upload which is not there raises `NotFound`.
    """

    async def check(self) -> None:
        """Return if the catalog answers; raise `Unavailable` with a sentence otherwise."""

    async def close(self) -> None:
        """Give back what is held."""

    async def add_video(self, video: Video, job: Job) -> None:
        """Record a video and its job together."""

    async def video(self, video_id: str) -> Video:
        """Return a video with its renditions (best first: by height, then bit rate), sounds and subtitles."""

    async def videos(self, *, query: str = "", limit: int = 50, after: Cursor | None = None) -> Sequence[Video]:
        """Return a page of the library, newest first; each video as `video` returns it.

        Videos in `error` are left out. `query` is looked for anywhere in the title, ignoring case; its
        characters stand for themselves (`%` and `_` too).
        """

    async def videos_of(self, video_ids: Iterable[str]) -> Mapping[str, Video]:
        """Return videos as `video` does, by id, with as many questions to a database for many as for one.

        Those that are not there are left out.
        """

    async def sources_of_size(self, size_bytes: int) -> Mapping[str, str | None]:
        """Return the sources that are so long, oldest first and without those of videos in `error`.

        By the video's id each has its SHA-256, None where nobody has worked that out.
        """

    async def set_source_sha256(self, video_id: str, sha256: str) -> None:
        """Record what the bytes of a source are known by."""

    async def video_ids(self) -> set[str]:
        """Return the ids of all videos, those in `error` too."""

    async def rename_video(self, video_id: str, title: str) -> Video:
        """Change the title and return the video as it now is."""

    async def describe_video(
        self, video_id: str, *, content_type: str, duration_seconds: float, width: int, height: int
    ) -> None:
        """Record what a probe found."""

    async def set_video_status(self, video_id: str, status: VideoStatus) -> None:
        """Record what a viewer can do with a video, and the events that follow from the change."""

    async def set_poster(self, video_id: str, poster_key: str) -> None:
        """Record which picture stands for a video."""

    async def set_storyboard(self, video_id: str, storyboard_key: str) -> None:
        """Record which pictures help to seek in a video."""

    async def set_chapters(self, video_id: str, chapters: Sequence[Chapter]) -> None:
        """Record the chapters of a video, in place of those before."""

    async def delete_video(self, video_id: str) -> None:
        """Forget a video with its renditions, subtitles and jobs."""

    async def add_renditions(self, renditions: Iterable[AnyRendition]) -> None:
        """Record renditions that begin to grow."""

    async def complete_rendition(self, rendition: AnyRendition, index: FragmentIndex) -> None:
        """Record a rendition as it is in the end, with its fragment index, which never changes again."""

    async def delete_renditions(self, keys: Iterable[str]) -> None:
        """Forget renditions; those that are not there are ignored."""

    async def fragment_index(self, rendition_key: str) -> FragmentIndex:
        """Return the index of a complete rendition; `NotFound` while it grows."""

    async def add_subtitle(self, subtitle: Subtitle) -> None:
        """Record a text track."""

    async def delete_subtitles(self, keys: Iterable[str]) -> None:
        """Forget text tracks; those that are not there are ignored."""

    async def add_upload(self, upload: Upload) -> None:
        """Record an upload that begins; `Conflict` where its id is taken."""

    async def upload(self, upload_id: str) -> Upload:
        """Return an upload as it was last recorded."""

    async def uploads(self) -> Sequence[Upload]:
        """Return all uploads, the newest first."""

    async def change_upload(self, upload: Upload) -> None:
        """Record an upload as it now is."""

    async def delete_upload(self, upload_id: str) -> None:
        """Forget an upload."""

    async def finish_upload(self, job: Job, video: Video | None) -> None:
        """Forget the upload with the job's id, and record the job and the video that it has become.

        Without a video the job is of one that is recorded already.
        """

    async def job(self, job_id: str) -> Job:
        """Return a job as it was last recorded."""

    async def jobs(
        self, *, statuses: Iterable[JobStatus] | None = None, limit: int = 100, after: Cursor | None = None
    ) -> Sequence[Job]:
        """Return jobs, the newest first; of all statuses unless some are named.

        With `after`, only those that follow it in this order.
        """

    async def count_jobs(self, status: JobStatus) -> int:
        """Return how many jobs have a status."""

    async def claim_job(self, claimed: Job) -> bool:
        """Record the start of an attempt; False unless the job is READY at the attempt before it."""

    async def record_job(self, job: Job) -> bool:
        """Record a report that is news.

        False, and nothing changes, unless the recorded job has the same attempt and a lower sequence number.
        """

    async def finish_job(self, job: Job, video_status: VideoStatus) -> bool:
        """Record a terminal report and the video's status together, under the same condition as `record_job`.

        So are the events that follow from it (`events_between`).
        """

    async def video_events(self, *, limit: int) -> Sequence[VideoEvent]:
        """Return events that were not addressed yet, in the order in which they happened.

        Those of a deleted video are gone.
        """

    async def address_event(self, event_id: str, messages: Iterable[Message]) -> bool:
        """Put messages in the place of an event; False, and nothing changes, where that was done before."""

    async def keep_endpoints(self, endpoint_ids: Iterable[str]) -> None:
        """Forget the messages to all endpoints but these."""

    async def due_messages(self, endpoint_id: str, *, now: datetime, limit: int) -> Sequence[Message]:
        """Return messages to an endpoint that are due, those that were due first before the others.

        A message waits for the older ones of its video to be settled, or to be tried `ATTEMPTS_IN_ORDER` times.
        """

    async def record_attempt(self, message: Message) -> bool:
        """Record that a message is being sent; False unless it is there at the attempt before this one."""

    async def settle_message(self, message: Message) -> None:
        """Forget a message that was taken or given up; one that is not there is ignored."""
