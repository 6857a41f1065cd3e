"""The commands of the central server, each applied once and answered by an event.

A command and the note that it was applied are one transaction, so a command that comes again finds
its number passed. One that cannot be carried out, or that does not fit, is answered as refused,
with the reason, and the next one goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, assert_never

from kiosk.model.barcode import NotABarcodeError, require_barcode
from kiosk.model.carriers import CarrierScope
from kiosk.model.commands import (
    STAFF_LIST,
    Announce,
    Cancel,
    ChangeSettings,
    ChooseRelease,
    Command,
    CommandRecipient,
    CommandType,
    Contact,
    EndDelegate,
    Extend,
    ListStaff,
    NameDelegate,
    Open,
    OpeningOutcome,
    Pause,
    Reissue,
    ReleaseDoor,
    ReserveDoor,
    Restart,
    Resume,
    SendSupportFile,
    SlotService,
    TakePicture,
    TrustKey,
)
from kiosk.model.event_bodies import (
    CodeReissued,
    CommandApplied,
    ContactChanged,
    Outcome,
    PackageCancelled,
)
from kiosk.model.events import canonical_json
from kiosk.model.location import Service
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.model.person import Recipient, StaffSource
from kiosk.store import (
    addressees,
    delegates,
    departures,
    holds,
    meta,
    openings,
    packages,
    releases,
    remote_help,
    reservations,
    slots,
    staff,
)
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, insert, update

Help = Restart | Pause | Resume | TakePicture | SendSupportFile | ChangeSettings
CURSOR = "command_cursor"
UNNUMBERED = "commands_without_number"
UNNUMBERED_KEPT = 50
"""So many commands without a number are remembered, so that each is answered once: as many as the
server sends at a time."""
PEOPLE_WANTED = "people_wanted"
ONLY_SIGNED = "only_signed_commands"
ACTOR = openings.ACTOR


@dataclass(frozen=True, slots=True)
class Received:
    """A command as it came from the server."""

    n: int
    """Its number here, in which order commands are applied; 0 when it has none that can be read."""
    id: str
    """Its id at the server; "" when it has none that can be read."""
    type: str
    command: Command | None = None
    """None when it does not fit; `problem` says why."""
    problem: str = ""
    digest: str = ""
    """Of all of a command that does not fit."""
    signature: str = ""
    is_signed: bool = False
    """Whether the server's signature of an opening was checked; a door opens for nothing else."""
    is_proven: bool = False
    """Whether the signature of the whole command was checked."""


LOOKED_BACK = 20_000
"""How many events are looked through for the answers to earlier commands."""


def only_signed(writer: Writer) -> bool:
    """Whether the server has signed a command: from then on only those that are signed count."""
    return meta.value(writer, ONLY_SIGNED) is not None


def take_only_signed(writer: Writer) -> None:
    """The server signs its commands."""
    if not only_signed(writer):
        meta.set_value(writer, ONLY_SIGNED, "1")


def are_people_wanted(writer: Writer) -> bool:
    """Whether the server is to tell once more who is listed here and who packages are for: names
    and numbers are in no journal, so after a restore they are as old as the backup."""
    return meta.value(writer, PEOPLE_WANTED) is not None


def want_people(writer: Writer, *, are_wanted: bool) -> None:
    """Say whether the server is to tell of all people once more."""
    if are_wanted:
        meta.set_value(writer, PEOPLE_WANTED, "1")
    else:
        meta.forget(writer, PEOPLE_WANTED)


def came_to(writer: Writer, n: int) -> None:
    """Note that the commands up to this number were dealt with."""
    if n > cursor(writer):
        meta.set_value(writer, CURSOR, str(n))


def cursor(writer: Writer) -> int:
    """The number of the last command that was dealt with; 0 before the first."""
    return int(meta.value(writer, CURSOR) or 0)


def apply(writer: Writer, received: Received, time_zone: str) -> bool:
    """Carry out a command and note it; False when it was dealt with before.

    Raises `RefusedError` when it cannot be carried out: then call `refuse`.
    """
    if received.n and received.n <= cursor(writer):
        return False
    if received.command is None:
        raise RefusedError(received.problem)
    details = _carry_out(writer, received, received.command, time_zone)
    _answer(writer, received, "APPLIED", **details)
    return True


