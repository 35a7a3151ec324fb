"""The schema: made by the migrations in a store that is kept, from the tables in one that lives in memory."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import as_file, files

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import ProgrammingError

from engine.errors import NoStore, SchemaMismatch
from engine.storage.instants import micros
from engine.storage.partitions import make_ahead
from engine.storage.tables import metadata

HEAD = "0001"


def create(connection: Connection) -> None:
    """All tables, at once: a store in memory is new each time and never migrated."""
    metadata.create_all(connection, checkfirst=False)


def check(connection: Connection, url: str, now: datetime) -> None:
    """Makes the schema of a new store. Raises SchemaMismatch when there is one that this version cannot work with."""
    _prepare(connection)
    found = version(connection)
    if found is None:
        found = migrate(connection)
    if found != HEAD:
        raise _mismatch(f"the store {url}", found)
    if connection.dialect.name == "postgresql":
        make_ahead(connection, micros(now))


def _mismatch(store: str, found: str) -> SchemaMismatch:
    remedy = "stop NSPS, run `nsps migrate`" if found < HEAD else "a newer NSPS wrote it; install that one"
    return SchemaMismatch(f"{store} has schema {found}, this version works with {HEAD}: {remedy}")


def must_be_there(connection: Connection, url: str, instance: str) -> None:
    """Raises NoStore where no process of the instance has made its tables yet; changes nothing."""
    if connection.dialect.name == "postgresql":
        if _own_schema(connection) is None or version(connection) is None:
            why = f"there is no store of instance {instance} at {url}: nothing has run here"
            raise NoStore(why, _hindrance(connection))
    elif version(connection) is None:
        raise NoStore(f"there is no store at {url}: nothing has run here")


def _hindrance(connection: Connection) -> str:
    may = text("SELECT has_database_privilege(current_database(), 'CREATE')")
    if _own_schema(connection) is not None or connection.execute(may).scalar():
        return ""
    return _may_not(connection.exec_driver_sql("SHOW search_path").scalar_one())


def _may_not(name: str) -> str:
    return (
        f"the store's user may not make the schema {name}: let its owner run "
        f"`CREATE SCHEMA {name} AUTHORIZATION` with that user's name"
    )


def _own_schema(connection: Connection) -> str | None:
    found: str | None = connection.execute(text("SELECT current_schema()")).scalar()
    return found


def _prepare(connection: Connection) -> None:
    """PostgreSQL: the instance's own schema exists, and of many processes that start at once one is here."""
    if connection.dialect.name != "postgresql":
        return
    # Whoever makes or changes the schema may need long, and those who start meanwhile wait for it rather than fail.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    name = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"schema {name}"})
    if _own_schema(connection) is None:
        try:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        except ProgrammingError as error:
            raise SchemaMismatch(_may_not(name)) from error


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
    """Brings the schema to HEAD within the caller's transaction; returns the version it has then.

    Raises SchemaMismatch, having changed nothing, for one that is newer and for tables that are not ours.
    """
    from alembic import command
    from alembic.config import Config

    _prepare(connection)
    found = version(connection)
    if found is not None and found > HEAD:
        raise _mismatch("the store", found)
    with as_file(files("engine.storage") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return HEAD
