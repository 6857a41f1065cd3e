"""The migrations that make the tables, with the constraints and triggers that make wrong states
impossible.

They are migrations of sqlite-utils, applied in order and recorded in the database. A migration only
adds, so that the version before can go on where a newer one was taken back: see
`kiosk.store.compatibility`, and CONTRIBUTING.md for how one is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from kiosk.model.barcode import kept_key
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import OpeningOutcome
from kiosk.model.package import LEGAL_CHANGES
from kiosk.store.first_schema import LEGAL_SLOT_CHANGES, TABLES, TRIGGERS, one_of

migrations = Migrations("parcel-kiosk")


class OldestWriter(NamedTuple):
    """The oldest program that may write where every migration of this one was applied."""

    migration: str
    """It knows this migration, and those before it."""
    version: str
    """The first version that does."""


OLDEST_WRITER: Final = OldestWriter("m017_delegates", "0.3.0")
"""Whoever takes something away that older programs use, or forbids something that they write, names
the first migration that does without here. It is never newer than what the last release has."""


@migrations()
def m001_first(db: Database) -> None:
    """The first schema."""
    for statement in TABLES.split(";"):
        db.conn.execute(statement)
    for name, text in TRIGGERS.items():
        db.conn.execute(f"CREATE TRIGGER {name} {text}")


@migrations()
def m002_barcode_key(db: Database) -> None:
    """One key for every spelling of a barcode, by which packages are found."""
    db.conn.execute("ALTER TABLE package ADD COLUMN barcode_key TEXT")
    live = "status IN ('PENDING', 'STORED', 'EXPIRED') OR slot IS NOT NULL"
    rows = db.conn.execute(
        f"SELECT rowid, barcode, {live} FROM package ORDER BY slot IS NULL, rowid"
    ).fetchall()
    taken: set[str] = set()
    for number, barcode, is_live in rows:
        key = kept_key(barcode)
        if is_live and key in taken:
            # Two spellings were two packages: the one that lies here is found by its barcode, the
            # other by its code and its id.
            continue
        if is_live:
            taken.add(key)
        db.conn.execute("UPDATE package SET barcode_key = ? WHERE rowid = ?", (key, number))
    db.conn.execute(f"CREATE UNIQUE INDEX package_live_key ON package (barcode_key) WHERE {live}")


@migrations()
def m003_openings(db: Database) -> None:
    """What came of each door that the server had opened. Of those before it is not known."""
    db.conn.execute(
        f"""CREATE TABLE opening (
            command TEXT PRIMARY KEY,
            slot TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            outcome TEXT NOT NULL CHECK ({one_of("outcome", OpeningOutcome)})
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX opening_at ON opening (at_ms)")
    db.conn.execute("CREATE INDEX opening_asked ON opening (command) WHERE outcome = 'ASKED'")
    db.conn.execute(
        "INSERT OR IGNORE INTO opening SELECT json_extract(body, '$.id'),"
        " coalesce(json_extract(body, '$.slot'), ''), wall_ms,"
        " iif(json_extract(body, '$.outcome') = 'APPLIED', 'UNKNOWN', 'REFUSED') FROM journal"
        " WHERE kind = 'COMMAND_APPLIED' AND json_extract(body, '$.type') = 'open'"
    )


@migrations()
def m004_mac(db: Database) -> None:
    """Events are signed with the location's key from now on; those before stay as they are."""
    db.conn.execute("ALTER TABLE journal ADD COLUMN mac BLOB CHECK (length(mac) = 32)")


@migrations()
def m005_sign_in_tries(db: Database) -> None:
    """Wrong PINs and badges by the person whose they were to be, for a day."""
    db.conn.execute(
        """CREATE TABLE sign_in_try (
            id INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            proof TEXT NOT NULL CHECK (proof IN ('pin', 'after badge', 'badge')),
            number TEXT NOT NULL,
            is_forgiven INTEGER NOT NULL DEFAULT 0 CHECK (is_forgiven IN (0, 1))
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX sign_in_try_of ON sign_in_try (number, proof, at_ms)")
    db.conn.execute("CREATE INDEX sign_in_try_at ON sign_in_try (at_ms)")


@migrations()
def m006_senders(db: Database) -> None:
    """A barcode belongs to its sender: two may have announced the same. Whose packages open with
    one code is asked of the server once more, for that follows other rules now."""
    live = "status IN ('PENDING', 'STORED', 'EXPIRED') OR slot IS NOT NULL"
    db.conn.execute("ALTER TABLE package ADD COLUMN sender TEXT")
    for name, column in (("barcode", "barcode"), ("key", "barcode_key")):
        db.conn.execute(f"DROP INDEX package_live_{name}")
        db.conn.execute(
            f"CREATE UNIQUE INDEX package_live_{name}_of_sender ON package"
            f" ({column}, coalesce(sender, ''), is_announced) WHERE {live}"
        )
    db.conn.execute(
        "INSERT OR REPLACE INTO meta (key, value) SELECT 'people_wanted', '1'"
        f" WHERE EXISTS (SELECT 1 FROM package WHERE owner IS NOT NULL AND ({live}))"
    )


@migrations()
def m007_begins_in_its_slot(db: Database) -> None:
    """A package that nobody announced begins in the slot that is held for it: one change of one
    row, where it was two, and it is never among those that are expected without a slot."""
    db.conn.execute("DROP TRIGGER package_begins_without_slot")
    db.conn.execute(
        """CREATE TRIGGER package_begins_in_its_slot
        BEFORE INSERT ON package WHEN NEW.slot IS NOT NULL AND NOT (
            NEW.status = 'PENDING' AND EXISTS (
                SELECT 1 FROM slot WHERE label = NEW.slot AND status = 'RESERVED'))
        BEGIN SELECT RAISE(ABORT, 'a package begins without a slot, or in one held for it'); END"""
    )
    db.conn.execute("DROP INDEX package_announced")
    db.conn.execute(
        "CREATE INDEX package_announced ON package (announced_ms)"
        " WHERE status = 'PENDING' AND slot IS NULL"
    )


def _either(column: str, *values: str) -> str:
    """A column has one of these values. SQLite makes a table of its own for each `IN` of three or
    more, at every statement."""
    return f"({' OR '.join(f'{column} = {value!r}' for value in values)})"


def _changes_legally(column: str, pairs: Iterable[tuple[str, str]]) -> str:
    """OLD and NEW are one of these pairs."""
    found = (f"OLD.{column} = '{before}' AND NEW.{column} = '{after}'" for before, after in pairs)
    return f"({' OR '.join(f'({pair})' for pair in found)})"


@migrations()
def m008_intent_by_id(db: Database) -> None:
    """An intent lies where its id is found: each opening writes one page less."""
    db.conn.execute("ALTER TABLE intent RENAME TO intent_with_rowid")
    purposes = ("DEPOSIT", "PICKUP", "REOPEN", "RETURN", "COLLECTION", "UNDO", "MOVE")
    states = ("INTENDED", "OPENED", "DONE", "FAILED", "UNKNOWN")
    db.conn.execute(
        f"""CREATE TABLE intent (
            id TEXT PRIMARY KEY,
            slot TEXT NOT NULL REFERENCES slot (label),
            package TEXT REFERENCES package (id),
            purpose TEXT NOT NULL CHECK ({_either("purpose", *purposes, "MAINTENANCE", "LOOK")}),
            actor TEXT NOT NULL,
            state TEXT NOT NULL CHECK ({_either("state", *states)}),
            outcome TEXT NOT NULL DEFAULT ''
        ) STRICT, WITHOUT ROWID"""
    )
    db.conn.execute("INSERT INTO intent SELECT * FROM intent_with_rowid ORDER BY id")
    db.conn.execute("DROP TABLE intent_with_rowid")
    db.conn.execute(
        "CREATE UNIQUE INDEX intent_in_play ON intent (slot) WHERE state IN ('INTENDED', 'OPENED')"
    )
    db.conn.execute(f"CREATE TRIGGER intent_is_kept {TRIGGERS['intent_is_kept']}")
    ends = [("INTENDED", state) for state in states[1:]] + [
        ("OPENED", "DONE"),
        ("OPENED", "UNKNOWN"),
    ]
    db.conn.execute(
        f"""CREATE TRIGGER intent_ends_once BEFORE UPDATE OF state ON intent
        WHEN NOT {_changes_legally("state", ends)}
        BEGIN SELECT RAISE(ABORT, 'an intent ends once'); END"""
    )


@migrations()
def m009_legal_changes(db: Database) -> None:
    """The same changes are legal, checked in less time."""
    packages = [(str(before), str(after)) for before, after in sorted(LEGAL_CHANGES)]
    for table, pairs in (("package", packages), ("slot", sorted(LEGAL_SLOT_CHANGES))):
        db.conn.execute(f"DROP TRIGGER {table}_changes_legally")
        db.conn.execute(
            f"""CREATE TRIGGER {table}_changes_legally BEFORE UPDATE OF status ON {table}
            WHEN OLD.status <> NEW.status AND NOT {_changes_legally("status", pairs)}
            BEGIN SELECT RAISE(ABORT, 'a {table} cannot change so'); END"""
        )


@migrations()
def m010_one_live_key(db: Database) -> None:
    """One index, not two, holds live packages apart: equal barcodes have equal keys.

    A package without a key is one of two spellings in a journal from before there were keys. It is
    held apart by triggers.
    """
    live = _either("status", "PENDING", "STORED", "EXPIRED") + " OR slot IS NOT NULL"
    db.conn.execute("DROP INDEX package_live_barcode_of_sender")
    db.conn.execute("DROP INDEX package_live_key_of_sender")
    for name, column, which in (
        ("key_of_sender", "barcode_key", live),
        ("barcode_without_key", "barcode", f"barcode_key IS NULL AND ({live})"),
    ):
        db.conn.execute(
            f"CREATE UNIQUE INDEX package_live_{name} ON package"
            f" ({column}, coalesce(sender, ''), is_announced) WHERE {which}"
        )
    new = _either("NEW.status", "PENDING", "STORED", "EXPIRED") + " OR NEW.slot IS NOT NULL"
    taken = f"""SELECT 1 FROM package WHERE barcode = NEW.barcode AND id <> NEW.id
        AND coalesce(sender, '') = coalesce(NEW.sender, '') AND is_announced = NEW.is_announced
        AND ({live})"""
    changes = "UPDATE OF barcode_key, status, slot, sender, is_announced"
    for name, event in (("begins", "INSERT"), ("stays", changes)):
        db.conn.execute(
            f"""CREATE TRIGGER package_{name}_apart BEFORE {event} ON package
            WHEN (EXISTS ({taken} AND barcode_key IS NULL)
                OR NEW.barcode_key IS NULL AND EXISTS ({taken})) AND ({new})
            BEGIN SELECT RAISE(ABORT, 'a live package has this barcode'); END"""
        )


@migrations()
def m011_longer_staff_numbers(db: Database) -> None:
    """A staff number has two to six digits."""
    (made,) = db.conn.execute("SELECT sql FROM sqlite_master WHERE name = 'staff'").fetchone()
    db.conn.execute("ALTER TABLE staff RENAME TO former_staff")
    db.conn.execute(made.replace("(length(number) = 2)", "(length(number) BETWEEN 2 AND 6)"))
    db.conn.execute("INSERT INTO staff SELECT * FROM former_staff")
    db.conn.execute("DROP TABLE former_staff")


@migrations()
def m012_carriers(db: Database) -> None:
    """A package is a carrier's, staff serve some, and of a slot it is known whose package was last
    meant to lie in it; what is here already is the operator's. The server is asked once more, for
    it may have known carriers before this version came."""
    operators = f"TEXT NOT NULL DEFAULT '{OPERATOR}'"
    db.conn.execute(f"ALTER TABLE package ADD COLUMN carrier {operators}")
    served = f"TEXT NOT NULL DEFAULT '[\"{OPERATOR}\"]'"
    db.conn.execute(f"ALTER TABLE staff ADD COLUMN carriers {served}")
    db.conn.execute(f"ALTER TABLE slot ADD COLUMN last_carrier {operators}")
    db.conn.execute("DELETE FROM meta WHERE key = 'staff_list'")
    db.conn.execute(
        "INSERT OR REPLACE INTO meta (key, value) SELECT 'people_wanted', '1'"
        " WHERE EXISTS (SELECT 1 FROM package WHERE is_announced = 1 AND (status = 'PENDING'"
        " OR status = 'STORED' OR status = 'EXPIRED' OR slot IS NOT NULL))"
    )


@migrations()
def m013_longest_staff_numbers(db: Database) -> None:
    """A staff number has two to twelve digits: as many as carriers number their people with."""
    (made,) = db.conn.execute("SELECT sql FROM sqlite_master WHERE name = 'staff'").fetchone()
    db.conn.execute("ALTER TABLE staff RENAME TO former_staff")
    db.conn.execute(made.replace("BETWEEN 2 AND 6)", "BETWEEN 2 AND 12)"))
    db.conn.execute("INSERT INTO staff SELECT * FROM former_staff")
    db.conn.execute("DROP TABLE former_staff")


@migrations()
def m014_carrier_keys(db: Database) -> None:
    """Couriers who are on no list are known by their carrier's key. Of them nothing is kept: there
    are as many rows as keys, and as badges that are revoked and have not ended."""
    db.conn.execute(
        """CREATE TABLE carrier_key (
            carrier TEXT NOT NULL,
            key_id TEXT NOT NULL CHECK (length(key_id) = 8),
            public_key BLOB NOT NULL CHECK (length(public_key) = 32),
            until_ms INTEGER,
            PRIMARY KEY (carrier, key_id)
        ) STRICT, WITHOUT ROWID"""
    )
    db.conn.execute(
        """CREATE TABLE revoked_badge (
            carrier TEXT NOT NULL,
            badge TEXT NOT NULL,
            pseudonym TEXT NOT NULL,
            until_ms INTEGER NOT NULL,
            PRIMARY KEY (carrier, badge, pseudonym),
            CHECK ((badge = '') <> (pseudonym = ''))
        ) STRICT, WITHOUT ROWID"""
    )


@migrations()
def m015_reservations(db: Database) -> None:
    """Doors that are kept for packages still to be announced."""
    db.conn.execute(
        """CREATE TABLE reservation (
            id TEXT PRIMARY KEY,
            size TEXT NOT NULL,
            until_ms INTEGER NOT NULL,
            package TEXT
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX reservation_until ON reservation (until_ms)")


@migrations()
def m016_unannounced(db: Database) -> None:
    """Who a package is for that nobody announced, until the server has heard of it; and what
    guests put in within a day. All of it is sealed."""
    db.conn.execute(
        """CREATE TABLE addressee (
            package TEXT PRIMARY KEY REFERENCES package (id),
            said TEXT NOT NULL
        ) STRICT"""
    )
    db.conn.execute(
        """CREATE TABLE guest_deposit (
            id INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            sender_mark TEXT NOT NULL,
            recipient_mark TEXT NOT NULL
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX guest_deposit_at ON guest_deposit (at_ms)")


@migrations()
def m017_delegates(db: Database) -> None:
    """Whom a package's owner has named to fetch it, and by whose code a door was opened."""
    db.conn.execute("ALTER TABLE package ADD COLUMN delegate TEXT")
    db.conn.execute("ALTER TABLE package ADD COLUMN delegate_until_ms INTEGER")
    db.conn.execute("ALTER TABLE intent ADD COLUMN delegate TEXT")
