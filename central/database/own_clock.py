"""The database's own clock, said in its statements: one for all servers of it.

When a row was changed is written so: whoever changes it need not think of it, and no server's clock
that is wrong stands in the way of what was changed since when.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from central.database.columns import WHOLE


class NowMs(FunctionElement[int]):
    """Milliseconds since 1970 UTC, by the database's clock."""

    inherit_cache = True
    type = WHOLE


@compiles(NowMs, "sqlite")
def _on_sqlite(_element: NowMs, _compiler: Any, **_: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(NowMs, "postgresql")
def _on_postgresql(_element: NowMs, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


def written_column(name: str) -> Column[int]:
    """When a row was first written; 0 where that was before anybody wrote it down."""
    return Column(name, WHOLE, nullable=False, server_default="0", default=NowMs())


def changed_column(name: str) -> Column[int]:
    """When a row was last written; 0 where that was before anybody wrote it down."""
    return Column(
        name, WHOLE, nullable=False, server_default="0", default=NowMs(), onupdate=NowMs()
    )
