"""The tables and triggers of the first schema, which all later ones grew from. They stand for ever
as they are: what changes is a migration's."""

from __future__ import annotations

from enum import StrEnum

from kiosk.model.barcode import BARCODE_LENGTH_MAX
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.package import LEGAL_CHANGES, PackageStatus


def one_of(column: str, values: type[StrEnum]) -> str:
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
    status TEXT NOT NULL DEFAULT 'EMPTY' CHECK ({one_of("status", SlotStatus)}),
    suspect TEXT CHECK (suspect IS NULL OR {one_of("suspect", SuspectReason)}),
    service TEXT NOT NULL DEFAULT 'IN_SERVICE' CHECK ({one_of("service", Service)}),
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
    status TEXT NOT NULL CHECK ({one_of("status", PackageStatus)}),
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
