"""What carriers and shops ask for: announce, cancel, extend, a new code, another contact.

Each is one transaction: the request is written, and the command to the kiosk with it. What a kiosk
knows better comes back by its events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from central import limits, people, schema, simulated
from central.adapters import new_id
from central.carriers import places, shares
from central.carriers.visible import visible_to, visible_to_key
from central.context import Central, audit
from central.database.locks import locked, note_locked
from central.delegates import following
from central.errors import FieldError, RequestError, not_found, wrong_field
from central.extending import require_extendable
from central.feed import writing as feeding
from central.feed.document import Change
from central.locking import lock_location
from central.notify import outbox, stops
from central.notify.outbox import Kind
from central.packages import references, reservations
from central.packages.nearest import COUNT_MAX, nearest, neighbours
from central.packages.requests import Announcement, Person
from central.packages.sizes import (
    Asker,
    Dimensions,
    SizeOfDoor,
    room_for,
    size_for,
    sizes_with,
)
from central.regions import directory
from central.schema import LIVE
from central.sync import claims, commands
from central.sync.room import note_room, tell_of_room
from kiosk.model.barcode import barcode_key
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import (
    Announce,
    Cancel,
    CommandRecipient,
    Contact,
    Extend,
)
from kiosk.model.package import PackageStatus
from kiosk.model.phone import PhoneNumberError, phone_number
from kiosk.model.shares import Shares

NEAREST = "nearest"
"""In the place of a location."""
_WHO = select(schema.api_key.c.carrier, schema.api_key.c.sandbox).where(
    schema.api_key.c.id == bindparam("key")
)
_PLACE = schema.location.c
_LOCATION = locked(
    select(_PLACE.id, _PLACE.feeds, places.LIMITED.label("is_limited")).where(
        _PLACE.id == bindparam("id")
    ),
    of=schema.location,
)
_COUNTRY = select(_PLACE.country).where(_PLACE.id == bindparam("id"))
_PACKAGE = select(schema.package).where(schema.package.c.id == bindparam("package"))
_SHOWN = (
    *("id", "known_as", "reference", "barcode", "location", "status", "size", "needs_low"),
    *("is_alone", "recipient", "announced_ms", "changed_ms", "stored_ms", "hold_until_ms"),
    *("finished_ms", "shop"),
)
"""What a sender is shown of a package is made of these."""
_INSERT_PACKAGE = insert(schema.package).returning(*(schema.package.c[name] for name in _SHOWN))


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a package is announced to: a location, which is locked."""

    location: str
    size: str | None
    """Of the door that it is to get."""
    sizes: list[SizeOfDoor]
    """All of the location's, in the sender's eyes."""
    shares: Shares | None
    feeds: str = ""
    """Who reads of this location; empty: nobody does."""


