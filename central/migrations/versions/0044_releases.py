"""Releases of the kiosk's program, what is signed about them, and the server's key for that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=False, server_default="0")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "release",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("python", sa.Text, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        _text("file"),
        _text("sha256"),
        _number("size"),
        _text("notes"),
        _number("made_ms"),
        sa.Column("end_of_support_ms", WHOLE),
        _number("added_ms"),
        sa.PrimaryKeyConstraint("version", "python", "machine", name="pk_release"),
        sqlite_strict=True,
    )
    op.create_table(
        "release_metadata",
        sa.Column("name", sa.Text, nullable=False),
        _text("role"),
        _number("version"),
        sa.Column("content", sa.LargeBinary, nullable=False),
        _number("made_ms"),
        sa.PrimaryKeyConstraint("name", name="pk_release_metadata"),
        sqlite_strict=True,
    )
    op.create_table(
        "release_key",
        sa.Column("number", WHOLE, autoincrement=True, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("key_sealed", sa.LargeBinary, nullable=False),
        _number("created_ms"),
        sa.PrimaryKeyConstraint("number", name="pk_release_key"),
        sa.UniqueConstraint("public_key", name="uq_release_key_public_key"),
        sqlite_strict=True,
    )
