"""What every answer of the Application carries, and who may ask for changes."""

from aiohttp import web
from aiohttp.typedefs import Handler

from streamserver.errors import Forbidden
from streamserver.web.cross_origin import is_open_to_pages

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
METHOD_OVERRIDE = "X-HTTP-Method-Override"
"""Makes a change of any method, for clients that have but a few (tus 1.0.0)."""
OWN_SITES = frozenset({"same-origin", "none"})
"""What a browser says of a request that this server's pages, or the person herself, made (Fetch Metadata)."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@web.middleware
async def guard_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that another site's page asks a browser for."""
    is_change = request.method not in SAFE_METHODS or METHOD_OVERRIDE in request.headers
    if is_change and _is_foreign(request) and not is_open_to_pages(request):
        raise Forbidden("A page of another site may not change anything here.")
    return await handler(request)


def _is_foreign(request: web.Request) -> bool:
    """Tell whether another site's page asks: by what the browser says of it, else by where the page came from.

    Over plain HTTP browsers send `Sec-Fetch-Site` to their own machine alone, but `Origin` to everyone.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in OWN_SITES
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("Host")


async def add_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add what keeps a page from being misused."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
