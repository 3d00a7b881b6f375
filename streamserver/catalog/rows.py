"""Rows of the tables, to and from the values of the product."""

import json
from typing import Any

from sqlalchemy import Row

from streamserver.catalog import tables
from streamserver.catalog.folding import fold
from streamserver.domain.chapters import pack_chapters, unpack_chapters
from streamserver.domain.jobs import Job, JobError, JobStatus, RenditionProgress, Stage
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import (
    AnyRendition,
    AudioRendition,
    Rendition,
    RenditionStatus,
    Source,
    Subtitle,
    Video,
    VideoStatus,
)
from streamserver.domain.webhooks import EventKind, Message, VideoEvent

VIDEO_COLUMNS = [column for column in tables.videos.c if column.name != "title_folded"]
RENDITION_COLUMNS = [column for column in tables.renditions.c if column.name != "fragment_index"]
"""Without the index, which can be long and is rarely asked for."""
JOB_COLUMNS = list(tables.jobs.c)


def title_values(title: str) -> dict[str, str]:
    """Give a title and what it is found by."""
    return {"title": title, "title_folded": fold(title)}


def video_values(video: Video) -> dict[str, Any]:
    """Give the row of a video."""
    return {
        "id": video.id,
        **title_values(video.title),
        "created_at": video.created_at,
        "job_id": video.job_id,
        "status": video.status.value,
        "source_file_name": video.source.file_name,
        "source_size_bytes": video.source.size_bytes,
        "source_content_type": video.source.content_type,
        "source_sha256": video.source.sha256,
        "duration_seconds": video.duration_seconds,
        "width": video.width,
        "height": video.height,
        "poster_key": video.poster_key,
        "storyboard_key": video.storyboard_key,
        "chapters": pack_chapters(video.chapters) if video.chapters else None,
    }


def video_of(
    row: Row[Any],
    renditions: tuple[Rendition, ...],
    subtitles: tuple[Subtitle, ...],
    audio: tuple[AudioRendition, ...],
) -> Video:
    """Read a video."""
    return Video(
        id=row.id,
        title=row.title,
        created_at=row.created_at,
        job_id=row.job_id,
        source=Source(
            file_name=row.source_file_name,
            size_bytes=row.source_size_bytes,
            content_type=row.source_content_type,
            sha256=row.source_sha256,
        ),
        status=VideoStatus(row.status),
        duration_seconds=row.duration_seconds,
        width=row.width,
        height=row.height,
        poster_key=row.poster_key,
        storyboard_key=row.storyboard_key,
        chapters=unpack_chapters(row.chapters),
        renditions=renditions,
        subtitles=subtitles,
        audio=audio,
    )


def rendition_values(rendition: AnyRendition) -> dict[str, Any]:
    """Give the row of a rendition, but for its index; sound alone has no size."""
    if isinstance(rendition, AudioRendition):
        shown: dict[str, Any] = {
            "name": rendition.label,
            **dict.fromkeys(("width", "height", "frame_rate"), 0),
            "audio_number": rendition.number,
            "audio_language": rendition.language,
        }
    else:
        shown = {
            "name": rendition.name,
            "width": rendition.width,
            "height": rendition.height,
            "frame_rate": rendition.frame_rate,
            "audio_number": None,
            "audio_language": None,
        }
    return shown | {
        "key": rendition.key,
        "video_id": rendition.video_id,
        "target_seconds": rendition.target_seconds,
        "status": rendition.status.value,
        "codecs": rendition.codecs,
        "bit_rate_bps": rendition.bit_rate_bps,
        "size_bytes": rendition.size_bytes,
    }


def rendition_of(row: Row[Any]) -> AnyRendition:
    """Read a rendition."""
    if row.audio_number is not None:
        return AudioRendition(
            key=row.key,
            video_id=row.video_id,
            number=row.audio_number,
            language=row.audio_language,
            label=row.name,
            target_seconds=row.target_seconds,
            status=RenditionStatus(row.status),
            codecs=row.codecs,
            bit_rate_bps=row.bit_rate_bps,
            size_bytes=row.size_bytes,
        )
    return Rendition(
        key=row.key,
        video_id=row.video_id,
        name=row.name,
        width=row.width,
        height=row.height,
        frame_rate=row.frame_rate,
        target_seconds=row.target_seconds,
        status=RenditionStatus(row.status),
        codecs=row.codecs,
        bit_rate_bps=row.bit_rate_bps,
        size_bytes=row.size_bytes,
    )


def subtitle_values(subtitle: Subtitle) -> dict[str, Any]:
    """Give the row of a text track."""
    return {
        "key": subtitle.key,
        "video_id": subtitle.video_id,
        "language": subtitle.language,
        "label": subtitle.label,
        "is_uploaded": subtitle.is_uploaded,
    }


