"""STRICT tables on SQLite: a text is in no column of numbers, whoever sent it.

Each table is copied into a strict one. A value that does not fit is set to its column's default,
and the row as it was lies in quarantine, or stands in the audit log where it is of no location.
"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TYPES = {"BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "FLOAT": "REAL"}
"""The names that strict tables know, by those that were used before."""
FITTING = {
    "INTEGER": ("integer",),
    "REAL": ("real", "integer"),
    "TEXT": ("text",),
    "BLOB": ("blob",),
}
REASON = "a value in it does not fit its column, and was set to the default"


def upgrade() -> None:
    """Copy every table."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    tables = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version' ORDER BY name"
    ).all()
    unfit = [each for name, _ in tables for each in _mend(connection, name)]
    for name, sql in tables:
        _copy(connection, name, sql)
    for table, row in unfit:
        _keep(connection, table, row)
    wrong = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if wrong is not None:
        raise ValueError(f"a row of {wrong[0]} refers to one of {wrong[2]} that is not there")


def _copy(connection: sa.Connection, name: str, sql: str) -> None:
    indexes = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
        (name,),
    ).scalars()
    statements = list(indexes)
    # A FLOAT holds whole numbers, too; they become reals by themselves.
    body = re.sub(rf"\b({'|'.join(TYPES)})\b", lambda found: TYPES[found[1]], sql)
    body = body[body.index("(") :]
    connection.exec_driver_sql(f'CREATE TABLE "strict_{name}" {body} STRICT')
    columns = ", ".join(f'"{column}"' for column, *_ in _columns(connection, name))
    connection.exec_driver_sql(
        f'INSERT INTO "strict_{name}" ({columns}) SELECT {columns} FROM "{name}"'
    )
    connection.exec_driver_sql(f'DROP TABLE "{name}"')
    connection.exec_driver_sql(f'ALTER TABLE "strict_{name}" RENAME TO "{name}"')
    for statement in statements:
        connection.exec_driver_sql(statement)


def _columns(connection: sa.Connection, table: str) -> list[tuple[str, str, bool, str | None]]:
    """Name, type, whether it must be there, and the default of each column."""
    rows = connection.exec_driver_sql(f'PRAGMA table_info("{table}")').mappings()
    return [
        (row["name"], TYPES.get(row["type"], row["type"]), bool(row["notnull"]), row["dflt_value"])
        for row in rows
    ]


def _mend(connection: sa.Connection, table: str) -> list[tuple[str, dict[str, Any]]]:
    """Set what does not fit to its default; the rows as they were."""
    columns = _columns(connection, table)
    unfit = {
        name: f'typeof("{name}") NOT IN ({", ".join(repr(each) for each in (*fitting, "null"))})'
        for name, type_, _, _ in columns
        for fitting in [FITTING[type_]]
    }
    where = " OR ".join(unfit.values())
    rows = [
        (table, dict(row))
        for row in connection.exec_driver_sql(f'SELECT * FROM "{table}" WHERE {where}').mappings()
    ]
    if rows:
        for name, type_, is_needed, default in columns:
            value = default if default is not None else "NULL"
            if is_needed and default is None:
                value = f'CAST("{name}" AS {type_})'
            connection.exec_driver_sql(
                f'UPDATE "{table}" SET "{name}" = {value} WHERE {unfit[name]}'
            )
    return rows


def _keep(connection: sa.Connection, table: str, row: dict[str, Any]) -> None:
    said = json.dumps({"table": table, "row": row}, default=repr)
    id_ = str(uuid5(NAMESPACE_URL, said))
    known = sa.text("SELECT 1 FROM location WHERE id = :id")
    location = row.get("location") if table != "location" else row.get("id")
    if isinstance(location, str) and connection.execute(known, {"id": location}).first():
        connection.execute(
            sa.text(
                "INSERT INTO quarantine (id, location, epoch, seq, payload, reason, received_ms)"
                " VALUES (:id, :location, '', 0, :said, :reason, 0)"
            ),
            {"id": id_, "location": location, "said": said, "reason": f"{table}: {REASON}"},
        )
        return
    connection.execute(
        sa.text(
            'INSERT INTO audit (id, at_ms, "by", action, subject, detail)'
            " VALUES (:id, 0, 'server', 'row.unfit', :table, :said)"
        ),
        {"id": id_, "table": table, "said": said},
    )
