"""What may be under way, and how an upload is shown as the job that it will be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streamserver.domain.jobs import JobError, JobStatus, Stage, claimed
from streamserver.domain.uploads import (
    LAST_SEQUENCE,
    Quota,
    Upload,
    UploadKind,
    check_length,
    check_quota,
    check_room,
    duplicate_job_of,
    job_of,
    rest_of,
    video_of,
    whole_job_of,
)
from streamserver.errors import StorageFull, TooLarge, TooManyUploads

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FAULT = JobError(code="cut_off", message="It broke off.")


def upload(length_bytes: int | None = 1000, upload_id: str = "u", **changes: object) -> Upload:
    made = Upload(
        id=upload_id,
        video_id="v",
        kind=UploadKind.TUS,
        user="anna",
        file_name="my_clip.mp4",
        created_at=NOON,
        expires_at=NOON + timedelta(days=1),
        length_bytes=length_bytes,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # as the table says


class TestLimits:
    """Who gets a place."""

    def test_the_largest_file(self) -> None:
        """A file may have as many bytes as are accepted, and not one more; an unknown length is let be."""
        quota = Quota(max_bytes=1000)
        check_length(None, quota)
        check_length(1000, quota)
        with pytest.raises(TooLarge, match=r"larger than the 1 kB that"):
            check_length(1001, quota)

    def test_uploads_at_a_time(self) -> None:
        """A user may have so many uploads and no more; those that failed do not count; 0 is no limit."""
        quota = Quota(max_bytes=1000, max_uploads_per_user=2)
        failed = upload(error=FAULT, failed_at=NOON)
        check_quota(5, [upload(), failed, failed], quota)
        with pytest.raises(TooManyUploads, match="You have 2 uploads under way; 2 are possible"):
            check_quota(5, [upload(), upload()], quota)
        check_quota(5, [upload()] * 1000, Quota(max_bytes=1000))

    def test_bytes_at_a_time(self) -> None:
        """All that a user has under way may have so many bytes together; 0 is no limit."""
        quota = Quota(max_bytes=10_000, max_bytes_per_user=3000)
        check_quota(1000, [upload(), upload(), upload(None)], quota)
        check_quota(None, [upload(), upload(), upload()], quota)
        with pytest.raises(TooManyUploads, match=r"would be 3 kB together, more than the 3 kB that"):
            check_quota(1001, [upload(), upload()], quota)
        check_quota(10_000, [upload()] * 1000, Quota(max_bytes=10_000))

    def test_bytes_that_nobody_announced(self) -> None:
        """Where the length of an upload is not known what has come of it counts."""
        quota, own = Quota(max_bytes=10_000, max_bytes_per_user=3000), [upload(upload_id="a"), upload(None, "b")]
        check_quota(1000, own, quota, {"a": 900, "b": 1000, "another's": 9000})
        for length in (None, 1000):
            with pytest.raises(TooManyUploads):
                check_quota(length, own, quota, {"a": 900, "b": 1001 + 1000 * (length is None)})

    def test_room(self) -> None:
        """What is free is promised to others as far as it has not come yet."""
        others = [
            upload(1000, "half"),
            upload(1000, "none"),
            upload(None, "unknown"),
            upload(1000, "failed", error=FAULT, failed_at=NOON),
            upload(1000, "elsewhere", details={"is_elsewhere": True}),
        ]
        stored = {"half": 500, "unknown": 50, "gone": 9}
        check_room(500, others, stored, 2000)
        check_room(0, others, stored, 1500)
        check_room(10**15, others, stored, None)
        with pytest.raises(StorageFull, match="no room left for a file of this size"):
            check_room(501, others, stored, 2000)

    def test_the_rest_is_never_negative(self) -> None:
        """More may have come than was announced."""
        assert rest_of(upload(10), 11) == 0


class TestAsJobs:
    """How uploads are shown."""

    def test_one_that_is_coming(self) -> None:
        """It waits in stage `upload`, with how much has come, how fast, and how long the rest will take."""
        job = job_of(upload(), 250, now=NOON + timedelta(seconds=10), bytes_per_second=50.0)
        assert (job.id, job.video_id, job.status, job.stage) == ("u", "v", JobStatus.READY, Stage.UPLOAD)
        assert (job.percent, job.received_bytes, job.size_bytes) == (25.0, 250, 1000)
        assert (job.bytes_per_second, job.eta_seconds) == (50.0, 15.0)
        assert job.title == "my clip"
        assert job.is_receiving

    @pytest.mark.parametrize(
        ("length_bytes", "received_bytes", "percent", "size_bytes"),
        [
            (None, 500, 0.0, None),
            (1000, 0, 0.0, 1000),
            (1000, 1000, 99.9, 1000),
            (1000, 1001, 99.9, 1001),
            (3, 1, 33.3, 3),
        ],
    )
    def test_how_much_that_is(
        self, length_bytes: int | None, received_bytes: int, percent: float, size_bytes: int | None
    ) -> None:
        """A percentage needs a length, and stays below 100, which is for what is complete."""
        job = job_of(upload(length_bytes), received_bytes, now=NOON)
        assert (job.percent, job.size_bytes, job.eta_seconds) == (percent, size_bytes, None)

    def test_one_that_failed(self) -> None:
        """It is an ERROR with its sentence, which does not change with the time."""
        failed = upload(error=FAULT, failed_at=NOON + timedelta(seconds=5))
        jobs = [job_of(failed, 0, now=NOON + timedelta(seconds=seconds)) for seconds in (5, 500)]
        assert jobs[0] == jobs[1]
        assert (jobs[0].status, jobs[0].error) == (JobStatus.ERROR, FAULT)
        assert jobs[0].finished_at == failed.failed_at
        assert not jobs[0].is_receiving

    def test_numbers_rise(self) -> None:
        """With the time, above what was told, and on into the job's own life up to its first attempt."""
        numbers = [
            job_of(upload(), 0, now=NOON + timedelta(seconds=seconds)).sequence for seconds in (0, 1, 2, 60)
        ]
        assert numbers == sorted(set(numbers))
        assert job_of(upload(), 0, now=NOON, after=99).sequence == 100
        old = NOON + timedelta(days=3000)
        late = job_of(upload(), 0, now=old)
        whole = whole_job_of(upload(), now=old, after=late.sequence)
        assert late.sequence == LAST_SEQUENCE
        assert late.sequence < whole.sequence < claimed(whole, now=old).sequence

    def test_one_that_is_whole(self) -> None:
        """It waits as any job does, under the same id; its video is what was announced."""
        later = NOON + timedelta(seconds=60)
        job = whole_job_of(upload(), now=later, after=7)
        assert (job.id, job.video_id, job.status, job.created_at) == ("u", "v", JobStatus.READY, later)
        assert (job.received_bytes, job.size_bytes, job.title, job.percent) == (None, None, None, 0.0)
        assert not job.is_receiving
        video = video_of(upload(title="My title"), now=later, size_bytes=1000, sha256="a" * 64)
        assert (video.id, video.job_id, video.title, video.created_at) == ("v", "u", "My title", later)
        assert (video.source.file_name, video.source.size_bytes) == ("my_clip.mp4", 1000)
        assert video.source.sha256 == "a" * 64

    def test_one_that_was_here_already(self) -> None:
        """It is complete at once, and its video is the one that has the same source."""
        known = video_of(upload(upload_id="old", video_id="known"), now=NOON, size_bytes=1000)
        job = duplicate_job_of(upload(), known, now=NOON, after=3)
        assert (job.id, job.video_id, job.status, job.percent) == ("u", "known", JobStatus.COMPLETE, 100.0)
        assert job.is_duplicate
        assert job.sequence == 4


def test_pieces() -> None:
    """Whether it is a piece, and whose disk it fills, is among the details."""
    assert not upload().is_partial
    assert upload(details={"is_partial": True}).is_partial
    assert not upload().is_elsewhere
    assert upload(details={"is_elsewhere": True}).is_elsewhere
