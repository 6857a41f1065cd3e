"""What is kept of a person, given out to them, and forgotten when they ask for it.

A person is whoever has this e-mail address or phone number. Which columns hold something of people,
where it is given out and what becomes of it stands in `central.personal`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from central import forgotten, kept, people, schema, viewed
from central.addresses import spellings
from central.context import Central, alarm_daily, audit, is_about_one_of, is_by
from central.errors import CannotServeError, RequestError, not_found
from central.locking import lock_locations_of
from central.notify import spool
from central.residents import directory
from central.residents.tables import household, resident
from central.schema import LIVE
from central.sealing import blind_index
from central.sync import staff, staff_list
from kiosk.model.phone import PhoneNumberError, phone_number

LOG = logging.getLogger("central")
EVERY_S: Final = 60.0
"""So often the list of who was forgotten is compared with the database's."""
SOME: Final = 500
"""So many people are forgotten by one statement."""
NOBODY = {
    "name": "",
    "email": "",
    "email_index": "",
    "phone": "",
    "phone_index": "",
    "channels": "[]",
}
"""What is left of a person who was forgotten."""


def _of(connection: Connection, contact: str) -> Any:
    """Whose contact this is. Raises `RequestError` for a number that several people may have."""
    table = schema.recipient
    phones = _phones(connection, contact)
    known = connection.execute(
        select(table.c.phone).where(
            people.reached_at(connection, (), phones), table.c.erased_ms.is_(None)
        )
    ).scalars()
    if len(set(known)) > 1:
        problem = f"{contact!r} is a number in several countries: write it with its country code"
        raise RequestError(422, "invalid", problem)
    return people.reached_at(connection, spellings(contact), phones) & table.c.erased_ms.is_(None)


def _phones(connection: Connection, contact: str) -> set[str]:
    """The numbers that a text may be: a national one in each country with a location."""
    countries = connection.execute(select(schema.location.c.country).distinct()).scalars()
    phones = {contact}
    for country in [None, *(code for code in countries if code)]:
        # Asked for without its plus it may be either; which one is kept decides.
        for written in (contact, f"+{contact}"):
            with suppress(PhoneNumberError):
                phones.add(phone_number(written, country))
    return phones


def export(connection: Connection, contact: str) -> dict[str, Any]:
    """Everything that is kept of a person; `central.personal` names the columns. Times are
    milliseconds since 1970 UTC. Raises `RequestError` for somebody who is not known."""
    person, package, notification = schema.recipient, schema.package, schema.notification
    phones, emails = _phones(connection, contact), spellings(contact)
    lives = connection.execute(
        select(household.c.location, household.c.flat, resident)
        .join(household, household.c.id == resident.c.household)
        .where(directory.of_contacts(connection, emails, phones))
    ).mappings()
    homes = [_some(row, "location", "flat", "name", "email", "phone", "language") for row in lives]
    people = connection.execute(select(person).where(_of(connection, contact))).mappings().all()
    stops = _stops(connection, people, emails, phones)
    accounts = _accounts(connection, emails)
    if not (people or homes or stops or accounts):
        raise not_found("person", contact)
    ids = [row["beside"] or row["id"] for row in people]
    packages = connection.execute(
        select(package).where(package.c.recipient.in_(ids)).order_by(package.c.announced_ms)
    ).mappings()
    messages = connection.execute(
        select(notification)
        .where(notification.c.recipient.in_([row["id"] for row in people]))
        .order_by(notification.c.created_ms)
    ).mappings()
    named = schema.delegate
    delegates = connection.execute(
        select(named)
        .join(package, package.c.id == named.c.package)
        .where(package.c.recipient.in_(ids))
        .order_by(named.c.created_ms)
    ).mappings()
    return {
        "delegates": [
            _some(row, "package", "name", "until_ms", "created_ms", "fetched_ms")
            for row in delegates
        ],
        "contacts": [
            _some(row, "name", "email", "phone", "language", "created_ms")
            | {"channels": kept.names_of(row["channels"])}
            for row in people
        ],
        "packages": [
            _some(
                row,
                *("id", "barcode", "reference", "location", "carrier", "status", "size", "owner"),
                "shop",
                *("announced_ms", "stored_ms", "hold_until_ms", "finished_ms"),
            )
            for row in packages
        ],
        "messages": [
            _some(row, "kind", "channel", "language", "status", "due_ms", "sent_ms")
            | {"details": kept.object_of(row["facts"]), "answer": row["error"]}
            for row in messages
        ],
        "directories": homes,
        "stops": stops,
        "views": _views(connection, [row["id"] for row in people]),
        "accounts": accounts,
    }


