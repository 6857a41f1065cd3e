"""The table of the doors that the server had opened: filled from earlier journals, and restored."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import OpeningOutcome
from kiosk.model.events import EventKind, canonical_json
from kiosk.store import openings, slots
from kiosk.store.errors import RefusedError
from kiosk.store.schema import migrations
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.support.flow_site import LOCATION, LoopClock

NOW_MS = LoopClock().now().wall_ms
EARLIER = (
    {"id": "a", "n": 1, "type": "open", "outcome": "APPLIED", "slot": "7"},
    {"id": "b", "n": 2, "type": "open", "outcome": "REFUSED", "detail": "not signed"},
    {"id": "c", "n": 3, "type": "extend", "outcome": "APPLIED"},
)
"""Answers to commands, as the journals of earlier versions have them."""

Do = Callable[..., Any]


@pytest.fixture
def do(tmp_path: Path) -> Iterator[Do]:
    store = Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    store.submit(slots.configure, LOCATION).result()
    yield lambda operation, *args: store.submit(operation, *args).result()
    store.close()


def rows(writer: Writer) -> list[tuple[str, str, str]]:
    found = writer.all("SELECT command, slot, outcome FROM opening ORDER BY command")
    return [(row["command"], row["slot"], row["outcome"]) for row in found]


def test_openings_of_earlier_versions_are_known_and_nobody_waits_for_them(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    migrations.apply(Database(connection), stop_before="m003_openings")
    for seq, body in enumerate(EARLIER, 1):
        connection.execute(
            "INSERT INTO journal VALUES (?, 'e', 'COMMAND_APPLIED', ?, 5, 5, 'b', 1, ?)",
            (seq, canonical_json(body), bytes(32)),
        )
    migrations.apply(Database(connection))
    found = connection.execute("SELECT * FROM opening ORDER BY command").fetchall()
    connection.close()
    assert found == [("a", "7", 5, "UNKNOWN"), ("b", "", 5, "REFUSED")]


def test_what_is_taken_back_after_a_restore_counts_and_comes_once(do: Do) -> None:
    for body in EARLIER:
        do(openings.take_back, EventKind.COMMAND_APPLIED, body, NOW_MS)
    assert do(rows) == [("a", "7", "ASKED"), ("b", "", "REFUSED")]
    do(openings.take_back, EventKind.OPENING_ENDED, {"id": "a", "outcome": "JAMMED"}, NOW_MS)
    assert do(rows)[0] == ("a", "7", "JAMMED")
    do(openings.take_back, EventKind.OPENING_ENDED, {"id": "a", "outcome": "SPARKED"}, NOW_MS)
    assert do(rows)[0] == ("a", "7", "UNKNOWN")
    do(openings.take_back, EventKind.OPENING_MISSED, {"id": "a"}, NOW_MS)
    assert do(rows)[0] == ("a", "7", "MISSED")
    for command in ("a", "b"):
        with pytest.raises(RefusedError, match="came before"):
            do(openings.require_may_open, command)


def test_refused_openings_do_not_count_and_those_of_an_hour_ago_do_not(do: Do) -> None:
    for number in range(openings.PER_HOUR_MAX):
        do(openings.note, f"r{number}", "7", OpeningOutcome.REFUSED, NOW_MS)
        do(openings.note, f"o{number}", "7", OpeningOutcome.OPENED, NOW_MS - HOUR_MS)
        do(openings.require_may_open, "next")
    for number in range(openings.PER_HOUR_MAX):
        do(openings.require_may_open, "next")
        do(openings.note, f"n{number}", "7", OpeningOutcome.OPENED, NOW_MS)
    with pytest.raises(RefusedError, match="within an hour"):
        do(openings.require_may_open, "next")


def test_what_came_of_no_opening_is_not_journaled(do: Do) -> None:
    assert do(openings.end, "unknown", OpeningOutcome.OPENED) == 0
    assert do(openings.settle) == 0
