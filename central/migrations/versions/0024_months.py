"""On PostgreSQL the tables that grow most are by months: events, messages, the audit log.

What is there becomes the part that is older than all months; nothing is copied, but its primary key
is made again, with the time in it: about a minute for ten million rows, in which the table is
locked. On SQLite nothing changes: old rows are deleted there in small batches.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = (
    ("event", "received_ms", "location, epoch, seq"),
    ("notification", "created_ms", "id"),
    ("audit", "at_ms", "id"),
)


def upgrade() -> None:
    """Put each table into the place of its own oldest part."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, key in TABLES:
        _partition(op.get_bind(), table, column, key)


def _partition(connection: sa.Connection, table: str, column: str, key: str) -> None:
    run, old = connection.exec_driver_sql, f"{table}_old"
    indexes = _rows(
        connection,
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(:it) AND NOT i.indisprimary",
        table,
    )
    references = _rows(
        connection,
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = to_regclass(:it) AND contype = 'f'",
        table,
    )
    now_ms = "(extract(epoch FROM now()) * 1000)::bigint"
    newest_ms = run(f"SELECT greatest(max({column}), {now_ms}) FROM {table}").scalar_one()
    until_ms = _next_month_ms(int(newest_ms))
    run(f"ALTER TABLE {table} RENAME TO {old}")
    for name, _ in indexes:
        run(f"ALTER INDEX {name} RENAME TO {name}_old")
    run(f"ALTER TABLE {old} DROP CONSTRAINT pk_{table}")
    run(f"ALTER TABLE {old} ADD CONSTRAINT pk_{old} PRIMARY KEY ({key}, {column})")
    run(
        f"CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        f" PARTITION BY RANGE ({column})"
    )
    run(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({key}, {column})")
    for name, definition in references:
        run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        run(re.sub(r"%", "%%", definition))
    run(f"ALTER TABLE {table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({until_ms})")
    run(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")


def _rows(connection: sa.Connection, sql: str, table: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(sa.text(sql), {"it": table})]


def _next_month_ms(at_ms: int) -> int:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    begin = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
    return int(begin.timestamp()) * 1000
