"""Media, beside the Application: decided before its routing and middlewares, which cost more than the work."""

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from streamserver.domain.answers import Answer, answer
from streamserver.domain.conditions import RequestHeaders
from streamserver.domain.placement import place
from streamserver.flows.deliver import Deliverable
from streamserver.web.errors import problem
from streamserver.web.guard import add_headers
from streamserver.web.sending import send
from streamserver.web.services import Services

PREFIX = "/media/"
HEADERS = (("X-Content-Type-Options", "nosniff"),)
"""Strangers made the bytes: a browser shall not guess what else they could be."""

LowLevelHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def put_beside(server: web.Server, services: Services) -> None:
    """Let a running server answer media itself, and the Application everything else."""
    application: LowLevelHandler = server.request_handler

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.rel_url.path_safe.startswith(PREFIX):
            return await deliver(request, services)
        return await application(request)

    server.request_handler = handle


async def deliver(request: web.BaseRequest, services: Services) -> web.StreamResponse:
    """Answer a request for media: resolve the address, decide, send."""
    try:
        return await _deliver(request, services)
    except Exception as error:  # noqa: BLE001 - every unknown error is logged whole and shown blank
        response = problem(request, error)
        await add_headers(request, response)
        return response


async def _deliver(request: web.BaseRequest, services: Services) -> web.StreamResponse:
    if request.method not in {"GET", "HEAD"}:
        raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
    found = await services.deliver.resolve(request.rel_url.path_safe.removeprefix(PREFIX))
    decided = _decide(request, found, services.region_bytes)
    if found.blob_key is None:
        return await send(request, decided, None)
    with services.blobs.lease(found.blob_key) as lease:
        return await send(request, decided, lease.fd)


def _decide(request: web.BaseRequest, found: Deliverable, region_bytes: int) -> Answer:
    decided = answer(
        request.method,
        RequestHeaders.of(request.headers.items()),
        found.representation,
        boundary=secrets.token_hex(16),
        delivery=found.delivery,
        region_bytes=region_bytes,
    )
    return Answer(
        status=decided.status, headers=(*decided.headers, *HEADERS), body=place(decided.body, found.parts)
    )
