"""Events that are signed with the location's key, and lives of a journal that are not believed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE, Flag

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there was written by versions that sign nothing."""
    op.add_column("event", sa.Column("mac", sa.Text(), server_default="", nullable=False))
    op.add_column("location", _flag("may_begin"))
    op.add_column("location_epoch", _flag("is_doubted"))
    number = sa.Column("keyed_from", WHOLE, server_default="0", nullable=False)
    op.add_column("location_epoch", number)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, Flag(), server_default=sa.false(), nullable=False)
