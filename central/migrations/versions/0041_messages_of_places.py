"""Messages by location: whoever sees some locations alone has their messages listed by these."""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_notification_location", "notification", ["location", "created_ms"])
