"""What sealed columns are found by. The values are sealed by the server's start, which has the
key; what was listed of staff is no longer kept in commands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = (
    ("recipient", "email_index"),
    ("recipient", "phone_index"),
    ("audit", "by_index"),
    ("audit", "subject_index"),
)


def upgrade() -> None:
    """Add the indexes, and take those away that plain values had."""
    for name in ("email", "phone"):
        op.drop_index(f"ix_recipient_{name}", "recipient")
    op.drop_index("ix_audit_subject", "audit")
    for table, name in INDEXES:
        op.add_column(table, sa.Column(name, sa.Text(), server_default="", nullable=False))
        op.create_index(f"ix_{table}_{name}", table, [name])
    op.create_table(
        "recipient_word",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient"], ["recipient.id"], name=op.f("fk_recipient_word_recipient")
        ),
        sa.PrimaryKeyConstraint("recipient", "word", name=op.f("pk_recipient_word")),
        sqlite_strict=True,
    )
    op.create_index("ix_recipient_word_word", "recipient_word", ["word"])
    op.execute("""UPDATE command SET body = '{"staff": []}' WHERE type = 'staff'""")
