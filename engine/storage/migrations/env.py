"""Alembic's door: runs the migrations on the connection it is handed, within that connection's transaction."""

from __future__ import annotations

from alembic import context

from engine.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
