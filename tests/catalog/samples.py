"""Videos, renditions, subtitles and jobs to record."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from streamserver.domain.fragments import Fragment, FragmentIndex
from streamserver.domain.jobs import Job, claimed
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import AudioRendition, Rendition, Source, Subtitle, Video
from streamserver.ports import Catalog

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
LATER = datetime(2026, 3, 4, 12, 0, 1, 654321, tzinfo=UTC)


def sample_video(video_id: str = "v", **changes: Any) -> Video:  # noqa: ANN401 - any field
    source = Source(file_name="holiday.mov", size_bytes=5_000_000_000)
    video = Video(id=video_id, title="A holiday", created_at=NOON, job_id=f"{video_id}-job", source=source)
    return replace(video, **changes)


def sample_job(video: Video, **changes: Any) -> Job:  # noqa: ANN401 - any field
    return replace(Job(id=video.job_id, video_id=video.id, created_at=video.created_at), **changes)


def sample_rendition(key: str = "720p-a", **changes: Any) -> Rendition:  # noqa: ANN401 - any field
    rendition = Rendition(
        key=key, video_id="v", name="720p", width=1280, height=720, frame_rate=30000 / 1001, target_seconds=4
    )
    return replace(rendition, **changes)


def sample_sound(key: str = "sound-a", **changes: Any) -> AudioRendition:  # noqa: ANN401 - any field
    track = AudioRendition(key=key, video_id="v", number=0, language="de", label="Deutsch", target_seconds=4)
    return replace(track, **changes)


def sample_subtitle(key: str = "s", **changes: Any) -> Subtitle:  # noqa: ANN401 - any field
    return replace(Subtitle(key=key, video_id="v", language="de", label="Deutsch"), **changes)


def sample_upload(upload_id: str = "v-job", **changes: Any) -> Upload:  # noqa: ANN401 - any field
    upload = Upload(
        id=upload_id,
        video_id="v",
        kind=UploadKind.TUS,
        user="anna",
        file_name="holiday.mov",
        created_at=NOON,
        expires_at=LATER,
    )
    return replace(upload, **changes)


def sample_index(fragments: int = 2) -> FragmentIndex:
    return FragmentIndex(
        timescale=15360,
        init=((0, 28), (44, 1200)),
        fragments=tuple(
            Fragment(position=1244 + number * 900_000, count=900_000, duration_ticks=30720 + number % 2)
            for number in range(fragments)
        ),
    )


async def add(catalog: Catalog, video_id: str = "v", **changes: Any) -> Video:  # noqa: ANN401 - any field
    """Record a video with its waiting job."""
    video = sample_video(video_id, **changes)
    await catalog.add_video(video, sample_job(video))
    return video


async def add_running(catalog: Catalog, video_id: str = "v") -> Job:
    """Record a video whose job was claimed once."""
    job = claimed(sample_job(await add(catalog, video_id)), now=NOON)
    assert await catalog.claim_job(job)
    return job
