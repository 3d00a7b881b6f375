"""What handlers call."""

from dataclasses import dataclass, field

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from streamserver.domain.users import Users
from streamserver.flows.attachments import Attachments
from streamserver.flows.deliver import Deliver
from streamserver.flows.health import Health
from streamserver.flows.imports import Imports
from streamserver.flows.jobs import Jobs
from streamserver.flows.library import Library
from streamserver.flows.receive import Receive
from streamserver.flows.tus import Tus
from streamserver.flows.uploads import Uploads
from streamserver.ports import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The flows of a running server."""

    library: Library
    """Videos."""
    jobs: Jobs
    """Jobs."""
    receive: Receive
    """Files that come in."""
    uploads: Uploads
    """The record of them."""
    imports: Imports
    """What the server fetches itself."""
    tus: Tus
    """Files that come in several goes."""
    users: Users
    """Who may send them."""
    deliver: Deliver
    """What media addresses stand for."""
    attachments: Attachments
    """What is added to videos later."""
    health: Health
    """Whether requests should come here."""
    blobs: Blobs
    """The bytes of media."""
    region_bytes: int
    """The most that one answer of the ResourceRegion delivery carries."""
    streams: set[EventSourceResponse] = field(default_factory=set)
    """Open streams of events, ended when the server stops."""


SERVICES = web.AppKey("services", Services)
