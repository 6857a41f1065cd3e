"""An event in quarantine is known from others by the hash of what it says; times have 64 bits.

PostgreSQL puts no text of more than some 2,700 bytes into an index, so an event with a long body
could not be taken in there at all. It holds a time in milliseconds in no INTEGER either.
"""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BITE = 500
LONGER = (("package", "disputed_ms"), ("package", "decided_ms"), ("idempotency", "status"))


def upgrade() -> None:
    """Hash what is there; have the index on the hashes."""
    op.add_column(
        "quarantine", sa.Column("payload_hash", sa.Text(), nullable=False, server_default="")
    )
    _hash_all()
    with op.batch_alter_table(
        "quarantine", table_kwargs={"sqlite_strict": True}, naming_convention={}
    ) as table:
        table.drop_constraint("uq_quarantine_payload", type_="unique")
    # A server of the version before writes no hash.
    is_hashed = sa.text("payload_hash <> ''")
    op.create_index(
        "uq_quarantine_payload_hash",
        "quarantine",
        ["location", "epoch", "seq", "payload_hash"],
        unique=True,
        sqlite_where=is_hashed,
        postgresql_where=is_hashed,
    )
    op.create_index("ix_quarantine_place", "quarantine", ["location", "epoch", "seq"])
    if op.get_bind().dialect.name == "postgresql":
        for name, column in LONGER:
            op.alter_column(name, column, type_=sa.BigInteger())


def _hash_all() -> None:
    table = sa.table("quarantine", *map(sa.column, ("id", "payload", "payload_hash")))
    connection, after = op.get_bind(), ""
    while True:
        rows = connection.execute(
            sa.select(table.c.id, table.c.payload)
            .where(table.c.id > after)
            .order_by(table.c.id)
            .limit(BITE)
        ).all()
        for row in rows:
            digest = sha256(row.payload.encode()).hexdigest()
            connection.execute(
                table.update().where(table.c.id == row.id).values(payload_hash=digest)
            )
        if len(rows) < BITE:
            return
        after = rows[-1].id
