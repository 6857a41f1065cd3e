"""What the other processes on a database wake, heard on a connection of this process's own.

PostgreSQL sends a notification when the transaction that said it is durable. While the connection
is lost nothing is heard; so whenever it is there again, everybody is woken. SQLite has no other
process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import psycopg

from central.adapters import RNG
from central.database.postgresql import SESSION, is_postgresql, parameters_of
from central.database.wakes import CHANNEL, EVERYBODY

LOG = logging.getLogger("central.database")
CHECK_S: Final = 10.0
"""After so long without a word the database is asked whether it is there."""
LISTEN: Final = f"LISTEN {CHANNEL}".encode()
ANSWER_WITHIN_S: Final = 5.0
PAUSE_MIN_S: Final = 0.2
PAUSE_MAX_S: Final = 5.0


async def listen(url: str, heard: Callable[[set[str]], None]) -> None:
    """Hear of what others wake, until this is cancelled."""
    if not is_postgresql(url):
        return
    pause_s = PAUSE_MIN_S
    while True:
        try:
            async with await _connected(url) as connection:
                pause_s = PAUSE_MIN_S
                await _hear(connection, heard)
        except (psycopg.Error, OSError, TimeoutError) as error:
            LOG.warning("what other servers have for kiosks is not heard: %s", error)
        await asyncio.sleep(pause_s * RNG.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, PAUSE_MAX_S)


async def _connected(url: str) -> psycopg.AsyncConnection[Any]:
    name = {"application_name": "parcel-central listener"}
    where: dict[str, Any] = {**SESSION, **parameters_of(url), **name}
    async with asyncio.timeout(2 * ANSWER_WITHIN_S):
        return await psycopg.AsyncConnection.connect(**where, autocommit=True)


async def _hear(
    connection: psycopg.AsyncConnection[Any], heard: Callable[[set[str]], None]
) -> None:
    """Raises `psycopg.Error`, `OSError` or `TimeoutError` when the connection is lost."""
    await _ask(connection, LISTEN)
    LOG.info("what other servers have for kiosks is heard")
    heard({EVERYBODY})
    while True:
        async for said in connection.notifies(timeout=CHECK_S):
            heard({said.payload})
        await _ask(connection, b"SELECT 1")


async def _ask(connection: psycopg.AsyncConnection[Any], question: bytes) -> None:
    async with asyncio.timeout(ANSWER_WITHIN_S):
        await connection.execute(question)
