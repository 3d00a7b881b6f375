"""Pre-signed uploads: a user asks for URLs; whoever has them sends the bytes, without credentials."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TypeVar

from aiohttp import hdrs, web

from streamserver.domain.jobs import Job
from streamserver.domain.parts import MOST_PARTS, check_size
from streamserver.domain.presigned import COMPLETION_BYTES, Offer
from streamserver.domain.signing import is_signed
from streamserver.domain.videos import Video
from streamserver.errors import BadInput, Gone, NotFound, StreamserverError, TooLarge, TooSlow
from streamserver.web.cross_origin import COMPLETE, PART, PARTS
from streamserver.web.documents import Document, job_document, video_document
from streamserver.web.errors import problem
from streamserver.web.request_body import RequestBody
from streamserver.web.services import SERVICES
from streamserver.web.tus import go_on_later
from streamserver.web.users import permitted, permitted_importer

WISH_BYTES = 64 * 1024
PATIENCE_SECONDS = 60.0
"""How long nothing may come of what is to be read."""
UNCACHED = {"Cache-Control": "no-store"}
SHA256 = re.compile(r"[0-9A-Fa-f]{64}")

Found = TypeVar("Found")

routes = web.RouteTableDef()


@routes.post("/api/uploads/presigned", expect_handler=go_on_later)
async def begin_presigned(request: web.Request) -> web.Response:
    """`{"file_name", "size_bytes", "title"?, "part_bytes"?, "sha256"?}` → 201 and the URLs."""
    user, origin = permitted_importer(request), _origin(request)
    wish = await _json_object(request, WISH_BYTES)
    offer = await request.app[SERVICES].presigned.begin(
        user=user,
        file_name=_given(wish, "file_name", str),
        title=_given_or_none(wish, "title", str),
        size_bytes=_given(wish, "size_bytes", int),
        part_bytes=_given_or_none(wish, "part_bytes", int),
        sha256=_sha256(wish),
    )
    headers = {**UNCACHED, "Location": f"/api/jobs/{offer.upload.id}"}
    return web.json_response(offer_document(offer, origin), status=201, headers=headers)


@routes.get(PARTS)
async def list_parts(request: web.Request) -> web.Response:
    """Show what has come, and URLs for what has not: the same as at the beginning, but anew."""
    upload_id = request.match_info["upload_id"]
    user, _ = await _holder(request, upload_id)
    offer = await request.app[SERVICES].presigned.offer(upload_id, user=user)
    return web.json_response(offer_document(offer, _origin(request)), headers=UNCACHED)


@routes.put(PART, expect_handler=go_on_later)
async def put_part(request: web.Request) -> web.StreamResponse:
    """Take the bytes of a part → 200 and its ETag, once it is durable. It may be sent again."""
    body = RequestBody(request)
    async with body.held():
        try:
            return await body.answer(await _put_part(request, body))
        except StreamserverError as error:
            return await body.answer(problem(request, error), hangs_up=isinstance(error, TooSlow))


async def _put_part(request: web.Request, body: RequestBody) -> web.Response:
    upload_id, number = request.match_info["upload_id"], _number(request.match_info["number"])
    user, max_bytes = await _holder(request, upload_id)
    async with request.app[SERVICES].presigned.receive(upload_id, number, user=user) as receiving:
        if request.content_length is not None:
            check_size(receiving.part, request.content_length, is_end=True)  # before it is sent in vain
        if max_bytes and receiving.part.size_bytes > max_bytes:
            raise TooLarge(f"This may have {max_bytes} bytes; the part has {receiving.part.size_bytes}.")
        async for chunk in body.chunks():
            await receiving.write(chunk)
        async for read_into in body.rest():
            await receiving.fill(read_into)
        stored = await receiving.keep()
    return web.Response(headers={**UNCACHED, "ETag": f'"{stored.etag}"'})


@routes.post(COMPLETE, expect_handler=go_on_later)
async def complete_presigned(request: web.Request) -> web.Response:
    """Nothing, or `{"parts"?: [{"number", "etag"}], "sha256"?}` → the video and its job.

    201 where the video is there, 202 where the server fetches it from the bucket first, 200 where all of that was
    done before, or the library has the same file already.
    """
    upload_id = request.match_info["upload_id"]
    services = request.app[SERVICES]
    try:
        user, max_bytes = await _holder(request, upload_id)
        said = await _json_object(request, max_bytes or COMPLETION_BYTES, default={})
        video, job = await services.presigned.complete(
            upload_id, user=user, etags=_etags(said), sha256=_sha256(said)
        )
    except Gone:
        raise
    except NotFound:  # it has become a video already
        job = await services.jobs.get(upload_id)
        video = await services.library.get(job.video_id)
        return _answer(HTTPStatus.OK, video, job)
    status = HTTPStatus.OK if job.is_duplicate else HTTPStatus.CREATED
    return _answer(HTTPStatus.ACCEPTED if job.is_receiving else status, video, job)


def offer_document(offer: Offer, origin: str) -> Document:
    """Write what the holder of the URLs can do."""
    is_whole = offer.cut.count == 1
    return {
        "id": offer.upload.id,
        "job_url": f"{origin}/api/jobs/{offer.upload.id}",
        "expires_at": f"{offer.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "size_bytes": offer.cut.length_bytes,
        "part_bytes": None if is_whole else offer.cut.part_bytes,
        "url": _whole(offer.missing[0].url, origin) if is_whole and offer.missing else None,
        "parts": []
        if is_whole
        else [
            {
                "number": target.part.number,
                "offset": target.part.position,
                "size_bytes": target.part.size_bytes,
                "url": _whole(target.url, origin),
            }
            for target in offer.missing
        ],
        "stored": [
            {"number": part.number, "size_bytes": part.size_bytes, "etag": part.etag} for part in offer.stored
        ],
        "parts_url": _whole(offer.parts_url, origin),
        "complete_url": _whole(offer.complete_url, origin),
    }


def _answer(status: HTTPStatus, video: Video, job: Job) -> web.Response:
    headers = {**UNCACHED, "Location": f"/api/videos/{video.id}"}
    document = {"video": video_document(video), "job": job_document(job)}
    return web.json_response(document, status=status, headers=headers)


async def _holder(request: web.Request, upload_id: str) -> tuple[str, int]:
    """Return for whom a request acts, and how many bytes its URL permits, 0 where it is not signed."""
    presigned = request.app[SERVICES].presigned
    query = list(request.query.items())
    if not is_signed(query):
        return permitted(request), 0
    permit = presigned.permit(request.method, request.rel_url.raw_path, query)
    return await presigned.owner(upload_id), permit.max_bytes


async def _chunks(request: web.Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Read a body as it comes; `TooLarge` beyond so many bytes, `TooSlow` where nothing comes for long."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    size_bytes = 0
    while True:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                chunk = await request.content.readany()
        except TimeoutError:
            raise TooSlow from None
        if not chunk:
            return
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise TooLarge(f"This may have {max_bytes} bytes; there came more.")
        yield chunk


async def _json_object(request: web.Request, max_bytes: int, default: Document | None = None) -> Document:
    body = b"".join([chunk async for chunk in _chunks(request, max_bytes)])
    try:
        document = json.loads(body) if body.strip() or default is None else default
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        document = None
    if not isinstance(document, dict):
        raise BadInput("The request must hold a JSON object.")
    return document


def _given(document: Document, name: str, kind: type[Found]) -> Found:
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadInput(f"Please give {name}, {'a whole number' if kind is int else 'a text'}.")
    return value


def _given_or_none(document: Document, name: str, kind: type[Found]) -> Found | None:
    return None if document.get(name) is None else _given(document, name, kind)


def _sha256(document: Document) -> str | None:
    found = _given_or_none(document, "sha256", str)
    if found is not None and not SHA256.fullmatch(found):
        raise BadInput("The sha256 is written in hexadecimal, with 64 digits.")
    return found and found.lower()


def _etags(document: Document) -> dict[int, str]:
    parts = document.get("parts") or []
    if not isinstance(parts, list) or len(parts) > MOST_PARTS or not all(isinstance(part, dict) for part in parts):
        raise BadInput('The parts are a list of {"number", "etag"}.')
    return {_given(part, "number", int): _given(part, "etag", str) for part in parts}


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise NotFound(f"There is no such part; the parts are numbered from 1 to {MOST_PARTS} at most.")
    return int(text)


def _origin(request: web.Request) -> str:
    """Return the address for URLs: the one that is set, or else the one that was asked."""
    try:
        return request.app[SERVICES].public_url or str(request.url.origin())
    except ValueError:
        raise BadInput("The Host of the request is not understood.") from None


def _whole(url: str, origin: str) -> str:
    return f"{origin}{url}" if url.startswith("/") else url
