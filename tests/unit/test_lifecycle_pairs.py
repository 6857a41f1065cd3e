"""Every change of status that there could be, by every way to write it: only the legal ones pass.

And every trigger and constraint of the schema in turn is left out, and then something passes that
must not: none is there in vain.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlite_utils import Database

from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.store import schema
from kiosk.store.compatibility import fingerprint
from kiosk.store.first_schema import LEGAL_SLOT_CHANGES, TABLES, TRIGGERS
from kiosk.store.store import PRAGMAS


def make_database(tables: str = TABLES, without_triggers: tuple[str, ...] = ()) -> Database:
    """A database with the schema, or with one thing of it left out."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for name in ("foreign_keys", "recursive_triggers"):
        connection.execute(f"PRAGMA {name} = {PRAGMAS[name]}")
    for statement in tables.split(";"):
        if statement.strip():
            connection.execute(statement)
    for name, text in TRIGGERS.items():
        if name not in without_triggers:
            connection.execute(f"CREATE TRIGGER {name} {text}")
    return Database(connection)


def add_slot(database: Database, label: str, status: str = "EMPTY") -> None:
    """A slot that has come to a status lawfully."""
    database.execute(
        "INSERT INTO slot (label, position, size, is_low) VALUES (?, 1, 'S', 0)", (label,)
    )
    for step in {"RESERVED": ["RESERVED"], "OCCUPIED": ["RESERVED", "OCCUPIED"]}.get(status, []):
        database.execute("UPDATE slot SET status = ? WHERE label = ?", (step, label))
    if status == "SUSPECT":
        database.execute(
            "UPDATE slot SET status = 'SUSPECT', suspect = 'MAY_BE_EMPTY' WHERE label = ?", (label,)
        )


WAY_TO: dict[str, tuple[str, ...]] = {
    "PENDING": (),
    "STORED": ("STORED",),
    "RETRIEVED": ("STORED", "RETRIEVED"),
    "EXPIRED": ("STORED", "EXPIRED"),
    "CANCELLED": ("STORED", "CANCELLED"),
    "COLLECTED": ("STORED", "COLLECTED"),
    "MISSING": ("STORED", "MISSING"),
}
LEAVES = ("RETRIEVED", "COLLECTED", "MISSING")


def add_package(database: Database, key: str, status: str, slot: str) -> None:
    """A package that has come to a status lawfully, in a slot that is SUSPECT if it is in one."""
    database.execute(
        "INSERT INTO package (id, barcode, status, announced_ms) VALUES (?, ?, 'PENDING', 1)",
        (key, f"barcode-{key}"),
    )
    for step in WAY_TO[status]:
        database.execute(
            "UPDATE package SET status = ?, slot = ?, locator = coalesce(locator, ?),"
            " code_counter = 1, stored_ms = 1, hold_until_ms = 2, finished_ms = 3 WHERE id = ?",
            (step, None if step in LEAVES else slot, f"{100 + len(key)}", key),
        )


# --- packages ------------------------------------------------------------------------------------


def columns_of(database: Database, after: str) -> dict[str, object]:
    """A package's row in which everything but the change of status is in order."""
    [row] = database.query("SELECT * FROM package WHERE id = 'p'")
    in_slot = None if after in (*LEAVES, "PENDING") else "s"
    return {
        **row,
        "status": after,
        "slot": in_slot,
        "locator": "123",
        "code_counter": 1,
        "stored_ms": 1,
        "hold_until_ms": 2,
        "finished_ms": 3,
    }


