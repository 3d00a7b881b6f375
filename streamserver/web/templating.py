"""Filling templates in, with the addresses of what was bundled for them."""

import json
from datetime import datetime
from functools import cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, PackageLoader, select_autoescape

from streamserver.web.job_words import FILTERS

BUNDLE = Path(__file__).parents[2] / "static" / "dist"
"""Where the front end is built to."""
ASSETS = "/assets"
"""Where it is served from."""


def render(template: str, **values: object) -> str:
    """Fill a template in."""
    return _environment().get_template(template).render(**values)


def page(template: str, **values: object) -> web.Response:
    """Answer with a page, which a browser asks for anew each time."""
    text = render(template, page=template.removesuffix(".html"), **values)
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-cache"})


def asset(name: str) -> str | None:
    """Return the address of a bundled file; None where the front end was not built."""
    found = _manifest().get(name)
    return f"{ASSETS}/{found}" if found else None


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("streamserver.web"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=_duration, date=_date, **FILTERS)
    environment.globals["asset"] = asset
    return environment


@cache
def _manifest() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((BUNDLE / "manifest.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def _duration(seconds: float | None) -> str:
    """Write seconds as `1:02:03` or `0:05`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _date(text: str) -> str:
    """Write an RFC 3339 time as `21 Nov 2026`."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%b %Y}"
