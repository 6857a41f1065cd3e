"""What ceilings need: who used how much, equal messages and commands as one row with a count, which
commands were never handed out, and how far a journal was pruned."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. What waits for a kiosk now may have been handed out already."""
    strict = {"sqlite_strict": True} if op.get_bind().dialect.name == "sqlite" else {}
    op.create_table(
        "budget",
        sa.Column("subject", sa.Text(), primary_key=True, nullable=False),
        sa.Column("used_until_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("promised_ms", WHOLE, server_default="0", nullable=False),
        **strict,
    )
    op.create_index("ix_budget_used_until_ms", "budget", ["used_until_ms"])
    for table in ("notification", "command"):
        op.add_column(table, sa.Column("times", WHOLE, server_default="1", nullable=False))
    op.add_column("notification", sa.Column("held", sa.Text(), server_default="", nullable=False))
    op.add_column("command", sa.Column("sent_ms", WHOLE))
    op.add_column(
        "location_epoch", sa.Column("pruned_seq", WHOLE, server_default="0", nullable=False)
    )
    _index_some("notification", "waiting", ["location", "kind", "package"], "status = 'queued'")
    _index_some("package", "open", ["sender", "location"], "status = 'PENDING'")
    op.create_index("ix_command_answered", "command", ["answered_ms"])
    op.execute("UPDATE command SET sent_ms = created_ms")


def _index_some(table: str, name: str, columns: list[str], where: str) -> None:
    """An index on the rows for which something holds."""
    some: dict[str, Any] = {
        f"{database}_where": sa.text(where) for database in ("sqlite", "postgresql")
    }
    op.create_index(f"ix_{table}_{name}", table, columns, **some)