def by_update(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    names = ", ".join(f"{name} = ?" for name in row)
    database.execute(f"UPDATE {table} SET {names} WHERE {key} = ?", (*row.values(), row[key]))


def by_upsert(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    sets = ", ".join(f"{name} = excluded.{name}" for name in row)
    database.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {sets}",
        tuple(row.values()),
    )


def by_replace(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    database.execute(f"REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def by_table_update(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    database.table(table).update(str(row[key]), row)


def by_table_upsert(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    database.table(table).upsert(row, pk=key)


def by_table_insert(database: Database, table: str, key: str, row: dict[str, object]) -> None:
    database.table(table).insert(row, pk=key, replace=True)


Way = Callable[[Database, str, str, dict[str, object]], None]
UPDATES: tuple[Way, ...] = (by_update, by_table_update)
INSERTS_OR_UPDATES: tuple[Way, ...] = (by_upsert, by_table_upsert)
"""Those are an insertion first, and so held to the rules of how a row begins, too."""
REPLACEMENTS: tuple[Way, ...] = (by_replace, by_table_insert)
"""Those delete the row and make another: never legal, whatever the statuses."""
WAYS = (*UPDATES, *INSERTS_OR_UPDATES, *REPLACEMENTS)


def passes(change: Callable[..., object], *arguments: object) -> bool:
    """Whether the database takes a change."""
    try:
        change(*arguments)
    except sqlite3.IntegrityError:
        return False
    return True


def name_of(way: Way) -> str:
    return way.__name__


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_of_all_changes_of_a_package_only_the_legal_ones_pass(way: Way) -> None:
    passed = set()
    statuses = [status.value for status in PackageStatus]
    for before, after in itertools.product(statuses, repeat=2):
        database = make_database()
        add_slot(database, "s", "SUSPECT")
        add_package(database, "p", before, "s")
        row = columns_of(database, after)
        if passes(way, database, "package", "id", row) and before != after:
            passed.add((before, after))
        [found] = database.query("SELECT status FROM package")
        assert found["status"] == (after if (before, after) in passed else before)
    if way in UPDATES:
        assert passed == {(str(before), str(after)) for before, after in LEGAL_CHANGES}
    elif way in INSERTS_OR_UPDATES:
        assert passed <= {(str(before), str(after)) for before, after in LEGAL_CHANGES}
    else:
        assert passed == set()


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_of_all_changes_of_a_slot_only_the_legal_ones_pass(way: Way) -> None:
    passed = set()
    statuses = [status.value for status in SlotStatus]
    for before, after in itertools.product(statuses, repeat=2):
        database = make_database()
        add_slot(database, "s", before)
        [row] = database.query("SELECT * FROM slot")
        suspect = SuspectReason.MAY_BE_EMPTY.value if after == "SUSPECT" else None
        changed = {**row, "status": after, "suspect": suspect}
        if passes(way, database, "slot", "label", changed) and before != after:
            passed.add((before, after))
        [found] = database.query("SELECT status FROM slot")
        assert found["status"] == (after if (before, after) in passed else before)
    if way in UPDATES:
        assert passed == LEGAL_SLOT_CHANGES
    elif way in INSERTS_OR_UPDATES:
        assert passed <= LEGAL_SLOT_CHANGES
    else:
        assert passed == set()


# --- nothing of the schema is there in vain ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """A change that one part of the schema refuses, and what must be there for it."""

    change: str
    slot: str = "EMPTY"
    """The status of the slot `s`."""
    package: str = ""
    """The status of the package `p` in that slot; empty for none."""
    before: str = ""
    """One more statement that leads there."""
    beside: tuple[str, ...] = ()
    """Triggers that refuse it as well: a second line that is to hold alone."""


PACKAGE = "INSERT INTO package (id, barcode, announced_ms, status"
INTENT = "INSERT INTO intent (id, slot, purpose, actor, state"
EVENT = (
    "INSERT INTO journal (seq, epoch, kind, body, wall_ms, monotonic_ms, boot_id, is_trusted, hash)"
)
STAFF = (
    "INSERT INTO staff (number, name, role, pin_hash, source, listed_ms) VALUES"
    " ({number}, 'Kim', {role}, 'hash', {source}, 1)"
)
STAND = {"number": "'11'", "role": "'courier'", "source": "'config'"}
AN_INTENT = f"{INTENT}) VALUES ('i', 's', 'LOOK', 'staff:11', 'INTENDED')"
AN_EVENT = f"{EVENT} VALUES (1, 'e', 'K', '{{}}', 1, 1, 'b', 1, zeroblob(32))"
PACKAGE_BEGINS = ("package_begins_pending", "package_changes_legally")
SLOT_BEGINS = ("slot_begins_empty", "slot_changes_legally")

TRIGGER_PROBES: dict[str, Probe] = {
    "package_begins_pending": Probe(f"{PACKAGE}, finished_ms) VALUES ('q', 'b', 1, 'MISSING', 1)"),
    "package_changes_legally": Probe(
        "UPDATE package SET status = 'EXPIRED', slot = 's' WHERE id = 'p'", "SUSPECT", "CANCELLED"
    ),
    "package_keeps_identity": Probe(
        "UPDATE package SET barcode = 'other' WHERE id = 'p'", "SUSPECT", "PENDING"
    ),
    "package_is_kept": Probe("DELETE FROM package", "SUSPECT", "STORED"),
    "package_needs_its_slot": Probe("UPDATE package SET slot = 'empty'", "SUSPECT", "PENDING"),
    "package_begins_without_slot": Probe(f"{PACKAGE}, slot) VALUES ('q', 'b', 1, 'PENDING', 's')"),
    "slot_changes_legally": Probe("UPDATE slot SET status = 'OCCUPIED' WHERE label = 's'"),
    "slot_begins_empty": Probe(
        "INSERT INTO slot (label, position, size, is_low, status) VALUES ('n', 1, 'S', 0,"
        " 'RESERVED')"
    ),
    "slot_is_free_when_its_package_left": Probe(
        "UPDATE slot SET status = 'EMPTY', suspect = NULL WHERE label = 's'", "SUSPECT", "STORED"
    ),
    "slot_is_reserved_only_in_service": Probe(
        "UPDATE slot SET status = 'RESERVED' WHERE label = 's'",
        before="UPDATE slot SET service = 'NO_DEPOSITS', service_since_ms = 1",
    ),
    "slot_is_kept": Probe("DELETE FROM slot WHERE label = 's'"),
    "intent_ends_once": Probe(
        "UPDATE intent SET state = 'DONE'",
        before=f"{INTENT}) VALUES ('i', 's', 'LOOK', 'staff:11', 'FAILED')",
    ),
    "intent_is_kept": Probe("DELETE FROM intent", before=AN_INTENT),
    "journal_is_in_order": Probe(
        f"{EVENT} VALUES (7, 'e', 'K', '{{}}', 1, 1, 'b', 1, zeroblob(32))"
    ),
    "journal_is_not_changed": Probe("UPDATE journal SET body = '[]'", before=AN_EVENT),
    "journal_is_not_deleted": Probe("DELETE FROM journal", before=AN_EVENT),
}

CONSTRAINT_PROBES: dict[str, Probe] = {
    "staff CHECK (length(number) = 2)": Probe(STAFF.format(**STAND | {"number": "'123'"})),
    "staff CHECK (role IN": Probe(STAFF.format(**STAND | {"role": "'guest'"})),
    "staff CHECK (source IN": Probe(STAFF.format(**STAND | {"source": "'rumour'"})),
    "slot CHECK (is_low": Probe("UPDATE slot SET is_low = 2"),
    "slot CHECK (status IN": Probe(
        "UPDATE slot SET status = 'FULL' WHERE label = 's'", beside=SLOT_BEGINS
    ),
    "slot CHECK (suspect IS NULL": Probe(
        "UPDATE slot SET suspect = 'WHY' WHERE label = 's'", "SUSPECT"
    ),
    "slot CHECK (service IN": Probe("UPDATE slot SET service = 'CLOSED', service_since_ms = 1"),
    "slot CHECK (is_reachable": Probe("UPDATE slot SET is_reachable = 2"),
    "slot CHECK ((status = 'SUSPECT')": Probe("UPDATE slot SET status = 'SUSPECT'"),
    "slot CHECK ((service = 'IN_SERVICE')": Probe("UPDATE slot SET service = 'NO_DEPOSITS'"),
    "package CHECK (length(barcode)": Probe(f"{PACKAGE}) VALUES ('q', '', 1, 'PENDING')"),
    "package CHECK (status IN": Probe(
        f"{PACKAGE}) VALUES ('q', 'b', 1, 'LOST')", beside=PACKAGE_BEGINS
    ),
    "package REFERENCES slot (label) [slot]": Probe(
        "UPDATE package SET slot = 'nowhere'",
        "SUSPECT",
        "PENDING",
        beside=("package_needs_its_slot",),
    ),
    "package REFERENCES slot (label) [last_slot]": Probe(
        "UPDATE package SET last_slot = 'nowhere'", "SUSPECT", "PENDING"
    ),
    "package REFERENCES recipient (id) [recipient]": Probe(
        "UPDATE package SET recipient = 'nobody'", "SUSPECT", "PENDING"
    ),
    "package REFERENCES package (id) [replaces]": Probe(
        "UPDATE package SET replaces = 'nothing'", "SUSPECT", "PENDING"
    ),
    "package CHECK (is_alone": Probe("UPDATE package SET is_alone = 2", "SUSPECT", "PENDING"),
    "package CHECK (needs_low": Probe("UPDATE package SET needs_low = 2", "SUSPECT", "PENDING"),
    "package CHECK (is_announced": Probe(
        "UPDATE package SET is_announced = 2", "SUSPECT", "PENDING"
    ),
    "package CHECK (code_counter": Probe(
        "UPDATE package SET code_counter = -1", "SUSPECT", "PENDING"
    ),
    "package CHECK (status NOT IN ('STORED'": Probe(
        "UPDATE package SET status = 'STORED', slot = 's'", "SUSPECT", "PENDING"
    ),
    "package CHECK (status NOT IN ('RETRIEVED'": Probe(
        "UPDATE package SET status = 'RETRIEVED', finished_ms = 1", "SUSPECT", "STORED"
    ),
    "package_slot": Probe(
        "UPDATE package SET slot = 's' WHERE id = 'q'",
        "SUSPECT",
        "STORED",
        f"{PACKAGE}) VALUES ('q', 'b', 1, 'PENDING')",
    ),
    "package_live_locator": Probe(
        "UPDATE package SET slot = 'doubt' WHERE id = 'q'",
        "SUSPECT",
        "STORED",
        f"{PACKAGE}, locator) VALUES ('q', 'b', 1, 'PENDING', '101')",
    ),
    "package_live_barcode": Probe(
        f"{PACKAGE}) VALUES ('q', 'barcode-p', 1, 'PENDING')", "SUSPECT", "STORED"
    ),
    "intent REFERENCES slot (label) [slot]": Probe(
        f"{INTENT}) VALUES ('i', 'nowhere', 'LOOK', 'staff:11', 'INTENDED')"
    ),
    "intent REFERENCES package (id) [package]": Probe(
        f"{INTENT}, package) VALUES ('i', 's', 'LOOK', 'staff:11', 'INTENDED', 'nothing')"
    ),
    "intent CHECK (purpose IN": Probe(f"{INTENT}) VALUES ('i', 's', 'FUN', 'x', 'INTENDED')"),
    "intent CHECK (state IN": Probe(f"{INTENT}) VALUES ('i', 's', 'LOOK', 'x', 'MAYBE')"),
    "intent_in_play": Probe(
        f"{INTENT}) VALUES ('j', 's', 'LOOK', 'staff:11', 'INTENDED')", before=AN_INTENT
    ),
    "journal CHECK (seq > 0)": Probe(
        f"{EVENT} VALUES (0, 'e', 'K', '{{}}', 1, 1, 'b', 1, zeroblob(32))",
        beside=("journal_is_in_order",),
    ),
    "journal CHECK (is_trusted": Probe(
        f"{EVENT} VALUES (1, 'e', 'K', '{{}}', 1, 1, 'b', 2, zeroblob(32))"
    ),
    "journal CHECK (length(hash)": Probe(
        f"{EVENT} VALUES (1, 'e', 'K', '{{}}', 1, 1, 'b', 1, zeroblob(31))"
    ),
    "wrong_try REFERENCES package (id) [package]": Probe(
        "INSERT INTO wrong_try (at_ms, how, package) VALUES (1, 'typed', 'nothing')"
    ),
    "wrong_try CHECK (how IN": Probe("INSERT INTO wrong_try (at_ms, how) VALUES (1, 'shouted')"),
    "visit CHECK (is_receipt_shown": Probe(
        "INSERT INTO visit (id, staff, role, began_seq, is_receipt_shown)"
        " VALUES ('v', '11', 'courier', 1, 2)"
    ),
}
"""By the beginning of a constraint's text."""


def apply(database: Database, probe: Probe) -> bool:
    """Whether the change passes."""
    add_slot(database, "s", probe.slot)
    add_slot(database, "empty")
    add_slot(database, "doubt", "SUSPECT")
    if probe.package:
        add_package(database, "p", probe.package, "s")
    if probe.before:
        database.execute(probe.before)
    return passes(database.execute, probe.change)


@pytest.mark.parametrize("name", TRIGGERS)
def test_each_trigger_refuses_what_nothing_else_does(name: str) -> None:
    assert name in TRIGGER_PROBES, f"write a probe that only the trigger {name} refuses"
    probe = TRIGGER_PROBES[name]
    assert not apply(make_database(), probe)
    assert apply(make_database(without_triggers=(name,)), probe)


def constraints() -> Iterator[tuple[str, str]]:
    """Each constraint of the tables with the tables as they are without it."""
    for statement in TABLES.split(";"):
        found = re.match(r"\s*CREATE (UNIQUE )?(TABLE|INDEX) (\w+)", statement)
        assert found, statement
        if found[1]:
            yield found[3], TABLES.replace(f"{statement};", "")
        if found[2] == "TABLE":
            for text, shorter in constraints_of(statement):
                yield f"{found[3]} {text}", TABLES.replace(statement, shorter)


def constraints_of(statement: str) -> Iterator[tuple[str, str]]:
    """Each CHECK and REFERENCES of a table, with the table as it is without it."""
    for match in re.finditer(r"CHECK \(|REFERENCES \w+ \(\w+\)", statement):
        before, text = statement[: match.start()], match.group()
        if text == "CHECK (":
            text = statement[match.start() : closing(statement, match.end())]
            label = " ".join(text.split())
        else:
            column = before.splitlines()[-1].split()[0]
            label = f"{text} [{column}]"
        if before.rstrip().endswith(","):
            before = before.rstrip().removesuffix(",")
        yield label, before + statement[match.start() + len(text) :]


def closing(text: str, start: int) -> int:
    """The end of the bracket that opened just before `start`."""
    depth, place = 1, start
    while depth:
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        place += 1
    return place


CONSTRAINTS = dict(constraints())


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_each_constraint_refuses_what_nothing_else_does(name: str) -> None:
    probes = [probe for start, probe in CONSTRAINT_PROBES.items() if name.startswith(start)]
    assert len(probes) == 1, f"write a probe that only the constraint {name} refuses"
    [probe] = probes
    assert not apply(make_database(without_triggers=probe.beside), probe)
    assert apply(make_database(CONSTRAINTS[name], without_triggers=probe.beside), probe)


def test_a_package_begins_in_a_slot_only_where_that_is_held_for_it() -> None:
    """By the schema as the later migrations leave it."""
    for status in SlotStatus:
        for begun in PackageStatus:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            database = Database(connection)
            schema.migrations.apply(database)
            add_slot(database, "s", status.value)
            change = f"{PACKAGE}, slot) VALUES ('p', 'b', 1, '{begun.value}', 's')"
            is_held = (status, begun) == (SlotStatus.RESERVED, PackageStatus.PENDING)
            assert passes(database.execute, change) == is_held
            connection.close()


def test_the_fingerprint_knows_every_part_of_the_schema() -> None:
    """A database that lost any part is refused at the start."""
    expected = fingerprint(make_database().conn)
    seen = {expected}
    for name in TRIGGERS:
        seen.add(fingerprint(make_database(without_triggers=(name,)).conn))
    for shorter in CONSTRAINTS.values():
        seen.add(fingerprint(make_database(shorter).conn))
    assert len(seen) == 1 + len(TRIGGERS) + len(CONSTRAINTS)
