"""What a message says: the words of a language, the details of a package, a picture of its code.

The words stand in one file per language beside this module, `texts/<language>.toml`: for each kind
a subject and a text, in Jinja's notation. Codes are made here, when a message goes out, from the
location's key; nothing of them is kept.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import zxingcpp
from babel.dates import format_date, format_time
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from PIL import Image
from sqlalchemy import Connection, Table, bindparam, select

from central import addresses, kept, links, people, schema
from central.carriers.appearance import Look, look_of
from central.context import Central
from central.delegates import following
from central.notify import receipts
from central.notify.outbox import IN_REACH_ONLY, OPERATORS, WITH_CODE, Kind, Stop, is_stopped
from central.outages.reach import reach_of
from central.plain_texts import all_plain, plain
from kiosk.model import bidi
from kiosk.model.clock import HOUR_MS, MINUTE_MS
from kiosk.model.package import PackageStatus
from kiosk.model.pickup_code import delegate_code, make_code, qr_text

FALLBACK = "en"
RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
_STYLES = {"en": "en_GB"}
_DAYS = {
    "de": "EEEE, d. MMMM",
    "es": "EEEE, d 'de' MMMM",
    "pl": "EEEE, d MMMM",
    "ar": "EEEE، d MMMM",
}
"""How a day without its year is written, where that is not as in English: CLDR's longest form has
the year in it."""
NO_LOOK = Look()

LINES = Environment(undefined=StrictUndefined, autoescape=False)
PAGES = Environment(
    loader=PackageLoader("central.notify", "."), undefined=StrictUndefined, autoescape=True
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to go out."""

    id: str
    kind: Kind
    channel: str
    to: str
    """An e-mail address or a telephone number; empty for operators."""
    subject: str
    text: str
    html: str = ""
    picture: bytes = b""
    """The QR code as a PNG; empty where there is none."""
    short: str = ""
    """The text for a telephone."""
    receipt_url: str = ""
    """Where the gateway may say what became of it; empty where nobody reaches this server."""
    unsubscribe_url: str = ""
    """Where a mail program stops messages of this kind; empty for those that are needed."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that is not sent, because its reason is gone or nobody can get it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A message that cannot go this way to this person: another has to be found."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """A message that would not be true now, and may be later."""

    until_ms: int


@cache
def _line(words: str) -> Template:
    """Words with their gaps; made once, for each message uses them."""
    return LINES.from_string(words)


@cache
def texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """The words of a language; English where there are none."""
    folder = resources.files("central.notify") / "texts"
    path = folder / f"{language}.toml"
    if not path.is_file():
        path = folder / f"{FALLBACK}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def languages() -> tuple[str, ...]:
    """The languages that messages can be in."""
    folder = resources.files("central.notify") / "texts"
    return tuple(sorted(each.name[:-5] for each in folder.iterdir() if each.name.endswith(".toml")))


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
        if location.key_sealed is None or not package.locator or not package.code_counter:
            return Dropped("the location's kiosk is not enrolled: there is no code")
        key = central.secrets.open(location.key_sealed)
        code = make_code(key, package.id, package.locator, package.code_counter)
        if kind is Kind.DELEGATE:
            named = following.current(connection, package.id)
            if named is None or named.ended_ms is not None or named.until_ms <= now_ms:
                return Dropped("the delegate may not fetch it any more")
            code = delegate_code(key, package.id, named.id, package.locator)
    link = ""
    if central.settings.public_url and kind in (*WITH_CODE, Kind.EXPIRED, Kind.OUT_OF_REACH):
        link = links.link_to(central, package.id, person.id)
    message = for_person(
        row,
        kind,
        location,
        package,
        person,
        to,
        code,
        link,
        is_out=is_out,
        look=look_of(connection, package.carrier),
        delegate=named,
        privacy_url=links.privacy_url(central, row.language),
    )
    unsubscribe_url = f"{link}{links.NO_REMINDERS}" if link and is_reminder else ""
    receipt_url = receipts.url_for(central, row.id)
    return replace(message, receipt_url=receipt_url, unsubscribe_url=unsubscribe_url)


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
    text = texts(row.language if row.language in languages() else FALLBACK)[kind]["text"]
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


def for_person(
    row: Any,
    kind: Kind,
    location: Any,
    package: Any,
    person: Any,
    to: str,
    code: str,
    link: str,
    *,
    is_out: bool = False,
    look: Look = NO_LOOK,
    privacy_url: str = "",
    delegate: Any = None,
) -> Message:
    """What a person is sent, in their language and for every way out.

    `look`: of the carrier whose package it is, whose name stands at the head, on a line of its
    own. `is_out`: the package cannot be fetched now, so no day is named until which it could.
    `privacy_url`: where it says what is kept of them. `delegate`: who may fetch it, or has.
    """
    language = row.language if row.language in languages() else FALLBACK
    words, details = texts(language), details_of(location, package, person, code, language)
    if is_out:
        details["until"] = ""
    details |= details_of_delegate(delegate, location, language)
    text = _line(words[kind]["text"]).render(details)
    subject = _line(words[kind]["subject"]).render(details)
    sign_off = _line(words["all"]["footer"]).render(details)
    runs_left = _runs_left(language, location, person)
    # The blank keeps mail programs from taking the mark for a part of the link.
    shown = bidi.left_to_right(f"{link} ") if link and runs_left else link
    offer = _line(words["all"]["link"]).render(link=shown) if link else ""
    picture = qr_picture(location.id, code) if code else b""
    html = PAGES.get_template("message.html").render(
        subject=subject,
        paragraphs=text.strip().split("\n"),
        footer=sign_off.strip().split("\n"),
        code=details["code"],
        offer=offer.removesuffix(shown).strip(),
        link=link,
        notice=_line(words["all"]["privacy_title"]).render() if privacy_url else "",
        privacy_url=privacy_url,
        carrier=look.name,
        colour=look.colour,
        language=language,
        direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
    )
    head = f"{look.name}\n" if look.name else ""
    letter = f"{head}{text.strip()}\n\n{details['code']}\n" if code else f"{head}{text.strip()}\n"
    letter += f"\n{offer}\n" if link else ""
    short = _line(words[kind].get("sms", words[kind]["text"])).render(details).strip()
    # On one line, as gateways want it.
    short = f"{look.name}: {short}" if look.name else short
    notice = ""
    if privacy_url:
        shown = bidi.left_to_right(f"{privacy_url} ") if runs_left else privacy_url
        notice = _line(words["all"]["privacy"]).render(link=shown)
        # Once for each package: an SMS is short, and each one costs.
        short += f" {notice}" if kind is Kind.STORED else ""
    letter = "\n".join(part for part in (letter, sign_off, notice) if part)
    return Message(row.id, kind, row.channel, to, subject, letter, html, picture, short)


def details_of(
    location: Any, package: Any, person: Any, code: str, language: str
) -> dict[str, str]:
    """What the words of a message may name."""
    shown = f"{code[:-6]} {code[-6:-3]} {code[-3:]}" if code else ""
    comma = "، " if language == "ar" else ", "
    numbers = {"barcode": package.barcode, "code": shown, "help_phone": location.help_phone}
    numbers = {name: plain(value) for name, value in numbers.items()}
    names = {
        "name": plain(person.name),
        "location": plain(location.name),
        "address": plain(location.address),
        "until": _day(package.hold_until_ms, location.time_zone, language, -1),
        "time": _moment(package.finished_ms, location.time_zone, language),
    }
    if _runs_left(language, location, person):
        numbers = {name: bidi.left_to_right(value) for name, value in numbers.items()}
        names = {name: bidi.by_its_letters(value) for name, value in names.items()}
    place = comma.join(part for part in (names["location"], names["address"]) if part)
    return numbers | names | {"place": place}


def details_of_delegate(delegate: Any, location: Any, language: str) -> dict[str, str]:
    """What the words of a message or a page may name of a delegate."""
    if delegate is None:
        return {"delegate": "", "delegate_until": ""}
    name = plain(delegate.name) or "–"
    until = _day(delegate.until_ms, location.time_zone, language, -1)
    if language in RIGHT_TO_LEFT or bidi.is_right_to_left(name):
        name = bidi.by_its_letters(name)
    return {"delegate": name, "delegate_until": until}


def _runs_left(language: str, location: Any, person: Any) -> bool:
    """Whether a message has words from right to left: its own, or a name in it."""
    names = f"{location.name} {location.address} {person.name}"
    return language in RIGHT_TO_LEFT or bidi.is_right_to_left(names)


def _day(at_ms: int | None, zone: str, language: str, shift_ms: int = 0) -> str:
    """A day in words. A hold ends with the midnight after its last day."""
    if at_ms is None:
        return ""
    local = kept.moment_of(at_ms + shift_ms, zone)
    if local is None:
        return "–"
    order = _DAYS.get(language, "EEEE d MMMM")
    return format_date(local, order, locale=_STYLES.get(language, language))


def _moment(at_ms: int | None, zone: str, language: str) -> str:
    if at_ms is None:
        return ""
    local = kept.moment_of(at_ms, zone)
    if local is None:
        return "–"
    hour = format_time(local, "short", locale=_STYLES.get(language, language))
    return f"{_day(at_ms, zone, language)}, {hour}"


def qr_picture(location: str, code: str) -> bytes:
    """The QR code of a pickup code as a PNG."""
    # Not segno, as elsewhere: this is made for every message, and here it costs a tenth.
    text, kind = qr_text(location, code), zxingcpp.BarcodeFormat.QRCode
    barcode = zxingcpp.create_barcode(text, kind, ec_level="M")
    drawn = zxingcpp.write_barcode_to_image(barcode, scale=8, add_quiet_zones=True)
    height, width = drawn.shape
    picture = io.BytesIO()
    Image.frombuffer("L", (width, height), drawn).convert("1", dither=Image.Dither.NONE).save(
        picture, "png"
    )
    return picture.getvalue()


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
