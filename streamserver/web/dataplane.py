"""Media, beside the Application: decided before its routing and middlewares, which cost more than the work."""

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http import HttpVersion11

from streamserver.domain.answers import Answer, answer
from streamserver.domain.conditions import RequestHeaders
from streamserver.domain.placement import place
from streamserver.flows.deliver import Deliver
from streamserver.flows.deliverable import Deliverable
from streamserver.ports import Blobs
from streamserver.web.errors import problem
from streamserver.web.fast import FastHandler
from streamserver.web.guard import add_headers
from streamserver.web.hot import HEADERS, PREFIX, HotSet
from streamserver.web.sending import Begun, finish, send
from streamserver.web.turns import Turns

LowLevelHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class DataPlane:
    """Answers requests for media."""

    def __init__(self, deliver: Deliver, blobs: Blobs, region_bytes: int) -> None:
        self._deliver = deliver
        self._blobs = blobs
        self._region_bytes = region_bytes
        self.turns = Turns()
        """How large bodies share the loop."""
        self.hot = HotSet(deliver, region_bytes)
        """What needs none of the below."""

    def beside(self, other: LowLevelHandler) -> LowLevelHandler:
        """Return a handler that answers media itself, and has everything else answered by another one."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if request.rel_url.path_safe.startswith(PREFIX):
                return await self.handle(request)
            return await other(request)

        return handle

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request for media: resolve the address, decide, send."""
        try:
            begun = _begun(request)
            if begun is None:
                return await self._answer(request)
            return await finish(request, begun, self._blobs, self.turns)
        except Exception as error:  # noqa: BLE001 - every unknown error is logged whole and shown blank
            response = problem(request, error)
            await add_headers(request, response)
            return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        path = request.rel_url.path_safe.removeprefix(PREFIX)
        found = await self._deliver.resolve(path)
        decided = self._decide(request, found)
        if found.blob_key is None:
            self.hot.put(request.raw_path, path, found, None)
            return await send(request, decided, None, self.turns)
        with self._blobs.lease(found.blob_key) as lease:
            response = await send(request, decided, lease.fd, self.turns)
            self.hot.put(request.raw_path, path, found, lease)
            return response

    def _decide(self, request: web.BaseRequest, found: Deliverable) -> Answer:
        decided = answer(
            request.method,
            RequestHeaders.of(request.headers.items()),
            found.representation,
            boundary=secrets.token_hex(16),
            delivery=found.delivery,
            region_bytes=self._region_bytes,
        )
        return Answer(
            status=decided.status, headers=(*decided.headers, *HEADERS), body=place(decided.body, found.parts)
        )


def _begun(request: web.BaseRequest) -> Begun | None:
    """Return what was sent before the handler ran; or else send it now, where that is possible."""
    connection = request.protocol
    if not isinstance(connection, FastHandler):
        return None
    begun = connection.take_begun()
    is_plain = request.method == "GET" and request.version == HttpVersion11 and request.keep_alive
    if begun is None and is_plain and not request.can_read_body:
        return connection.begin(request.raw_path, request.headers)
    return begun
