"""What the flows need from the world; adapters fill these.

Every port has a `memory` adapter, and one contract test runs over all adapters of a port.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from streamserver.domain.fragments import FragmentIndex
from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.ladder import EncodePlan
from streamserver.domain.order import Turn
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import SourceInfo, SubtitleStream
from streamserver.domain.videos import Cursor, Rendition, Subtitle, Video, VideoStatus
from streamserver.domain.webhooks import Message, VideoEvent


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""


class Catalog(Protocol):
    """The record of videos, renditions, subtitles and jobs.

    Every method is one transaction. Times are UTC and keep microseconds. A method that names a video, rendition
    or job which is not there raises `NotFound`.
    """

    async def check(self) -> None:
        """Return if the catalog answers; raise `Unavailable` with a sentence otherwise."""

    async def close(self) -> None:
        """Give back what is held."""

    async def add_video(self, video: Video, job: Job) -> None:
        """Record a video and its job together."""

    async def video(self, video_id: str) -> Video:
        """Return a video with its renditions (best first: by height, then bit rate) and subtitles."""

    async def videos(self, *, query: str = "", limit: int = 50, after: Cursor | None = None) -> Sequence[Video]:
        """Return a page of the library, newest first; each video with renditions and subtitles.

        Videos in `error` are left out. `query` is looked for anywhere in the title, ignoring case; its
        characters stand for themselves (`%` and `_` too).
        """

    async def videos_of(self, video_ids: Iterable[str]) -> Mapping[str, Video]:
        """Return videos as `video` does, by id, with as many questions to a database for many as for one.

        Those that are not there are left out.
        """

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

    async def delete_video(self, video_id: str) -> None:
        """Forget a video with its renditions, subtitles and jobs."""

    async def add_renditions(self, renditions: Iterable[Rendition]) -> None:
        """Record renditions that begin to grow."""

    async def complete_rendition(self, rendition: Rendition, index: FragmentIndex) -> None:
        """Record a rendition as it is in the end, with its fragment index, which never changes again."""

    async def delete_renditions(self, keys: Iterable[str]) -> None:
        """Forget renditions; those that are not there are ignored."""

    async def fragment_index(self, rendition_key: str) -> FragmentIndex:
        """Return the index of a complete rendition; `NotFound` while it grows."""

    async def add_subtitle(self, subtitle: Subtitle) -> None:
        """Record a text track."""

    async def delete_subtitles(self, video_id: str) -> None:
        """Forget all text tracks of a video."""

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


class Draft(Protocol):
    """Bytes that are being received. They are gone when the draft is left, unless they were kept."""

    @property
    def size_bytes(self) -> int:
        """How many bytes were written."""

    async def write(self, chunk: bytes) -> None:
        """Add bytes; raise `StorageFull` when there is no room."""

    async def keep(self, key: str) -> None:
        """Make the bytes durable under a key, all or nothing, and return once they are.

        Until the draft is left they count as being written: a sweep does not touch them.
        """


class Lease(Protocol):
    """A blob held open for reading, shared with other readers."""

    @property
    def fd(self) -> int:
        """A descriptor for `pread` and `sendfile`; its own offset is not to be used."""

    def current_size(self) -> int:
        """Return how long the blob is at this moment, in bytes."""

    def is_current(self) -> bool:
        """Tell whether `fd` is open, also after the lease was given back, and still what the key names.

        Good until the next `await`. A blob that was removed by another process is found out within a second.
        """

    def read(self, position: int, count: int) -> bytes:
        """Return bytes, fewer only at the end of the blob; blocks where they are not in memory."""


class Blobs(Protocol):
    """Where bytes rest, under keys of the form `{folder}/{name}`.

    Every method that takes a key raises `NotFound` for one that could lead anywhere else.
    """

    async def check(self) -> None:
        """Return if bytes can be stored; raise `Unavailable` with a sentence otherwise."""

    async def close(self) -> None:
        """Give back what is held."""

    def draft(self) -> AbstractAsyncContextManager[Draft]:
        """Begin to receive bytes."""

    def lease(self, key: str) -> AbstractContextManager[Lease]:
        """Hold a blob open while it is read; raise `NotFound` where there is none. Never blocks on a hot blob."""

    def path(self, key: str) -> Path:
        """Return where an encoder reads or writes a blob; its folder is made when missing."""

    async def settle(self, key: str) -> int:
        """Make durable what an encoder wrote and return its length in bytes; `NotFound` where it wrote nothing."""

    async def delete(self, key: str) -> None:
        """Remove a blob, or a folder with all its blobs; what is not there is ignored."""

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """Remove what a writer that is gone left behind, and name it.

        That is: drafts, and folders that are neither known nor being written.
        """


class Subscription(Protocol):
    """What a listener still has to hear.

    Progress it was too slow for is replaced by newer progress of the same job; a change of status is never left
    out.
    """

    def __aiter__(self) -> AsyncIterator[Job]:
        """Wait for reports, in the order of their sequence numbers for each job; ends when the bus closes."""

    async def __anext__(self) -> Job:
        """Return the next report."""


class Bus(Protocol):
    """Multicast of job reports, which replays the latest one to whoever joins."""

    async def publish(self, job: Job) -> None:
        """Tell everyone, unless later news of the job was told already; never waits for a listener."""

    def subscribe(self, job_id: str | None = None) -> AbstractContextManager[Subscription]:
        """Listen to one job, or to all. The latest report of each job that was published comes first."""

    def latest(self, job_id: str) -> Job | None:
        """Return the latest report of a job that is not yet over, if there was one."""

    async def close(self) -> None:
        """End all subscriptions."""


class Queue(Protocol):
    """Jobs that wait for an encoder, in the order of `domain.order`; a job is in it once."""

    async def offer(self, turn: Turn) -> None:
        """Put a job in line for its next task; one that is in line already keeps its place."""

    async def take(self) -> Turn:
        """Wait for the next turn and remove it from the line.

        It counts as begun until its job is offered again or `finish` is called.
        """

    async def take_beside(self, encoders: int) -> Turn:
        """Wait likewise for a turn that is quick enough to be carried out beside so many encoders."""

    async def finish(self, job_id: str) -> None:
        """Know that a turn which was taken is over, and that no other of its job follows."""

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out of the line; False if it was not waiting."""

    def waiting(self) -> Sequence[Turn]:
        """Return the line as it is, next first."""

    def begun(self) -> Sequence[Turn]:
        """Return what was taken and is not over."""


class Notifier(Protocol):
    """What sends messages to other systems."""

    async def check(self, url: str) -> None:
        """Return if somebody listens at an address, who is sent nothing; raise `Unavailable` otherwise."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body and return the status of the answer, also where that leads elsewhere.

        Raises `Unavailable` with the reason where there is no answer, and waits for one as long as it is let.
        """

    async def close(self) -> None:
        """Give back what is held."""


class Encoder(Protocol):
    """What turns a source into renditions."""

    async def check(self) -> str:
        """Return what the encoder is, in a line; raise `Unavailable` with a sentence where it cannot work."""

    async def probe(self, source: Path) -> SourceInfo:
        """Look into a file; raise `SourceFault` with a sentence where it is not a video within the limits."""

    async def poster(self, source: Path, info: SourceInfo, target: Path) -> None:
        """Write a JPEG that stands for the video; raise `EncodingFailed` where none can be had."""

    async def subtitle(self, source: Path, track: SubtitleStream, target: Path) -> None:
        """Write a text track of the source as WebVTT; raise `EncodingFailed` where it cannot be read."""

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """Carry out a plan; its outputs grow as it goes. Cancelling stops the encoder before it returns.

        Raises `SourceFault`, `EncoderFault` or `EncoderStalled`.
        """
