"""Somebody who writes at each PostgreSQL by itself, whatever the others say of it.

Two of them that take writes at the same time are a split brain; a write that one of them confirmed
and that is not there afterwards was lost.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psycopg

from central.cluster.plan import DatabaseNode, Plan
from tests.cluster.kiosks import Connection

PAUSE_S = 0.1
TABLE = "CREATE TABLE written (node text, number bigint, PRIMARY KEY (node, number))"


@dataclass
class Writer:
    """One of them, in a thread of its own."""

    node: DatabaseNode
    password: str
    confirmed: list[tuple[float, int]] = field(default_factory=list)
    """When each number was confirmed."""

    def write(self, is_ending: threading.Event) -> None:
        """Write one number after the other; one that was not confirmed is not written again."""
        number = 0
        while not is_ending.is_set():
            try:
                with self._connected() as connection:
                    while not is_ending.is_set():
                        number += 1
                        connection.execute(
                            "INSERT INTO written VALUES (%s, %s)", (self.node.name, number)
                        )
                        self.confirmed.append((time.monotonic(), number))
                        is_ending.wait(PAUSE_S)
            except psycopg.Error:
                is_ending.wait(PAUSE_S)

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=self.node.address,
            port=self.node.port,
            dbname="postgres",
            user="postgres",
            password=self.password,
            connect_timeout=2,
            tcp_user_timeout=2000,
            autocommit=True,
        )


class Writers:
    """One for each node, while the `with` block lasts."""

    def __init__(self, plan: Plan) -> None:
        self.all = [Writer(node, plan.secrets.superuser) for node in plan.databases]
        self._is_ending = threading.Event()
        self._threads = [
            threading.Thread(target=each.write, args=(self._is_ending,), daemon=True)
            for each in self.all
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        for thread in self._threads:
            thread.join(10)  # one that hangs in a commit is not waited for

    def confirmed_since(self, name: str, since_s: float) -> int:
        """How many writes a node confirmed from then on."""
        [one] = [each for each in self.all if each.node.name == name]
        return sum(at_s >= since_s for at_s, _ in list(one.confirmed))

    def turns(self) -> list[str]:
        """Which nodes confirmed writes, one after the other: whoever comes twice wrote beside
        another."""
        every = sorted(
            (at_s, each.node.name) for each in self.all for at_s, _ in list(each.confirmed)
        )
        names = [name for _, name in every]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]

    def lost(self, connection: Connection) -> list[str]:
        """The confirmed writes that a database does not have."""
        rows = connection.execute("SELECT node, number FROM written").fetchall()
        known = {(str(node), int(str(number))) for node, number in rows}
        return [
            f"{each.node.name} {number}"
            for each in self.all
            for _, number in list(each.confirmed)
            if (each.node.name, number) not in known
        ]
