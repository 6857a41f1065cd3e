"""Whether a message is sent now, later or not at all, and what it is about.

Codes are made here, when a message goes out, from the location's key; nothing of them is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select

from central import addresses, kept, links, people, schema
from central.carriers.appearance import look_of
from central.context import Central
from central.delegates import following
from central.extending import may_extend
from central.notify import letters, receipts, short_links
from central.notify.about import About, Ways
from central.notify.message import Dropped, Message, Unreachable, Waits
from central.notify.outbox import IN_REACH_ONLY, OPERATORS, WITH_CODE, Kind, Stop, is_stopped
from central.notify.words import known_language, texts
from central.outages.reach import reach_of
from central.plain_texts import all_plain, plain
from kiosk.model.clock import HOUR_MS, MINUTE_MS
from kiosk.model.package import PackageStatus
from kiosk.model.pickup_code import delegate_code, make_code

WITHOUT_CODE = (Kind.EXPIRED, Kind.OUT_OF_REACH)
WITH_PAGE = (*(each for each in WITH_CODE if each is not Kind.DELEGATE), *WITHOUT_CODE)
"""The messages that lead to the person's own page: not the one that is passed on to a delegate."""


def compose(
    connection: Connection, central: Central, row: Any
) -> Message | Dropped | Unreachable | Waits:
    """The message of a row of the outbox, or why it is not sent now, or not any more."""
    kind = Kind(row.kind)
    location = _one(connection, schema.location, row.location)
    if row.channel == OPERATORS:
        return _for_operators(row, kind, location)
    if kind in (Kind.STOPPED, Kind.STARTED):
        return _confirmation(connection, row, kind)
    package = _one(connection, schema.package, row.package)
    person = _one(connection, schema.recipient, row.recipient)
    if package is None or person is None or location is None:
        return Dropped("the package or the person is not known any more")
    if person.erased_ms is not None:
        return Dropped("the person's data were erased")
    if kind is not Kind.HANDED_IN and not people.is_notified(connection, row.recipient, package):
        return Dropped("the package is for another contact now")
    if package.disputed_ms is not None:
        return Dropped("an operator has yet to say whose the package is")
    gone = reason_is_gone(kind, package)
    if gone:
        return Dropped(gone)
    now_ms = central.clock.now_ms()
    reached = reach_of(connection, central.settings, package.id, now_ms)
    if kind is Kind.OUT_OF_REACH and not reached.is_known:
        return Dropped("the package can be fetched")
    # What is back may go again: until its outage is over nothing is said of it.
    is_out = reached.why_not is not None
    if (kind in IN_REACH_ONLY and (is_out or reached.is_known)) or (
        kind is Kind.OUT_OF_REACH and not is_out
    ):
        return Waits(now_ms + _look_again_in_ms(now_ms - reached.since_ms))
    try:
        to = _address(row.channel, person, central)
    except ValueError as error:
        return Unreachable(str(error))
    if _is_hushed(connection, central, row.channel, person):
        return Unreachable("they want no SMS")
    is_reminder = kind is Kind.REMINDER and row.channel == "email"
    if is_reminder and is_stopped(connection, person.email_index, Stop.REMINDERS):
        return Dropped("they want no reminders")
    code, named = "", None
    if kind is Kind.RETRIEVED:
        named = following.who_fetched(connection, package.id)
    if kind in WITH_CODE:
        code = code_of(central, package, location)
        if not code:
            return Dropped("the location's kiosk is not enrolled: there is no code")
        if kind is Kind.DELEGATE:
            named = following.current(connection, package.id)
            if named is None or named.ended_ms is not None or named.until_ms <= now_ms:
                return Dropped("the delegate may not fetch it any more")
            key = central.secrets.open(location.key_sealed)
            code = delegate_code(key, package.id, named.id, package.locator)
    is_public = bool(central.settings.public_url)
    ways = Ways(privacy=links.privacy_url(central, known_language(row.language)))
    if is_public and kind in WITH_PAGE:
        ways = ways_of(connection, central, row.language, package, person.id)
    about = about_of(
        connection,
        central,
        known_language(row.language),
        package,
        person,
        location,
        code=code,
        delegate=named,
        is_out=is_out,
        ways=ways,
    )
    message = letters.written(row.id, kind, row.channel, to, about)
    unsubscribe_url = f"{ways.page}{links.NO_REMINDERS}" if ways.page and is_reminder else ""
    receipt_url = receipts.url_for(central, row.id)
    return replace(message, receipt_url=receipt_url, unsubscribe_url=unsubscribe_url)


