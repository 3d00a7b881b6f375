"""Pages for people, made on the server; what moves on them is added by the bundled scripts."""

from aiohttp import web
from yarl import URL

from streamserver.domain.users import ANYONE
from streamserver.web.api import cursor_of, cursor_text
from streamserver.web.documents import job_document, video_document
from streamserver.web.services import SERVICES
from streamserver.web.templating import page
from streamserver.web.users import permitted

PER_PAGE = 24

routes = web.RouteTableDef()


@routes.get("/")
async def library(request: web.Request) -> web.Response:
    """Show the library, or what a search finds in it."""
    services = request.app[SERVICES]
    query = request.query.get("q", "").strip()
    videos, after = await services.library.page(
        query=query, limit=PER_PAGE, after=cursor_of(request.query.get("cursor"))
    )
    next_url = None
    if after is not None:
        next_url = str(URL("/").with_query({"q": query, "cursor": cursor_text(after)}))
    return page("library.html", videos=[video_document(video) for video in videos], query=query, next_url=next_url)


@routes.get("/watch/{video_id}")
async def watch(request: web.Request) -> web.Response:
    """Show the player."""
    services = request.app[SERVICES]
    video = await services.library.get(request.match_info["video_id"])
    job = await services.jobs.get(video.job_id)
    return page("watch.html", video=video_document(video), job=job_document(job))


@routes.get("/upload")
async def upload(request: web.Request) -> web.Response:
    """Show the forms for a new video; where tokens are set the browser asks who one is before anything is sent."""
    user, services = permitted(request), request.app[SERVICES]
    return page(
        "upload.html",
        max_upload_bytes=services.receive.max_bytes,
        may_import=services.users.may_import(user),
        user=None if user == ANYONE else user,
    )
