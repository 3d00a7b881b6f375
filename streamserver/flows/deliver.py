"""From a media address to what it stands for, at once where that is known already."""

import asyncio

from streamserver.domain.addresses import Address, parse_address
from streamserver.domain.caching import IMMUTABLE
from streamserver.domain.videos import Video
from streamserver.flows.deliverable import Deliverable
from streamserver.flows.indexes import Indexes
from streamserver.flows.locate import Locate
from streamserver.ports import Blobs, Catalog

REMEMBERED = 10_000
"""Addresses whose meaning is kept in memory."""
FRESH_SECONDS = 0.5
"""How long the meaning of an address that may change is kept."""


class Deliver:
    """The verb of the data plane. What an address means is remembered, so that a hot one costs a look-up."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, indexes: Indexes) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._locate = Locate(blobs=blobs, indexes=indexes)
        self._known: dict[str, tuple[float | None, Deliverable]] = {}
        self._asking: dict[str, asyncio.Task[Deliverable]] = {}

    def remembered(self, path: str) -> Deliverable | None:
        """Return what `resolve` would, where that is known without asking anyone."""
        known = self._known.get(path)
        if known is None or (known[0] is not None and known[0] <= asyncio.get_running_loop().time()):
            return None
        return known[1]

    async def resolve(self, path: str) -> Deliverable:
        """Return what the part of a path behind `/media/` stands for.

        Raises `NotFound`, or `NotReady` for what is still to come.
        """
        known = self.remembered(path)
        if known is not None:
            return known
        asking = self._asking.get(path)
        if asking is None:
            asking = asyncio.create_task(self._ask(path, parse_address(path)), name=path)
            self._asking[path] = asking
            asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    async def _ask(self, path: str, address: Address) -> Deliverable:
        """Find out what an address means, once for all who want to know at the same time."""
        found = await self._locate.find(await self._catalog.video(address.video_id), address)
        before = self._known.get(path)
        if before is not None and before[1] == found:
            found = before[1]  # so that whoever prepared it knows it again
        is_fixed = found.representation.cache_control == IMMUTABLE
        until = None if is_fixed else asyncio.get_running_loop().time() + FRESH_SECONDS
        self._known[path] = (until, found)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return found

    def _asked(self, asking: asyncio.Task[Deliverable]) -> None:
        del self._asking[asking.get_name()]
        if not asking.cancelled():
            asking.exception()  # seen, even where all who wanted to know have gone

    def forget(self, video: Video) -> None:
        """Drop what is known of a video that is no more."""
        for path in [path for path in self._known if path.startswith(f"{video.id}/")]:
            del self._known[path]
        for rendition in video.files:
            self._indexes.forget(rendition.key)