def code_of(central: Central, package: Any, location: Any) -> str:
    """The code of a package that lies somewhere; "" where there is none."""
    if location.key_sealed is None or not package.locator or not package.code_counter:
        return ""
    key = central.secrets.open(location.key_sealed)
    return make_code(key, package.id, package.locator, package.code_counter)


def ways_of(
    connection: Connection, central: Central, language: str, package: Any, person: str
) -> Ways:
    """Where the links of a message about a package lead."""
    return Ways(
        page=links.link_to(central, package.id, person),
        short=short_links.short_link_to(central, package.id, person),
        may_extend=may_extend(connection, central, package),
        privacy=links.privacy_url(central, known_language(language)),
    )


_LISTING = select(schema.location_listing).where(
    schema.location_listing.c.location == bindparam("location")
)


def about_of(
    connection: Connection,
    central: Central,
    language: str,
    package: Any,
    person: Any,
    location: Any,
    **more: Any,
) -> About:
    """What a message about a package says of it, and of where it lies."""
    listing = connection.execute(_LISTING, {"location": location.id}).first()
    return About(
        language,
        location,
        package,
        person,
        look=look_of(connection, package.carrier),
        brand=central.settings.brand,
        directions="" if listing is None else listing.directions,
        opening_hours="" if listing is None else listing.opening_hours,
        **more,
    )


def _is_hushed(connection: Connection, central: Central, channel: str, person: Any) -> bool:
    """Whether this way leads to a number whose owner said STOP."""
    url = central.settings.notifications.person_url
    leads_there = channel == "sms" or (channel == "apprise" and "phone" in addresses.fields_of(url))
    return leads_there and is_stopped(connection, person.phone_index, Stop.SMS)


def _confirmation(connection: Connection, row: Any, kind: Kind) -> Message | Dropped:
    """That a STOP or START was heard: the one message that a STOP does not hold back."""
    person = _one(connection, schema.recipient, row.recipient)
    if person is None or person.erased_ms is not None or not person.phone:
        return Dropped("the person's data were erased")
    text = texts(known_language(row.language))[kind]["text"]
    return Message(row.id, kind, row.channel, str(person.phone), text, text, short=text)


def _look_again_in_ms(lasts_ms: int) -> int:
    """What has been out of reach for long is not looked after every few minutes; the end of an
    outage brings what waits forward."""
    return min(max(lasts_ms // 4, 5 * MINUTE_MS), 6 * HOUR_MS)


def reason_is_gone(kind: Kind, package: Any) -> str:
    """Why a message is not sent any more; "" while its reason holds."""
    status = package.status
    if kind in WITH_CODE and status != PackageStatus.STORED:
        if kind in (Kind.CODE, Kind.REISSUED) and status == PackageStatus.EXPIRED:
            return ""
        return f"the package is {status}"
    if kind is Kind.OUT_OF_REACH and status != PackageStatus.STORED:
        return f"the package is {status}"
    if kind is Kind.EXPIRED and status != PackageStatus.EXPIRED:
        return f"the package is {status}"
    if kind is Kind.CANCELLED and status not in (PackageStatus.CANCELLED, PackageStatus.COLLECTED):
        return f"the package is {status}"
    return ""


def _address(channel: str, person: Any, central: Central) -> str:
    """Where a person is reached. Raises `ValueError` where the way does not take the address."""
    if channel == "email":
        return addresses.address(person.email)
    if channel == "sms":
        return str(person.phone)
    return addresses.in_url(central.settings.notifications.person_url, person.email, person.phone)


_BY_ID = {
    table: select(table).where(table.c.id == bindparam("id"))
    for table in (schema.location, schema.package, schema.recipient)
}


def _one(connection: Connection, table: Table, key: str | None) -> Any:
    return connection.execute(_BY_ID[table], {"id": key}).first()


def _for_operators(row: Any, kind: Kind, location: Any) -> Message:
    details = all_plain(kept.object_of(row.facts))
    where = plain(location.name) if location is not None else row.location or "Server"
    door = f"door {details['slot']}: " if "slot" in details else ""
    subject = f"{where}: {door}{details.get('what', kind)}"
    text = f"{subject}\nLocation {row.location}." if row.location else subject
    text += f" Reference {details['reference']}." if "reference" in details else ""
    if row.times > 1:
        text += f" {row.times} times."
    return Message(row.id, kind, OPERATORS, "", subject, text, short=subject)