def announce(
    connection: Connection,
    central: Central,
    by: str,
    announcement: Announcement,
    *,
    notes_room: bool = True,
) -> dict[str, Any]:
    """Expect a package at a location, or at the nearest that has room.

    One that lies there already, stored by its barcode alone, is joined where nobody else could have
    sent it: its recipient hears. Else an operator is asked whose it is, as where another sender
    has announced this barcode; the answer says nothing of that.

    A full location is no refusal, for doors empty until the courier comes: the answer says how many
    doors are left (null: its kiosk has not said yet), and offers the neighbours where none is.
    `notes_room`: else whoever announces many does it once for all. Raises `RequestError`.
    """
    now_ms, (carrier, sandbox) = central.clock.now_ms(), _who(connection, by)
    visible = visible_to(by, carrier)
    edges = announcement.dimensions
    measured = None if edges is None else Dimensions(**edges.model_dump())
    if measured is not None and announcement.size is not None:
        right = "size and dimensions: one of the two"
        raise wrong_field("size", announcement.size, right, right)
    asker = Asker(by, central.settings.limits.promised_share, carrier)
    directory.require_here(connection, central.settings, announcement.location)
    meant = simulated.place_of(sandbox, announcement.location)
    announcement = announcement.model_copy(update={"location": meant})
    reserved = reservations.begin_use(connection, visible, announcement, now_ms)
    if reserved is not None and measured is None:
        announcement = announcement.model_copy(update={"size": reserved.size})
    found = _place(connection, announcement, measured, asker)
    location, size, sizes = found.location, found.size, found.sizes
    if reserved is not None and size != reserved.size:
        right = f"what fits into size {reserved.size}, which the reservation is of"
        raise wrong_field("dimensions", None, right)
    limits.require(
        connection, central, "too many for one kiosk", limits.of_commands(central, location, by)
    )
    doors = sum(each.total for each in sizes)
    limits.require_room(connection, central, location, by, doors)
    shares.require_left(connection, location, found.shares, carrier, size)
    left = room_for(sizes, size) if sizes else None
    key = barcode_key(announcement.barcode)
    live = claims.group(connection, location, key, carrier)
    own = next((row for row in live if row.sender is not None and visible.covers(row)), None)
    if own is not None:
        raise RequestError(
            409, "exists", f"barcode {announcement.barcode!r} is announced already", id=own.id
        )
    references.require_new(connection, visible, announcement.reference)
    may_join = claims.may_join(connection, by, carrier, live)
    known = live[0] if live and may_join else None
    phone = _phone(connection, location, announcement.recipient.phone, "recipient.phone")
    recipient = _recipient(connection, announcement.recipient, phone, now_ms)
    package = new_id() if known is None else known.id
    is_new = known is None
    written = _keep(
        connection,
        package,
        location,
        recipient,
        announcement,
        size,
        by,
        carrier,
        now_ms,
        is_new=is_new,
    )
    if reserved is not None:
        reservations.end_use(connection, reserved, package)
    if notes_room:
        note_room(connection, location)
        if found.feeds:
            tell_of_room(connection, location, now_ms)
    command = _announced(package, recipient, announcement, size, carrier, may_join=may_join)
    if not claims.is_anothers(connection, by, carrier, live):
        commands.queue(connection, location, command, by, now_ms, package, is_first=is_new)
    if live:
        claims.look(connection, central.settings.notifications, location, [key], now_ms)
    if known is not None and known.recipient is not None and known.status in claims.LYING:
        # It was put in for somebody whom the courier named: that code is no longer valid.
        commands.new_code(connection, known, by, now_ms)
    if known is not None and known.status == PackageStatus.STORED:
        outbox.stored(connection, central.settings.notifications, package, now_ms)
    if found.feeds:
        feeding.packages(connection, location, [package], now_ms, Change.ANNOUNCED)
    audit(connection, now_ms, by, "package.announce", package, place=location, location=location)
    offered = neighbours(connection, location, asker) if left == 0 else []
    # Beside others of its barcode it may have been changed since.
    row = find(connection, package) if written is None or live else written
    have_stopped = stopped(connection, [row]) if phone else ()
    answer = described(row, have_stopped, package)
    return answer | {"doors_left": left, "neighbours": offered}


def _who(connection: Connection, key: str) -> tuple[str, str]:
    """The carrier of a program, the operator's own for whoever has no key, and its sandbox."""
    row = connection.execute(_WHO, {"key": key}).first()
    return (OPERATOR, "") if row is None else (row.carrier, row.sandbox)


def _keep(
    connection: Connection,
    package: str,
    location: str,
    recipient: str,
    announcement: Announcement,
    size: str | None,
    by: str,
    carrier: str,
    now_ms: int,
    *,
    is_new: bool,
) -> Any:
    """Write an announcement down; what is shown of a new one. What lies there already keeps what
    its kiosk says of it."""
    values: dict[str, Any] = {
        "recipient": recipient,
        "sender": by,
        "reference": announcement.reference,
        "shop": announcement.shop or "",
        "carrier": carrier,
        "owner": announcement.recipient.user_id,
        "is_announced": True,
        "is_alone": announcement.alone,
        "needs_low": announcement.low_door,
    }
    table = schema.package
    if not is_new:
        connection.execute(update(table).where(table.c.id == package).values(**values))
        return None
    values |= {
        "id": package,
        "location": location,
        "barcode": announcement.barcode,
        "barcode_key": barcode_key(announcement.barcode),
        "size": size,
        "weight_kg": announcement.weight_kg,
        "announced_ms": now_ms,
    }
    return connection.execute(_INSERT_PACKAGE, values).one()


def _announced(
    package: str,
    recipient: str,
    announcement: Announcement,
    size: str | None,
    carrier: str,
    *,
    may_join: bool,
) -> Announce:
    return Announce(
        package=package,
        barcode=announcement.barcode,
        size=size,
        recipient=CommandRecipient(id=recipient),
        may_join=may_join,
        is_alone=announcement.alone,
        needs_low=announcement.low_door,
        carrier=carrier,
        reservation=announcement.reservation,
    )


def _place(
    connection: Connection,
    announcement: Announcement,
    measured: Dimensions | None,
    asker: Asker,
) -> _Found:
    """Where a package is announced to, locked."""
    if announcement.location != NEAREST:
        found = _locked(connection, announcement.location, asker)
        if found.is_limited:
            places.require_present(connection, asker.carrier, found.id)
        known = shares.of_location(connection, found.id)
        sizes = sizes_with(connection, found.id, asker, known)
        size = size_for(found.id, sizes, announcement.size, measured, announcement.weight_kg)
        return _Found(found.id, size, sizes, known, found.feeds)
    if announcement.latitude is None or announcement.longitude is None:
        field = "latitude" if announcement.latitude is None else "longitude"
        right = "location 'nearest' needs the fields latitude and longitude"
        raise wrong_field(field, None, right, right)
    for place in nearest(
        connection,
        announcement.latitude,
        announcement.longitude,
        announcement.size,
        COUNT_MAX,
        asker,
    ):
        name = str(place["id"])
        room = _room_at(connection, name, announcement, measured, asker)
        if room is not None and lock_location(connection, name):
            # Others may have announced there until it was locked.
            room = _room_at(connection, name, announcement, measured, asker)
        if room is not None:
            return replace(room, feeds=_locked(connection, name, asker).feeds)
    raise RequestError(409, "full", "no location near by has a door free that takes this package")


