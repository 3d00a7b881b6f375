"""The API's description of itself: OpenAPI 3.1."""

from aiohttp import web

from streamserver.domain.jobs import JobStatus
from streamserver.domain.links import MAX_LINK
from streamserver.domain.titles import MAX_TITLE
from streamserver.web.api import MAX_PAGE
from streamserver.web.openapi_parts import (
    LOCATION,
    answer as _answer,
    in_path as _in_path,
    in_query as _in_query,
    json_answer as _json,
    operation as _operation,
    problems as _problems,
)
from streamserver.web.openapi_presigned import PRESIGNED_PATHS
from streamserver.web.openapi_uploads import UPLOAD_PATHS
from streamserver.web.openapi_webhooks import WEBHOOKS
from streamserver.web.schemas import SCHEMAS, Schema, an_object, list_of, ref, text

routes = web.RouteTableDef()


@routes.get("/api/openapi.json")
async def openapi(_request: web.Request) -> web.Response:
    """Show the description."""
    return web.json_response(DOCUMENT, headers={"Cache-Control": "no-cache"})


EVENT_STREAM = {
    "type": "string",
    "description": (
        "Server-Sent Events named `ready`, `running`, `progress`, `complete` and `error`; "
        "`data` is a Job, `id` its sequence."
    ),
}
TITLE = text("What to call it", maxLength=MAX_TITLE)
UPLOAD = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "title": {**TITLE, "description": "What to call it; the name of the file otherwise"},
    },
}
SUBTITLE = {
    "type": "object",
    "required": ["file", "language"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "text/vtt",
            "description": "WebVTT or SubRip, at most 2 MiB; UTF-8, UTF-16 or Windows-1252",
        },
        "language": text("A language tag (BCP 47), such as `en` or `pt-BR`"),
        "label": text("What a menu shows; the language otherwise", maxLength=MAX_TITLE),
    },
}
IMPORT = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": text("Where the file is: http or https", format="uri", maxLength=MAX_LINK),
        "title": {
            **text("The file's name, unless this is given", maxLength=MAX_TITLE),
            "type": ["string", "null"],
        },
    },
}
NEXT = {"type": ["string", "null"], "description": "The `cursor` of the next page; null on the last"}
CURSOR = "`next` of the page before"
PAGE_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50}
JOB_STATUS = {"type": "string", "enum": [status.value for status in JobStatus]}
LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The `id` that was heard last; browsers send it when they come back",
    "schema": {"type": "string"},
}

