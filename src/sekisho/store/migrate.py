"""The schema of a database, brought to the newest by the migrations that come with this package."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from sekisho.store.errors import StoreError


def migrate(writing: Engine, where: str) -> None:
    """Bring the schema to the newest, in one transaction. Raises StoreError for one that is newer."""
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with writing.begin() as connection:
        unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
        if unknown:
            raise StoreError(
                f"store {where}: its schema ({', '.join(unknown)}) is of a newer sekisho: "
                "run that one, or bring the store back from a copy made before"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_newest(connection: Connection) -> bool:
    """Tell whether the schema of a database is that of this program."""
    newest = set(ScriptDirectory.from_config(_config()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == newest


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "sekisho.store:migrations")
    return config
