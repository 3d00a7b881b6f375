"""Uploads by form (RFC 7578), streamed to where they stay."""

from collections.abc import Awaitable
from contextlib import aclosing
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from streamserver.domain.jobs import Job
from streamserver.domain.titles import MAX_TITLE
from streamserver.domain.videos import Video
from streamserver.errors import BadInput, TooLarge
from streamserver.flows.receive import OneGo, Receive
from streamserver.web.documents import job_document, video_document
from streamserver.web.form_file import FRAMING_BYTES, can_be_found, file_chunks
from streamserver.web.services import SERVICES
from streamserver.web.users import permitted

CHUNK_BYTES = 256 * 1024
USUAL_FRAMING_BYTES = 500
"""What it mostly is larger."""
SILENCE_SECONDS = 300.0
"""A form that cannot be resumed is waited for longer than what can."""
MAX_FIELD_BYTES = 4 * MAX_TITLE + 1024
MALFORMED = (ValueError, RuntimeError, BadHttpMessage)
"""What aiohttp raises for a form that is not one."""

Found = TypeVar("Found")

routes = web.RouteTableDef()


@routes.post("/api/videos")
async def upload_form(request: web.Request) -> web.Response:
    """`multipart/form-data` with `file` and optionally `title` → 201, the video and its job.

    Where the library has the file already: 200, and the video that has it. A browser that sent the form without
    scripts is led to the video instead (303).
    """
    video, job = await _receive(request, request.app[SERVICES].receive)
    if "text/html" in request.headers.get("Accept", ""):
        raise web.HTTPSeeOther(f"/watch/{video.id}")
    document = {"video": video_document(video), "job": job_document(job)}
    status = 200 if job.is_duplicate else 201
    return web.json_response(document, status=status, headers={"Location": f"/api/videos/{video.id}"})


async def _receive(request: web.Request, receive: Receive) -> tuple[Video, Job]:
    user = permitted(request)
    # Not request.content_type: it parses the parameters too, and trips over some.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise BadInput("Please send the file as multipart/form-data, in a field named file.")
    announced = request.content_length
    async with receive.upload(
        max(0, announced - FRAMING_BYTES) if announced else None,
        user=user,
        expected_bytes=max(0, announced - USUAL_FRAMING_BYTES) if announced else None,
        patience_seconds=SILENCE_SECONDS,
    ) as upload:
        file_name, title = await _read_fields(request, upload)
        if file_name is None:
            raise BadInput("There is no file in the form; please send one in a field named file.")
        return await upload.finish(file_name, title)


async def _read_fields(request: web.Request, upload: OneGo) -> tuple[str | None, str | None]:
    """Write the file to the upload; return its name and the title, None for what is not there."""
    file_name = title = None
    form = await understood(request.multipart())
    while part := await understood(form.next()):
        if not isinstance(part, BodyPartReader):
            raise BadInput("The form is nested; please send plain fields.")
        if part.name == "file" and file_name is None:
            file_name = _unescaped(part.filename or "video")
            await upload.begin(file_name, title)
            if can_be_found(request, part):
                async with aclosing(file_chunks(request)) as chunks:
                    async for chunk in chunks:
                        await upload.write(chunk)
                continue
            while chunk := await understood(part.read_chunk(CHUNK_BYTES)):
                await upload.write(chunk)
        elif part.name == "title":
            title = await _text(part)
        else:
            raise BadInput("The form may hold one file, in a field named file, and a title.")
    return file_name, title


async def _text(part: BodyPartReader) -> str:
    value = bytearray()
    while chunk := await understood(part.read_chunk(MAX_FIELD_BYTES)):
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise TooLarge(f"The title is too long; at most {MAX_TITLE} characters are possible.")
    return value.decode(errors="replace")


async def understood(reading: Awaitable[Found]) -> Found:
    """Wait for what aiohttp reads of a form; `BadInput` where it is not one."""
    try:
        return await reading
    except MALFORMED as error:
        raise BadInput("The form is malformed or cut off.") from error


def _unescaped(file_name: str) -> str:
    """Undo what browsers do to names (HTML Living Standard, "multipart/form-data encoding algorithm")."""
    return file_name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
