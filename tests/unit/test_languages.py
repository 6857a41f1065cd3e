"""Every language says everything: no sentence missing, no place lost, every number with its form,
every letter in the font, and the order of reading kept."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from string import ascii_letters

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from PIL import ImageFont

from config.schema import LANGUAGES
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.courier import Receipt, ReceiptLine
from kiosk.flows.views.customer import HoldExtended
from kiosk.flows.views.shared import Answer
from kiosk.model.events import EventKind
from kiosk.model.location import ServiceReason
from kiosk.ui import fonts, texts
from kiosk.ui.directions import direction_of
from kiosk.ui.icons import GLYPHS
from kiosk.ui.language import (
    PSEUDO,
    SOURCE,
    UnknownLanguageError,
    display_lines,
    joined,
    languages,
    lengthened,
    speech,
)
from tests.gallery.locker import NOW_MS, sample_doors, sample_location

ROOT = Path(__file__).parents[2]
LOCATION = sample_location()
OTHERS = [language for language in languages() if language != SOURCE]
NOT_COUNTED = {
    *("all", "barcode", "board", "channel", "choice", "code", "contact", "day", "detail", "host"),
    *("name", "number", "other", "page", "pages", "phone", "place", "sent", "size", "slot"),
    *("slots", "time", "when", "whole", "free", "expected"),
}
"""Places of names, of moments, of whole phrases, and of the second number of a pair."""
_SECONDS = ("s", "с", "ث", "sn")
UNITS = {
    "kg",
    "кг",
    "كغ",
    "كجم",
    "km",
    "км",
    "كم",
    "GB",
    "ГБ",
    "Go",
    "غيغابايت",
    "%",
    "°C",
    *_SECONDS,
}
FREE = ("{count} free", "{count} free")


@cache
def sentences() -> frozenset[str | tuple[str, ...]]:
    """Every sentence in the code, as the extraction in the README finds it."""
    keywords = {"say": None, "say_count": (2, 3), "N_": None}
    found = extract_from_dir(str(ROOT / "kiosk" / "ui"), keywords=keywords)
    return frozenset(message for _, _, message, _, _ in found if message)


@cache
def catalogue(language: str) -> Catalog:
    with (ROOT / "assets" / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def places(sentence: str) -> set[str]:
    return set(re.findall(r"\{\w*\}", sentence))


def forms(language: str, message: str | tuple[str, ...]) -> tuple[str, ...]:
    entry = catalogue(language).get(message if isinstance(message, str) else message[0])
    said = entry.string if entry is not None else ""
    return (said,) if isinstance(said, str) else tuple(said or ())


def test_a_site_can_choose_every_language_but_the_invented_one() -> None:
    assert set(LANGUAGES) == set(languages()) >= {"en", "de", "fr", "es", "pl", "ar"}
    assert PSEUDO not in LANGUAGES


def test_the_code_has_its_sentences_where_the_extraction_finds_them() -> None:
    assert len(sentences()) > 200
    assert "Here for a package?" in sentences()


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    known = {message.id for message in catalogue(language) if message.id}
    assert known == sentences()
    assert [m for m in sentences() if not all(forms(language, m))] == []
    assert [m.id for m in catalogue(language) if m.id and m.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_place_is_lost_and_none_is_invented(language: str) -> None:
    for message in sentences():
        wanted = places(message if isinstance(message, str) else message[1])
        # A plural form may say the number in a word: "one package".
        optional = set() if isinstance(message, str) else {"{count}"}
        for form in forms(language, message):
            assert wanted - optional <= places(form) <= wanted, (message, form)


@pytest.mark.parametrize("language", languages())
def test_a_number_beside_a_word_has_the_form_that_goes_with_it(language: str) -> None:
    """Else it stands after a colon, before a sign of a unit, or between two numbers."""
    for message in (each for each in sentences() if isinstance(each, str)):
        for said in [message] if language == SOURCE else forms(language, message):
            for name in set(re.findall(r"\{(\w+)\}", said)) - NOT_COUNTED:
                assert not uncounted(said, name), f"{said!r}: {{{name}}} has no plural forms"


def uncounted(said: str, name: str) -> str:
    """The word beside a number that would have to change with it; empty where none does."""
    rest = re.sub(r"\{\w+\}( \w+ | / | )\{\w+\}", "{pair}", said)
    beside = re.search(rf"\{{({name}|pair)\}} (\w+|%|°C)", rest)
    before = re.search(rf"\w+ \{{{name}\}}", rest)
    if beside is not None:
        return "" if beside[2] in UNITS else beside[2]
    return before[0] if before is not None else ""


def test_a_number_without_its_forms_is_found() -> None:
    assert uncounted("{days} days left", "days") == "days"
    assert uncounted("вільно {count}", "count")
    for right in ("Doors: {count}", "up to {weight} kg", "answers: {received} of {sent}"):
        assert not uncounted(right, re.findall(r"\{(\w+)\}", right)[0]), right


@pytest.mark.parametrize("language", OTHERS)
def test_what_ends_or_asks_in_english_does_so_in_every_language(language: str) -> None:
    ends = {"?": "?؟;", ".": ".", ":": ":"}
    for message in sentences():
        english = message if isinstance(message, str) else message[1]
        for form in forms(language, message):
            assert form == form.strip()
            if english[-1] in ends:
                assert form[-1] in ends[english[-1]], (english, form)


@pytest.mark.parametrize(
    ("language", "counts"),
    [
        ("en", {1: "1 package handed over", 2: "2 packages handed over"}),
        ("de", {1: "1 Paket übergeben", 7: "7 Pakete übergeben"}),
        ("fr", {0: "0 libre", 1: "1 libre", 2: "2 libres"}),
        ("pl", {1: "1 wolna", 2: "2 wolne", 4: "4 wolne", 5: "5 wolnych", 12: "12 wolnych"}),
        ("pl", {22: "22 wolne", 25: "25 wolnych", 112: "112 wolnych"}),
        ("uk", {1: "1 вільна", 3: "3 вільні", 5: "5 вільних", 11: "11 вільних"}),
        ("uk", {12: "12 вільних", 21: "21 вільна", 112: "112 вільних", 122: "122 вільні"}),
        ("tr", {1: "1 boş", 7: "7 boş"}),
    ],
)
def test_numbers_take_their_forms(language: str, counts: dict[int, str]) -> None:
    changed = ("{count} package handed over", "{count} packages handed over")
    for count, said in counts.items():
        asked = changed if "ha" in said or "ü" in said else FREE
        assert speech(language).say_count(count, *asked) == said


def test_arabic_has_six_forms() -> None:
    counts = (0, 1, 2, 3, 11, 100)
    more = ("You have {count} more package", "You have {count} more packages")
    said = [speech("ar").say_count(count, *more) for count in counts]
    assert len(set(said)) == 6
    for same in ((3, 10, 103), (11, 99, 111)):
        bare = {re.sub(r"\d+", "#", speech("ar").say_count(count, *more)) for count in same}
        assert len(bare) == 1
    assert "طردًا" in said[4], "eleven to ninety-nine take the accusative"
    assert "طردًا" not in said[5]


def test_times_are_the_sites_and_in_the_style_of_the_language() -> None:
    answer = Answer(refused=Refused(Refusal.ALREADY_PICKED_UP, at_ms=NOW_MS))
    said = {
        language: texts.words_for(answer, LOCATION, speech(language)).title
        for language in languages()
    }
    assert said["en"] == "This package was picked up on Fri 6 Nov, 22:20."
    assert "Fr., 6. Nov., 22:20" in said["de"]
    assert "ven. 6 nov." in said["fr"]
    assert "الجمعة، 6 نوفمبر، 22:20" in said["ar"]
    assert "пт, 6 лист." in said["uk"]
    assert "6 Kas Cum" in said["tr"]
    assert speech("en").time(NOW_MS, "America/New_York") == "16:20"


def test_a_hold_is_said_by_its_last_day_not_by_its_midnight() -> None:
    midnight_ms = NOW_MS + 100 * 60_000  # 22:20 in Berlin and 100 minutes
    said = texts.words_for(HoldExtended(until_ms=midnight_ms), LOCATION).title
    assert said == "Kept until Fri 6 Nov"
    unknown = texts.words_for(HoldExtended(until_ms=None), LOCATION).title
    assert unknown == "Kept for one more day"


def test_a_receipt_has_its_day_once_and_a_time_in_each_line() -> None:
    lines = (
        ReceiptLine(EventKind.PACKAGE_STORED, "AB1", "3", NOW_MS),
        ReceiptLine(EventKind.PACKAGE_COLLECTED, "AB2", "9", None),
    )
    view = Receipt(name="Kim", number="17", lines=lines)
    words = texts.words_for(view, LOCATION, speech("de"))
    assert words.body.split("\n") == [
        "22:20  Fach 3  eingelegt  AB1",
        "Fach 9  mitgenommen  AB2",
    ]
    assert words.note is not None and words.note.text == "Beleg 17, Kim, Fr., 6. Nov."


@pytest.mark.parametrize("language", OTHERS)
def test_staff_reads_the_reasons_in_its_language(language: str) -> None:
    for reason in ServiceReason:
        english = texts.parts.reason_word(reason, speech("en"))
        assert texts.parts.reason_word(reason, speech(language)) != english
    row = next(row for row in sample_doors().doors if row.slot == "14")
    until = texts.service.door_details(row, LOCATION, speech(language))[2][1]
    unlimited = replace(row, until_ms=None)
    since = texts.service.door_details(unlimited, LOCATION, speech(language))[2][1]
    for state in (until, since):
        assert texts.parts.reason_word("lock broken", speech(language)) in state
        assert "R. Weber" in state
    assert "22:20" in since
    assert "22:20" not in until


def test_the_invented_language_is_forty_percent_longer() -> None:
    english = [m for m in sentences() if isinstance(m, str) and len(m) > 20]
    letters = sum(len(re.findall(r"\w", re.sub(r"\{\w+\}", "", m))) for m in english)
    longer = sum(len(re.findall(r"\w", re.sub(r"\{\w+\}", "", lengthened(m)))) for m in english)
    assert 1.35 < longer / letters < 1.45
    assert all(places(lengthened(m)) == places(m) for m in english)


# --- read from right to left ---------------------------------------------------------------------


def test_codes_and_numbers_read_left_to_right_in_arabic() -> None:
    arabic = speech("ar")
    painted = display_lines(arabic.say(texts.parts.CODE, code="482 107 733"))
    assert painted.startswith("482 107 733 ")
    painted = display_lines(texts.parts.call_us(LOCATION, arabic))
    assert painted.startswith(LOCATION.help_phone)
    painted = display_lines(arabic.say("Next: {barcode}", barcode="…23456784"))
    assert painted.startswith("…23456784 ")


@pytest.mark.parametrize("language", [each for each in languages() if each != "ar"])
def test_an_arabic_label_turns_no_sentence_over(language: str) -> None:
    spoken = speech(language)
    painted = display_lines(spoken.say("Door {slot} is open", slot="\u06233"))
    before, after = spoken.say("Door {slot} is open", slot="7").split("7")
    assert painted.startswith(before)
    assert painted.endswith(after)
    assert painted[len(before)] == "3", "a label from right to left begins at its right end"


def test_arabic_letters_are_joined_and_turned() -> None:
    painted = display_lines("الخزانة 7 مفتوحة")
    assert " 7 " in painted
    assert painted[::-1].startswith(joined("الخزانة"))
    assert "\u0627" not in painted, "a letter that was not joined"


def test_lines_are_broken_before_they_are_turned() -> None:
    painted = display_lines("أول ثان ثالث", lambda line: len(line) <= 8).split("\n")
    assert [line[::-1] for line in painted] == [joined("أول ثان"), joined("ثالث")]


def test_a_name_keeps_its_order_even_over_two_lines() -> None:
    marked = speech("ar").say("Help: {phone}", phone="+49 30 1234567")
    painted = display_lines(marked, lambda line: len(line) <= 13).split("\n")
    assert "".join(painted).count("\u2066") == 0
    assert painted[-1].split() == ["30", "1234567"] or painted[-1] == "1234567"


def test_latin_lines_on_an_arabic_screen_stay_as_they_are() -> None:
    assert display_lines("Market square 1, 10115 Berlin.") == "Market square 1, 10115 Berlin."
    assert speech("ar").is_rtl
    assert not any(speech(language).is_rtl for language in languages() if language != "ar")


def test_ways_back_are_turned_and_arrows_to_the_steel_are_not() -> None:
    assert texts.choice_labels.choice_label(Choice.BACK).icon == "arrow-left"
    assert texts.choice_labels.choice_label(Choice.BACK, speech("ar")).icon == "arrow-right"
    assert texts.parts.direction_icon(direction_of("24", LOCATION)) == "arrow-up-right"
    assert "اليمين" in texts.parts.direction_sentence(direction_of("24", LOCATION), speech("ar"))


# --- letters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", [*OTHERS, PSEUDO])
def test_the_font_has_every_letter(language: str) -> None:
    said = [f for m in sentences() if language != PSEUDO for f in forms(language, m)]
    said += [lengthened(m) for m in sentences() if isinstance(m, str) and language == PSEUDO]
    said.append(speech(language).own_name)
    said += [speech(language).day_and_time(NOW_MS + d * 86_400_000 * 15, "UTC") for d in range(24)]
    drawn = {sentence: fonts.typeface_of(sentence) for sentence in said}
    for typeface, bold in product(set(drawn.values()), (False, True)):
        path = fonts.FONTS / typeface.files[typeface.bold if bold else typeface.regular]
        with path.open("rb") as opened:
            font = ImageFont.truetype(io.BytesIO(opened.read()), 40)
        missing = bytes(font.getmask("\uffff"))
        assert missing != bytes(font.getmask("A"))
        mine = [joined(sentence) for sentence in said if drawn[sentence] is typeface]
        letters = set("".join(mine)) - set(" \u00a0\u202f")
        boxes = {c for c in letters if bytes(font.getmask(c)) == missing}
        assert not boxes, f"{path.name} lacks {boxes}"


def test_a_font_is_taken_by_the_letters_of_a_text() -> None:
    regular = {
        text: fonts.typeface_of(text).regular for text in ("Door 7", "İade", "الخزانة 7", "№ 7")
    }
    assert list(regular.values()) == ["Kiosk", "Kiosk", "KioskArabic", "KioskCyrillic"]
    assert fonts.typeface_of("Комірка 7 відчинена") is fonts.typeface_of("№ 7")
    assert set(ascii_letters).isdisjoint(GLYPHS.values())


def test_a_language_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(UnknownLanguageError, match=r"no language 'tlh'.*there are en, ar, de"):
        speech("tlh")