def _stops(
    connection: Connection, people: Sequence[Any], emails: Iterable[str], phones: Iterable[str]
) -> list[dict[str, Any]]:
    """What they asked to be sent no more, by each of their addresses."""
    table = schema.message_stop
    indexes = {row[name] for row in people for name in ("email_index", "phone_index")}
    indexes |= {blind_index(connection, each, "recipient.email") for each in emails}
    indexes |= {blind_index(connection, each, "recipient.phone") for each in phones}
    of_them = table.c.address_index.in_(sorted(indexes - {""}))
    rows = connection.execute(select(table).where(of_them).order_by(table.c.since_ms))
    return [_some(row, "what", "since_ms") for row in rows.mappings()]


def _views(connection: Connection, people: Sequence[str]) -> list[dict[str, Any]]:
    """When operators looked at their data, and what else is in the log of them; but for what was
    given out to them. Whoever did it is another person."""
    table = schema.audit
    shown = is_about_one_of(connection, people) & (table.c.action != viewed.EXPORTED)
    rows = connection.execute(select(table).where(shown).order_by(table.c.at_ms))
    return [
        {"at_ms": row["at_ms"], "action": row["action"], "details": kept.object_of(row["detail"])}
        for row in rows.mappings()
    ]


def _accounts(connection: Connection, emails: Iterable[str]) -> list[dict[str, Any]]:
    """The operators' accounts with this address, and how they are used; no secret is given out."""
    user, log = schema.user, schema.audit
    folded = [blind_index(connection, each, "user_account.email") for each in emails]
    rows = connection.execute(select(user).where(user.c.email_folded.in_(folded))).mappings().all()
    return [
        {
            **_some(row, "email", "name", "role", "provider_subject", "created_ms", "disabled_ms"),
            "sessions": _of_account(
                connection,
                schema.operator_session,
                row["id"],
                *("way", "address", "device", "created_ms", "seen_ms"),
            ),
            "passkeys": _of_account(
                connection, schema.passkey, row["id"], "name", "created_ms", "used_ms"
            ),
            "actions": [
                _some(line, "at_ms", "action", "address")
                for line in connection.execute(
                    select(log).where(is_by(connection, row["email"])).order_by(log.c.at_ms)
                ).mappings()
            ],
        }
        for row in rows
    ]


def _of_account(
    connection: Connection, table: Table, account: str, *names: str
) -> list[dict[str, Any]]:
    rows = select(table).where(table.c.account == account).order_by(table.c.created_ms)
    return [_some(row, *names) for row in connection.execute(rows).mappings()]


