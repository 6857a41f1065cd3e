"""Codes, numbers and addresses as a screen draws them in words that run from right to left."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from bidi import get_display

from central.carriers.appearance import Look
from central.notify.days import counted
from central.notify.outbox import WITH_CODE, Kind
from central.notify.words import languages, texts
from kiosk.messages import text_of
from tests.support.central_server import LOCATION
from tests.support.messages import (
    ARABIC,
    BARCODE,
    LANGUAGES,
    LATIN,
    LINK,
    OF_A_PACKAGE,
    PHONE,
    SHORT_LINK,
    SHOWN,
    message_of,
)

MARKS = re.compile("[\u2066-\u2069]")


def drawn(text: str) -> str:
    """What stands on a screen, from left to right."""
    lines: list[Any] = [get_display(line) for line in text.split("\n")]
    return MARKS.sub("", "\n".join(lines))


def as_text(html: str) -> str:
    return re.sub(r"<[^>]*>", "\n", html.split("<body", 1)[1])


@pytest.mark.parametrize("place", [LATIN, ARABIC], ids=["latin", "arabic"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_is_drawn_in_its_own_order(language: str, place: tuple[str, str]) -> None:
    for kind in OF_A_PACKAGE:
        message = message_of(kind, language, place)
        for text in (message.text, message.short, as_text(message.html)):
            for part, digits in (
                (SHOWN, "438"),
                (PHONE, "1234567"),
                (BARCODE, "1112"),
                (LINK, LINK),
                (SHORT_LINK, SHORT_LINK),
            ):
                if digits in text:
                    assert part in drawn(text), f"{kind} in {language}: {text}"
            if place == LATIN and LATIN[1] in text:
                assert LATIN[1] in drawn(text)
        if kind in WITH_CODE:
            assert SHOWN in drawn(message.text)
        if kind is Kind.STORED:
            assert LINK in re.split(r"\s|[\u2066-\u2069]", message.text)
            assert SHORT_LINK in re.split(r"\s|[\u2066-\u2069]", message.short)


@pytest.mark.parametrize("language", LANGUAGES)
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


def test_a_latin_name_at_the_head_turns_no_arabic_message_over() -> None:
    """A program takes a text's direction from its first letter outside of isolates (UAX #9, P2)."""
    for kind in OF_A_PACKAGE:
        for look in (Look(), Look("Swift")):
            short = message_of(kind, "ar", look=look).short
            outside = re.sub("[\u2066-\u2068][^\u2069]*\u2069", "", short)
            letters = (unicodedata.bidirectional(each) for each in outside)
            first = next(each for each in letters if each in ("L", "R", "AL"))
            assert first == "AL", short


def test_the_privacy_notice_counts_days_as_each_language_does() -> None:
    said = {("en", 1): "1 day", ("uk", 21): "21 день", ("pl", 2): "2 dni", ("ar", 3): "3 أيام"}
    for (language, days), words in said.items():
        assert counted(days, language) == words
    for language in languages():
        assert "{{ days }}" not in texts(language)["all"]["privacy_text"]
        assert "{{ period }}" in texts(language)["all"]["privacy_text"]
