"""Transactions at a PostgreSQL that stands still are ended, so that they go on at the next primary.

A machine that is gone acknowledges no packet, which the kernel notices (`tcp_user_timeout`). One
whose processes hang, as behind a disk that answers no more, acknowledges each and says nothing for
ever: whoever waits for it waits in vain, though another is the primary long since. A transaction
that takes long is no sign of that. So who does not even answer a new connection is taken for hung,
and the lines to it are cut; what waited on them is done again, or its outcome is unknown.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.errors import ConnectionTimeout
from sqlalchemy import Engine, event

from central.adapters import monotonic_s

LOG = logging.getLogger("central.database")
LOOK_S: Final = 2.0
LONG_S: Final = 8.0
"""Whoever has a connection for so long may wait for somebody who hangs."""
ANSWER_S: Final = 5
"""In which a server answers who connects, however busy it is."""
STRIKES: Final = 2
"""So often in a row it does not, and is taken for hung."""
Place = tuple[str, int]
"""The host and the port of a server."""


@dataclass(frozen=True, slots=True)
class _AtWork:
    since_s: float
    connection: psycopg.Connection[Any]

    @property
    def place(self) -> Place:
        info = self.connection.info
        return info.host, info.port


class HungServers:
    """Watches the connections that somebody works on, in a thread of its own."""

    def __init__(self, answers: Callable[[psycopg.Connection[Any]], bool] | None = None) -> None:
        """`answers` tells whether a connection's server answers somebody else."""
        self._answers = answers or answers_others
        self._at_work: dict[Any, _AtWork] = {}
        self._strikes: dict[Place, int] = {}
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hung servers", daemon=True)
        self._thread.start()

    def watch(self, engine: Engine) -> None:
        """Watch whoever takes a connection of these."""
        event.listen(engine, "checkout", self._taken)
        event.listen(engine, "checkin", self._given_back)

    def close(self) -> None:
        """Watch nobody any more."""
        self._is_ending.set()
        self._thread.join()

    def _taken(self, connection: psycopg.Connection[Any], record: Any, _proxy: Any) -> None:
        self._at_work[record] = _AtWork(monotonic_s(), connection)

    def _given_back(self, _connection: Any, record: Any) -> None:
        self._at_work.pop(record, None)

    def _run(self) -> None:
        while not self._is_ending.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                LOG.exception("it could not be seen which databases hang")

    def look(self) -> None:
        """Ask each server at which somebody works for long; cut the lines to one that hangs."""
        before_s, waiting = monotonic_s() - LONG_S, dict[Place, list[_AtWork]]()
        for each in list(self._at_work.values()):
            if each.since_s < before_s and not each.connection.closed:
                waiting.setdefault(each.place, []).append(each)
        strikes = dict[Place, int]()
        for place, some in waiting.items():
            if self._answers(some[0].connection):
                continue
            strikes[place] = self._strikes.get(place, 0) + 1
            if strikes[place] >= STRIKES:
                LOG.error("the database at %s:%d hangs; %d lines are cut", *place, len(some))
                for each in some:
                    cut(each.connection)
        self._strikes = strikes


def answers_others(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection's server answers who connects now, if only to refuse."""
    info = connection.info
    try:
        psycopg.connect(
            host=info.host,
            port=info.port,
            dbname=info.dbname,
            user=info.user,
            password=info.password,
            connect_timeout=ANSWER_S,
        ).close()
    except ConnectionTimeout:
        return False
    except psycopg.Error:
        return True
    return True


def cut(connection: psycopg.Connection[Any]) -> None:
    """End what waits on a connection, from any thread: it fails as if the server had hung up."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error) as error:
        LOG.info("the line was over already: %s", error)