PATHS: dict[str, Schema] = {
    "/api/videos": {
        "get": _operation(
            "listVideos",
            "Show a page of the library, the newest first",
            {
                **_json(200, an_object(videos=list_of(ref("Video")), next=NEXT)),
                **_problems(400),
            },
            parameters=[
                _in_query("q", "To be found in the title, in any case", {"type": "string"}),
                _in_query("limit", "Videos a page", PAGE_LIMIT),
                _in_query("cursor", CURSOR, {"type": "string"}),
            ],
        ),
        "post": _operation(
            "uploadVideo",
            "Upload a video",
            {
                **_json(200, an_object(video=ref("Video"), job=ref("Job")), "It is here already", LOCATION),
                **_json(201, an_object(video=ref("Video"), job=ref("Job")), headers=LOCATION),
                "303": {"description": "To the player, for a browser that asks for text/html"},
                **_problems(400, 401, 403, 408, 410, 413, 415, 429, 503, 507),
            },
            requestBody={"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}},
        ),
    },
    "/api/videos/import": {
        "post": _operation(
            "importVideo",
            "Have the server fetch a video from a link",
            {
                **_json(202, an_object(video=ref("Video"), job=ref("Job")), headers=LOCATION),
                "303": {"description": "To the queue, for a browser that asks for text/html"},
                **_problems(400, 401, 403, 413, 429, 503, 507),
            },
            requestBody={
                "required": True,
                "content": {
                    "application/json": {"schema": IMPORT},
                    "application/x-www-form-urlencoded": {"schema": IMPORT},
                },
            },
        ),
    },
    "/api/videos/{video_id}": {
        "parameters": [_in_path("video_id")],
        "get": _operation("getVideo", "Show a video", {**_json(200, ref("Video")), **_problems(404)}),
        "patch": _operation(
            "renameVideo",
            "Give a video another title",
            {**_json(200, ref("Video")), **_problems(400, 403, 404, 413)},
            requestBody={"required": True, "content": {"application/json": {"schema": an_object(title=TITLE)}}},
        ),
        "delete": _operation(
            "deleteVideo",
            "Remove a video with all its bytes",
            {"204": {"description": "It is gone"}, **_problems(403, 404)},
        ),
    },
    "/api/videos/{video_id}/subtitles": {
        "parameters": [_in_path("video_id")],
        "post": _operation(
            "addSubtitle",
            "Add a text track to a video",
            {**_json(201, ref("Subtitle"), headers=LOCATION), **_problems(400, 403, 404, 409, 413, 507)},
            requestBody={"required": True, "content": {"multipart/form-data": {"schema": SUBTITLE}}},
        ),
    },
    "/api/videos/{video_id}/subtitles/{key}": {
        "parameters": [_in_path("video_id"), _in_path("key")],
        "delete": _operation(
            "removeSubtitle",
            "Remove a text track",
            {"204": {"description": "It is gone"}, **_problems(403, 404)},
        ),
    },
    "/api/videos/{video_id}/poster": {
        "parameters": [_in_path("video_id")],
        "put": _operation(
            "replacePoster",
            "Let another picture stand for a video",
            {**_json(200, ref("Video")), **_problems(400, 403, 404, 409, 413, 415, 507)},
            requestBody={
                "required": True,
                "description": "A JPEG, PNG, WebP or GIF, at most 20 MiB; it becomes a JPEG",
                "content": {"image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}}},
            },
        ),
    },
    "/api/jobs": {
        "get": _operation(
            "listJobs",
            "Show a page of jobs, the newest first",
            {**_json(200, an_object(jobs=list_of(ref("Job")), next=NEXT)), **_problems(400)},
            parameters=[
                _in_query("status", "Jobs that stand there and no others; may be repeated", list_of(JOB_STATUS)),
                _in_query("limit", "Jobs a page", PAGE_LIMIT),
                _in_query("cursor", CURSOR, {"type": "string"}),
            ],
        ),
    },
    "/api/jobs/{job_id}": {
        "parameters": [_in_path("job_id")],
        "get": _operation("getJob", "Show a job", {**_json(200, ref("Job")), **_problems(404)}),
        "delete": _operation(
            "cancelJob",
            "End a job that waits or runs",
            {**_json(202, ref("Job")), **_problems(401, 403, 404, 409)},
        ),
    },
    "/api/jobs/{job_id}/retry": {
        "parameters": [_in_path("job_id")],
        "post": _operation(
            "retryJob",
            "Put a job that failed, or waits to be tried again, back in line, or have an import tried again",
            {**_json(202, ref("Job")), **_problems(401, 403, 404, 409, 413, 429, 507)},
        ),
    },
    "/api/jobs/{job_id}/events": {
        "parameters": [_in_path("job_id")],
        "get": _operation(
            "followJob",
            "Follow a job to its end",
            {
                **_answer(200, "text/event-stream", EVENT_STREAM),
                "204": {"description": "The end was heard already; do not come back"},
                **_problems(404),
            },
            parameters=[LAST_EVENT_ID],
        ),
    },
    "/api/events": {
        "get": _operation("followJobs", "Follow all jobs", _answer(200, "text/event-stream", EVENT_STREAM)),
    },
    **UPLOAD_PATHS,
    **PRESIGNED_PATHS,
    "/api/openapi.json": {
        "get": _operation("describe", "Show this description", _json(200, {"type": "object"})),
    },
}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {
        "title": "streamserver",
        "version": "1",
        "description": "Upload videos, follow their encoding, and find out where to watch them.",
    },
    "paths": PATHS,
    "webhooks": WEBHOOKS,
    "components": {"schemas": SCHEMAS},
}
