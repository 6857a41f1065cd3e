"""Carriers: keys, packages and couriers are of one, and what exists is of the operator's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table with the operator's row, and the columns."""
    carrier = op.create_table(
        "carrier",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("countries", sa.Text(), server_default="[]", nullable=False),
        sa.Column("look", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("disabled_ms", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier")),
        sqlite_strict=True,
    )
    op.bulk_insert(carrier, [{"id": "operator", "name": "Operator"}])
    for table, name, default in (
        ("api_key", "carrier", "operator"),
        ("package", "carrier", "operator"),
        ("staff", "carriers", '["operator"]'),
    ):
        op.add_column(table, sa.Column(name, sa.Text(), server_default=default, nullable=False))
