"""Which signing key was announced to each kiosk: a newer one is when it comes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the newest key was announced to who is enrolled."""
    op.add_column(
        "location", sa.Column("announced_key", sa.Text(), server_default="", nullable=False)
    )
    op.execute(
        "UPDATE location SET announced_key = coalesce("
        "(SELECT public_key FROM signing_key ORDER BY number DESC LIMIT 1), '')"
        " WHERE token_hash <> ''"
    )
