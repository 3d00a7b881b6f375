"""Uploads by form (RFC 7578), streamed to where they stay."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.helpers import parse_mimetype
from aiohttp.http_exceptions import BadHttpMessage

from streamserver.domain.jobs import Job
from streamserver.domain.titles import MAX_TITLE
from streamserver.domain.videos import Video
from streamserver.errors import BadInput, StreamserverError, TooLarge, TooSlow
from streamserver.flows.receive import OneGo, Receive
from streamserver.flows.receiving import NOT_KEPT, Receiving
from streamserver.web.documents import job_document, video_document
from streamserver.web.errors import problem
from streamserver.web.form_file import CUT_OFF, FIELDS, FRAMING_BYTES, FormFile
from streamserver.web.request_body import RequestBody
from streamserver.web.services import SERVICES
from streamserver.web.users import permitted

CHUNK_BYTES = 256 * 1024
USUAL_FRAMING_BYTES = 500
"""What it mostly is larger."""
SILENCE_SECONDS = 300.0
"""A form that cannot be resumed is waited for longer than what can."""
MAX_FIELD_BYTES = 4 * MAX_TITLE + 1024
MALFORMED = (ValueError, RuntimeError, AssertionError, BadHttpMessage)
"""What aiohttp raises for a form that is not one, or not one that it can read."""

Found = TypeVar("Found")

routes = web.RouteTableDef()


@routes.post("/api/videos")
async def upload_form(request: web.Request) -> web.StreamResponse:
    """`multipart/form-data` with `file` and optionally `title` → 201, the video and its job.

    Where the library has the file already: 200, and the video that has it. A browser that sent the form without
    scripts is led to the video instead (303).
    """
    body = RequestBody(request)
    async with body.held():
        try:
            video, job = await _receive(request, body, request.app[SERVICES].receive)
        except StreamserverError as error:
            return await body.answer(problem(request, error), hangs_up=isinstance(error, TooSlow))
        return await body.answer(_answer(request, video, job))


def _answer(request: web.Request, video: Video, job: Job) -> web.Response:
    if "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": f"/watch/{video.id}"})
    document = {"video": video_document(video), "job": job_document(job)}
    status = 200 if job.is_duplicate else 201
    return web.json_response(document, status=status, headers={"Location": f"/api/videos/{video.id}"})


async def _receive(request: web.Request, body: RequestBody, receive: Receive) -> tuple[Video, Job]:
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
        file_name, title = await _read_fields(request, body, upload)
        if file_name is None:
            raise BadInput("There is no file in the form; please send one in a field named file.")
        return await upload.finish(file_name, title)


async def _read_fields(request: web.Request, body: RequestBody, upload: OneGo) -> tuple[str | None, str | None]:
    """Write the file to the upload; return its name and the title, None for what is not there."""
    file_name = title = None
    form = await understood(request.multipart())
    while part := await understood(form.next()):
        if not isinstance(part, BodyPartReader):
            raise BadInput("The form is nested; please send plain fields.")
        field, said = names(part)
        if field == "file" and file_name is None:
            file_name = _unescaped(said or "video")
            await _read_file(request, body, part, await upload.begin(file_name, title))
        elif field == "title":
            title = await _text(part)
        else:
            raise BadInput(FIELDS)
    return file_name, title


async def _read_file(request: web.Request, body: RequestBody, part: BodyPartReader, receiving: Receiving) -> None:
    taken = body.take_over()
    if taken is None:
        while chunk := await understood(part.read_chunk(CHUNK_BYTES)):
            await receiving.write(chunk)
        return
    file = FormFile(taken, parse_mimetype(request.headers[hdrs.CONTENT_TYPE]).parameters["boundary"])
    await receiving.write(file.first())
    while await file.more():
        await receiving.fill(file.read_into)
    # For aiohttp the file was empty, and the form ends where it does.
    request.content.feed_data(await file.behind())
    request.content.feed_eof()


def names(part: BodyPartReader) -> tuple[str | None, str | None]:
    """Return the field and the file's name, which are parsed when somebody asks."""
    try:
        return part.name, part.filename
    except MALFORMED as error:
        raise BadInput(CUT_OFF) from error


async def _text(part: BodyPartReader) -> str:
    value = bytearray()
    while chunk := await understood(part.read_chunk(MAX_FIELD_BYTES)):
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise TooLarge(f"The title is too long; at most {MAX_TITLE} characters are possible.")
    return value.decode(errors="replace")


async def understood(reading: Awaitable[Found]) -> Found:
    """Wait for what aiohttp reads of a form; `BadInput` where it is not one, `TooSlow` where nothing comes."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await reading
    except TimeoutError:
        raise TooSlow(NOT_KEPT) from None
    except MALFORMED as error:
        raise BadInput(CUT_OFF) from error


def _unescaped(file_name: str) -> str:
    """Undo what browsers do to names (HTML Living Standard, "multipart/form-data encoding algorithm")."""
    return file_name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
