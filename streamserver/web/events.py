"""Job reports as Server-Sent Events (HTML Living Standard §9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from streamserver.domain.jobs import Job, JobStatus
from streamserver.web.documents import job_document
from streamserver.web.services import SERVICES

PING_SECONDS = 15.0
"""Proxies close what is silent for longer."""
RETRY_MILLISECONDS = 2000
"""When a browser comes back after the connection was lost."""

routes = web.RouteTableDef()


@routes.get("/api/jobs/{job_id}/events")
async def job_events(request: web.Request) -> web.StreamResponse:
    """Send a job's snapshot, then its reports; the stream ends after the terminal one.

    A browser that comes back although it has heard the end (`Last-Event-ID`) gets 204, which stops it.
    """
    jobs = request.app[SERVICES].jobs
    job = await jobs.get(request.match_info["job_id"])
    heard = _last_event_id(request)
    if job.is_terminal and job.sequence == heard:
        return web.Response(status=204)
    return await _stream(request, jobs.follow(job.id, heard=heard))


@routes.get("/api/events")
async def all_events(request: web.Request) -> web.StreamResponse:
    """Send the jobs that are not over, then the reports of all jobs."""
    return await _stream(request, request.app[SERVICES].jobs.follow_all())


async def end_streams(app: web.Application) -> None:
    """End all streams; browsers come back by themselves."""
    for stream in tuple(app[SERVICES].streams):
        stream.stop_streaming()


def event_name(job: Job, before: JobStatus | None) -> str:
    """Name a report: by its status, or `progress` where a running job goes on running."""
    if job.status is JobStatus.RUNNING and before is JobStatus.RUNNING:
        return "progress"
    return job.status.lower()


async def _stream(request: web.Request, reports: AsyncIterator[Job]) -> web.StreamResponse:
    streams = request.app[SERVICES].streams
    async with sse_response(request, ping_interval=PING_SECONDS) as stream, aclosing(reports):  # type: ignore[type-var]  # async generators have aclose
        streams.add(stream)
        pump, gone = asyncio.ensure_future(_pump(stream, reports)), asyncio.ensure_future(stream.wait())
        try:
            await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            streams.discard(stream)
            pump.cancel()
            gone.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
    return stream


async def _pump(stream: EventSourceResponse, reports: AsyncIterator[Job]) -> None:
    """Send reports until there are no more, or nobody listens."""
    before: dict[str, JobStatus] = {}
    with suppress(ConnectionError, TimeoutError):
        async for job in reports:
            await stream.send(
                json.dumps(job_document(job)),
                id=str(job.sequence),
                event=event_name(job, before.get(job.id)),
                retry=None if before else RETRY_MILLISECONDS,
            )
            before[job.id] = job.status
            if job.is_terminal:
                del before[job.id]


def _last_event_id(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
