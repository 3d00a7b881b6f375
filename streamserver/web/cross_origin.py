"""What pages of other origins may ask for: what a signed URL permits, whoever holds the browser (CORS)."""

from http import HTTPStatus

from aiohttp import web

from streamserver.domain.buckets import EVERY_ORIGIN
from streamserver.domain.signing import is_signed
from streamserver.web.services import SERVICES

PART = "/api/uploads/{upload_id}/parts/{number}"
PARTS = "/api/uploads/{upload_id}/parts"
COMPLETE = "/api/uploads/{upload_id}/complete"
METHODS = {PART: "PUT", PARTS: "GET", COMPLETE: "POST"}
"""What can be asked with a signed URL."""
PREFLIGHT_SECONDS = 3600
"""How long a browser need not ask again."""

routes = web.RouteTableDef()


@routes.options(PART)
@routes.options(PARTS)
@routes.options(COMPLETE)
async def preflight(request: web.Request) -> web.Response:
    """Tell a browser what pages of other origins may ask here (Fetch Standard, "CORS protocol")."""
    return web.Response(
        status=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Methods": METHODS[_address_of(request)],
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )


async def let_pages_read(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Let pages of the origins that are set read what a signed URL answers."""
    if not isinstance(request, web.Request) or _address_of(request) not in METHODS:
        return
    allowed, origin = request.app[SERVICES].upload_origins, request.headers.get("Origin", "")
    if EVERY_ORIGIN in allowed:
        response.headers["Access-Control-Allow-Origin"] = EVERY_ORIGIN
    else:
        response.headers["Vary"] = "Origin"
        if origin in allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = "ETag"


def is_open_to_pages(request: web.Request) -> bool:
    """Tell whether a page of another origin may ask for this: its URL permits it, not who holds the browser."""
    allowed = request.app[SERVICES].upload_origins
    return (
        _address_of(request) in METHODS
        and is_signed(request.query.items())
        and (EVERY_ORIGIN in allowed or request.headers.get("Origin") in allowed)
    )


def _address_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
