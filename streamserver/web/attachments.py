"""What is added to a video later: text tracks by form (RFC 7578), a poster as it is."""

from aiohttp import BodyPartReader, web

from streamserver.domain.titles import MAX_TITLE
from streamserver.errors import BadInput, TooLarge
from streamserver.flows.attachments import MAX_PICTURE_BYTES, MAX_TEXT_BYTES
from streamserver.web.api import UNCACHED
from streamserver.web.documents import subtitle_document, video_document
from streamserver.web.form_file import FRAMING_BYTES
from streamserver.web.forms import names, understood
from streamserver.web.services import SERVICES

MAX_FIELD_BYTES = 4 * MAX_TITLE
CHUNK_BYTES = 64 * 1024
FIELDS = "Please send a form with file, language (such as en) and, if you like, label."

routes = web.RouteTableDef()


@routes.post("/api/videos/{video_id}/subtitles")
async def add_subtitle(request: web.Request) -> web.Response:
    """`multipart/form-data` with `file`, `language` and optionally `label` → 201 and the text track."""
    fields = await _fields(request)
    if "file" not in fields or "language" not in fields:
        raise BadInput(FIELDS)
    video_id = request.match_info["video_id"]
    subtitle = await request.app[SERVICES].attachments.add_subtitle(
        video_id,
        fields["file"],
        language=fields["language"].decode(errors="replace"),
        label=fields.get("label", b"").decode(errors="replace"),
    )
    location = f"/api/videos/{video_id}/subtitles/{subtitle.key}"
    return web.json_response(subtitle_document(subtitle), status=201, headers={"Location": location, **UNCACHED})


@routes.delete("/api/videos/{video_id}/subtitles/{key}")
async def remove_subtitle(request: web.Request) -> web.Response:
    """Remove a text track: 204."""
    named = request.match_info
    await request.app[SERVICES].attachments.remove_subtitle(named["video_id"], named["key"])
    return web.Response(status=204)


@routes.put("/api/videos/{video_id}/poster")
async def replace_poster(request: web.Request) -> web.Response:
    """Take the body as the picture that stands for the video → the video."""
    limit = f"The picture is larger than {MAX_PICTURE_BYTES // 1024**2} MiB."
    if (request.content_length or 0) > MAX_PICTURE_BYTES:
        raise TooLarge(limit)
    content = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_PICTURE_BYTES:
            raise TooLarge(limit)
    video = await request.app[SERVICES].attachments.replace_poster(request.match_info["video_id"], bytes(content))
    return web.json_response(video_document(video), headers=UNCACHED)


async def _fields(request: web.Request) -> dict[str, bytes]:
    """Read a form of small fields."""
    # Not request.content_type: it parses the parameters too, and trips over some.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise BadInput(FIELDS)
    if (request.content_length or 0) > MAX_TEXT_BYTES + FRAMING_BYTES:
        raise TooLarge(f"The subtitles are larger than {MAX_TEXT_BYTES // 1024**2} MiB.")
    form = await understood(request.multipart())
    fields: dict[str, bytes] = {}
    while part := await understood(form.next()):
        name = names(part)[0] if isinstance(part, BodyPartReader) else None
        if not isinstance(part, BodyPartReader) or name not in {"file", "language", "label"}:
            raise BadInput(FIELDS)
        fields[name] = await _content(part, MAX_TEXT_BYTES if name == "file" else MAX_FIELD_BYTES)
    return fields


async def _content(part: BodyPartReader, limit_bytes: int) -> bytes:
    content = bytearray()
    while chunk := await understood(part.read_chunk(CHUNK_BYTES)):
        content += chunk
        if len(content) > limit_bytes:
            raise TooLarge(f"The field {part.name} is larger than it may be.")
    return bytes(content)
