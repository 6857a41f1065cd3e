"""Codes, numbers and addresses as a screen draws them in words that run from right to left."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from bidi import get_display

from central.notify.messages import Message, for_person, languages, texts
from central.notify.outbox import Kind
from kiosk.messages import text_of
from tests.support.central_server import LOCATION, NOW_MS

CODE, SHOWN = "2169438319", "2169 438 319"
LINK = "https://lockers.example.org/mine/WyJ4Il0.aB-c_9"
PHONE, BARCODE = "+49 30 1234567", "9400 1112-0255/58"
LATIN = ("Köln Messe (2)", "Deutzer Weg 12-14, 50679 Köln")
ARABIC = ("سوق 7", "شارع 12-14، 50679")
MARKS = re.compile("[\u2066-\u2069]")


def message_of(kind: Kind, language: str, place: tuple[str, str]) -> Message:
    """A message of this kind to somebody in this language."""
    row = SimpleNamespace(id="1", kind=kind, channel="email", language=language)
    location = SimpleNamespace(
        id="market", name=place[0], address=place[1], help_phone=PHONE, time_zone="Europe/Berlin"
    )
    package = SimpleNamespace(barcode=BARCODE, hold_until_ms=NOW_MS, finished_ms=NOW_MS)
    person = SimpleNamespace(name="Kim")
    return for_person(row, kind, location, package, person, "kim@example.org", CODE, LINK)


def drawn(text: str) -> str:
    """What stands on a screen, from left to right."""
    lines: list[Any] = [get_display(line) for line in text.split("\n")]
    return MARKS.sub("", "\n".join(lines))


def as_text(html: str) -> str:
    return re.sub(r"<[^>]*>", "\n", html.split("<body", 1)[1])


@pytest.mark.parametrize("place", [LATIN, ARABIC], ids=["latin", "arabic"])
@pytest.mark.parametrize("language", languages())
def test_every_number_is_drawn_in_its_own_order(language: str, place: tuple[str, str]) -> None:
    for kind in map(Kind, texts(language).keys() - {"all", "recipient_page", "receipt_page"}):
        message = message_of(kind, language, place)
        for text in (message.text, message.short, as_text(message.html)):
            for part, digits in (
                (SHOWN, "438"),
                (PHONE, "1234567"),
                (BARCODE, "1112"),
                (LINK, LINK),
            ):
                if digits in text:
                    assert part in drawn(text), f"{kind} in {language}: {text}"
            if place == LATIN and LATIN[1] in text:
                assert LATIN[1] in drawn(text)
        assert SHOWN in drawn(message.text)
        assert LINK in re.split(r"\s|[\u2066-\u2069]", message.text)


@pytest.mark.parametrize("language", languages())
def test_only_who_needs_them_gets_marks(language: str) -> None:
    message = message_of(Kind.STORED, language, LATIN)
    for text in (message.text, message.short, message.html):
        assert bool(MARKS.search(text)) is (language == "ar")


@pytest.mark.parametrize("place", [LATIN, ARABIC], ids=["latin", "arabic"])
def test_the_kiosks_own_message_is_drawn_in_order(place: tuple[str, str]) -> None:
    location = replace(LOCATION, name=place[0], address=place[1], help_phone=PHONE)
    shown = drawn(text_of(location, SHOWN))
    assert SHOWN in shown
    assert PHONE in shown
