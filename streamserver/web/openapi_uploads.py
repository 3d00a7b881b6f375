"""The description of resumable uploads: tus 1.0.0, which its own specification describes in full."""

from typing import Any

from streamserver.domain.tus import ALGORITHMS, CHUNK_TYPE, EXTENSIONS, VERSION
from streamserver.web.openapi_parts import LOCATION, in_path, operation, problems
from streamserver.web.schemas import Schema, text


def _field(name: str, description: str, *, is_required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "header",
        "description": description,
        "required": is_required,
        "schema": {"type": "string"},
    }


def _done(status: int, description: str, **headers: Schema) -> dict[str, Any]:
    shown = {
        name.replace("_", "-"): header for name, header in {"Tus_Resumable": VERSION_FIELD, **headers}.items()
    }
    return {str(status): {"description": description, "headers": shown}}


def _told(description: str, **more: object) -> Schema:
    return {"description": description, "schema": {**text(description), **more}}


VERSION_FIELD = _told("The version that is spoken", const=VERSION)
OFFSET = _told("How many bytes are durable")
EXPIRES = _told("When it is removed unless more of it comes (RFC 9110 §5.6.7)")
RESUMABLE = _field("Tus-Resumable", f"`{VERSION}`", is_required=True)
LENGTH = _field("Upload-Length", "Bytes of the whole file")
CHECKSUM = _field("Upload-Checksum", f"{', '.join(ALGORITHMS)}, a space, and the digest of these bytes in Base64")
BYTES = {
    "required": False,
    "content": {CHUNK_TYPE: {"schema": {"type": "string", "contentMediaType": CHUNK_TYPE}}},
}
OPTIONS = operation(
    "describeUploads",
    "Tell what resumable uploads can do",
    _done(
        204,
        "In its fields",
        Tus_Version=VERSION_FIELD,
        Tus_Extension=_told(", ".join(EXTENSIONS)),
        Tus_Max_Size=_told("The largest file, in bytes"),
        Tus_Checksum_Algorithm=_told(", ".join(ALGORITHMS)),
    ),
)

UPLOAD_PATHS: dict[str, Schema] = {
    "/api/uploads": {
        "post": operation(
            "beginUpload",
            "Begin a resumable upload (tus 1.0.0); its id is that of the job to come",
            {
                **_done(201, "It has begun", **LOCATION, Upload_Offset=OFFSET, Upload_Expires=EXPIRES),
                **problems(400, 401, 403, 409, 412, 413, 415, 423, 429, 460, 503, 507),
            },
            parameters=[
                RESUMABLE,
                LENGTH,
                _field("Upload-Defer-Length", "`1` where the length is said later"),
                _field(
                    "Upload-Metadata",
                    "`filename`, `title` and `sha256` (hexadecimal), each with its value in Base64; where the "
                    "library has a file with this SHA-256 the upload is whole at once",
                ),
                _field("Upload-Concat", "`partial`, or `final;` and the addresses of partial uploads"),
                CHECKSUM,
            ],
            requestBody={**BYTES, "description": "The first bytes, or none"},
        ),
        "options": OPTIONS,
    },
    "/api/uploads/{upload_id}": {
        "parameters": [in_path("upload_id")],
        "head": operation(
            "lookAtUpload",
            "Tell how much of an upload is durable",
            {
                **_done(
                    200,
                    "In its fields",
                    Upload_Offset=OFFSET,
                    Upload_Length=_told("Bytes of the whole file"),
                    Upload_Defer_Length=_told("`1` while nobody knows how long it is to be"),
                    Upload_Metadata=_told("As it was sent"),
                    Upload_Concat=_told("As it was sent"),
                    Upload_Expires=EXPIRES,
                ),
                **problems(401, 403, 404, 410, 412, 503),
            },
            parameters=[RESUMABLE],
        ),
        "patch": operation(
            "addToUpload",
            "Add bytes to an upload; the last ones make it a video and a job",
            {
                **_done(204, "They are durable", Upload_Offset=OFFSET, Upload_Expires=EXPIRES),
                **problems(400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 423, 429, 460, 503, 507),
            },
            parameters=[
                RESUMABLE,
                _field("Upload-Offset", "How much there is before", is_required=True),
                LENGTH,
                CHECKSUM,
            ],
            requestBody={**BYTES, "required": True},
        ),
        "delete": operation(
            "endUpload",
            "End an upload with all that has come of it; of one that is whole, the video is removed",
            {**_done(204, "It is gone"), **problems(401, 403, 404, 412)},
            parameters=[RESUMABLE],
        ),
        "post": operation(
            "overrideMethod",
            "Do one of the others, for clients that have but a few methods",
            {
                **_done(200, "As of HEAD"),
                **_done(204, "As of PATCH or DELETE"),
                **problems(400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 423, 429, 460, 503, 507),
            },
            parameters=[
                RESUMABLE,
                _field("X-HTTP-Method-Override", "HEAD, PATCH or DELETE", is_required=True),
                _field("Upload-Offset", "As of PATCH"),
            ],
            requestBody={**BYTES, "description": "As of PATCH"},
        ),
        "options": {**OPTIONS, "operationId": "describeUpload"},
    },
}
