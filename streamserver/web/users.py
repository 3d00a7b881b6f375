"""Whose request it is."""

from aiohttp import hdrs, web

from streamserver.errors import Forbidden, Unauthorized
from streamserver.web.services import SERVICES


def user_of(request: web.Request) -> str | None:
    """Return who asks; None where tokens are set and the request has none of them."""
    return request.app[SERVICES].users.who(request.headers.get(hdrs.AUTHORIZATION))


def permitted(request: web.Request) -> str:
    """Return who asks and may upload; raise `Unauthorized` where nobody knows."""
    user = user_of(request)
    if user is None:
        raise Unauthorized
    return user


def permitted_importer(request: web.Request) -> str:
    """Return who asks and may import from links or have URLs signed; raise `Unauthorized` or `Forbidden`."""
    user = permitted(request)
    if not request.app[SERVICES].users.may_import(user):
        raise Forbidden("You may upload files, but not import them from links or have URLs signed.")
    return user
