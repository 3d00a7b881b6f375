"""Videos that the server fetches itself."""

from collections.abc import Mapping

from aiohttp import web

from streamserver.errors import BadInput
from streamserver.web.api import UNCACHED, json_object
from streamserver.web.documents import job_document, video_document
from streamserver.web.services import SERVICES
from streamserver.web.users import permitted_importer

FORM = "application/x-www-form-urlencoded"
HOW = 'Please send {"url": "https://…"}, with a "title" beside it if you like.'

routes = web.RouteTableDef()


@routes.post("/api/videos/import")
async def import_video(request: web.Request) -> web.Response:
    """`{"title", "url"}` → 202, the video that it will be and its job, which tells how the download goes.

    A browser that sent a form without scripts is led to the queue instead (303).
    """
    user = permitted_importer(request)
    is_form = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM
    fields = await _form(request) if is_form else await json_object(request)
    url, title = fields.get("url"), fields.get("title")
    if not isinstance(url, str) or not isinstance(title, str | None):
        raise BadInput(HOW)
    video, job = await request.app[SERVICES].imports.add(url, title, user=user)
    if "text/html" in request.headers.get("Accept", ""):
        raise web.HTTPSeeOther("/jobs")
    document = {"video": video_document(video), "job": job_document(job)}
    headers = {**UNCACHED, "Location": f"/api/jobs/{job.id}"}
    return web.json_response(document, status=202, headers=headers)


async def _form(request: web.Request) -> Mapping[str, object]:
    try:
        return await request.post()
    except (ValueError, LookupError) as error:  # its bytes are not in the encoding that it names, or there is none
        raise BadInput(HOW) from error
