"""Which packages cannot be fetched, and who asked for no more messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column(
        "location",
        sa.Column("holds_stand_still", FLAG, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "location_outage",
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), primary_key=True),
        *_of_an_outage(),
        sqlite_strict=True,
    )
    op.create_table(
        "package_outage",
        sa.Column("package", sa.Text(), sa.ForeignKey("package.id"), primary_key=True),
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), nullable=False),
        *_of_an_outage(),
        sqlite_strict=True,
    )
    op.create_index("ix_package_outage_location", "package_outage", ["location"])
    op.create_table(
        "message_stop",
        sa.Column("address_index", sa.Text(), primary_key=True),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("since_ms", WHOLE, nullable=False, server_default="0"),
        sqlite_strict=True,
    )


def _of_an_outage() -> list[sa.Column[object]]:
    return [
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("since_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("notified_ms", WHOLE),
        sa.Column("back_ms", WHOLE),
    ]
