"""The revisions of the tables, as Alembic carries them out."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from streamserver.errors import SettingsError

SCRIPTS = "streamserver.catalog:migrations"


def is_behind(connection: Connection) -> bool:
    """Compare the database's revision with ours; raise `SettingsError` where it is not one of ours."""
    scripts = ScriptDirectory.from_config(_config())
    recorded = MigrationContext.configure(connection).get_current_revision()
    if recorded not in {None, *(script.revision for script in scripts.walk_revisions())}:
        raise SettingsError("The database was made by a newer version of streamserver; install that version.")
    return recorded != scripts.get_current_head()


def upgrade(connection: Connection) -> None:
    """Bring a database up to date that may be behind."""
    if is_behind(connection):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config