def _some(row: Any, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def erase(connection: Connection, central: Central, by: str, contact: str) -> int:
    """Forget a person: name, addresses, and their id at the sender. Their packages' story stays,
    without them. Raises `RequestError` while a package of theirs is under way."""
    person, package, now_ms = schema.recipient, schema.package, central.clock.now_ms()
    rows = connection.execute(
        select(person.c.id, person.c.beside).where(_of(connection, contact))
    ).all()
    ids, of_packages = [row.id for row in rows], [row.beside or row.id for row in rows]
    lives = directory.of_contacts(connection, spellings(contact), _phones(connection, contact))
    homes = connection.execute(
        select(resident.c.id, resident.c.email, resident.c.phone).where(lives)
    ).all()
    if not ids and not homes:
        raise not_found("person", contact)
    lock_locations_of(connection, of_packages)
    mine = package.c.recipient.in_(of_packages)
    live = connection.execute(
        select(package.c.barcode).where(mine, package.c.status.in_(LIVE)).limit(1)
    ).scalar()
    if live is not None:
        raise RequestError(
            409,
            "under_way",
            f"package {live} is under way to them: recall it or wait until it ended",
        )
    known = connection.execute(select(person.c.email, person.c.phone).where(person.c.id.in_(ids)))
    contacts = [contact for row in known for contact in row]
    contacts += [contact for row in homes for contact in (row.email, row.phone)]
    forgotten.note(connection, central, people=ids, contacts=contacts)
    forget(connection, person.c.id.in_(ids), now_ms)
    directory.forget(connection, resident.c.id.in_([row.id for row in homes]), now_ms)
    spool.forget(connection, central.settings.sms.folder if central.settings.sms else None)
    # The log must not keep what was to be forgotten.
    audit(connection, now_ms, by, "person.erase", ids[0] if ids else homes[0].id)
    return len(ids) + len(homes)


def forget(connection: Connection, who: ColumnElement[bool], now_ms: int) -> int:
    """Erase the personal fields of these people, their ids at their senders, their packages' shops,
    and what mail servers said of their addresses; how many they are."""
    person, package, notification = schema.recipient, schema.package, schema.notification
    ids = connection.execute(
        update(person).where(who).values(**NOBODY, erased_ms=now_ms).returning(person.c.id)
    ).scalars()
    gone = list(ids)
    words = schema.recipient_word
    connection.execute(delete(words).where(words.c.recipient.in_(gone)))
    has_any = (package.c.owner != "") | (package.c.shop != "")
    connection.execute(
        update(package).where(package.c.recipient.in_(gone), has_any).values(owner="", shop="")
    )
    theirs = select(package.c.id).where(package.c.recipient.in_(gone))
    named = schema.delegate
    connection.execute(update(named).where(named.c.package.in_(theirs)).values(name=""))
    connection.execute(
        update(notification)
        .where(notification.c.recipient.in_(gone), notification.c.error != "")
        .values(error="")
    )
    return len(gone)


def forget_again(connection: Connection, central: Central) -> int:
    """Forget whom a database, an older one brought back, does not know as forgotten; how many."""
    now_ms = central.clock.now_ms()
    lines = forgotten.exchange(connection, central)
    ids = _forgotten_people(connection, central, lines)
    person, count = schema.recipient, 0
    for first in range(0, len(ids), SOME):
        some = ids[first : first + SOME]
        lock_locations_of(connection, some)
        is_one = person.c.id.in_(some)
        count += forget(connection, is_one & person.c.erased_ms.is_(None), now_ms)
    for each in lines:
        lives = _forgotten_residents(connection, central, each)
        count += directory.forget(connection, resident.c.id.in_(lives), now_ms)
        for number in each.get("staff", ()):
            if not staff_list.is_listed_since(connection, str(number), _at_ms(each)):
                count += staff.forget(connection, str(number), forgotten.BY, now_ms)
    if count:
        LOG.warning("%d people of an older database were forgotten again", count)
    return count


def _forgotten_people(
    connection: Connection, central: Central, lines: Sequence[dict[str, Any]]
) -> list[str]:
    """Those of some lines of the list: by their ids, and whoever had their contacts then. Who came
    back later did so of their own will."""
    person, marked_ms = schema.recipient, dict[str, int]()
    for each in lines:
        for mark in each.get("marks", ()):
            marked_ms[mark] = max(marked_ms.get(mark, 0), _at_ms(each))
    ids = {str(id_) for each in lines for id_ in each.get("people", ())}
    if marked_ms:
        had = connection.execute(
            select(person.c.id, person.c.email, person.c.phone, person.c.created_ms).where(
                person.c.erased_ms.is_(None), person.c.created_ms <= max(marked_ms.values())
            )
        )
        for row in had:
            marks = {mark for mark, at_ms in marked_ms.items() if row.created_ms <= at_ms}
            if any(forgotten.has_mark(central, each, marks) for each in (row.email, row.phone)):
                ids.add(row.id)
    return sorted(ids)


def _at_ms(line: dict[str, Any]) -> int:
    return int(line.get("at_ms", 0))


async def stay_forgotten(central: Central) -> None:
    """Have the list here be as the database's, whatever the other servers write."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            if await central.database.look(forgotten.is_alike, central):
                continue
            if await central.database.write(forget_again, central):
                await asyncio.to_thread(central.database.wipe_free_space)
        except CannotServeError as error:
            LOG.error("this server does not hear whom others forget: %s", error)
            await _alarm(central, str(error))
        except Exception:
            LOG.exception("the list of who was forgotten could not be compared; again in a minute")


async def _alarm(central: Central, why: str) -> None:
    now_ms, path = central.clock.now_ms(), str(forgotten.file_of(central))
    try:
        await central.database.write(
            lambda c: alarm_daily(c, now_ms, "forgotten-list", path, why=why)
        )
    except SQLAlchemyError:
        LOG.exception("operators do not hear that %s cannot be written", path)


def _forgotten_residents(
    connection: Connection, central: Central, each: dict[str, Any]
) -> list[str]:
    """Whoever stood in a directory with one of the contacts of a line of the list, since before."""
    marks = set(each.get("marks", ()))
    if not marks:
        return []
    known = connection.execute(
        select(resident.c.id, resident.c.email, resident.c.phone).where(
            resident.c.created_ms <= _at_ms(each)
        )
    )
    return [
        row.id
        for row in known
        if forgotten.has_mark(central, row.email, marks)
        or forgotten.has_mark(central, row.phone, marks)
    ]
