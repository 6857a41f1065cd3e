"""SQLite with nothing around it, as durable as the store: what the store is compared with."""

from __future__ import annotations

import queue
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path

from kiosk.store.store import GROUP_MAX

ROW = "x" * 200
"""About as long as a line of the journal."""
PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL")
INSERT = "INSERT INTO line (body) VALUES (?)"


def connect(path: Path) -> sqlite3.Connection:
    """A database with one plain table, WAL and FULL, held by one connection."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("CREATE TABLE line (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")
    return connection


def commit_one(connection: sqlite3.Connection) -> None:
    """One durable transaction that inserts one row, in the calling thread."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(INSERT, (ROW,))
    connection.execute("COMMIT")


class BareGroups:
    """One thread that appends rows for many callers and commits them in groups like the store's.

    It has no constraints, triggers, indexes, savepoints, JSON or hashes: what the disk and Python
    allow at best for as many rows.
    """

    def __init__(self, path: Path) -> None:
        self._jobs: queue.SimpleQueue[tuple[int, Future[None]] | None] = queue.SimpleQueue()
        self._connection = connect(path)
        self._thread = threading.Thread(target=self._serve, name="bare", daemon=True)
        self._thread.start()

    def submit(self, rows: int) -> Future[None]:
        """Append so many rows; the future is done when they are durable."""
        future: Future[None] = Future()
        self._jobs.put((rows, future))
        return future

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            group = []
            while job is not None:
                group.append(job)
                if len(group) == GROUP_MAX:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            self._commit(group)
            if job is None:
                return

    def _commit(self, group: list[tuple[int, Future[None]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for rows, _ in group:
            for _ in range(rows):
                self._connection.execute(INSERT, (ROW,))
        self._connection.execute("COMMIT")
        for _, future in group:
            future.set_result(None)
