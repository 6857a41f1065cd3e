"""The staff that may sign in, their visits, and what each visit moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kiosk.model.actor import CONSOLE, KIOSK, SERVER
from kiosk.model.actor import staff as staff_actor
from kiosk.model.carriers import OPERATOR, CarrierScope
from kiosk.model.commands import ListedStaff
from kiosk.model.event_bodies import StaffListed, StaffSignedIn, VisitEnded
from kiosk.model.events import Event, EventKind
from kiosk.model.person import NUMBER_DIGITS_MIN, Role, Staff, StaffSource
from kiosk.store import badges, journal, meta
from kiosk.store.answers import Answer
from kiosk.store.badges import NO_ACCESS, CarrierAccess
from kiosk.store.writer import Row, Writer, insert, update

HANDED_OVER = (
    EventKind.PACKAGE_STORED,
    EventKind.DEPOSIT_UNDONE,
    EventKind.PACKAGE_COLLECTED,
    EventKind.PACKAGE_MISSING,
)
"""What stands on a hand-over receipt."""
LISTED_MAX = 1000
"""How many numbers one event of a changed list names; more are in the next one."""
BITE = 100
"""So many people of a server's list are taken in one transaction."""

_WHO_LISTS = {
    StaffSource.CONFIG: KIOSK,
    StaffSource.INIT: CONSOLE,
    StaffSource.SERVER: SERVER,
}


SERVER_LIST = "staff_list"
"""The key of which version of the server's list is here, and when it was last found to count."""
DIGITS = "staff_digits"
"""The keys, one for each source, of how many digits its numbers are typed with."""


@dataclass(frozen=True, slots=True)
class ServerList:
    """Which list of the server's is here."""

    version: int = 0
    """0 where none was fetched."""
    taken_ms: int = 0
    """When it last was found to be the one that counts, in milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class ListChange:
    """What changed in the server's list, or the whole list."""

    version: int
    digits: int
    is_whole: bool
    listed: Sequence[Staff]
    gone: Sequence[str] = ()
    """The numbers of those who are not on it any more."""
    access: CarrierAccess = NO_ACCESS
    """How couriers who are on no list are known: all of it."""


def person_of(listed: ListedStaff, listed_ms: int) -> Staff:
    """A member of staff as the server lists them."""
    return Staff(
        listed.number,
        listed.name,
        listed.role,
        listed.pin_hash,
        listed.badge_hash,
        listed.valid_from_ms,
        listed.valid_until_ms,
        StaffSource.SERVER,
        listed_ms,
        listed.carriers,
    )


def list_staff(
    writer: Writer, staff: Sequence[Staff], source: StaffSource, digits: int = NUMBER_DIGITS_MIN
) -> int:
    """Take a whole list of staff from one source in place of its last one; how many changed.

    A number that another source has is left to that one: the config's people come before the
    server's.
    """
    gone = _gone(writer, staff, source)
    # Whom the server lists under a number that was another's until now, and which list is here when
    # it came in another way, is not known: it is fetched whole.
    if gone or source is StaffSource.SERVER:
        meta.forget(writer, SERVER_LIST)
    meta.set_value(writer, _digits_key(source), str(digits))
    return _change(writer, source, staff, gone)


def _gone(writer: Writer, staff: Sequence[Staff], source: StaffSource) -> list[str]:
    """The numbers of those who are not on a source's whole list."""
    known = writer.all("SELECT number FROM staff WHERE source = ? ORDER BY number", (source,))
    wanted = {person.number for person in staff}
    return [row["number"] for row in known if row["number"] not in wanted]


def take_server_list(
    change: ListChange, submit: Callable[..., Answer[Any]], bite: int = BITE
) -> int:
    """Take a newer version of the server's list by `submit`, in bites between which a door's pulse
    goes out; how many changed.

    Everybody is at every moment as in the list before or as in the new one; those who are not on it
    any more go first. Which version is here is noted at the end: one that was cut off is fetched
    and taken again.
    """
    changed: list[str | Staff] = [*submit(_begin_server_list, change).result(), *change.listed]
    count = 0
    for first in range(0, len(changed), bite):
        count += submit(_take_some, changed[first : first + bite]).result()
    submit(_end_server_list, change).result()
    return count


def _begin_server_list(writer: Writer, change: ListChange) -> list[str]:
    """Whose numbers go; from here on numbers are typed that are as long as those that come."""
    digits = int(meta.value(writer, _digits_key(StaffSource.SERVER)) or NUMBER_DIGITS_MIN)
    if change.digits > digits:
        meta.set_value(writer, _digits_key(StaffSource.SERVER), str(change.digits))
    if not change.is_whole:
        return list(change.gone)
    return _gone(writer, change.listed, StaffSource.SERVER)


def _take_some(writer: Writer, changed: Sequence[str | Staff]) -> int:
    """Some of those who are listed, and the numbers of some who are not any more."""
    listed = [each for each in changed if isinstance(each, Staff)]
    gone = [each for each in changed if isinstance(each, str)]
    return _change(writer, StaffSource.SERVER, listed, gone)


def _end_server_list(writer: Writer, change: ListChange) -> None:
    """All of it is here, and is the list that counts just now."""
    now_ms = writer.now.wall_ms
    meta.set_value(writer, _digits_key(StaffSource.SERVER), str(change.digits))
    writer.db.execute(
        "UPDATE staff SET listed_ms = ? WHERE source = ?", (now_ms, StaffSource.SERVER)
    )
    badges.take(writer, change.access)
    meta.set_value(writer, SERVER_LIST, json.dumps([change.version, now_ms]))


