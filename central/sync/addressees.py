"""Whom a package is for that nobody announced, as its kiosk says: they are notified like anybody.

What a courier or a guest said at a machine goes only as far as nobody knows it better: a package
that somebody announced is for whom its sender says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from central import kept, limits, people, schema
from central.context import Central, audit
from central.feed import writing as feeding
from central.notify import outbox
from central.notify.outbox import Kind
from central.notify.words import FALLBACK, languages
from central.residents import directory
from central.residents.reading import Entry
from central.schema import LIVE
from central.sync import claims
from kiosk.model import addressee
from kiosk.model.addressee import Addressee, UnfitAddresseeError
from kiosk.model.package import PackageStatus
from kiosk.model.phone import PhoneNumberError, phone_number
from kiosk.model.sealing import Sealing
from kiosk.sync.contract import WireAddressee


def take(
    connection: Connection,
    central: Central,
    row: Any,
    said: Sequence[WireAddressee],
    now_ms: int,
) -> tuple[str, ...]:
    """Take in what the kiosk of a location (`row`) says; the packages it need not name again,
    whatever came of it."""
    if row.key_sealed is None:
        return ()
    sealing = Sealing([central.secrets.open(row.key_sealed)])
    for each in said:
        try:
            found = addressee.opened(sealing, each.said, row.id, each.package)
            _require_numbers(found)
            _name(connection, central, row, each.package, found, now_ms)
        except UnfitAddresseeError as error:
            limits.alarm_of_kiosk(
                connection,
                central.settings.limits,
                now_ms,
                "addressee-refused",
                row.id,
                f"{row.id} {each.package}",
                why=str(error),
            )
    return tuple(each.package for each in said)


def _require_numbers(said: Addressee) -> None:
    for field, number in (("phone", said.phone), ("sender_phone", said.sender_phone)):
        try:
            if number:
                phone_number(number, None)
        except PhoneNumberError as error:
            raise UnfitAddresseeError(f"{field}: it is no telephone number") from error


def _name(
    connection: Connection,
    central: Central,
    location: Any,
    package: str,
    said: Addressee,
    now_ms: int,
) -> None:
    table = schema.package
    row = connection.execute(
        select(table).where(table.c.id == package, table.c.location == location.id)
    ).first()
    if row is None:
        raise UnfitAddresseeError("this location has no such package")
    if not _is_nobodys(connection, row):
        return
    contacts = [Entry("", "", said.phone, "", "")] if said.phone else []
    if said.household:
        contacts += directory.entries_of(connection, location.id, said.household)
        if not contacts:
            # Somebody has to look: nobody else would hear that a package lies there.
            raise UnfitAddresseeError("its household is not in the directory any more")
    recipient = _add(connection, location, contacts, now_ms)
    if recipient is not None:
        connection.execute(update(table).where(table.c.id == row.id).values(recipient=recipient))
        feeding.packages(connection, location.id, [row.id], now_ms)
        by = "phone" if said.phone else "directory"
        audit(connection, now_ms, f"kiosk:{location.id}", "package.addressee", row.id, named=by)
        _tell(connection, central, row, now_ms)
    if said.sender_phone:
        _give_receipt(connection, central, location, row, said.sender_phone, now_ms)


def _is_nobodys(connection: Connection, row: Any) -> bool:
    """Whether only its kiosk says whom a package is for: it lies there, nobody announced it, and
    nothing that is announced has its barcode."""
    is_free = row.recipient is None and row.sender is None and not row.is_announced
    if not is_free or row.status not in LIVE or row.status == PackageStatus.PENDING:
        return False
    return len(claims.group(connection, row.location, row.barcode_key, row.carrier)) == 1


def _add(
    connection: Connection, location: Any, contacts: Sequence[Entry], now_ms: int
) -> str | None:
    """The person whom a package is for, the others of their household beside them."""
    first = None
    for each in contacts:
        added = people.add(
            connection,
            now_ms,
            name=each.name,
            email=each.email,
            phone=each.phone,
            language=each.language or _language_of(location),
            beside=first,
        )
        first = first or added
    return first


def _language_of(location: Any) -> str:
    """The usual language of a location, if messages are in it."""
    spoken = kept.names_of(location.languages)
    return spoken[0] if spoken and spoken[0] in languages() else FALLBACK


def _tell(connection: Connection, central: Central, row: Any, now_ms: int) -> None:
    rules = central.settings.notifications
    if row.status == PackageStatus.STORED:
        outbox.stored(connection, rules, row.id, now_ms)
    else:
        outbox.tell(connection, rules, Kind.EXPIRED, row.id, now_ms)


def _give_receipt(
    connection: Connection, central: Central, location: Any, row: Any, phone: str, now_ms: int
) -> None:
    """Tell the guest who put a package in that it lies there; they hear nothing else of it."""
    guest = people.add(connection, now_ms, phone=phone, language=_language_of(location))
    rules = central.settings.notifications
    outbox.tell_person(connection, rules, Kind.HANDED_IN, row, guest, now_ms)
