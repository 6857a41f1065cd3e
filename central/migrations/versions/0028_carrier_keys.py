"""Carriers' keys, what is revoked of the badges that they signed, who uses codes of the day; and
staff numbers of up to twelve digits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and take longer numbers."""
    _lengthen("staff", "ck_staff_number", "length(number) BETWEEN 2 AND 12")
    _lengthen("staff_list", "ck_staff_list_digits", "digits BETWEEN 2 AND 12")
    op.create_table(
        "carrier_key",
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary()),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("until_ms", WHOLE),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_carrier_key")),
        sa.ForeignKeyConstraint(["carrier"], ["carrier.id"], name=op.f("fk_carrier_key_carrier")),
        sqlite_strict=True,
    )
    op.create_index("ix_carrier_key_carrier", "carrier_key", ["carrier", "created_ms"])
    op.create_table(
        "revoked_badge",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("badge", sa.Text(), server_default="", nullable=False),
        sa.Column("pseudonym", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("until_ms", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint("(badge = '') <> (pseudonym = '')", name=op.f("ck_revoked_badge_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revoked_badge")),
        sa.ForeignKeyConstraint(["carrier"], ["carrier.id"], name=op.f("fk_revoked_badge_carrier")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_revoked_badge", "revoked_badge", ["carrier", "badge", "pseudonym"], unique=True
    )
    op.create_index("ix_revoked_badge_until", "revoked_badge", ["until_ms"])
    op.create_table(
        "site_code_carrier",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("since_ms", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_site_code_carrier")),
        sa.ForeignKeyConstraint(
            ["carrier"], ["carrier.id"], name=op.f("fk_site_code_carrier_carrier")
        ),
        sqlite_strict=True,
    )


def _lengthen(table: str, name: str, rule: str) -> None:
    """Take another rule for numbers; SQLite takes that with a table in the place of the one
    before."""
    with op.batch_alter_table(table, table_kwargs={"sqlite_strict": True}) as batch:
        batch.drop_constraint(op.f(name), type_="check")
        batch.create_check_constraint(op.f(name), rule)
