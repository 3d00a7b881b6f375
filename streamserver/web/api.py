"""The JSON routes of videos and jobs."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from streamserver.domain.jobs import JobStatus
from streamserver.domain.videos import Cursor
from streamserver.errors import BadInput
from streamserver.web.documents import job_document, video_document
from streamserver.web.services import SERVICES
from streamserver.web.users import user_of

MAX_PAGE = 100
"""Videos or jobs in one answer."""
NO_CURSOR = "The cursor is not one that this server gave out; please begin without one."
UNCACHED = {"Cache-Control": "no-store"}

routes = web.RouteTableDef()


@routes.get("/api/videos")
async def list_videos(request: web.Request) -> web.Response:
    """`?q=&limit=&cursor=` → a page of the library, newest first."""
    videos, after = await request.app[SERVICES].library.page(
        query=request.query.get("q", "").strip(),
        limit=_limit(request.query.get("limit")),
        after=cursor_of(request.query.get("cursor")),
    )
    document = {
        "videos": [video_document(video) for video in videos],
        "next": cursor_text(after) if after else None,
    }
    return web.json_response(document, headers=UNCACHED)


@routes.get("/api/videos/{video_id}")
async def get_video(request: web.Request) -> web.Response:
    """Show one video."""
    video = await request.app[SERVICES].library.get(request.match_info["video_id"])
    return web.json_response(video_document(video), headers=UNCACHED)


@routes.patch("/api/videos/{video_id}")
async def rename_video(request: web.Request) -> web.Response:
    """`{"title"}` → the video with its new title."""
    title = (await json_object(request)).get("title")
    if not isinstance(title, str):
        raise BadInput('Please send {"title": "…"}.')
    video = await request.app[SERVICES].library.rename(request.match_info["video_id"], title)
    return web.json_response(video_document(video), headers=UNCACHED)


@routes.delete("/api/videos/{video_id}")
async def delete_video(request: web.Request) -> web.Response:
    """Remove a video with all its bytes: 204."""
    await request.app[SERVICES].library.delete(request.match_info["video_id"])
    return web.Response(status=204)


@routes.get("/api/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """`?status=&limit=&cursor=` → a page of jobs, newest first; `status` may be given several times."""
    jobs, after = await request.app[SERVICES].jobs.page(
        statuses=_statuses(request.query.getall("status", [])),
        limit=_limit(request.query.get("limit")),
        after=cursor_of(request.query.get("cursor")),
    )
    document = {"jobs": [job_document(job) for job in jobs], "next": cursor_text(after) if after else None}
    return web.json_response(document, headers=UNCACHED)


@routes.get("/api/jobs/{job_id}")
async def get_job(request: web.Request) -> web.Response:
    """Show one job."""
    job = await request.app[SERVICES].jobs.get(request.match_info["job_id"])
    return web.json_response(job_document(job), headers=UNCACHED)


@routes.delete("/api/jobs/{job_id}")
async def cancel_job(request: web.Request) -> web.Response:
    """End a job that waits or runs, or an upload of one's own: 202."""
    job = await request.app[SERVICES].jobs.cancel(request.match_info["job_id"], user=user_of(request))
    return web.json_response(job_document(job), status=202, headers=UNCACHED)


@routes.post("/api/jobs/{job_id}/retry")
async def retry_job(request: web.Request) -> web.Response:
    """Put a job that failed back in line, or have an import of one's own tried again: 202."""
    job = await request.app[SERVICES].jobs.retry(request.match_info["job_id"], user=user_of(request))
    return web.json_response(job_document(job), status=202, headers=UNCACHED)


def cursor_text(cursor: Cursor) -> str:
    """Write where a page ended, as clients hand it back."""
    return urlsafe_b64encode(f"{cursor.created_at.isoformat()} {cursor.id}".encode()).decode()


def cursor_of(text: str | None) -> Cursor | None:
    """Read what `cursor_text` wrote; None for none."""
    if not text:
        return None
    try:
        moment, last_id = urlsafe_b64decode(text.encode()).decode().split(" ")
        created_at = datetime.fromisoformat(moment)
    except ValueError:
        raise BadInput(NO_CURSOR) from None
    if created_at.utcoffset() != timedelta(0):  # another zone may lead out of the calendar
        raise BadInput(NO_CURSOR)
    return Cursor(created_at=created_at, id=last_id)


def _statuses(names: list[str]) -> list[JobStatus] | None:
    """Read the statuses that are wanted; None for all."""
    try:
        return [JobStatus(name) for name in names] or None
    except ValueError:
        raise BadInput(f"The status must be one of {', '.join(JobStatus)}.") from None


def _limit(text: str | None) -> int:
    try:
        limit = int(text or 50)
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_PAGE:
        raise BadInput(f"The limit must be a whole number from 1 to {MAX_PAGE}.")
    return limit


async def json_object(request: web.Request) -> dict[str, Any]:
    """Read a request's body; `BadInput` where that is no JSON object."""
    try:
        document = json.loads(await request.read())
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        document = None
    if not isinstance(document, dict):
        raise BadInput("The request must hold a JSON object.")
    return document