def _locked(connection: Connection, location: str, asker: Asker) -> Any:
    """What is asked of a location, which is locked with it. Raises `RequestError`."""
    row = connection.execute(_LOCATION, {"id": location, "carrier": asker.carrier}).first()
    if row is None:
        raise not_found("location", location)
    note_locked(connection, schema.location, row.id)
    return row


def _room_at(
    connection: Connection,
    location: str,
    announcement: Announcement,
    measured: Dimensions | None,
    asker: Asker,
) -> _Found | None:
    """The size of door that a package gets here, with the sizes there are; None without room."""
    known = shares.of_location(connection, location)
    sizes = sizes_with(connection, location, asker, known)
    try:
        size = size_for(location, sizes, announcement.size, measured, announcement.weight_kg)
    except RequestError:
        return None
    return _Found(location, size, sizes, known) if room_for(sizes, size) > 0 else None


def _phone(connection: Connection, location: str, text: str, field: str) -> str:
    """A number in E.164, or none. Raises `RequestError` that names the field."""
    if not text.strip():
        return ""
    country = connection.execute(_COUNTRY, {"id": location}).scalar()
    try:
        return phone_number(text, country or None)
    except PhoneNumberError as error:
        problems = [{"field": field, "problem": str(error)}]
        refused = RequestError(422, "invalid", f"{field}: {error}", problems=problems)
        raise refused.with_errors(FieldError(field, text, str(error))) from error


def _recipient(connection: Connection, person: Person, phone: str, now_ms: int) -> str:
    return people.add(
        connection,
        now_ms,
        name=person.name,
        email=person.email,
        phone=phone,
        language=person.language,
        channels=person.channels,
    )


def find_locked(connection: Connection, package: str, sender: str | None = None) -> Any:
    """The same as `find`, to change something of it: its location is locked, and the row is as it
    is behind everybody who had that before."""
    row = find(connection, package, sender)
    is_old = lock_location(connection, row.location)
    return find(connection, package, sender) if is_old else row


def find(connection: Connection, package: str, sender: str | None = None) -> Any:
    """A package's row; among what this sender's key sees, if one is named. Raises `RequestError`.

    An announced package that lay in the locker already, under another id, is the one that lies
    there: both ids name it. One that turned out to be another sender's is still known to the one
    that announced it, as recalled.
    """
    table = schema.package
    row = connection.execute(_PACKAGE, {"package": package}).first()
    if row is not None and row.joined is not None:
        row = connection.execute(_PACKAGE, {"package": row.joined}).first()
    if sender is not None:
        visible = visible_to_key(connection, sender)
        if row is None or not visible.covers(row):
            own = select(table).where(table.c.known_as == package, visible.condition())
            row = connection.execute(own).first()
    if row is None:
        raise not_found("package", package)
    return row


def describe(connection: Connection, package: str, sender: str | None = None) -> dict[str, Any]:
    """A package as its sender sees it, under the id by which the sender knows it."""
    row = find(connection, package, sender)
    return described(row, stopped(connection, [row]), package)


def stopped(connection: Connection, rows: Iterable[Any]) -> set[str]:
    """The recipients of these packages who asked for no more SMS."""
    return stops.who_stopped(connection, {row.recipient for row in rows if row.recipient})


def described(row: Any, have_stopped: Collection[str], package: str = "") -> dict[str, Any]:
    """A package's row as its sender sees it, under the id by which the sender knows it;
    `have_stopped`: the recipients who get no SMS."""
    return {
        "id": package or row.known_as or row.id,
        "reference": row.reference,
        "shop": row.shop or None,
        "barcode": row.barcode,
        "location": row.location,
        "status": row.status,
        "size": row.size,
        "low_door": row.needs_low,
        "alone": row.is_alone,
        "sms_stopped": row.recipient in have_stopped,
        "announced_ms": row.announced_ms,
        "changed_ms": row.changed_ms or None,
        "stored_ms": row.stored_ms,
        "hold_until_ms": row.hold_until_ms,
        "finished_ms": row.finished_ms,
    }


