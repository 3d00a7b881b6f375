"""For machines that look after this one: health probes and metrics."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from streamserver.web.metrics import METRICS
from streamserver.web.services import SERVICES

routes = web.RouteTableDef()
UNCACHED = {"Cache-Control": "no-store"}


@routes.get("/healthz")
async def alive(_request: web.Request) -> web.Response:
    """Say that the process answers."""
    return web.json_response({"status": "alive"}, headers=UNCACHED)


@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    """Say whether requests are welcome: 503 while draining or without the catalog."""
    await request.app[SERVICES].health.check_ready()
    return web.json_response({"status": "ready"}, headers=UNCACHED)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Show numbers in Prometheus' text format."""
    text = await request.app[METRICS].text(request.app[SERVICES])
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST, **UNCACHED})
