"""The wishes of the central server, each applied once and answered by an event.

A wish and the note that it was applied are one transaction, so a wish that comes again finds its
number passed. One that cannot be carried out is answered as refused, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.model.barcode import NotABarcodeError, require_barcode
from kiosk.model.events import EventKind, canonical_json
from kiosk.model.location import Service
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.model.person import Recipient, Role, Staff, StaffSource
from kiosk.store import departures, holds, packages, slots, staff
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, insert, update

CURSOR = "command_cursor"
PEOPLE_WANTED = "people_wanted"
ACTOR = "centre"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the centre wishes: its number here, its id there, what and of what."""

    n: int
    id: str
    type: str
    body: Mapping[str, Any]
    is_signed: bool = False
    """Whether the centre's signature was checked; a door opens for nothing else."""


OPENINGS_MAX = 6
"""How many doors may be opened from afar within an hour, whatever the centre wishes."""
HOUR_MS = 3_600_000
LOOKED_BACK = 20_000
"""How many events are looked through for the answers to earlier wishes."""


def are_people_wanted(writer: Writer) -> bool:
    """Whether the centre is to tell once more who is listed here and who packages are for: names
    and numbers are in no journal, so after a restore they are as old as the backup."""
    return writer.one("SELECT 1 FROM meta WHERE key = ?", (PEOPLE_WANTED,)) is not None


def want_people(writer: Writer, *, are_wanted: bool) -> None:
    """Say whether the centre is to tell of all people once more."""
    writer.db.execute("DELETE FROM meta WHERE key = ?", (PEOPLE_WANTED,))
    if are_wanted:
        writer.db.execute("INSERT INTO meta (key, value) VALUES (?, '1')", (PEOPLE_WANTED,))


def came_to(writer: Writer, n: int) -> None:
    """Note that the wishes up to this number were dealt with."""
    writer.db.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (CURSOR, str(n)),
    )


def cursor(writer: Writer) -> int:
    """The number of the last wish that was dealt with; 0 before the first."""
    row = writer.one("SELECT value FROM meta WHERE key = ?", (CURSOR,))
    return 0 if row is None else int(row["value"])


def apply(writer: Writer, wish: Wish, time_zone: str) -> bool:
    """Carry out a wish and note it; False when it was dealt with before.

    Raises `RefusedError` when it cannot be carried out: then call `refuse`.
    """
    if wish.n <= cursor(writer):
        return False
    facts = _carry_out(writer, wish, time_zone)
    _note(writer, wish, "APPLIED", **facts)
    return True


def refuse(writer: Writer, wish: Wish, why: str) -> None:
    """Answer that a wish is not carried out."""
    if wish.n > cursor(writer):
        _note(writer, wish, "REFUSED", detail=why)


def _note(writer: Writer, wish: Wish, outcome: str, **facts: Any) -> None:
    writer.record(
        EventKind.COMMAND_APPLIED,
        id=wish.id,
        n=wish.n,
        type=wish.type,
        outcome=outcome,
        **facts,
    )
    came_to(writer, wish.n)


def _carry_out(writer: Writer, wish: Wish, time_zone: str) -> dict[str, Any]:
    body = wish.body
    try:
        match wish.type:
            case "announce":
                return _announce(writer, body)
            case "cancel":
                _cancel(writer, body)
            case "reissue":
                _reissue(writer, str(body["package"]), int(body["counter"]))
            case "extend":
                days = int(body["days"])
                holds.extend_hold(writer, str(body["package"]), days, time_zone, ACTOR)
            case "contact":
                package_id = _named(writer, str(body["package"]))
                _live(writer, package_id)
                _tie(writer, package_id, body["recipient"])
            case "slot_service":
                label, service = str(body["slot"]), Service(body["service"])
                slots.record_of(writer, label)
                slots.set_service(writer, label, service, str(body.get("reason", "")), ACTOR)
            case "open":
                return _open(writer, wish)
            case "staff":
                people = [_person(each, writer.now.wall_ms) for each in body["staff"]]
                staff.list_staff(writer, people, StaffSource.CENTRE)
            case other:
                raise RefusedError(f"this kiosk does not know the command {other!r}")
    except (KeyError, ValueError, TypeError) as error:
        raise RefusedError(f"the command {wish.type!r} is not well formed: {error!r}") from error
    return {}


def _open(writer: Writer, wish: Wish) -> dict[str, Any]:
    """Whether a slot may be opened from afar now; that it is opened comes after this event."""
    slot = str(wish.body["slot"])
    if not wish.is_signed:
        raise RefusedError("the opening is not signed by this kiosk's centre")
    if slots.record_of(writer, slot).service is Service.DO_NOT_OPEN:
        raise RefusedError(f"slot {slot} must not be opened")
    opened = writer.all(
        "SELECT body FROM journal WHERE seq > ? AND wall_ms > ? AND kind = 'COMMAND_APPLIED'",
        (writer.head.seq - LOOKED_BACK, writer.now.wall_ms - HOUR_MS),
    )
    answers = [json.loads(row["body"]) for row in opened]
    openings = [each for each in answers if each["type"] == "open"]
    if wish.id in {each["id"] for each in openings}:
        raise RefusedError("this opening came before")
    if sum(each["outcome"] == "APPLIED" for each in openings) >= OPENINGS_MAX:
        raise RefusedError(f"{OPENINGS_MAX} doors were opened from afar within an hour")
    return {"slot": slot}