def subtitle_of(row: Row[Any]) -> Subtitle:
    """Read a text track."""
    return Subtitle(
        key=row.key,
        video_id=row.video_id,
        language=row.language,
        label=row.label,
        is_uploaded=bool(row.is_uploaded),
    )


def job_values(job: Job) -> dict[str, Any]:
    """Give the row of a job. Its place in the queue is live only, and not recorded."""
    return {
        "id": job.id,
        "video_id": job.video_id,
        "created_at": job.created_at,
        "status": job.status.value,
        "stage": job.stage.value,
        "percent": job.percent,
        "speed": job.speed,
        "frames_per_second": job.frames_per_second,
        "eta_seconds": job.eta_seconds,
        "attempt": job.attempt,
        "failures": job.failures,
        "last_error_code": job.last_error.code if job.last_error else None,
        "last_error_message": job.last_error.message if job.last_error else None,
        "retry_at": job.retry_at,
        "error_code": job.error.code if job.error else None,
        "error_message": job.error.message if job.error else None,
        "renditions": json.dumps([[progress.name, progress.percent] for progress in job.renditions]),
        "sequence": job.sequence,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "is_duplicate": job.is_duplicate,
    }


def job_of(row: Row[Any]) -> Job:
    """Read a job."""
    return Job(
        id=row.id,
        video_id=row.video_id,
        created_at=row.created_at,
        status=JobStatus(row.status),
        stage=Stage(row.stage),
        percent=row.percent,
        speed=row.speed,
        frames_per_second=row.frames_per_second,
        eta_seconds=row.eta_seconds,
        attempt=row.attempt,
        failures=row.failures,
        last_error=_job_error(row.last_error_code, row.last_error_message),
        retry_at=row.retry_at,
        error=_job_error(row.error_code, row.error_message),
        renditions=tuple(
            RenditionProgress(name=name, percent=percent) for name, percent in json.loads(row.renditions)
        ),
        sequence=row.sequence,
        started_at=row.started_at,
        finished_at=row.finished_at,
        is_duplicate=bool(row.is_duplicate),
    )


def upload_values(upload: Upload) -> dict[str, Any]:
    """Give the row of an upload."""
    return {
        "id": upload.id,
        "video_id": upload.video_id,
        "kind": upload.kind.value,
        "user": upload.user,
        "title": upload.title,
        "file_name": upload.file_name,
        "length_bytes": upload.length_bytes,
        "url": upload.url,
        "sha256": upload.sha256,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "error_code": upload.error.code if upload.error else None,
        "error_message": upload.error.message if upload.error else None,
        "failed_at": upload.failed_at,
        "details": json.dumps(dict(upload.details)),
    }


def upload_of(row: Row[Any]) -> Upload:
    """Read an upload."""
    return Upload(
        id=row.id,
        video_id=row.video_id,
        kind=UploadKind(row.kind),
        user=row.user,
        title=row.title,
        file_name=row.file_name,
        length_bytes=row.length_bytes,
        url=row.url,
        sha256=row.sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
        error=_job_error(row.error_code, row.error_message),
        failed_at=row.failed_at,
        details=json.loads(row.details),
    )


def video_event_values(event: VideoEvent) -> dict[str, Any]:
    """Give the row of an event."""
    return {
        "id": event.id,
        "kind": event.kind.value,
        "video_id": event.video_id,
        "job_id": event.job_id,
        "recorded_at": event.recorded_at,
        "error_code": event.error.code if event.error else None,
        "error_message": event.error.message if event.error else None,
    }


def video_event_of(row: Row[Any]) -> VideoEvent:
    """Read an event."""
    return VideoEvent(
        id=row.id,
        kind=EventKind(row.kind),
        video_id=row.video_id,
        job_id=row.job_id,
        recorded_at=row.recorded_at,
        error=_job_error(row.error_code, row.error_message),
    )


def message_values(message: Message) -> dict[str, Any]:
    """Give the row of a message."""
    return {
        "event_id": message.event_id,
        "endpoint_id": message.endpoint_id,
        "video_id": message.video_id,
        "body": message.body,
        "due_at": message.due_at,
        "attempt": message.attempt,
    }


def message_of(row: Row[Any]) -> Message:
    """Read a message."""
    return Message(
        event_id=row.event_id,
        endpoint_id=row.endpoint_id,
        video_id=row.video_id,
        body=row.body,
        due_at=row.due_at,
        attempt=row.attempt,
    )


def _job_error(code: str | None, message: str) -> JobError | None:
    return None if code is None else JobError(code=code, message=message)
