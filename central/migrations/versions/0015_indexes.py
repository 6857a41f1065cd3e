"""Indexes, so that nothing that is asked again and again reads a whole table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WHOLE = (
    ("ix_package_announced", "package", ["announced_ms"]),
    ("ix_package_stored", "package", ["stored_ms"]),
    ("ix_notification_created", "notification", ["created_ms"]),
    ("ix_notification_recipient", "notification", ["recipient"]),
    ("ix_audit_action", "audit", ["action", "at_ms"]),
    ("ix_minute_status_minute", "minute_status", ["minute_ms"]),
    ("ix_hour_status_hour", "hour_status", ["hour_ms"]),
)
LIVE = "status IN ('PENDING', 'STORED', 'EXPIRED')"
PARTIAL = (
    ("ix_package_live", "package", ["status", "location"], LIVE),
    ("ix_recipient_kept", "recipient", ["created_ms"], "erased_ms IS NULL"),
    ("ix_event_outcome", "event", ["received_ms"], "kind = 'DOOR_OUTCOME'"),
    ("ix_notification_held", "notification", ["status"], "held <> ''"),
    ("ix_audit_alarm", "audit", ["at_ms"], "substr(action, 1, 6) = 'alarm:'"),
)


def upgrade() -> None:
    """Make them."""
    for name, table, columns in WHOLE:
        op.create_index(name, table, columns)
    for name, table, columns, where in PARTIAL:
        op.create_index(
            name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
