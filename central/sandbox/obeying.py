"""A sandbox's locker carries out at once what a request has it do."""

from __future__ import annotations

from sqlalchemy import Connection

from central.auth import Program
from central.context import Central
from central.locking import lock_location
from central.sandbox.locker import Locker


def obey(connection: Connection, central: Central, program: Program) -> None:
    """Carry out what waits for the locker of a sandbox's key; nothing for any other key."""
    if program.sandbox:
        lock_location(connection, program.sandbox)
        Locker(connection, central, program.sandbox).catch_up()