def miss_opening(writer: Writer, wish_id: str, slot: str) -> int:
    """Somebody stepped up to the machine before a slot could be opened from afar: it stays shut."""
    return writer.record(EventKind.OPENING_MISSED, id=wish_id, slot=slot, actor=ACTOR)


def _announce(writer: Writer, body: Mapping[str, Any]) -> dict[str, Any]:
    package_id, barcode = str(body["package"]), _barcode(body)
    known = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if known is not None and known["status"] == PackageStatus.CANCELLED and not known["slot"]:
        raise RefusedError(f"package {package_id} was recalled before it was announced")
    lying = packages.live_by_barcode(writer, barcode)
    joined = known["id"] if known is not None else (lying.id if lying is not None else None)
    recipient, size = body.get("recipient"), body.get("size")
    if joined is None:
        announcement = packages.Announcement(
            package_id,
            barcode,
            None if size is None else str(size),
            None if recipient is None else _recipient(recipient),
            body.get("owner"),
            bool(body.get("is_alone")),
            bool(body.get("needs_low")),
        )
        packages.announce(writer, announcement)
        return {"package": package_id}
    if recipient is not None:
        _tie(writer, joined, recipient, owner=body.get("owner"), is_announced=1)
    return {"package": joined, "joined": package_id}


def _barcode(body: Mapping[str, Any]) -> str:
    """Raises `RefusedError` for what is no barcode."""
    barcode = body["barcode"]
    try:
        require_barcode(barcode if isinstance(barcode, str) else "")
    except NotABarcodeError as error:
        raise RefusedError(f"barcode {barcode!r:.60}: {error}") from error
    return str(barcode)


def _recipient(body: Mapping[str, Any]) -> Recipient:
    return Recipient(str(body["id"]), str(body.get("name", "")), str(body.get("phone", "")))


def _tie(writer: Writer, package_id: str, recipient: Mapping[str, Any], **values: Any) -> None:
    """This package is for this person from now on."""
    person = _recipient(recipient)
    writer.db.execute(
        "INSERT INTO recipient (id, name, phone) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET name = excluded.name, phone = excluded.phone",
        (person.id, writer.sealer.seal(person.name), writer.sealer.seal(person.phone)),
    )
    writer.record(
        EventKind.CONTACT_CHANGED,
        update("package", id=package_id, recipient=person.id, **values),
        actor=ACTOR,
    )


def _named(writer: Writer, package_id: str) -> str:
    """The package that is here under this id, or lay here already when it was announced."""
    if writer.one("SELECT 1 FROM package WHERE id = ?", (package_id,)) is not None:
        return package_id
    joined = canonical_json({"joined": package_id})[1:-1]
    row = writer.one(
        "SELECT body FROM journal WHERE seq > ? AND kind = 'COMMAND_APPLIED' AND instr(body, ?)"
        " LIMIT 1",
        (writer.head.seq - LOOKED_BACK, joined),
    )
    return package_id if row is None else str(json.loads(row["body"])["package"])


def _cancel(writer: Writer, body: Mapping[str, Any]) -> None:
    package_id, why = _named(writer, str(body["package"])), str(body.get("why", ""))
    known = writer.one("SELECT status FROM package WHERE id = ?", (package_id,))
    if known is not None:
        if (PackageStatus(known["status"]), PackageStatus.CANCELLED) not in LEGAL_CHANGES:
            raise RefusedError(f"package {package_id} is {known['status']}: it cannot be recalled")
        departures.cancel(writer, package_id, why)
        return
    # A tombstone: when its announcement comes after all, it is known to be recalled.
    writer.record(
        EventKind.PACKAGE_CANCELLED,
        insert(
            "package",
            id=package_id,
            barcode=_barcode(body),
            status=PackageStatus.CANCELLED,
            announced_ms=writer.now.wall_ms,
            finished_ms=writer.now.wall_ms,
        ),
        why=why,
    )


def _live(writer: Writer, package_id: str) -> Row:
    row = writer.one(f"SELECT * FROM package WHERE id = ? AND {packages.LIVE}", (package_id,))
    if row is None:
        raise RefusedError(f"there is no live package {package_id}")
    return row


def _reissue(writer: Writer, package_id: str, counter: int) -> None:
    row = _live(writer, package_id)
    if row["code_counter"] == 0:
        raise RefusedError(f"package {package_id} has no code yet")
    if counter > row["code_counter"]:
        change = update("package", id=package_id, code_counter=counter)
        writer.record(EventKind.CODE_REISSUED, change, actor=ACTOR)


def _person(body: Mapping[str, Any], listed_ms: int) -> Staff:
    return Staff(
        str(body["number"]),
        str(body["name"]),
        Role(body["role"]),
        str(body["pin_hash"]),
        str(body.get("badge_hash", "")),
        body.get("valid_from_ms"),
        body.get("valid_until_ms"),
        StaffSource.CENTRE,
        listed_ms,
    )
