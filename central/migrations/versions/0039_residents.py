"""The directories of houses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=False, server_default="0")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "household",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), nullable=False),
        _text("flat"),
        _text("key_index"),
        sqlite_strict=True,
    )
    op.create_index("uq_household_key_index", "household", ["location", "key_index"], unique=True)
    op.create_table(
        "resident",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("household", sa.Text(), sa.ForeignKey("household.id"), nullable=False),
        _text("name"),
        _text("email"),
        _text("email_index"),
        _text("phone"),
        _text("phone_index"),
        _text("language"),
        _number("position"),
        _number("created_ms"),
        sqlite_strict=True,
    )
    op.create_index("ix_resident_household", "resident", ["household", "position"])
    op.create_index("ix_resident_email_index", "resident", ["email_index"])
    op.create_index("ix_resident_phone_index", "resident", ["phone_index"])
    op.create_table(
        "directory_version",
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), primary_key=True),
        _number("version"),
        _number("changed_ms"),
        sqlite_strict=True,
    )
