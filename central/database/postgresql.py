"""PostgreSQL: how its connections are made."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine

READERS = 8


def engine_of(url: str) -> Engine:
    """The connections."""
    # What an error quotes may be somebody's.
    return create_engine(url, pool_pre_ping=True, pool_size=READERS, hide_parameters=True)
