"""Alembic's entry: the migrations run on the connection that the server hands in."""

from __future__ import annotations

from alembic import context

from central.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
