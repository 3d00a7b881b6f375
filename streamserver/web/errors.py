"""Errors on the wire: the one place where a code becomes a status (RFC 9457, `application/problem+json`)."""

import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_exceptions import HTTPException, HTTPMethodNotAllowed
from multidict import CIMultiDict

from streamserver.errors import BadInput, StreamserverError, Unauthorized, Unavailable
from streamserver.web.templating import render

log = logging.getLogger(__name__)

STATUS = {
    "bad_input": 400,
    "rejected": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "link_forbidden": 403,
    "url_altered": 403,
    "url_expired": 403,
    "url_of_other_method": 403,
    "not_found": 404,
    "too_slow": 408,
    "conflict": 409,
    "incomplete": 409,
    "gone": 410,
    "unknown_version": 412,
    "too_large": 413,
    "unsupported_media": 415,
    "locked": 423,
    "too_many_uploads": 429,
    "checksum_mismatch": 460,
    "unavailable": 503,
    "not_ready": 503,
    "queue_full": 503,
    "storage_fault": 503,
    "storage_full": 507,
}
"""Codes that are not named here are ours alone to mend: 500."""
CODES = {405: "method_not_allowed", 404: "not_found", 413: "too_large"}
"""For what aiohttp itself refuses."""
PHRASES = {460: "Checksum Mismatch"}
"""Of statuses that are not HTTP's own (tus 1.0.0, "Checksum")."""
CHALLENGES = ('Basic realm="streamserver", charset="UTF-8"', 'Bearer realm="streamserver"')
"""How to say who one is; a field each, since browsers read them so (RFC 9110 §11.6.1)."""


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into a problem that says what to do."""
    try:
        return await handler(request)
    except HTTPException as error:
        if error.status < 400:
            raise
        return problem(request, error)
    except Exception as error:  # noqa: BLE001 - every unknown error is logged whole and shown blank
        return problem(request, error)


def problem(request: web.BaseRequest, error: Exception) -> web.Response:
    """Answer with an error: as JSON for programs, as a page for browsers."""
    if isinstance(error, HTTPException):
        return _from_aiohttp(request, error)
    if isinstance(error, web.RequestPayloadError | ConnectionError):
        error = BadInput("The request ended before all of it was there.")
    if not isinstance(error, StreamserverError):
        log.error("%s %s failed", request.method, request.rel_url.raw_path, exc_info=error)
        error = StreamserverError("Something went wrong on the server. It has been noted.")
    headers = CIMultiDict({"Cache-Control": "no-store"})
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthorized):
        headers.extend(("WWW-Authenticate", challenge) for challenge in CHALLENGES)
    return _answer(request, STATUS.get(error.code, 500), error.code, error.message, headers)


def _from_aiohttp(request: web.BaseRequest, error: HTTPException) -> web.Response:
    headers = CIMultiDict({"Cache-Control": "no-store"})
    if "Allow" in error.headers:
        headers["Allow"] = error.headers["Allow"]
    # A request may have named its method in a field.
    method = error.method if isinstance(error, HTTPMethodNotAllowed) else request.method
    detail = {
        404: "There is nothing under this address.",
        405: f"{method} is not possible here.",
        413: "The request is larger than it may be.",
    }
    code = CODES.get(error.status, "bad_input")
    return _answer(request, error.status, code, detail.get(error.status, error.reason), headers)


def _answer(
    request: web.BaseRequest, status: int, code: str, detail: str, headers: CIMultiDict[str]
) -> web.Response:
    title = PHRASES.get(status) or HTTPStatus(status).phrase
    if "text/html" in request.headers.get("Accept", ""):
        text = render("error.html", page="error", status=status, title=title, detail=detail)
        return web.Response(status=status, reason=title, text=text, content_type="text/html", headers=headers)
    document = {
        "type": f"urn:streamserver:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return web.json_response(
        document, status=status, reason=title, content_type="application/problem+json", headers=headers
    )
