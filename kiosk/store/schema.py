"""The tables, and the constraints and triggers that make wrong states impossible.

Changes of the schema are migrations of sqlite-utils, applied in order and recorded in the database.
After each opening the schema is compared with the one this program would make, so that a table made
by a slip, or a trigger that was lost, stops the start and not a customer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from hashlib import sha256

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from kiosk.model.barcode import BARCODE_LENGTH_MAX, kept_key
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import OpeningOutcome
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.package import LEGAL_CHANGES, PackageStatus

migrations = Migrations("parcel-kiosk")


def _one_of(column: str, values: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


TABLES = f"""
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE recipient (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    phone TEXT NOT NULL
) STRICT;
CREATE INDEX recipient_known ON recipient (id) WHERE name <> '' OR phone <> '';

CREATE TABLE staff (
    number TEXT PRIMARY KEY CHECK (length(number) = 2),
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('courier', 'technician')),
    pin_hash TEXT NOT NULL,
    badge_hash TEXT NOT NULL DEFAULT '',
    valid_from_ms INTEGER,
    valid_until_ms INTEGER,
    source TEXT NOT NULL CHECK (source IN ('config', 'init', 'centre')),
    listed_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE slot (
    label TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    size TEXT NOT NULL,
    is_low INTEGER NOT NULL CHECK (is_low IN (0, 1)),
    status TEXT NOT NULL DEFAULT 'EMPTY' CHECK ({_one_of("status", SlotStatus)}),
    suspect TEXT CHECK (suspect IS NULL OR {_one_of("suspect", SuspectReason)}),
    service TEXT NOT NULL DEFAULT 'IN_SERVICE' CHECK ({_one_of("service", Service)}),
    service_reason TEXT NOT NULL DEFAULT '',
    service_by TEXT NOT NULL DEFAULT '',
    service_since_ms INTEGER,
    service_until_ms INTEGER,
    is_reachable INTEGER NOT NULL DEFAULT 1 CHECK (is_reachable IN (0, 1)),
    faulty_since_ms INTEGER,
    freed_seq INTEGER NOT NULL DEFAULT 0,
    CHECK ((status = 'SUSPECT') = (suspect IS NOT NULL)),
    CHECK ((service = 'IN_SERVICE') = (service_since_ms IS NULL))
) STRICT;
CREATE INDEX slot_free ON slot (size, is_low, freed_seq, position)
    WHERE status = 'EMPTY' AND service = 'IN_SERVICE' AND is_reachable = 1;