def refuse(writer: Writer, received: Received, why: str) -> bool:
    """Answer that a command is not carried out; False when it was dealt with before."""
    if received.n:
        is_new = received.n > cursor(writer)
    else:
        is_new = _is_new_without_number(writer, received.digest)
    if is_new:
        # One that anybody may have sent must not stand in the way of the server's own.
        if received.n and received.type == CommandType.OPEN and received.id:
            slot = received.command.slot if isinstance(received.command, Open) else ""
            openings.note(writer, received.id, slot, OpeningOutcome.REFUSED, writer.now.wall_ms)
        _answer(writer, received, "REFUSED", detail=why)
    return is_new


def refuse_staff_list(writer: Writer, why: str) -> bool:
    """Answer that what the server has for a list of staff is not taken, once for each reason; False
    when that is known there."""
    received = Received(0, "", STAFF_LIST, problem=why, digest=f"{STAFF_LIST} {why}")
    return refuse(writer, received, why)


def _is_new_without_number(writer: Writer, digest: str) -> bool:
    """Whether this is the first time that such a command came; from now on it is not."""
    digests: list[str] = json.loads(meta.value(writer, UNNUMBERED) or "[]")
    if digest in digests:
        return False
    meta.set_value(writer, UNNUMBERED, json.dumps([*digests, digest][-UNNUMBERED_KEPT:]))
    return True


def _answer(writer: Writer, received: Received, outcome: Outcome, **details: Any) -> None:
    writer.record(
        CommandApplied(
            actor=ACTOR,
            id=received.id,
            n=received.n,
            type=received.type,
            outcome=outcome,
            **details,
        )
    )
    came_to(writer, received.n)


def _carry_out(
    writer: Writer, received: Received, command: Command, time_zone: str
) -> dict[str, Any]:
    match command:
        case Announce():
            return _announce(writer, command)
        case Cancel():
            _cancel(writer, command)
        case Reissue(package=package_id, counter=counter):
            _reissue(writer, package_id, counter)
        case Extend(package=package_id, days=days):
            holds.extend_hold(writer, package_id, days, time_zone, ACTOR)
        case Contact(package=package_id, recipient=recipient, owner=owner):
            package_id = _named(writer, package_id)
            ended = delegates.ended_with_code(_live(writer, package_id))
            _tie(writer, package_id, recipient, owner=owner, **ended)
        case SlotService(slot=label, service=service, reason=reason):
            slots.record_of(writer, label)
            slots.set_service(writer, label, service, reason, ACTOR)
        case Open(slot=label):
            _require_may_open(writer, received, label)
            openings.note(writer, received.id, label, OpeningOutcome.ASKED, writer.now.wall_ms)
            return {"slot": label}
        case NameDelegate(package=package_id, delegate=delegate, until_ms=until_ms):
            delegates.name(writer, _named(writer, package_id), delegate, until_ms, ACTOR)
        case EndDelegate(package=package_id, delegate=delegate):
            delegates.end(writer, _named(writer, package_id), delegate, ACTOR)
        case ListStaff(staff=people):
            listed = [staff.person_of(each, writer.now.wall_ms) for each in people]
            staff.list_staff(writer, listed, StaffSource.SERVER)
        case TrustKey():
            if not received.is_proven:
                raise RefusedError("a key is trusted only by a command that is signed")
        case Restart() | Pause() | Resume() | TakePicture() | SendSupportFile() | ChangeSettings():
            _help(writer, received, command)
        case ReserveDoor(reservation=reservation, size=size, until_ms=until_ms):
            reservations.reserve(writer, reservation, size, until_ms)
        case ReleaseDoor(reservation=reservation):
            reservations.release(writer, reservation)
        case ChooseRelease():
            if not received.is_proven:
                raise RefusedError("a release is chosen only by a command that is signed")
            releases.choose(writer, received.id, command)
        case _:
            assert_never(command)
    return {}


def _help(writer: Writer, received: Received, command: Help) -> None:
    """What helps remotely. What is more than a note of it comes after this event."""
    if not received.is_proven:
        raise RefusedError(f"{command.type} is done only by a command that is signed")
    remote_help.require_may(writer, command.type)
    match command:
        case Pause():
            remote_help.pause(writer, command, received.id)
        case Resume():
            remote_help.resume(writer)
        case Restart():
            remote_help.begin(writer, received.id)
        case ChangeSettings():
            remote_help.change_settings(writer, command)
            remote_help.begin(writer, received.id)
        case TakePicture() | SendSupportFile():
            pass
        case _:
            assert_never(command)


