"""Whether this server should be sent requests."""

import asyncio

from streamserver.errors import Unavailable
from streamserver.ports import Blobs, Catalog

PATIENCE_SECONDS = 2.0
"""A catalog that takes longer to answer counts as gone."""


class Health:
    """The verb behind the probes of load balancers."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._is_draining = False

    def drain(self) -> None:
        """Ask for no more requests; the ones that are under way are finished."""
        self._is_draining = True

    async def check_ready(self) -> None:
        """Return if requests are welcome; raise `Unavailable` with a sentence otherwise."""
        if self._is_draining:
            raise Unavailable("The server is shutting down.")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._catalog.check()
                await self._blobs.check()
        except TimeoutError:
            raise Unavailable("The catalog or the storage does not answer in time.") from None
