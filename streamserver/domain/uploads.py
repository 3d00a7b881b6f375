"""Sources on their way in, each of them one resource from its creation on, and whether there is room for another.

An upload's id is the id of the job to come: whoever follows that hears everything from the first byte to the last
rendition. How much of it has come is nowhere written down but in the length of the bytes that are stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from streamserver.domain.downloads import amount
from streamserver.domain.jobs import SEQUENCES_PER_ATTEMPT, Job, JobError, JobStatus, Stage, failed
from streamserver.domain.titles import title_of
from streamserver.domain.videos import Source, Video
from streamserver.errors import StorageFull, TooLarge, TooManyUploads

REPORTS_PER_SECOND: Final = 2
"""The most reports of an upload that there are in the long run."""
LAST_SEQUENCE: Final = SEQUENCES_PER_ATTEMPT * 9 // 10
"""Numbers after it are left for the wait in line, until the first attempt begins."""
NOT_YET_PERCENT: Final = 99.9
"""The most that an upload can reach: 100 is for the video that is complete."""
NOTHING: Final = MappingProxyType[str, int]({})
"""Of which upload nothing has come."""


class UploadKind(StrEnum):
    """The way by which a source comes."""

    FORM = "form"
    TUS = "tus"
    PRESIGNED = "presigned"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A source that is not whole yet."""

    id: str
    """Opaque; the id of the job that will encode it."""
    video_id: str
    """The video that it will be."""
    kind: UploadKind
    """The way by which it comes."""
    user: str
    """Whose it is."""
    file_name: str
    """The uploader's name for it, without folders."""
    created_at: datetime
    """When it began (UTC)."""
    expires_at: datetime
    """When it is given up unless more of it comes (UTC)."""
    title: str | None = None
    """What its uploader wants it called; None where the file's name is to do."""
    length_bytes: int | None = None
    """How long it is to be; None where nobody has said yet."""
    url: str | None = None
    """Where it comes from, if it is a LINK."""
    sha256: str | None = None
    """What its uploader says its SHA-256 is, in hexadecimal; None where nothing was said."""
    error: JobError | None = None
    """Why it failed for good; None while it may still become whole."""
    failed_at: datetime | None = None
    """When it failed for good (UTC)."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What its kind needs besides, as JSON."""

    @property
    def is_partial(self) -> bool:
        """Whether it is a piece of a source alone, and becomes no video by itself."""
        return bool(self.details.get("is_partial"))

    @property
    def is_elsewhere(self) -> bool:
        """Whether its bytes are stored on other disks than this server's."""
        return bool(self.details.get("is_elsewhere"))

    @property
    def comes_by_bucket(self) -> bool:
        """Whether its bytes go to the bucket first, and come from there."""
        return bool(self.details.get("is_in_bucket"))

    @property
    def is_in_bucket(self) -> bool:
        """Whether all of it has come to the bucket."""
        return self.details.get("etag") is not None

    @property
    def shown_title(self) -> str:
        """What it is called."""
        return self.title or title_of(self.file_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much may be under way."""

    max_bytes: int
    """The largest source."""
    max_uploads_per_user: int = 0
    """Uploads of one user at a time; 0 for any number."""
    max_bytes_per_user: int = 0
    """Bytes of all uploads that one user has under way; 0 for any number."""


def check_length(length_bytes: int | None, quota: Quota) -> None:
    """Return if a source may be so long; raise `TooLarge` with a sentence otherwise."""
    if length_bytes is not None and length_bytes > quota.max_bytes:
        raise TooLarge(f"The file is larger than the {amount(quota.max_bytes)} that this server accepts.")


def check_quota(
    length_bytes: int | None, own: Iterable[Upload], quota: Quota, stored: Mapping[str, int] = NOTHING
) -> None:
    """Return if a user, who has uploads under way, may have another one; raise `TooManyUploads` otherwise.

    `stored` is how much of each upload has come already: where nobody has said how long it is, that counts.
    """
    under_way = [upload for upload in own if upload.error is None]
    most = quota.max_uploads_per_user
    if most and len(under_way) >= most:
        raise TooManyUploads(f"You have {len(under_way)} uploads under way; {most} are possible at a time.")
    total = sum(max(upload.length_bytes or 0, stored.get(upload.id, 0)) for upload in under_way)
    total += length_bytes or 0
    if quota.max_bytes_per_user and total > quota.max_bytes_per_user:
        raise TooManyUploads(
            f"Your uploads would be {amount(total)} together, more than the {amount(quota.max_bytes_per_user)} "
            "that may be under way at a time."
        )


def check_room(
    more_bytes: int, uploads: Iterable[Upload], stored: Mapping[str, int], room_bytes: int | None
) -> None:
    """Return if so many bytes fit beside what is promised to other uploads; raise `StorageFull` otherwise.

    `stored` is how much of each upload has come already; a room of None has no end.
    """
    promised = sum(rest_of(upload, stored.get(upload.id, 0)) for upload in uploads)
    if room_bytes is not None and more_bytes > room_bytes - promised:
        raise StorageFull("The server has no room left for a file of this size; please try again later.")


def rest_of(upload: Upload, received_bytes: int) -> int:
    """Return how many bytes an upload still needs on this server's disk, as far as is known."""
    if upload.length_bytes is None or upload.error is not None or upload.is_elsewhere:
        return 0
    return max(0, upload.length_bytes - received_bytes)


def job_of(
    upload: Upload, received_bytes: int, *, now: datetime, after: int = -1, bytes_per_second: float | None = None
) -> Job:
    """Show an upload as the job that it will be; its sequence number is higher than `after`.

    The number follows from the time, so that it rises also across a restart of the server.
    """
    moment = upload.failed_at or now
    passed = int((moment - upload.created_at).total_seconds() * REPORTS_PER_SECOND)
    job = Job(
        id=upload.id,
        video_id=upload.video_id,
        created_at=upload.created_at,
        stage=Stage.UPLOAD,
        percent=percent_of(upload, received_bytes),
        eta_seconds=_seconds_left(upload, received_bytes, bytes_per_second),
        sequence=max(after + 1, min(passed, LAST_SEQUENCE)),
        title=upload.shown_title,
        received_bytes=upload.length_bytes or 0 if upload.is_in_bucket else received_bytes,
        size_bytes=None if upload.length_bytes is None else max(upload.length_bytes, received_bytes),
        bytes_per_second=bytes_per_second,
    )
    return job if upload.error is None else failed(job, upload.error, now=moment)


def whole_job_of(upload: Upload, *, now: datetime, after: int) -> Job:
    """Return the job of an upload that has become whole: it waits to be encoded."""
    before = job_of(upload, 0, now=now, after=after)
    return Job(id=upload.id, video_id=upload.video_id, created_at=now, sequence=before.sequence)


def duplicate_job_of(upload: Upload, known: Video, *, now: datetime, after: int) -> Job:
    """Return the job of an upload whose bytes are those of a video in the library: there is nothing to do."""
    before = job_of(upload, 0, now=now, after=after)
    return Job(
        id=upload.id,
        video_id=known.id,
        created_at=now,
        status=JobStatus.COMPLETE,
        stage=Stage.UPLOAD,
        percent=100.0,
        sequence=before.sequence,
        finished_at=now,
        is_duplicate=True,
    )


def video_of(upload: Upload, *, now: datetime, size_bytes: int, sha256: str | None = None) -> Video:
    """Return the video that an upload is, or will be."""
    return Video(
        id=upload.video_id,
        title=upload.shown_title,
        created_at=now,
        job_id=upload.id,
        source=Source(file_name=upload.file_name, size_bytes=size_bytes, sha256=sha256),
    )


def percent_of(upload: Upload, received_bytes: int) -> float:
    """Return how much of a source has come; 0 where nobody knows how long it is.

    One that comes by the bucket has gone half of its way when it is there.
    """
    if not upload.length_bytes:
        return 0.0
    share = received_bytes / upload.length_bytes
    if upload.comes_by_bucket:
        share = (share + upload.is_in_bucket) / 2
    return min(round(100 * share, 1), NOT_YET_PERCENT)


def _seconds_left(upload: Upload, received_bytes: int, bytes_per_second: float | None) -> float | None:
    if upload.length_bytes is None or not bytes_per_second:
        return None
    return max(0, upload.length_bytes - received_bytes) / bytes_per_second
