"""The Application: everything but media."""

from aiohttp import web

from streamserver.web import api, events, forms, pages, probes, templating
from streamserver.web.errors import error_middleware
from streamserver.web.guard import add_headers, guard_middleware
from streamserver.web.services import SERVICES, Services

ASSET_CACHING = "public, max-age=31536000, immutable"
"""Bundled files have a hash of their content in their name."""


def make_application(services: Services) -> web.Application:
    """Put the routes together."""
    app = web.Application(middlewares=[error_middleware, guard_middleware])
    app[SERVICES] = services
    for room in (pages, api, forms, events, probes):
        app.add_routes(room.routes)
    if templating.BUNDLE.is_dir():
        app.router.add_static(templating.ASSETS, templating.BUNDLE)
    app.on_response_prepare.append(add_headers)
    app.on_response_prepare.append(_cache_assets)
    app.on_shutdown.append(_drain)
    return app


async def _cache_assets(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith(f"{templating.ASSETS}/") and response.status in {200, 206, 304}:
        response.headers["Cache-Control"] = ASSET_CACHING


async def _drain(app: web.Application) -> None:
    app[SERVICES].health.drain()
    await events.end_streams(app)
