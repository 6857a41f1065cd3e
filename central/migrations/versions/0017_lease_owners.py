"""A message that is being sent says whose lease that is: nobody else settles it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is leased at this moment is of nobody who runs."""
    op.add_column(
        "notification", sa.Column("leased_by", sa.Text(), server_default="", nullable=False)
    )
