"""The schema: made by the migrations in a store that is kept, from the tables in one that lives in memory."""

from __future__ import annotations

from importlib.resources import as_file, files

from sqlalchemy import Connection, inspect, text

from engine.errors import SchemaMismatch
from engine.storage.tables import metadata

HEAD = "0001"


def create(connection: Connection) -> None:
    """All tables, at once: a store in memory is new each time and never migrated."""
    metadata.create_all(connection, checkfirst=False)


def check(connection: Connection, url: str) -> None:
    """Makes the schema of a new store. Raises SchemaMismatch when there is one that this version cannot work with."""
    found = version(connection)
    if found is None:
        migrate(connection)
    elif found < HEAD:
        raise SchemaMismatch(
            f"the store {url} has schema {found}, this version works with {HEAD}: stop NSPS, run `nsps migrate`"
        )
    elif found > HEAD:
        raise SchemaMismatch(
            f"the store {url} has schema {found}, this version works with {HEAD}: a newer NSPS wrote it; install that one"
        )


def version(connection: Connection) -> str | None:
    """The schema's version. None for a store without tables. Raises SchemaMismatch for tables that are not ours."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if "alembic_version" not in tables:
        known = ", ".join(sorted(tables)[:3])
        raise SchemaMismatch(f"the store holds tables of something else ({known}): name another one in `store:`")
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def migrate(connection: Connection) -> str:
    """Brings the schema to HEAD within the caller's transaction; returns the version it has then."""
    from alembic import command
    from alembic.config import Config

    with as_file(files("engine.storage") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return HEAD
