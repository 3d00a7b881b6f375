"""The JSON of videos and jobs, as clients rely on it."""

from datetime import UTC, datetime
from typing import Any

from streamserver.domain.addresses import (
    chapters_url,
    file_url,
    manifest_url,
    master_url,
    playlist_url,
    poster_url,
    region_url,
    source_url,
    storyboard_url,
    subtitle_url,
)
from streamserver.domain.jobs import Job, JobError
from streamserver.domain.videos import Rendition, Subtitle, Video, VideoStatus

Document = dict[str, Any]


def video_document(video: Video) -> Document:
    """Write a video; URLs are ready made, and null where there is nothing to fetch yet."""
    is_watchable = video.status in {VideoStatus.PLAYABLE, VideoStatus.COMPLETE}
    return {
        "id": video.id,
        "title": video.title,
        "status": video.status,
        "url": f"/watch/{video.id}",
        "created_at": _time(video.created_at),
        "duration_seconds": video.duration_seconds,
        "width": video.width,
        "height": video.height,
        "poster_url": poster_url(video),
        "hls_url": master_url(video) if is_watchable else None,
        "dash_url": manifest_url(video) if is_watchable else None,
        "source_url": None if video.status is VideoStatus.ERROR else source_url(video),
        "storyboard_url": storyboard_url(video),
        "chapters_url": chapters_url(video),
        "chapters": [
            {
                "start_seconds": chapter.start_seconds,
                "end_seconds": chapter.end_seconds,
                "title": chapter.title,
            }
            for chapter in video.chapters
        ],
        "subtitles": [subtitle_document(subtitle) for subtitle in video.subtitles],
        "audio": [
            {"language": track.language, "label": track.label, "playlist_url": playlist_url(track)}
            for track in video.audio
        ],
        "renditions": [_rendition_document(rendition) for rendition in video.renditions],
        "job_id": video.job_id,
    }


def subtitle_document(subtitle: Subtitle) -> Document:
    """Write a text track."""
    return {
        "key": subtitle.key,
        "url": subtitle_url(subtitle),
        "language": subtitle.language,
        "label": subtitle.label,
    }


def job_document(job: Job) -> Document:
    """Write a job."""
    return {
        "id": job.id,
        "video_id": job.video_id,
        "status": job.status,
        "stage": job.stage,
        "percent": job.percent,
        "speed": job.speed,
        "frames_per_second": job.frames_per_second,
        "eta_seconds": None if job.eta_seconds is None else round(job.eta_seconds, 1),
        "queue_position": job.queue_position,
        "attempt": job.attempt,
        "failures": job.failures,
        "last_error": _reason(job.last_error),
        "retry_at": _time(job.retry_at),
        "error": _reason(job.error),
        "renditions": [{"name": rendition.name, "percent": rendition.percent} for rendition in job.renditions],
        "sequence": job.sequence,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "title": job.title,
        "received_bytes": job.received_bytes,
        "size_bytes": job.size_bytes,
        "bytes_per_second": job.bytes_per_second,
        "is_duplicate": job.is_duplicate,
    }


def _rendition_document(rendition: Rendition) -> Document:
    return {
        "name": rendition.name,
        "key": rendition.key,
        "width": rendition.width,
        "height": rendition.height,
        "frame_rate": round(rendition.frame_rate, 3),
        "bit_rate_bps": rendition.bit_rate_bps,
        "status": rendition.status,
        "file_url": file_url(rendition),
        "region_url": region_url(rendition),
        "playlist_url": playlist_url(rendition),
    }


def _reason(error: JobError | None) -> Document | None:
    return {"code": error.code, "message": error.message} if error else None


def _time(moment: datetime | None) -> str | None:
    """Write a moment by RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
