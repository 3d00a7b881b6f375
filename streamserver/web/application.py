"""The Application: everything but media."""

from aiohttp import web

from streamserver.web import api, assets, attachments, events, forms, openapi, pages, probes, queue_page, tus
from streamserver.web.arrival import end_spent
from streamserver.web.errors import error_middleware
from streamserver.web.guard import add_headers, guard_middleware
from streamserver.web.metrics import METRICS, Metrics
from streamserver.web.services import SERVICES, Services


def make_application(services: Services) -> web.Application:
    """Put the routes together."""
    app = web.Application(middlewares=[error_middleware, guard_middleware])
    app[SERVICES] = services
    app[METRICS] = Metrics()
    for room in (pages, queue_page, assets, api, attachments, forms, tus, events, openapi, probes):
        app.add_routes(room.routes)
    app.on_response_prepare.append(add_headers)
    app.on_response_prepare.append(tus.add_version)
    app.on_response_prepare.append(end_spent)
    app.on_response_prepare.append(app[METRICS].count)
    app.on_shutdown.append(_drain)
    return app


async def _drain(app: web.Application) -> None:
    app[SERVICES].health.drain()
    await events.end_streams(app)
