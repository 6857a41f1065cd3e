"""The list of staff has versions, and numbers of two to six digits."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns, and give those who are listed their versions."""
    _widen_numbers()
    op.add_column("staff", sa.Column("version", WHOLE, server_default="0", nullable=False))
    op.create_index("ix_staff_version", "staff", ["version"])
    # Which version each kiosk was last sent as a command; those of newer versions fetch it.
    op.add_column("location", sa.Column("staff_version", WHOLE, server_default="0", nullable=False))
    op.create_table(
        "staff_list",
        sa.Column("id", WHOLE, nullable=False, autoincrement=False),
        sa.Column("version", WHOLE, server_default="0", nullable=False),
        sa.Column("digits", WHOLE, server_default="2", nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_staff_list_id")),
        sa.CheckConstraint("digits BETWEEN 2 AND 6", name=op.f("ck_staff_list_digits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_list")),
        sqlite_strict=True,
    )
    op.create_table(
        "staff_list_version",
        sa.Column("version", WHOLE, nullable=False, autoincrement=False),
        sa.Column("made_ms", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_staff_list_version")),
        sqlite_strict=True,
    )
    op.create_index("ix_staff_list_version_made", "staff_list_version", ["made_ms"])
    connection = op.get_bind()
    numbers = connection.execute(sa.text("SELECT number FROM staff ORDER BY number")).scalars()
    last = 0
    for number in numbers.all():
        # By random steps: two copies of a database from before never count alike.
        last += 1 + secrets.randbelow(1_000_000)
        connection.execute(
            sa.text("UPDATE staff SET version = :version WHERE number = :number"),
            {"version": last, "number": number},
        )
        connection.execute(
            sa.text("INSERT INTO staff_list_version (version) VALUES (:version)"), {"version": last}
        )
    connection.execute(
        sa.text("INSERT INTO staff_list (id, version) VALUES (1, :version)"), {"version": last}
    )


def _widen_numbers() -> None:
    """Take another rule for numbers; SQLite takes that with a table in the place of the one
    before."""
    name, rule = op.f("ck_staff_number"), "length(number) BETWEEN 2 AND 6"
    with op.batch_alter_table("staff", table_kwargs={"sqlite_strict": True}) as table:
        table.drop_constraint(name, type_="check")
        table.create_check_constraint(name, rule)