CREATE TABLE package (
    id TEXT PRIMARY KEY,
    barcode TEXT NOT NULL CHECK (length(barcode) BETWEEN 1 AND {BARCODE_LENGTH_MAX}),
    status TEXT NOT NULL CHECK ({_one_of("status", PackageStatus)}),
    size TEXT,
    slot TEXT REFERENCES slot (label),
    last_slot TEXT REFERENCES slot (label),
    recipient TEXT REFERENCES recipient (id),
    owner TEXT,
    is_alone INTEGER NOT NULL DEFAULT 0 CHECK (is_alone IN (0, 1)),
    needs_low INTEGER NOT NULL DEFAULT 0 CHECK (needs_low IN (0, 1)),
    is_announced INTEGER NOT NULL DEFAULT 0 CHECK (is_announced IN (0, 1)),
    replaces TEXT REFERENCES package (id),
    locator TEXT,
    code_counter INTEGER NOT NULL DEFAULT 0 CHECK (code_counter >= 0),
    announced_ms INTEGER NOT NULL,
    stored_ms INTEGER,
    hold_until_ms INTEGER,
    paused_ms INTEGER NOT NULL DEFAULT 0,
    finished_ms INTEGER,
    CHECK (status NOT IN ('STORED', 'EXPIRED')
           OR (slot IS NOT NULL AND locator IS NOT NULL AND code_counter > 0
               AND stored_ms IS NOT NULL AND hold_until_ms IS NOT NULL)),
    CHECK (status NOT IN ('RETRIEVED', 'COLLECTED', 'MISSING')
           OR (slot IS NULL AND finished_ms IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX package_slot ON package (slot) WHERE slot IS NOT NULL;
CREATE UNIQUE INDEX package_live_locator ON package (locator)
    WHERE slot IS NOT NULL AND locator IS NOT NULL;
CREATE UNIQUE INDEX package_live_barcode ON package (barcode)
    WHERE status IN ('PENDING', 'STORED', 'EXPIRED') OR slot IS NOT NULL;
CREATE INDEX package_locator ON package (locator, stored_ms) WHERE locator IS NOT NULL;
CREATE INDEX package_hold ON package (hold_until_ms) WHERE status = 'STORED';
CREATE INDEX package_owner ON package (owner) WHERE owner IS NOT NULL AND slot IS NOT NULL;
CREATE INDEX package_announced ON package (announced_ms) WHERE status = 'PENDING';
CREATE INDEX package_finished ON package (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE INDEX package_recipient ON package (recipient) WHERE recipient IS NOT NULL;

CREATE TABLE intent (
    id TEXT PRIMARY KEY,
    slot TEXT NOT NULL REFERENCES slot (label),
    package TEXT REFERENCES package (id),
    purpose TEXT NOT NULL
        CHECK (purpose IN ('DEPOSIT', 'PICKUP', 'REOPEN', 'RETURN', 'COLLECTION', 'UNDO', 'MOVE',
                           'MAINTENANCE', 'LOOK')),
    actor TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('INTENDED', 'OPENED', 'DONE', 'FAILED', 'UNKNOWN')),
    outcome TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX intent_in_play ON intent (slot) WHERE state IN ('INTENDED', 'OPENED');

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    epoch TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    wall_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE bucket (
    name TEXT PRIMARY KEY,
    level_thousandths INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE wrong_try (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('typed', 'scanned')),
    package TEXT REFERENCES package (id)
) STRICT;
CREATE INDEX wrong_try_at ON wrong_try (how, at_ms);
CREATE INDEX wrong_try_package ON wrong_try (package, at_ms) WHERE package IS NOT NULL;

CREATE TABLE visit (
    id TEXT PRIMARY KEY,
    staff TEXT NOT NULL,
    role TEXT NOT NULL,
    began_seq INTEGER NOT NULL,
    ended_seq INTEGER,
    is_receipt_shown INTEGER NOT NULL DEFAULT 0 CHECK (is_receipt_shown IN (0, 1))
) STRICT;
CREATE INDEX visit_of_staff ON visit (staff, began_seq);

CREATE TABLE counter (
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, label)
) STRICT;

CREATE TABLE observer (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT
"""

LEGAL_SLOT_CHANGES = frozenset(
    {
        ("EMPTY", "RESERVED"),
        ("RESERVED", "OCCUPIED"),
        ("RESERVED", "EMPTY"),
        ("OCCUPIED", "EMPTY"),
        ("SUSPECT", "EMPTY"),
        ("SUSPECT", "OCCUPIED"),
        ("EMPTY", "SUSPECT"),
        ("RESERVED", "SUSPECT"),
        ("OCCUPIED", "SUSPECT"),
    }
)


def _pairs(
    changes: frozenset[tuple[str, str]] | frozenset[tuple[PackageStatus, PackageStatus]],
) -> str:
    return ", ".join(f"'{before}>{after}'" for before, after in sorted(changes))


# RAISE(ABORT) and never ROLLBACK: a refusal ends one caller's savepoint, not everybody's group.
TRIGGERS: dict[str, str] = {
    "package_begins_pending": """
        BEFORE INSERT ON package WHEN NEW.status NOT IN ('PENDING', 'CANCELLED')
        BEGIN SELECT RAISE(ABORT, 'a package begins as PENDING'); END""",
    "package_changes_legally": f"""
        BEFORE UPDATE OF status ON package
        WHEN OLD.status <> NEW.status
            AND OLD.status || '>' || NEW.status NOT IN ({_pairs(LEGAL_CHANGES)})
        BEGIN SELECT RAISE(ABORT, 'a package cannot change so'); END""",
    "package_keeps_identity": """
        BEFORE UPDATE OF id, barcode ON package
        WHEN OLD.id <> NEW.id OR OLD.barcode <> NEW.barcode
        BEGIN SELECT RAISE(ABORT, 'a package keeps its id and barcode'); END""",
    "package_is_kept": """
        BEFORE DELETE ON package
        BEGIN SELECT RAISE(ABORT, 'a package is never deleted'); END""",
    "package_needs_its_slot": """
        BEFORE UPDATE OF slot, status ON package
        WHEN NEW.slot IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM slot WHERE label = NEW.slot
            AND status IN (iif(NEW.status = 'PENDING', 'RESERVED', 'OCCUPIED'), 'SUSPECT'))
        BEGIN SELECT RAISE(ABORT, 'the slot is not held for this package'); END""",
    "package_begins_without_slot": """
        BEFORE INSERT ON package WHEN NEW.slot IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a package begins without a slot'); END""",
    "slot_changes_legally": f"""
        BEFORE UPDATE OF status ON slot
        WHEN OLD.status <> NEW.status
            AND OLD.status || '>' || NEW.status NOT IN ({_pairs(LEGAL_SLOT_CHANGES)})
        BEGIN SELECT RAISE(ABORT, 'a slot cannot change so'); END""",
    "slot_begins_empty": """
        BEFORE INSERT ON slot WHEN NEW.status <> 'EMPTY'
        BEGIN SELECT RAISE(ABORT, 'a slot begins as EMPTY'); END""",
    "slot_is_free_when_its_package_left": """
        BEFORE UPDATE OF status ON slot
        WHEN NEW.status = 'EMPTY' AND EXISTS (SELECT 1 FROM package WHERE slot = NEW.label)
        BEGIN SELECT RAISE(ABORT, 'the slot still holds a package'); END""",
    "slot_is_reserved_only_in_service": """
        BEFORE UPDATE OF status ON slot
        WHEN NEW.status = 'RESERVED' AND OLD.status = 'EMPTY' AND NEW.service <> 'IN_SERVICE'
        BEGIN SELECT RAISE(ABORT, 'the slot is out of service'); END""",
    "slot_is_kept": """
        BEFORE DELETE ON slot
        BEGIN SELECT RAISE(ABORT, 'a slot is never deleted'); END""",
    "intent_ends_once": """
        BEFORE UPDATE OF state ON intent
        WHEN OLD.state || '>' || NEW.state NOT IN (
            'INTENDED>OPENED', 'INTENDED>DONE', 'INTENDED>FAILED', 'INTENDED>UNKNOWN',
            'OPENED>DONE', 'OPENED>UNKNOWN')
        BEGIN SELECT RAISE(ABORT, 'an intent ends once'); END""",
    "intent_is_kept": """
        BEFORE DELETE ON intent
        BEGIN SELECT RAISE(ABORT, 'an intent is never deleted'); END""",
    "journal_is_in_order": """
        BEFORE INSERT ON journal
        WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM journal), 0)
        BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END""",
    "journal_is_not_changed": """
        BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END""",
    "journal_is_not_deleted": """
        BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END""",
}


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
            outcome TEXT NOT NULL CHECK ({_one_of("outcome", OpeningOutcome)})
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


def fingerprint(db: Database) -> str:
    """A hash of every table, index and trigger, to compare two schemas."""
    rows = db.conn.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"
    ).fetchall()
    return sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


@cache
def expected_fingerprint() -> str:
    """The fingerprint of a database that this program just made."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        fresh = Database(connection)
        migrations.apply(fresh)
        return fingerprint(fresh)
    finally:
        connection.close()
