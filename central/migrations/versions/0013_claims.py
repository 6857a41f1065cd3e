"""Whose a package is: disputed, decided by an operator, and by which id its sender knows it.

Two live packages with one barcode at a location are disputed from now on. Which packages open with
one code follows other rules, so the commands for the live ones go to each kiosk again.
"""

from __future__ import annotations

import json
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LIVE = ("PENDING", "STORED", "EXPIRED")


def upgrade() -> None:
    """Add the columns, and tell the kiosks."""
    op.add_column("package", sa.Column("known_as", sa.Text(), nullable=True))
    for name in ("disputed_ms", "decided_ms"):
        op.add_column("package", sa.Column(name, sa.Integer(), nullable=True))
    for name in ("known_as", "disputed_ms"):
        is_set = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_package_{name.removesuffix('_ms')}",
            "package",
            [name],
            sqlite_where=is_set,
            postgresql_where=is_set,
        )
    _tell_whose_packages_are()


def _tell_whose_packages_are() -> None:
    package = sa.table(
        "package", *map(sa.column, ("id", "location", "recipient", "owner", "status"))
    )
    command = sa.table(
        "command", *map(sa.column, ("location", "n", "id", "type", "body", "by", "package"))
    )
    location = sa.table("location", sa.column("id"), sa.column("command_cursor"))
    connection = op.get_bind()
    last = dict(connection.execute(sa.select(location.c.id, location.c.command_cursor)).all())
    highest = sa.select(command.c.location, sa.func.max(command.c.n)).group_by(command.c.location)
    for name, n in connection.execute(highest):
        last[name] = max(last.get(name, 0), n)
    of_people = sa.select(package).where(
        package.c.status.in_(LIVE), package.c.owner != "", package.c.recipient.is_not(None)
    )
    for row in connection.execute(of_people.order_by(package.c.id)).all():
        last[row.location] += 1
        body = {"package": row.id, "owner": None, "recipient": {"id": row.recipient}}
        connection.execute(
            command.insert().values(
                location=row.location,
                n=last[row.location],
                id=str(uuid5(NAMESPACE_URL, f"whose {row.id}")),
                type="contact",
                body=json.dumps(body, sort_keys=True),
                by="server",
                package=row.id,
            )
        )
