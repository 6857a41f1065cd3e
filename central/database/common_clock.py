"""The clock that all servers of one database have in common."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from central.adapters import Clock, SystemClock


def common_ms(connection: Connection, clock: Clock) -> int:
    """What a clock would show if this machine's were right by the database's, milliseconds since
    1970 UTC. With SQLite there is only this machine."""
    now_ms = clock.now_ms()
    if connection.dialect.name == "sqlite":
        return now_ms
    at_database = func.extract("epoch", func.clock_timestamp())
    database_ms = int(connection.execute(select(at_database)).scalar_one() * 1000)
    return now_ms + database_ms - SystemClock().now_ms()
