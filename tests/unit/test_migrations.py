"""Databases of earlier versions: all that they held is there, and the same rules hold as before."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from kiosk.model.location import SlotStatus
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.store.first_schema import LEGAL_SLOT_CHANGES
from kiosk.store.packages import CONTESTED, LIVE_BY_KEY
from kiosk.store.schema import migrations


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database of the version before intents were found by their id, in use."""
    made = sqlite3.connect(tmp_path / "kiosk.db", isolation_level=None)
    made.execute("PRAGMA foreign_keys = 1")
    migrations.apply(Database(made), stop_before="m008_intent_by_id")
    made.execute("INSERT INTO slot (label, position, size, is_low) VALUES ('1', 0, 'S', 0)")
    made.execute("INSERT INTO slot (label, position, size, is_low) VALUES ('2', 1, 'S', 0)")
    for package in "ab":
        announce(made, package, f"barcode {package}", f"BARCODE{package.upper()}")
    for row in INTENTS:
        made.execute("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    yield made
    made.close()


INTENTS = [
    ("z", "1", "a", "DEPOSIT", "staff:11", "DONE", "OPENED"),
    ("k", "1", "a", "PICKUP", "customer", "OPENED", ""),
    ("m", "2", None, "LOOK", "staff:99", "INTENDED", ""),
]


def announce(
    connection: sqlite3.Connection,
    package: str,
    barcode: str,
    key: str | None,
    status: str = "PENDING",
) -> None:
    connection.execute(
        "INSERT INTO package (id, barcode, barcode_key, status, announced_ms)"
        " VALUES (?, ?, ?, ?, 1)",
        (package, barcode, key, status),
    )


def test_every_intent_is_there_and_ends_once(connection: sqlite3.Connection) -> None:
    migrations.apply(Database(connection))
    columns = "id, slot, package, purpose, actor, state, outcome"
    assert set(connection.execute(f"SELECT {columns} FROM intent")) == set(INTENTS)
    connection.execute("UPDATE intent SET state = 'DONE' WHERE id = 'k'")
    for refused in (
        "UPDATE intent SET state = 'OPENED' WHERE id = 'k'",
        "UPDATE intent SET state = 'INTENDED' WHERE id = 'z'",
        "DELETE FROM intent WHERE id = 'z'",
        f"INSERT INTO intent ({columns}) VALUES ('n', '2', NULL, 'LOOK', 'kiosk', 'INTENDED', '')",
        f"INSERT INTO intent ({columns}) VALUES ('m', '1', NULL, 'LOOK', 'kiosk', 'INTENDED', '')",
        f"INSERT INTO intent ({columns}) VALUES ('n', '9', NULL, 'LOOK', 'kiosk', 'INTENDED', '')",
        f"INSERT INTO intent ({columns}) VALUES ('n', '1', 'x', 'LOOK', 'kiosk', 'INTENDED', '')",
        f"INSERT INTO intent ({columns}) VALUES ('n', '1', NULL, 'WALK', 'kiosk', 'INTENDED', '')",
        f"INSERT INTO intent ({columns}) VALUES ('n', '1', NULL, 'LOOK', 'kiosk', 'BEGUN', '')",
        f"INSERT INTO intent ({columns}) VALUES (NULL, '1', NULL, 'LOOK', 'kiosk', 'INTENDED', '')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(refused)
    connection.execute(
        f"INSERT INTO intent ({columns}) VALUES ('n', '1', 'a', 'LOOK', 'kiosk', 'INTENDED', '')"
    )
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_same_changes_are_legal(connection: sqlite3.Connection) -> None:
    """Each pair, tried in a database without the other rules, which would refuse most of them."""
    migrations.apply(Database(connection))
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        if not name.endswith("changes_legally"):
            connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = 1")
    cases: list[tuple[str, str, list[str], set[tuple[str, str]]]] = [
        ("package", "id = 'a'", [*PackageStatus], {(str(a), str(b)) for a, b in LEGAL_CHANGES}),
        ("slot", "label = '1'", [*SlotStatus], set(LEGAL_SLOT_CHANGES)),
    ]
    for table, which, statuses, legal in cases:
        trigger = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (f"{table}_changes_legally",)
        ).fetchone()[0]
        for before, after in itertools.product(statuses, repeat=2):
            connection.execute(f"DROP TRIGGER {table}_changes_legally")
            connection.execute(f"UPDATE {table} SET status = ? WHERE {which}", (str(before),))
            connection.execute(trigger)
            try:
                connection.execute(f"UPDATE {table} SET status = ? WHERE {which}", (str(after),))
                is_taken = True
            except sqlite3.IntegrityError:
                is_taken = False
            expected = before == after or (str(before), str(after)) in legal
            assert is_taken == expected, f"{table}: {before} to {after}"


@pytest.mark.parametrize("old_key", [None, "OLD"], ids=["old without key", "old with key"])
@pytest.mark.parametrize("new_key", [None, "NEW"], ids=["new without key", "new with key"])
def test_no_two_live_packages_of_one_sender_have_one_barcode(
    connection: sqlite3.Connection, old_key: str | None, new_key: str | None
) -> None:
    """Whatever their keys: a package from before there were keys may have none, or an odd one."""
    migrations.apply(Database(connection))
    old = old_key and "SAME"
    new = new_key and "SAME"
    announce(connection, "old", "same", old)
    with pytest.raises(sqlite3.IntegrityError):
        announce(connection, "new", "same", new)
    announce(connection, "new", "same", new, status="CANCELLED")
    # A recalled package is live again where it is found to lie in a slot.
    connection.execute("UPDATE slot SET status = 'SUSPECT', suspect = 'MAY_BE_EMPTY'")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE package SET slot = '1' WHERE id = 'new'")
    connection.execute("UPDATE package SET status = 'CANCELLED' WHERE id = 'old'")
    connection.execute("UPDATE package SET slot = '1' WHERE id = 'new'")


def test_a_label_is_looked_up_by_index(connection: sqlite3.Connection) -> None:
    """However many packages there were."""
    migrations.apply(Database(connection))
    for query in (LIVE_BY_KEY, f"SELECT 1 FROM package WHERE id = ? AND {CONTESTED}"):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", ("x",))]
        assert any("package_live_key_of_sender" in step for step in plan), plan
        assert not any(step.startswith("SCAN") for step in plan), plan


def test_what_was_there_is_the_operators(connection: sqlite3.Connection) -> None:
    """And the server is asked once more: it may have known carriers before."""
    migrations.apply(Database(connection), stop_before="m012_carriers")
    connection.execute(
        "INSERT INTO staff (number, name, role, pin_hash, source, listed_ms)"
        " VALUES ('17', 'Kim', 'courier', 'hash', 'centre', 1)"
    )
    connection.execute("UPDATE package SET is_announced = 1")
    connection.execute("INSERT INTO meta (key, value) VALUES ('staff_list', '[7, 1]')")
    migrations.apply(Database(connection))
    assert set(connection.execute("SELECT carrier FROM package")) == {("operator",)}
    assert set(connection.execute("SELECT last_carrier FROM slot")) == {("operator",)}
    assert set(connection.execute("SELECT carriers FROM staff")) == {('["operator"]',)}
    kept = dict(connection.execute("SELECT key, value FROM meta"))
    assert "staff_list" not in kept
    assert kept["people_wanted"] == "1"
