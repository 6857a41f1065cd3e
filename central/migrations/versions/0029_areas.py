"""Areas, what accounts may do in them, and the location that a line of the audit log is about.

Whoever has an account may do everywhere what they might before. Lines that were there name no
location: they are for those alone who may see everything.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, columns and indexes; give each account its role everywhere."""
    op.create_table(
        "area",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area")),
        sqlite_strict=True,
    )
    op.create_index("ix_area_parent", "area", ["parent"])
    op.create_table(
        "area_within",
        sa.Column("above", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["above"], ["area.id"], name=op.f("fk_area_within_above")),
        sa.ForeignKeyConstraint(["area"], ["area.id"], name=op.f("fk_area_within_area")),
        sa.PrimaryKeyConstraint("above", "area", name=op.f("pk_area_within")),
        sqlite_strict=True,
    )
    op.create_index("ix_area_within_area", "area_within", ["area"])
    op.create_table(
        "operator_grant",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'admin')", name=op.f("ck_operator_grant_role")
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["user_account.id"], name=op.f("fk_operator_grant_account")
        ),
        sa.PrimaryKeyConstraint("account", "area", name=op.f("pk_operator_grant")),
        sqlite_strict=True,
    )
    op.create_index("ix_operator_grant_area", "operator_grant", ["area"])
    op.execute(
        "INSERT INTO operator_grant (account, area, role) SELECT id, '', role FROM user_account"
    )
    for table, column, index in (
        ("location", "area", ["area"]),
        ("staff", "area", ["area"]),
        ("audit", "location", ["location", "at_ms"]),
    ):
        op.add_column(table, sa.Column(column, sa.Text(), server_default="", nullable=False))
        op.create_index(f"ix_{table}_{column}", table, index)
