"""Taking in a source: durable first, then known, then acknowledged."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from streamserver.domain.jobs import Job, JobStatus
from streamserver.domain.order import Turn
from streamserver.domain.sniffing import SNIFF_BYTES, not_a_video
from streamserver.domain.titles import clean_file_name, clean_title, title_of
from streamserver.domain.videos import Source, Subtitle, Video
from streamserver.errors import BadInput, QueueFull, TooLarge, UnsupportedMedia
from streamserver.ports import Blobs, Catalog, Clock, Draft, Queue


def source_key(video_id: str) -> str:
    """Return where a video's source is kept."""
    return f"{video_id}/source"


def poster_key(video_id: str, key: str) -> str:
    """Return where a poster is kept."""
    return f"{video_id}/poster-{key}.jpg"


def subtitle_key(subtitle: Subtitle) -> str:
    """Return where a text track is kept."""
    return f"{subtitle.video_id}/subtitle-{subtitle.key}.vtt"


def storyboard_key(video_id: str, key: str) -> str:
    """Return where the text of a storyboard is kept."""
    return f"{video_id}/storyboard-{key}.vtt"


def storyboard_sheet_key(video_id: str, key: str, number: int) -> str:
    """Return where a sheet of a storyboard is kept."""
    return f"{video_id}/storyboard-{key}-{number}.jpg"


class Receive:
    """The verb behind every way a file comes in."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        blobs: Blobs,
        queue: Queue,
        clock: Clock,
        max_bytes: int,
        max_waiting: int,
        encoders: int = 1,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._queue = queue
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting
        self._encoders = encoders
        self._receiving = 0

    @property
    def max_bytes(self) -> int:
        """The largest file that is accepted."""
        return self._max_bytes

    @property
    def under_way(self) -> int:
        """How many files are being received."""
        return self._receiving

    @asynccontextmanager
    async def upload(self, announced_bytes: int | None = None) -> "AsyncIterator[Upload]":
        """Begin to receive a file; unless it is finished inside, nothing of it remains.

        Raises `QueueFull` or `TooLarge` before a byte is read.
        """
        if announced_bytes is not None and announced_bytes > self._max_bytes:
            raise _too_large(self._max_bytes)
        with self._place_in_line() as ahead:
            if await self._waiting() + ahead >= self._max_waiting:
                raise QueueFull
            async with self._blobs.draft() as draft:
                yield Upload(self, draft)

    async def add(self, draft: Draft, file_name: str, title: str | None) -> tuple[Video, Job]:
        """Make received bytes durable and known, and put their job in line.

        Where the catalog fails, nobody can tell whether the video is known: a sweep finds out, and then removes
        bytes that nothing refers to.
        """
        video_id, now = _new_id(), self._clock.now()
        job = Job(id=_new_id(), video_id=video_id, created_at=now)
        name = clean_file_name(file_name)
        video = Video(
            id=video_id,
            title=clean_title(title) if title and title.strip() else title_of(name),
            created_at=now,
            job_id=job.id,
            source=Source(file_name=name, size_bytes=draft.size_bytes),
        )
        await draft.keep(source_key(video_id))
        await self._catalog.add_video(video, job)
        await self._queue.offer(Turn(job_id=job.id, arrived_at=now))
        return video, job

    async def _waiting(self) -> int:
        """Count the jobs that wait for an encoder, those between two of their tasks too."""
        begun = await self._catalog.count_jobs(JobStatus.RUNNING)
        return await self._catalog.count_jobs(JobStatus.READY) + max(0, begun - self._encoders)

    @contextmanager
    def _place_in_line(self) -> Iterator[int]:
        """Hold a place while a file is received; gives how many others were held before it."""
        self._receiving += 1
        try:
            yield self._receiving - 1
        finally:
            self._receiving -= 1


class Upload:
    """A file that is being received."""

    def __init__(self, receive: Receive, draft: Draft) -> None:
        self._receive = receive
        self._draft = draft
        self._head = b""

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes; refuse the file once it is too large, or certainly no video."""
        if self._draft.size_bytes + len(chunk) > self._receive.max_bytes:
            raise _too_large(self._receive.max_bytes)
        if len(self._head) < SNIFF_BYTES:
            self._head += chunk[: SNIFF_BYTES - len(self._head)]
            if len(self._head) == SNIFF_BYTES:
                self._refuse_other_media()
        await self._draft.write(chunk)

    async def finish(self, file_name: str, title: str | None) -> tuple[Video, Job]:
        """Acknowledge the file: it is durable, in the catalog and in line when this returns.

        Raises `BadInput` for an empty file or an impossible title, `UnsupportedMedia` for what is no video.
        """
        if not self._draft.size_bytes:
            raise BadInput("The file is empty.")
        self._refuse_other_media()
        return await self._receive.add(self._draft, file_name, title)

    def _refuse_other_media(self) -> None:
        found = not_a_video(self._head)
        if found:
            raise UnsupportedMedia(f"The file is {found}, not a video.")


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The file is larger than the {max_bytes / 1e9:g} GB that this server accepts.")


def _new_id() -> str:
    """Make an opaque id: 64 random bits, safe in URLs and file names."""
    return secrets.token_hex(8)
