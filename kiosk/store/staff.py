"""The staff that may sign in, their visits, and what each visit moved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.model.actor import CONSOLE, KIOSK, SERVER
from kiosk.model.actor import staff as staff_actor
from kiosk.model.event_bodies import StaffListed, StaffSignedIn, VisitEnded
from kiosk.model.events import Event, EventKind
from kiosk.model.person import Role, Staff, StaffSource
from kiosk.store import journal
from kiosk.store.writer import Row, Writer, insert, update

HANDED_OVER = (
    EventKind.PACKAGE_STORED,
    EventKind.DEPOSIT_UNDONE,
    EventKind.PACKAGE_COLLECTED,
    EventKind.PACKAGE_MISSING,
)
"""What stands on a hand-over receipt."""


_WHO_LISTS = {
    StaffSource.CONFIG: KIOSK,
    StaffSource.INIT: CONSOLE,
    StaffSource.SERVER: SERVER,
}


def list_staff(writer: Writer, staff: Sequence[Staff], source: StaffSource) -> int:
    """Take a whole list of staff from one source in place of its last one; how many changed.

    A number that another source has is left to that one: the config's people come before the
    server's.
    """
    known = {row["number"]: row for row in writer.all("SELECT * FROM staff")}
    wanted = {person.number: person for person in staff}
    changed = []
    for number, row in known.items():
        if row["source"] == source and number not in wanted:
            writer.db.execute("DELETE FROM staff WHERE number = ?", (number,))
            changed.append(number)
    for number, person in wanted.items():
        before = known.get(number)
        if before is not None and before["source"] != source:
            continue
        if before is not None and _staff(writer, before) == person:
            continue
        _put(writer, person, source)
        changed.append(number)
    if changed:
        writer.record(StaffListed(actor=_WHO_LISTS[source], source=source, numbers=sorted(changed)))
    return len(changed)


def _put(writer: Writer, person: Staff, source: StaffSource) -> None:
    writer.db.execute(
        "INSERT OR REPLACE INTO staff (number, name, role, pin_hash, badge_hash, valid_from_ms,"
        " valid_until_ms, source, listed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            person.number,
            writer.sealer.seal(person.name),
            person.role,
            writer.sealer.seal(person.pin_hash),
            writer.sealer.seal(person.badge_hash),
            person.valid_from_ms,
            person.valid_until_ms,
            source,
            person.listed_ms,
        ),
    )


def member(writer: Writer, number: str) -> Staff | None:
    """One person by number."""
    row = writer.one("SELECT * FROM staff WHERE number = ?", (number,))
    return None if row is None else _staff(writer, row)


def anybody(writer: Writer) -> Staff | None:
    """Somebody, whose hash is checked when a number is nobody's."""
    row = writer.one("SELECT * FROM staff LIMIT 1")
    return None if row is None else _staff(writer, row)


def members(writer: Writer) -> list[Staff]:
    """Everybody who is listed, by number."""
    return [_staff(writer, row) for row in writer.all("SELECT * FROM staff ORDER BY number")]


def names(writer: Writer) -> dict[str, str]:
    """The names by number."""
    rows = writer.all("SELECT number, name FROM staff")
    return {row["number"]: writer.sealer.open(row["name"]) for row in rows}


def seal_names(writer: Writer) -> None:
    """Seal the names that a version before 0.3 wrote."""
    for row in writer.all("SELECT number, name FROM staff"):
        if row["name"] and not writer.sealer.is_sealed(row["name"]):
            sealed = writer.sealer.seal(row["name"])
            writer.db.execute("UPDATE staff SET name = ? WHERE number = ?", (sealed, row["number"]))


def _staff(writer: Writer, row: Row) -> Staff:
    return Staff(
        number=row["number"],
        name=writer.sealer.open(row["name"]),
        role=Role(row["role"]),
        pin_hash=writer.sealer.open(row["pin_hash"]),
        badge_hash=writer.sealer.open(row["badge_hash"]),
        valid_from_ms=row["valid_from_ms"],
        valid_until_ms=row["valid_until_ms"],
        source=StaffSource(row["source"]),
        listed_ms=row["listed_ms"],
    )


# --- visits --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of a member of staff at the machine."""

    id: str
    staff: str
    began_seq: int


def begin_visit(writer: Writer, visit: str, number: str, role: Role) -> Visit:
    """Somebody signed in."""
    seq = writer.head.seq + 1
    writer.record(
        StaffSignedIn(actor=staff_actor(number), role=role),
        insert("visit", id=visit, staff=number, role=role, began_seq=seq),
    )
    return Visit(visit, number, seq)


def end_visit(writer: Writer, visit: Visit, receipt_shown: bool) -> int:
    """Somebody is done, or has gone; a receipt that was not seen waits for the next sign-in."""
    return writer.record(
        VisitEnded(actor=staff_actor(visit.staff)),
        update(
            "visit",
            id=visit.id,
            ended_seq=writer.head.seq + 1,
            is_receipt_shown=int(receipt_shown),
        ),
    )


def receipt_shown(writer: Writer, visit: Visit) -> int:
    """A receipt that had waited was seen."""
    return writer.record(
        VisitEnded(actor=staff_actor(visit.staff)), update("visit", id=visit.id, is_receipt_shown=1)
    )


def end_open_visits(writer: Writer) -> int:
    """After a start: visits that the end of the process cut short are over."""
    rows = writer.all("SELECT id, staff, began_seq FROM visit WHERE ended_seq IS NULL")
    for row in rows:
        end_visit(writer, Visit(row["id"], row["staff"], row["began_seq"]), receipt_shown=False)
    return len(rows)


def is_in_visit(writer: Writer, seq: int) -> bool:
    """Whether the visit in which an event happened goes on."""
    row = writer.one("SELECT 1 FROM visit WHERE ended_seq IS NULL AND began_seq < ?", (seq,))
    return row is not None


def unseen_receipt(writer: Writer, number: str) -> Visit | None:
    """The person's last visit, if it moved something and its receipt was not seen."""
    row = writer.one(
        "SELECT * FROM visit WHERE staff = ? AND ended_seq IS NOT NULL"
        " ORDER BY began_seq DESC LIMIT 1",
        (number,),
    )
    if row is None or row["is_receipt_shown"]:
        return None
    visit = Visit(row["id"], row["staff"], row["began_seq"])
    return visit if moved_in(writer, visit) else None


@dataclass(frozen=True, slots=True)
class Moved:
    """A package that changed hands in a visit."""

    event: Event
    barcode: str
    slot: str


def moved_in(writer: Writer, visit: Visit) -> list[Moved]:
    """What a visit stored, undid, took back or found missing."""
    row = writer.one("SELECT ended_seq FROM visit WHERE id = ?", (visit.id,))
    until = row["ended_seq"] if row and row["ended_seq"] else writer.head.seq
    events = journal.after(writer, visit.began_seq, 1000, HANDED_OVER)
    return [_moved(writer, event) for event in events if event.seq <= until]


def _moved(writer: Writer, event: Event) -> Moved:
    rows = json.loads(event.body)["rows"]
    package = next(values["id"] for table, values in rows if table == "package")
    slot = next(values["label"] for table, values in rows if table == "slot")
    found = writer.one("SELECT barcode FROM package WHERE id = ?", (package,))
    return Moved(event, found["barcode"] if found else "", slot)
