"""The server of the crash matrix's cells."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from central.sync import enrolment
from kiosk.sync.client import Identity
from kiosk.sync.contract import EnrolRequest
from tests.support.central_server import LOCATION_KEY, Server

LOCATION_NAME = "cells"
PATIENCE_S = 120.0


class CellServer:
    """A real server on loopback; every cell finds it as it was when the kiosk had enrolled."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder)
        self.server.start()
        self.identity: Identity = self.server.write(self._enrol)
        self._file = folder / "central.db"
        self._enrolled = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self._file)) as live:
            live.backup(self._enrolled)

    def _enrol(self, connection: Connection) -> Identity:
        now_ms = self.server.clock.now_ms()
        token = enrolment.add_location(connection, LOCATION_NAME, "", "test", now_ms)
        asked = EnrolRequest(token=token, location=LOCATION_NAME, key=LOCATION_KEY.hex())
        answer = enrolment.enrol(connection, self.server.central, asked)
        return Identity(self.server.url, LOCATION_NAME, answer.token, answer.public_key)

    def begin_again(self) -> None:
        """Forget what the last cell sent."""
        with closing(sqlite3.connect(self._file, timeout=PATIENCE_S)) as live:
            self._enrolled.backup(live)

    def close(self) -> None:
        self.server.stop()
        self._enrolled.close()

    def rows(self, table: Table, *columns: str) -> list[tuple[Any, ...]]:
        """What the server has in a table, in order."""
        asked = select(*(table.c[name] for name in columns)).order_by(table.c.seq)
        database = self.server.central.database
        return [tuple(row) for row in database.read(lambda connection: connection.execute(asked))]
