"""Resumable uploads: tus 1.0.0 with the extensions that `domain.tus` names (https://tus.io/protocols)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from types import MappingProxyType

from aiohttp import hdrs, web

from streamserver.domain.tus import (
    ALGORITHMS,
    CHUNK_TYPE,
    EXTENSIONS,
    FOLDER,
    VERSION,
    Checksum,
    Standing,
    parse_checksum,
    parse_length,
    parse_number,
)
from streamserver.errors import BadInput, StreamserverError, TooSlow, UnknownVersion, UnsupportedMedia
from streamserver.flows.tus import Creation, Piece
from streamserver.web.errors import problem
from streamserver.web.guard import METHOD_OVERRIDE
from streamserver.web.request_body import RequestBody
from streamserver.web.services import SERVICES
from streamserver.web.users import permitted

UNCACHED = {"Cache-Control": "no-store"}

ONCE = (
    *("Tus-Resumable", METHOD_OVERRIDE, "Upload-Checksum", "Upload-Concat", "Upload-Defer-Length"),
    *("Upload-Length", "Upload-Metadata", "Upload-Offset"),
)
"""What a request can say but once: of two statements nobody knows which is meant."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

routes = web.RouteTableDef()


async def go_on_later(_request: web.Request) -> None:
    """Keep `100 Continue` back until a request was looked at (RFC 9110 §10.1.1)."""


@routes.post("/api/uploads", expect_handler=go_on_later)
@routes.options("/api/uploads")
async def uploads(request: web.Request) -> web.StreamResponse:
    """POST begins an upload, and may bring its first bytes; OPTIONS tells what is possible."""
    return await _dispatch(request, {"POST": _create, "OPTIONS": _options})


@routes.head("/api/uploads/{upload_id}")
@routes.patch("/api/uploads/{upload_id}", expect_handler=go_on_later)
@routes.delete("/api/uploads/{upload_id}")
@routes.post("/api/uploads/{upload_id}", expect_handler=go_on_later)
@routes.options("/api/uploads/{upload_id}")
async def upload(request: web.Request) -> web.StreamResponse:
    """HEAD tells how an upload stands, PATCH adds to it, DELETE ends it; POST names one of these in a field."""
    possible: dict[str, Handler] = {"HEAD": _look, "PATCH": _add, "DELETE": _end, "OPTIONS": _options}
    return await _dispatch(request, possible)


async def add_version(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Name the version in every answer, also where something else refuses the request."""
    if request.path.startswith("/api/uploads"):
        response.headers["Tus-Resumable"] = VERSION


async def _dispatch(request: web.Request, possible: Mapping[str, Handler]) -> web.StreamResponse:
    for name in ONCE:
        if len(request.headers.getall(name, ())) > 1:
            raise BadInput(f"The request has the field {name} more than once.")
    method = request.headers.get(METHOD_OVERRIDE, request.method).upper()
    if method not in possible:
        raise web.HTTPMethodNotAllowed(method, possible)
    if method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        sentence = f"This server speaks version {VERSION} of tus; please send Tus-Resumable: {VERSION}."
        answer = problem(request, UnknownVersion(sentence))
        answer.headers["Tus-Version"] = VERSION
        return answer
    return await possible[method](request)


async def _options(request: web.Request) -> web.StreamResponse:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(request.app[SERVICES].tus.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return web.Response(status=204, headers=headers)


async def _create(request: web.Request) -> web.StreamResponse:
    user, headers = permitted(request), request.headers
    concat = headers.get("Upload-Concat")
    is_final = concat is not None and concat.strip() != "partial"
    length = headers.get("Upload-Length")
    if is_final and length is not None:
        raise BadInput("The length of a final upload follows from its parts; please send no Upload-Length.")
    length_bytes = None if is_final else parse_length(length, headers.get("Upload-Defer-Length"))
    has_bytes = request.can_read_body and request.content_length != 0
    if has_bytes and (is_final or not _is_chunk(request)):
        raise UnsupportedMedia(f"The first bytes of an upload come as {CHUNK_TYPE}.")
    _checksum(request)  # before anything is begun that its client never hears of
    tus = request.app[SERVICES].tus
    standing = await tus.create(
        Creation(user=user, length_bytes=length_bytes, metadata=headers.get("Upload-Metadata", ""), concat=concat)
    )
    location = {"Location": f"{FOLDER}{standing.upload_id}"}
    shown = {} if standing.offset_bytes == 0 else _place(standing)
    if not has_bytes or standing.offset_bytes != 0:
        return web.Response(status=201, headers=location | shown | _expiry(standing) | UNCACHED)
    # Also where they are refused the client must learn where the upload is: it can go on, or hears why it cannot.
    return await _take_in(request, user, standing.upload_id, status=201, headers=location)


async def _look(request: web.Request) -> web.StreamResponse:
    standing = await request.app[SERVICES].tus.look(request.match_info["upload_id"], user=permitted(request))
    headers = _place(standing) | _expiry(standing) | UNCACHED
    if standing.length_bytes is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(standing.length_bytes)
    if standing.metadata:
        headers["Upload-Metadata"] = standing.metadata
    if standing.concat:
        headers["Upload-Concat"] = standing.concat
    return web.Response(status=200, headers=headers)


async def _add(request: web.Request) -> web.StreamResponse:
    user = permitted(request)
    if not _is_chunk(request):
        raise UnsupportedMedia(f"The bytes of an upload come as {CHUNK_TYPE}.")
    offset_bytes = parse_number("Upload-Offset", request.headers.get("Upload-Offset", ""))
    return await _take_in(request, user, request.match_info["upload_id"], offset_bytes=offset_bytes, status=204)


async def _end(request: web.Request) -> web.StreamResponse:
    await request.app[SERVICES].tus.end(request.match_info["upload_id"], user=permitted(request))
    return web.Response(status=204)


async def _take_in(
    request: web.Request,
    user: str,
    upload_id: str,
    *,
    status: int,
    offset_bytes: int = 0,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> web.StreamResponse:
    """Add the body to an upload, and answer with where it stands then."""
    length, checksum = request.headers.get("Upload-Length"), _checksum(request)
    body = RequestBody(request, is_checked=checksum is not None)
    piece = Piece(
        user=user,
        offset_bytes=offset_bytes,
        body=body,
        announced_bytes=request.content_length,
        length_bytes=None if length is None else parse_number("Upload-Length", length),
        checksum=checksum,
    )
    async with body.held():
        try:
            standing = await request.app[SERVICES].tus.add(upload_id, piece)
        except StreamserverError as error:
            answer = problem(request, error)
            answer.headers.update(headers)
            return await body.answer(answer, hangs_up=isinstance(error, TooSlow))
        shown = {**headers, **_place(standing), **_expiry(standing), **UNCACHED}
        return await body.answer(web.Response(status=status, headers=shown))


def _checksum(request: web.Request) -> Checksum | None:
    checksum = request.headers.get("Upload-Checksum")
    return None if checksum is None else parse_checksum(checksum)


def _is_chunk(request: web.Request) -> bool:
    # Not request.content_type: it parses the parameters too, and trips over some.
    return request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == CHUNK_TYPE


def _place(standing: Standing) -> dict[str, str]:
    return {} if standing.offset_bytes is None else {"Upload-Offset": str(standing.offset_bytes)}


def _expiry(standing: Standing) -> dict[str, str]:
    return {} if standing.expires_at is None else {"Upload-Expires": _http_date(standing.expires_at)}


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
