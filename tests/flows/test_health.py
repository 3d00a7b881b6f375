"""Whether this server should be sent requests."""

import asyncio

import pytest

from streamserver.blobs.memory import MemoryBlobs
from streamserver.errors import Unavailable
from streamserver.flows.health import PATIENCE_SECONDS, Health
from tests.flows.doubles import TroubledCatalog
from tests.web.clock import skip


class TroubledBlobs(MemoryBlobs):
    """A storage that cannot take anything."""

    async def check(self) -> None:
        """See `Blobs.check`."""
        raise Unavailable("Nothing can be stored in /data: no space left.")


async def test_all_is_well() -> None:
    """A server whose catalog and storage answer is ready."""
    await Health(catalog=TroubledCatalog(), blobs=MemoryBlobs()).check_ready()


async def test_a_server_that_stops() -> None:
    """A server that was told to drain is not ready, though nothing ails it."""
    health = Health(catalog=TroubledCatalog(), blobs=MemoryBlobs())
    health.drain()
    with pytest.raises(Unavailable, match="shutting down"):
        await health.check_ready()


async def test_a_catalog_that_is_away() -> None:
    """What the catalog says of itself is passed on."""
    catalog = TroubledCatalog()
    catalog.be_away("check")
    with pytest.raises(Unavailable, match="The database does not answer"):
        await Health(catalog=catalog, blobs=MemoryBlobs()).check_ready()


async def test_a_storage_that_is_full() -> None:
    """What the storage says of itself is passed on."""
    with pytest.raises(Unavailable, match="no space left"):
        await Health(catalog=TroubledCatalog(), blobs=TroubledBlobs()).check_ready()


async def test_a_catalog_that_hangs() -> None:
    """A catalog that takes too long counts as gone, and is not waited for."""

    async def hang(_name: str) -> None:
        await asyncio.Event().wait()

    catalog = TroubledCatalog()
    catalog.before = hang
    checking = asyncio.create_task(Health(catalog=catalog, blobs=MemoryBlobs()).check_ready())
    await asyncio.sleep(0)
    skip(PATIENCE_SECONDS)
    with pytest.raises(Unavailable, match="does not answer in time"):
        await checking
