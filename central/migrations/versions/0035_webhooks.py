"""Webhooks: who is sent what happens, beside the messages in one outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE, Flag

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

OPEN = "status IN ('queued', 'leased')"
INDEXES = (
    ("ix_notification_due", ["due_ms"], f"{OPEN} AND endpoint = ''"),
    ("ix_notification_status", ["status", "created_ms"], "endpoint = ''"),
    (
        "ix_notification_late",
        ["late_since_ms"],
        f"{OPEN} AND endpoint = '' AND late_since_ms IS NOT NULL",
    ),
    ("ix_notification_endpoint_due", ["endpoint", "due_ms"], f"{OPEN} AND endpoint <> ''"),
    ("ix_notification_subject", ["endpoint", "subject", "n"], f"{OPEN} AND endpoint <> ''"),
    ("ix_notification_endpoint", ["endpoint", "created_ms"], "endpoint <> ''"),
    (
        "ix_notification_endpoint_dead",
        ["endpoint", "created_ms"],
        "status = 'dead' AND endpoint <> ''",
    ),
)
"""The first three were there, of all rows: however many webhooks wait, no message waits for them to
be read over."""
BEFORE = 3


def upgrade() -> None:
    """Make the table, the columns, and the indexes that keep messages and webhooks apart."""
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("events", sa.Text(), server_default="[]", nullable=False),
        sa.Column("secrets", sa.Text(), server_default="[]", nullable=False),
        sa.Column("n", WHOLE, server_default="0", nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("disabled_ms", WHOLE),
        sa.Column("disabled_why", sa.Text(), server_default="", nullable=False),
        sa.Column("removed_ms", WHOLE),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
        sqlite_strict=True,
    )
    op.create_index("ix_webhook_endpoint_carrier", "webhook_endpoint", ["carrier"])
    op.add_column("location", _full())
    for name in ("endpoint", "subject"):
        op.add_column("notification", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("notification", sa.Column("n", WHOLE, server_default="0", nullable=False))
    for name, _, _ in INDEXES[:BEFORE]:
        op.drop_index(name, "notification")
    for name, columns, text in INDEXES:
        where = sa.text(text)
        op.create_index(name, "notification", columns, sqlite_where=where, postgresql_where=where)


def _full() -> sa.Column[bool]:
    return sa.Column("is_full", Flag(), server_default=sa.false(), nullable=False)
