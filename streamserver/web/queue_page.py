"""The queue page: what runs, what waits in its order, and what is over, the newest first."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aiohttp import web
from yarl import URL

from streamserver.domain.jobs import TERMINAL, Job, JobStatus
from streamserver.domain.videos import Video
from streamserver.web.api import cursor_of, cursor_text
from streamserver.web.documents import Document, job_document, video_document
from streamserver.web.job_words import state_of
from streamserver.web.services import SERVICES
from streamserver.web.templating import page

ENDED_SHOWN = 25
"""Jobs that are over, on one page."""
WAITING_SHOWN = 100
"""Jobs that run or wait; of those behind them the page gives the number."""
RECEIVING_SHOWN = 100
"""Files that are on their way in."""
SECTIONS = (("running", "Running"), ("receiving", "Receiving"), ("waiting", "Waiting"), ("ended", "Finished"))
UNFINISHED = (JobStatus.RUNNING, JobStatus.READY)
MANY = 10_000
"""More jobs than ever wait."""

routes = web.RouteTableDef()


@routes.get("/jobs")
async def queue(request: web.Request) -> web.Response:
    """Show the queue; with `?cursor=` older jobs that are over, and no others."""
    services = request.app[SERVICES]
    after = cursor_of(request.query.get("cursor"))
    line: Sequence[Job] = ()
    coming: Sequence[Job] = ()
    if after is None:
        unfinished, _ = await services.jobs.page(statuses=UNFINISHED, limit=MANY)
        line = in_line(job for job in unfinished if not job.is_receiving)
        coming = [job for job in reversed(unfinished) if job.is_receiving][-RECEIVING_SHOWN:]
    ended, older = await services.jobs.page(statuses=TERMINAL, limit=ENDED_SHOWN, after=after)
    shown = [*line[:WAITING_SHOWN], *coming, *ended]
    videos = {**await services.library.videos_of({job.video_id for job in shown})}
    if any(job.received_bytes is not None for job in shown):
        videos |= await services.uploads.videos()
    rows = [_row(job, videos[job.video_id]) for job in shown if job.video_id in videos]
    return page(
        "jobs.html",
        sections=[
            (state, heading, [row for row in rows if state_of(row) == state]) for state, heading in SECTIONS
        ],
        rows=rows,
        waiting_shown=WAITING_SHOWN,
        behind=[job.id for job in line[WAITING_SHOWN:]],
        is_older=after is not None,
        older_url=str(URL("/jobs").with_query(cursor=cursor_text(older))) if older else None,
    )


def in_line(jobs: Iterable[Job]) -> list[Job]:
    """Put what runs first, in the order in which it began, and what waits in the order in which it will."""
    last = datetime.max.replace(tzinfo=UTC)

    def place(job: Job) -> tuple[bool, datetime, float, datetime]:
        position = float("inf") if job.queue_position is None else job.queue_position
        began_at = last if job.is_waiting else job.started_at or last
        return job.is_waiting, began_at, position, job.created_at

    return sorted(jobs, key=place)


def _row(job: Job, video: Video) -> Document:
    """Give what the page needs to know of a job: the job, and of its video what stands for it."""
    document = video_document(video)
    return {**job_document(job), "title": document["title"], "poster_url": document["poster_url"]}