def history(
    connection: Connection, package: str, sender: str | None = None
) -> list[dict[str, Any]]:
    """What happened to a package, oldest first."""
    found, table = find(connection, package, sender), schema.event
    rows = connection.execute(
        select(table.c.kind, table.c.wall_ms, table.c.is_trusted, table.c.epoch, table.c.seq)
        .where(
            table.c.package == found.id,
            table.c.package != schema.fixed(""),
            table.c.location == found.location,
        )
        .order_by(table.c.received_ms, table.c.seq)
    )
    return [
        {
            "kind": row.kind,
            "at_ms": row.wall_ms if row.is_trusted else None,
            "epoch": row.epoch,
            "seq": row.seq,
        }
        for row in rows
    ]


def cancel(
    connection: Connection, central: Central, by: str, package: str, why: str, sender: str | None
) -> dict[str, Any]:
    """Recall a package: the kiosk is asked, and says when it is so. Of one that is disputed, its
    sender recalls the announcement alone."""
    row = find_locked(connection, package, sender)
    if row.status not in LIVE:
        raise RequestError(409, "too_late", f"the package is {row.status}: it cannot be recalled")
    limits.require_change(connection, central, row.location, row.id, by)
    now_ms = central.clock.now_ms()
    # As it is now, whatever becomes of it: the answer says nothing of a dispute.
    answer = describe(connection, package, sender)
    if sender is not None and row.disputed_ms is not None:
        claims.withdraw(connection, row, by, why, now_ms)
    else:
        command = Cancel(package=row.id, barcode=row.barcode, why=why)
        commands.queue(connection, row.location, command, by, now_ms, row.id)
    audit(connection, now_ms, by, "package.cancel", row.id, place=row.location, why=why)
    return answer


def extend(
    connection: Connection, central: Central, by: str, package: str, days: int, sender: str | None
) -> dict[str, Any]:
    """Hold a package some days longer, within the most that is allowed in all."""
    row = find_locked(connection, package, sender)
    require_extendable(connection, central, row, days)
    limits.require_change(connection, central, row.location, row.id, by)
    now_ms = central.clock.now_ms()
    command = Extend(package=row.id, days=days)
    commands.queue(connection, row.location, command, by, now_ms, row.id)
    audit(connection, now_ms, by, "package.extend", row.id, place=row.location, days=days)
    return describe(connection, package)


def reissue(
    connection: Connection,
    central: Central,
    by: str,
    package: str,
    owner: str | None,
    *,
    sender: str | None = None,
) -> dict[str, Any]:
    """A new code for a package, sent to its recipient; the ones before are no longer valid.

    `owner` is the person's id at the sender, who must be the package's; None where the asker has
    proved it otherwise. The kiosk takes the new code even before it hears of it.
    """
    row = find_locked(connection, package, sender)
    if owner is not None and (not row.owner or row.owner != owner):
        raise not_found("package", package)
    if row.status not in (PackageStatus.STORED, PackageStatus.EXPIRED):
        raise RequestError(409, "not_held", f"the package is {row.status}: it has no code")
    limits.require_change(connection, central, row.location, row.id, by)
    now_ms = central.clock.now_ms()
    commands.new_code(connection, row, by, now_ms)
    following.end(connection, row.id, now_ms)
    outbox.tell(connection, central.settings.notifications, Kind.REISSUED, row.id, now_ms)
    audit(connection, now_ms, by, "package.reissue", row.id, place=row.location)
    return describe(connection, package)


def change_contact(
    connection: Connection,
    central: Central,
    by: str,
    package: str,
    person: Person,
    sender: str | None,
) -> dict[str, Any]:
    """Other contact data for a package that has not left.

    Whoever got its code before may be a stranger: that code is no longer valid, and the
    messages that were still to go there are not sent.
    """
    row = find_locked(connection, package, sender)
    if row.status not in LIVE:
        raise RequestError(409, "too_late", f"the package is {row.status}")
    limits.require_change(connection, central, row.location, row.id, by)
    now_ms = central.clock.now_ms()
    phone = _phone(connection, row.location, person.phone, "phone")
    following.end(connection, row.id, now_ms)
    recipient = _recipient(connection, person, phone, now_ms)
    connection.execute(
        update(schema.package)
        .where(schema.package.c.id == row.id)
        .values(recipient=recipient, owner=person.user_id)
    )
    command = Contact(package=row.id, recipient=CommandRecipient(id=recipient))
    commands.queue(connection, row.location, command, by, now_ms, row.id)
    if row.recipient is not None and row.status in (PackageStatus.STORED, PackageStatus.EXPIRED):
        commands.new_code(connection, row, by, now_ms)
    if row.status == PackageStatus.STORED:
        outbox.stored(connection, central.settings.notifications, row.id, now_ms)
    audit(connection, now_ms, by, "package.contact", row.id, place=row.location)
    return describe(connection, package)
