"""What a message or a person's page is about: a package, with all that is said of it.

Gathered here from the database, so that an e-mail, an SMS and the page say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from central.carriers.appearance import Look
from central.notify import days
from central.notify.words import RIGHT_TO_LEFT, texts
from central.plain_texts import plain
from central.settings import Brand
from kiosk.model import bidi
from kiosk.model.urls import asking

NO_LOOK = Look()
NO_BRAND = Brand()
MAP = "https://www.openstreetmap.org"


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the links of a message lead; "" where there is none."""

    page: str = ""
    """The person's own page of the package."""
    short: str = ""
    """The same in few letters, for a telephone."""
    may_extend: bool = False
    """Whether the package may be kept longer there."""
    privacy: str = ""
    """Where it says what is kept of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what is listed: what it is, what it says, where it leads."""

    label: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """A package with its location and person, in a language, and what belongs to them."""

    language: str
    location: Any
    package: Any
    person: Any
    code: str = ""
    delegate: Any = None
    """Who may fetch it in the person's place, or has."""
    until_ms: int | None = None
    """Until when it is held; None: as its kiosk has said."""
    is_out: bool = False
    """Whether it cannot be fetched now, so that no day is named until which it could."""
    look: Look = NO_LOOK
    """Of the carrier whose package it is."""
    brand: Brand = NO_BRAND
    """Of the lockers' owner."""
    directions: str = ""
    opening_hours: str = ""
    ways: Ways = Ways()
    runs_left: bool = field(init=False)
    """Whether any words run from right to left: the language's own, or a name among them."""

    def __post_init__(self) -> None:
        named = (
            *(self.location.name, self.location.address, self.person.name, self.directions),
            self.package.shop,
            *(self.look.name, self.brand.name, "" if self.delegate is None else self.delegate.name),
        )
        runs_left = self.is_from_right or bidi.is_right_to_left(" ".join(named))
        object.__setattr__(self, "runs_left", runs_left)

    @property
    def is_from_right(self) -> bool:
        """Whether the language's own words run from right to left."""
        return self.language in RIGHT_TO_LEFT

    @property
    def words(self) -> Mapping[str, str]:
        """The words that all messages have in common."""
        return texts(self.language)["all"]

    def shown(self, number: str) -> str:
        """A code, a number or an address of the web, kept in its own order."""
        return bidi.left_to_right(number) if self.runs_left else number

    def named(self, name: str) -> str:
        """A name or the like, in the direction of its own letters."""
        return bidi.by_its_letters(name) if self.runs_left else name

    @property
    def help_phone(self) -> str:
        """Whom the person calls."""
        return plain(self.location.help_phone) or plain(self.brand.help_phone)

    @property
    def shop(self) -> str:
        """The shop that the package comes from, "" where nobody said."""
        return plain(self.package.shop)

    @property
    def owner(self) -> str:
        """Whose lockers they are, "" where nobody said."""
        return plain(self.brand.name)


def grouped(code: str) -> str:
    """A code as it is read out: its last six digits in threes."""
    return f"{code[:-6]} {code[-6:-3]} {code[-3:]}" if code else ""


def details_of(about: About, *, is_short: bool = False) -> dict[str, str]:
    """What the words of a message or a page may name; `is_short`: days in few letters."""
    location, package = about.location, about.package
    place = {"zone": location.time_zone, "language": about.language}
    until_ms = package.hold_until_ms if about.until_ms is None else about.until_ms
    named = about.delegate
    numbers = {
        "barcode": plain(package.barcode),
        "code": grouped(about.code),
        "help_phone": about.help_phone,
    }
    names = {
        "name": plain(about.person.name),
        "location": plain(location.name),
        "address": plain(location.address),
        "until": "" if about.is_out else days.last_day(until_ms, **place, is_short=is_short),
        "time": days.moment(package.finished_ms, **place, is_short=is_short),
        "delegate": "" if named is None else plain(named.name) or "–",
        "delegate_until": ""
        if named is None
        else days.last_day(named.until_ms, **place, is_short=is_short),
    }
    details = {name: about.shown(value) for name, value in numbers.items()}
    details |= {name: about.named(value) for name, value in names.items()}
    where = days.listed(about.language, details["location"], details["address"])
    return details | {"place": where}


def lines_of(about: About, details: Mapping[str, str], *, is_to_be_fetched: bool) -> list[Line]:
    """What is listed of a package; `is_to_be_fetched`: with what somebody needs who goes there."""
    words = about.words
    lines = [
        Line(words["shop"], about.named(about.shop)),
        Line(words["package"], details["barcode"]),
        Line(words["carrier"], about.named(about.look.name)),
    ]
    where = "\n".join(each for each in (details["location"], details["address"]) if each)
    if is_to_be_fetched:
        hours = days.opening_hours(about.opening_hours, about.language, words["always_open"])
        lines += [
            Line(words["until"], details["until"]),
            Line(words["where"], where),
            Line(words["way_in"], about.named(plain(about.directions))),
            Line(words["open"], hours),
        ]
    else:
        lines.append(Line(words["where"], where))
    lines.append(Line(words["phone"], details["help_phone"], phone_url(about.help_phone)))
    return [line for line in lines if line.text]


def phone_url(number: str) -> str:
    """The address that calls a number; "" where there is none."""
    digits = re.sub(r"[^0-9+]", "", number)
    return f"tel:{digits}" if digits else ""


def map_links(about: About) -> list[Line]:
    """Where the location is on a map, and the way there: at OpenStreetMap, which learns where the
    locker is and nothing of who asks."""
    location, words = about.location, about.words
    place = _place(location)
    if place:
        latitude, longitude = place
        pin = asking(f"{MAP}/", mlat=latitude, mlon=longitude)
        pin += f"#map=18/{latitude}/{longitude}"
        route = asking(f"{MAP}/directions", to=f"{latitude},{longitude}")
        return [Line(words["map"], "", pin), Line(words["route"], "", route)]
    if plain(location.address):
        found = asking(f"{MAP}/search", query=plain(location.address))
        return [Line(words["map"], "", found)]
    return []


def geo_url(about: About) -> str:
    """The address that a telephone opens in its own map (RFC 5870); "" where nobody said."""
    place = _place(about.location)
    if place is None:
        return ""
    at = f"{place[0]},{place[1]}"
    return asking(f"geo:{at}", q=at)


def _place(location: Any) -> tuple[float, float] | None:
    latitude, longitude = location.latitude, location.longitude
    if latitude is None or longitude is None:
        return None
    return round(latitude, 5), round(longitude, 5)
