"""Pre-signed uploads, as the API's description has them."""

from typing import Any

from streamserver.domain.parts import LEAST_PART_BYTES, MOST_PART_BYTES, MOST_PARTS
from streamserver.domain.titles import MAX_TITLE
from streamserver.web.openapi_parts import in_path, in_query, json_answer, operation, problems
from streamserver.web.schemas import Schema, an_object, list_of, ref, text

PART_LENGTH = {"type": "integer", "minimum": LEAST_PART_BYTES, "maximum": MOST_PART_BYTES}
NUMBER = {"type": "integer", "minimum": 1, "maximum": MOST_PARTS}
COUNT = {"type": "integer", "minimum": 0}
SHA256 = text("Of the whole file, in hexadecimal", pattern="^[0-9A-Fa-f]{64}$")
URL = text("Good until `expires_at`, without credentials", format="uri")
STORED = an_object(number=NUMBER, size_bytes=COUNT, etag=text("Made from its bytes, without quotes"))
OFFER = an_object(
    id=text("Opaque; the id of the job that will encode the video"),
    job_url=text("The job, which shows how much has come", format="uri"),
    expires_at=text("Until when the URLs are good (RFC 3339, UTC)", format="date-time"),
    size_bytes=COUNT,
    part_bytes={"type": ["integer", "null"], "description": "How long a part is; null for one piece"},
    url={
        "type": ["string", "null"],
        "format": "uri",
        "description": "Where to PUT all bytes at once; null where there are parts, or they have come already",
    },
    parts={
        **list_of(an_object(number=NUMBER, offset=COUNT, size_bytes=COUNT, url=URL)),
        "description": "Where to PUT each part that has not come yet",
    },
    stored={**list_of(STORED), "description": "The parts that have come"},
    parts_url=text("Where to ask for this again, by GET", format="uri"),
    complete_url=text("Where to say that all is sent, by POST", format="uri"),
)
WISH = {
    "type": "object",
    "required": ["file_name", "size_bytes"],
    "properties": {
        "file_name": text("With its suffix"),
        "size_bytes": {"type": "integer", "minimum": 1},
        "title": text("What to call it; the name of the file otherwise", maxLength=MAX_TITLE),
        "part_bytes": {
            **PART_LENGTH,
            "description": "How long a part is to be; what is not longer needs no parts",
        },
        "sha256": SHA256,
    },
}
COMPLETION = {
    "type": "object",
    "properties": {
        "parts": {
            **list_of(an_object(number=NUMBER, etag=text("As it was answered, with or without quotes"))),
            "description": "What the sender knows to be right; parts that are not named are not compared",
        },
        "sha256": SHA256,
    },
}
BYTES = {
    "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
}
ETAG = {"ETag": {"description": "Of the part: the SHA-256 of its bytes", "schema": {"type": "string"}}}
SIGNATURE = [
    in_query("expires", "From a signed URL: when it expires, in Unix time", {"type": "string"}),
    in_query("max_bytes", "From a signed URL: how long the body may be", {"type": "string"}),
    in_query("key", "From a signed URL: with which key it was signed", {"type": "string"}),
    in_query(
        "signature", "From a signed URL; without it, the request needs the token of its user", {"type": "string"}
    ),
]
PREFLIGHT = {"204": {"description": "What pages of other origins may ask here"}}
VIDEO_AND_JOB = an_object(video=ref("Video"), job=ref("Job"))


def _of_json(schema: Schema, *, is_required: bool) -> dict[str, Any]:
    return {"required": is_required, "content": {"application/json": {"schema": schema}}}


def _preflight(name: str) -> dict[str, Any]:
    return operation(name, "Answer a browser that asks for a page of another origin", PREFLIGHT)


PRESIGNED_PATHS: dict[str, dict[str, Any]] = {
    "/api/uploads/presigned": {
        "post": operation(
            "beginPresignedUpload",
            "Begin an upload that needs no credentials from here on",
            {
                **json_answer(201, OFFER),
                **problems(400, 401, 403, 408, 413, 429, 503, 507),
            },
            requestBody=_of_json(WISH, is_required=True),
        ),
    },
    "/api/uploads/{upload_id}/parts": {
        "parameters": [in_path("upload_id"), *SIGNATURE],
        "get": operation(
            "listParts",
            "Show what has come of a pre-signed upload, with new URLs for what has not",
            {**json_answer(200, OFFER), **problems(401, 403, 404, 410, 503)},
        ),
        "options": _preflight("preflightParts"),
    },
    "/api/uploads/{upload_id}/parts/{number}": {
        "parameters": [in_path("upload_id"), in_path("number"), *SIGNATURE],
        "put": operation(
            "putPart",
            "Send a part, or send it again",
            {
                "200": {"description": "It is durable", "headers": ETAG},
                **problems(400, 401, 403, 404, 408, 409, 410, 413, 423, 503, 507),
            },
            requestBody={"required": True, "content": BYTES},
        ),
        "options": _preflight("preflightPart"),
    },
    "/api/uploads/{upload_id}/complete": {
        "parameters": [in_path("upload_id"), *SIGNATURE],
        "post": operation(
            "completePresignedUpload",
            "Say that all is sent",
            {
                **json_answer(200, VIDEO_AND_JOB, "It was completed before, or is in the library already"),
                **json_answer(201, VIDEO_AND_JOB, "The video is there"),
                **json_answer(202, VIDEO_AND_JOB, "The server fetches it from the bucket first"),
                **problems(400, 401, 403, 404, 408, 409, 410, 413, 415, 423, 460, 503, 507),
            },
            requestBody=_of_json(COMPLETION, is_required=False),
        ),
        "options": _preflight("preflightComplete"),
    },
}
