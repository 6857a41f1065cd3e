"""Packages that were found to be one, ways to people by location, messages that were delivered,
locations that are known to be silent."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index of waiting commands; drop a column that nobody used."""
    op.add_column("package", sa.Column("joined", sa.Text(), nullable=True))
    channels = sa.Column("channels", sa.Text(), server_default="[]", nullable=False)
    op.add_column("location", channels)
    op.add_column("location", sa.Column("silent_told_ms", sa.BigInteger(), nullable=True))
    op.add_column("notification", sa.Column("delivered_ms", sa.BigInteger(), nullable=True))
    op.drop_column("location_epoch", "first_seq")
    is_waiting = sa.text("state = 'QUEUED'")
    op.create_index(
        "ix_command_waiting",
        "command",
        ["location", "n"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
    _forget_names_in_commands()


def _forget_names_in_commands() -> None:
    """A command names a person by id: names and numbers stand in `recipient` and nowhere else."""
    command = sa.table("command", sa.column("id"), sa.column("type"), sa.column("body"))
    of_people = sa.select(command).where(command.c.type.in_(("announce", "contact")))
    for row in op.get_bind().execute(of_people).all():
        body = json.loads(row.body)
        body.pop("owner", None)
        if body.get("recipient"):
            body["recipient"] = {"id": body["recipient"]["id"]}
        change = command.update().where(command.c.id == row.id)
        op.get_bind().execute(change.values(body=json.dumps(body, sort_keys=True)))
