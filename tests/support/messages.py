"""Messages to people, of every kind and language, written without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from central.notify.about import About, Ways
from central.notify.letters import TO_BE_FETCHED, written
from central.notify.message import Message
from central.notify.outbox import WITH_CODE, Kind
from central.notify.words import languages, texts
from central.settings import Brand
from tests.support.central_server import NOW_MS

CODE, SHOWN = "2169438319", "2169 438 319"
"""Of the longest that there are."""
LINK: Final = "https://lockers.example.org/mine/WyJ4Il0.aB-c_9"
SHORT_LINK: Final = "https://lockers.example.org/m/aB3dE5gH1k"
PRIVACY: Final = "https://lockers.example.org/privacy?language=de"
PHONE, BARCODE = "+49 30 1234567", "9400 1112-0255/58"
LATIN: Final = ("Köln Messe (2)", "Deutzer Weg 12-14, 50679 Köln")
ARABIC: Final = ("سوق 7", "شارع 12-14، 50679")
_OF_PAGES = ("all", "recipient_page", "receipt_page")
KINDS: Final = tuple(Kind(each) for each in texts("en") if each not in _OF_PAGES)
OF_A_PACKAGE: Final = tuple(each for each in KINDS if each not in (Kind.STOPPED, Kind.STARTED))
LANGUAGES: Final = languages()


def about(
    kind: Kind, language: str, place: tuple[str, str] = LATIN, *, shop: str = "", **more: Any
) -> About:
    """What a message of this kind is about, with all that may be said of it."""
    location = SimpleNamespace(
        id="market",
        name=place[0],
        address=place[1],
        help_phone=PHONE,
        time_zone="Europe/Berlin",
        latitude=50.94,
        longitude=6.98,
    )
    package = SimpleNamespace(barcode=BARCODE, hold_until_ms=NOW_MS, finished_ms=NOW_MS, shop=shop)
    is_public = kind in (*TO_BE_FETCHED, Kind.EXPIRED) and kind is not Kind.DELEGATE
    values = {
        "code": CODE if kind in WITH_CODE else "",
        "delegate": SimpleNamespace(name="Anna", until_ms=NOW_MS)
        if kind is Kind.DELEGATE
        else None,
        "directions": "Hinter der Bäckerei, 2. Tür",
        "opening_hours": "Mo-Fr 06:00-22:00; Sa 08:00-12:00,14:00-20:00",
        "brand": Brand(name="Stadtwerke"),
        "ways": Ways(LINK, SHORT_LINK, may_extend=True, privacy=PRIVACY)
        if is_public
        else Ways(privacy=PRIVACY),
    }
    return About(language, location, package, SimpleNamespace(name="Kim"), **values | more)


def message_of(kind: Kind, language: str, place: tuple[str, str] = LATIN, **more: Any) -> Message:
    """A message of this kind to somebody in this language."""
    said = about(kind, language, place, **more)
    return written("1", kind, "email", "kim@example.org", said)
