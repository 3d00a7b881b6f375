"""The catalog in SQLite, MySQL or MariaDB."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.address import parse_address
from streamserver.catalog.database import Database, reads
from streamserver.catalog.sql_jobs import SqlJobs
from streamserver.catalog.sql_uploads import SqlUploads
from streamserver.catalog.sql_videos import SqlVideos
from streamserver.catalog.sql_webhooks import SqlWebhooks
from streamserver.catalog.tables import videos
from streamserver.ports import Catalog


class SqlCatalog(SqlVideos, SqlJobs, SqlUploads, SqlWebhooks):
    """A catalog in a database. What a method recorded is durable when it returns."""

    @reads
    async def check(self, connection: AsyncConnection) -> None:
        """Read something; raise `Unavailable` with a sentence where that fails."""
        await connection.execute(select(videos.c.id).limit(1))

    async def close(self) -> None:
        """Close all connections."""
        await self.database.close()


def open_catalog(database_url: str) -> Catalog:
    """Return the catalog at an address; `SettingsError` where that is not understood. Connects when first used."""
    return SqlCatalog(Database(parse_address(database_url)))
