"""The bundled scripts and styles of the pages."""

from aiohttp import web

from streamserver.web.templating import ASSETS, BUNDLE

CACHING = "public, max-age=31536000, immutable"
"""A bundled file has a hash of its content in its name."""
NAME = r"(?:[a-z]+/)?[\w.-]{1,100}-[A-Z0-9]{8}\.[a-z0-9]{1,9}"

routes = web.RouteTableDef()


@routes.get(f"{ASSETS}/{{name:{NAME}}}")
async def bundled_file(request: web.Request) -> web.StreamResponse:
    """Send a bundled file."""
    path = BUNDLE / request.match_info["name"]
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": CACHING})
