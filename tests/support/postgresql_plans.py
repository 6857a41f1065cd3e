"""By which plan PostgreSQL answers a statement: whether it reads a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import Table
from sqlalchemy.engine import make_url

IS_EXPLAINED = re.compile(r"(WITH|SELECT|UPDATE|DELETE|INSERT)\b")
PART = re.compile(r"_(old|rest|y\d{4}m\d\d)$")
"""How the name of a part of a table by months ends."""
FEW = 1000
"""Rows of a month that has just begun, which are read faster than found."""
NEEDS_ALL = ("Sort", "Aggregate", "Hash", "Materialize", "WindowAgg")
"""Steps that read to the end before they give anything on."""
Rows = tuple[str, str, list[tuple[Any, ...]]]


def connected(url: str) -> psycopg.Connection[Any]:
    """A plain connection to a database of the tests."""
    made = make_url(url)
    return psycopg.connect(
        host=str(made.query["host"]), user=made.username, dbname=made.database, autocommit=True
    )


def fill(url: str, tables: Iterable[Rows]) -> None:
    """Write rows straight into the tables, and have them counted as PostgreSQL does by itself."""
    with connected(url) as connection, connection.cursor() as cursor:
        for table, columns, rows in tables:
            names = ", ".join(f'"{name}"' for name in columns.split())
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        cursor.execute("ANALYZE")


def scans(url: str, large: Sequence[Table], statements: Mapping[str, Any]) -> dict[str, list[str]]:
    """The statements that read a large table whole, with the steps that do.

    However few rows there are, they are read one after the other only where there is no other way.
    """
    names, found = {table.name for table in large}, {}
    with connected(url) as connection, connection.cursor() as cursor:
        # Which way is the cheapest changes with every row; which ways there are does not.
        for way in ("seqscan", "hashjoin", "mergejoin", "material"):
            cursor.execute(f"SET enable_{way} = off".encode())
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL")
        partial = {row[0] for row in cursor.fetchall()}
        unused = _small_parts(cursor)
        for statement, bound in statements.items():
            if not IS_EXPLAINED.match(statement):
                continue
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), bound or None)
            answer = cursor.fetchone()
            assert answer is not None
            whole = [
                f"{each['Node Type']} {each.get('Relation Name')} {each.get('Index Name', '')}"
                for each, stops in _steps(answer[0][0]["Plan"])
                if _reads_whole(each, names)
                and not (_is_index(each) and stops)
                and each.get("Index Name") not in partial
                and each.get("Relation Name") not in unused
            ]
            if whole:
                found[" ".join(statement.split())] = whole
    return found


def parts_read(url: str, table: str, statements: Mapping[str, Any]) -> set[str]:
    """The parts of a table by months that some statements look into."""
    found = set()
    with connected(url) as connection, connection.cursor() as cursor:
        for statement, bound in statements.items():
            if IS_EXPLAINED.match(statement):
                cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), bound or None)
                answer = cursor.fetchone()
                assert answer is not None
                found |= {
                    str(each.get("Relation Name")) for each, _ in _steps(answer[0][0]["Plan"])
                }
    return {name for name in found if PART.sub("", name) == table}


def _small_parts(cursor: psycopg.Cursor[Any]) -> set[str]:
    """The months that are still to come, or have just begun: next to nothing is read in any way."""
    cursor.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE relkind = 'r'"
    )
    small = set()
    for (name,) in cursor.fetchall():
        if PART.search(name):
            cursor.execute(f"SELECT 1 FROM {name} OFFSET {FEW} LIMIT 1".encode())
            if cursor.fetchone() is None:
                small.add(name)
    return small


def _steps(plan: dict[str, Any], stops: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each step of a plan, and whether it goes on only until there is enough of it."""
    yield plan, stops
    kind = plan["Node Type"]
    stops = kind == "Limit" or (stops and kind not in NEEDS_ALL)
    for each in plan.get("Plans", ()):
        if each["Node Type"] == "Bitmap Index Scan":
            each["Relation Name"] = plan.get("Relation Name")
        yield from _steps(each, stops)


def _is_index(step: dict[str, Any]) -> bool:
    return "Index Name" in step


def _reads_whole(step: dict[str, Any], large: set[str]) -> bool:
    table = PART.sub("", step.get("Relation Name") or "")
    if table not in large or "Scan" not in step["Node Type"]:
        return False
    if step["Node Type"] == "Bitmap Heap Scan":
        return False  # its indexes are looked at
    return not _is_index(step) or "Index Cond" not in step