def _require_may_open(writer: Writer, received: Received, slot: str) -> None:
    """Whether a slot may be opened remotely now; that it is opened comes after this event."""
    if not received.is_signed:
        raise RefusedError("the opening is not signed by this kiosk's server")
    if slots.record_of(writer, slot).service is Service.DO_NOT_OPEN:
        raise RefusedError(f"slot {slot} must not be opened")
    openings.require_may_open(writer, received.id)


def _announce(writer: Writer, command: Announce) -> dict[str, Any]:
    package_id, recipient = command.package, command.recipient
    known = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if known is not None and known["status"] == PackageStatus.CANCELLED and not known["slot"]:
        raise RefusedError(f"package {package_id} was recalled before it was announced")
    joined = known["id"] if known is not None else _joins(writer, command)
    if joined is None:
        announcement = packages.Announcement(
            package_id,
            command.barcode,
            command.size,
            None if recipient is None else _recipient(recipient),
            command.owner,
            command.is_alone,
            command.needs_low,
            command.sender,
            command.carrier,
        )
        if not packages.announce(writer, announcement):
            raise RefusedError(f"several senders announced the barcode of package {package_id}")
        _use_reservation(writer, command, package_id)
        return {"package": package_id}
    _use_reservation(writer, command, joined)
    if recipient is not None:
        _end_announcement(writer, command, joined)
        sender = {} if command.sender is None else {"sender": command.sender}
        values = {"owner": command.owner, "is_announced": 1, "carrier": command.carrier}
        _tie(writer, joined, recipient, **values, **sender)
    return {"package": joined, "joined": package_id}


def _use_reservation(writer: Writer, command: Announce, package_id: str) -> None:
    if command.reservation is not None:
        reservations.use(writer, command.reservation, package_id)


def _joins(writer: Writer, command: Announce) -> str | None:
    """The package here, under another id, that is the announced one; None: it is yet to come, or
    it is not for this kiosk to say."""
    if command.sender is None:
        # Of a server of an earlier version, which has one announcement for a barcode.
        row = packages.meant_by(writer, command.barcode)
        return None if row is None else str(row["id"])
    live = packages.live_rows(writer, command.barcode, CarrierScope((command.carrier,)))
    own = [row for row in live if row["sender"] == command.sender]
    if not own and command.may_join and len(live) == 1:
        own = [row for row in live if row["sender"] is None]
    return str(own[0]["id"]) if own else None


def _end_announcement(writer: Writer, command: Announce, package_id: str) -> None:
    """What this sender expected under another id is the package that lies here."""
    for row in packages.live_rows(writer, command.barcode):
        is_its_own = row["sender"] == command.sender and row["is_announced"]
        if is_its_own and row["id"] != package_id and row["slot"] is None:
            departures.cancel(writer, row["id"], f"it is package {package_id}")


def _recipient(recipient: CommandRecipient) -> Recipient:
    return Recipient(recipient.id, recipient.name, recipient.phone)


def _tie(writer: Writer, package_id: str, recipient: CommandRecipient, **values: Any) -> None:
    """This package is for this person from now on."""
    person = _recipient(recipient)
    addressees.forget(writer, package_id)
    writer.db.execute(
        "INSERT INTO recipient (id, name, phone) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET name = excluded.name, phone = excluded.phone",
        (person.id, writer.sealer.seal(person.name), writer.sealer.seal(person.phone)),
    )
    writer.record(
        ContactChanged(actor=ACTOR), update("package", id=package_id, recipient=person.id, **values)
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


def _cancel(writer: Writer, command: Cancel) -> None:
    package_id = _named(writer, command.package)
    known = writer.one("SELECT status FROM package WHERE id = ?", (package_id,))
    if known is not None:
        if (packages.status_of(known["status"]), PackageStatus.CANCELLED) not in LEGAL_CHANGES:
            raise RefusedError(f"package {package_id} is {known['status']}: it cannot be recalled")
        departures.cancel(writer, package_id, command.why)
        return
    try:
        require_barcode(command.barcode)
    except NotABarcodeError as error:
        raise RefusedError(f"barcode {command.barcode!r:.60}: {error}") from error
    # A tombstone: when its announcement comes after all, it is known to be recalled.
    writer.record(
        PackageCancelled(actor=ACTOR, why=command.why),
        insert(
            "package",
            id=package_id,
            barcode=command.barcode,
            status=PackageStatus.CANCELLED,
            announced_ms=writer.now.wall_ms,
            finished_ms=writer.now.wall_ms,
        ),
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
        ended = delegates.ended_with_code(row)
        change = update("package", id=package_id, code_counter=counter, **ended)
        writer.record(CodeReissued(actor=ACTOR), change)