def server_list(writer: Writer) -> ServerList:
    """Which list of the server's is here."""
    kept = meta.value(writer, SERVER_LIST)
    return ServerList() if kept is None else meta.read_as(ServerList, kept)


def forget_server_list(writer: Writer) -> None:
    """What is here is of another server: its list is fetched whole, and no badge that the other
    one's carriers signed counts any more."""
    meta.forget(writer, SERVER_LIST)
    badges.take(writer, NO_ACCESS)


def number_digits(writer: Writer) -> int:
    """How many digits of a number are typed: as many as the source with the longest numbers has."""
    kept = [meta.value(writer, _digits_key(source)) for source in StaffSource]
    return max([NUMBER_DIGITS_MIN, *(int(digits) for digits in kept if digits is not None)])


def _digits_key(source: StaffSource) -> str:
    return f"{DIGITS} {source}"


def _change(
    writer: Writer, source: StaffSource, listed: Sequence[Staff], gone: Iterable[str]
) -> int:
    changed = []
    for number in gone:
        deleted = writer.db.execute(
            "DELETE FROM staff WHERE number = ? AND source = ?", (number, source)
        )
        if deleted.rowcount:
            changed.append(number)
    for person in listed:
        row = writer.one("SELECT * FROM staff WHERE number = ?", (person.number,))
        before = None if row is None else _staff(writer, row)
        if row is not None and row["source"] != source:
            continue
        if before is None or replace(before, listed_ms=person.listed_ms) != person:
            changed.append(person.number)
        if before != person:
            _put(writer, person, source)
    changed.sort()
    for first in range(0, len(changed), LISTED_MAX):
        some = changed[first : first + LISTED_MAX]
        writer.record(StaffListed(actor=_WHO_LISTS[source], source=source, numbers=some))
    return len(changed)


def _put(writer: Writer, person: Staff, source: StaffSource) -> None:
    writer.db.execute(
        "INSERT OR REPLACE INTO staff (number, name, role, pin_hash, badge_hash, valid_from_ms,"
        " valid_until_ms, source, listed_ms, carriers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            json.dumps(person.carriers),
        ),
    )


def member(writer: Writer, number: str) -> Staff | None:
    """One person by number."""
    row = writer.one("SELECT * FROM staff WHERE number = ?", (number,))
    return None if row is None else _staff(writer, row)


def anybody(writer: Writer) -> Staff | None:
    """Somebody, whose hash is checked when a number is nobody's."""
    rows = writer.all("SELECT * FROM staff LIMIT 8")
    return next(filter(None, (_staff(writer, row) for row in rows)), None)


def members(writer: Writer) -> list[Staff]:
    """Everybody who is listed, by number."""
    rows = writer.all("SELECT * FROM staff ORDER BY number")
    return [person for row in rows if (person := _staff(writer, row)) is not None]


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


def _staff(writer: Writer, row: Row) -> Staff | None:
    """None for somebody whose role only a newer program knows: they have no rights here."""
    if row["role"] not in set(Role) or row["source"] not in set(StaffSource):
        return None
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
        carriers=tuple(json.loads(row["carriers"])),
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


def unseen_receipt(writer: Writer, number: str, scope: CarrierScope) -> Visit | None:
    """The person's last visit, if it moved something and its receipt was not seen."""
    row = writer.one(
        "SELECT * FROM visit WHERE staff = ? AND ended_seq IS NOT NULL"
        " ORDER BY began_seq DESC LIMIT 1",
        (number,),
    )
    if row is None or row["is_receipt_shown"]:
        return None
    visit = Visit(row["id"], row["staff"], row["began_seq"])
    return visit if moved_in(writer, visit, scope) else None


@dataclass(frozen=True, slots=True)
class Moved:
    """A package that changed hands in a visit."""

    event: Event
    barcode: str
    slot: str
    carrier: str


def moved_in(writer: Writer, visit: Visit, scope: CarrierScope) -> list[Moved]:
    """What a visit stored, undid, took back or found missing, as far as somebody may touch it: a
    number may be another carrier's courier's by now. What a customer did who was let in between is
    not on it."""
    row = writer.one("SELECT ended_seq FROM visit WHERE id = ?", (visit.id,))
    until = row["ended_seq"] if row and row["ended_seq"] else writer.head.seq
    events = journal.after(writer, visit.began_seq, 1000, HANDED_OVER)
    moved = [
        _moved(writer, event)
        for event in events
        if event.seq <= until and _is_by(event, staff_actor(visit.staff))
    ]
    return [each for each in moved if scope.may_touch(each.carrier)]


def _is_by(event: Event, actor: str) -> bool:
    """Whether somebody did this; of an event of a version that did not say who, so it is taken."""
    return bool(json.loads(event.body).get("actor", actor) == actor)


def _moved(writer: Writer, event: Event) -> Moved:
    rows = json.loads(event.body)["rows"]
    package = next(values["id"] for table, values in rows if table == "package")
    slot = next(values["label"] for table, values in rows if table == "slot")
    found = writer.one("SELECT barcode, carrier FROM package WHERE id = ?", (package,))
    barcode, carrier = (found["barcode"], found["carrier"]) if found else ("", OPERATOR)
    return Moved(event, barcode, slot, carrier)
