"""The schema of a database, brought to the newest by the migrations that come with this package."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from sekisho.store.errors import StoreError


def migrate(writing: Engine, where: str) -> None:
    """Bring the schema to the newest, in one transaction. Raises StoreError for one that is newer."""
    config = Config()
    config.set_main_option("script_location", "sekisho.store:migrations")
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
