"""Of which signing key each kiosk was told: it is told of a newer one when it comes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; who is enrolled was told of the newest key by a command."""
    op.add_column("location", sa.Column("told_key", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE location SET told_key = coalesce("
        "(SELECT public_key FROM signing_key ORDER BY number DESC LIMIT 1), '')"
        " WHERE token_hash <> ''"
    )
