"""The languages the kiosk speaks: sentences, plural forms, lists, times, and the order of reading.

The sentences in the code are English. Every other language is one catalogue in `assets/locale`,
read when it is first spoken; what a language does with dates and lists is known to Babel (CLDR).
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from importlib import resources
from io import BytesIO
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_decimal

SOURCE = "en"
"""The language of the sentences in the code."""
PSEUDO = "en-XA"
"""English with accents and 40 % more letters: shows what is not translated and what has no room.
No site can choose it."""
CATALOGUES = resources.files("assets") / "locale"

_STYLES = {SOURCE: "en_GB", PSEUDO: "en_GB"}
"""Whose dates and lists a language writes, where that is not its own name's."""
_LEFT_TO_RIGHT, _AS_ITS_LETTERS, _END = "\u2066", "\u2068", "\u2069"
"""Marks around a part that keeps its own order in a sentence of the other direction (UAX 9)."""
_KEPT_LEFT_TO_RIGHT = re.compile(f"{_LEFT_TO_RIGHT}[^{_END}]*{_END}")
_MARKS = dict.fromkeys(map(ord, (_LEFT_TO_RIGHT, _AS_ITS_LETTERS, _END)))
_RTL_LETTER = re.compile("[\u0590-\u08ff]")
_NEEDS_ORDER = re.compile(f"[\u0590-\u08ff{_LEFT_TO_RIGHT}{_AS_ITS_LETTERS}{_END}]")


class UnknownLanguageError(Exception):
    """There is no catalogue for a language that was asked for."""


def languages() -> tuple[str, ...]:
    """The languages there are, English first."""
    names = (entry.name for entry in CATALOGUES.iterdir())
    return (SOURCE, *sorted(name.removesuffix(".po") for name in names if name.endswith(".po")))


@dataclass(frozen=True, eq=False)
class Speech:
    """One language as it is spoken on the screen."""

    code: str
    """The language by its ISO 639-1 code."""
    style: Locale
    """Whose dates, times and lists it writes."""
    read: Callable[[], gettext.NullTranslations]
    """Reads its catalogue; done when it is first spoken."""

    @cached_property
    def catalogue(self) -> gettext.NullTranslations:
        return self.read()

    @property
    def own_name(self) -> str:
        """What those who speak it call it, as it stands on a button."""
        name = str(self.style.languages.get(self.style.language, self.code))
        return name[:1].upper() + name[1:]

    @property
    def is_rtl(self) -> bool:
        """Whether it is read from right to left, so that the screens are mirrored."""
        return self.style.text_direction == "rtl"

    def say(self, sentence: str, /, **places: object) -> str:
        """A sentence of the code in this language, with what stands in its named places."""
        return self._filled(self.catalogue.gettext(sentence) if sentence else "", places)

    def say_count(self, count: int, one: str, many: str, /, **places: object) -> str:
        """A sentence with the form that goes with a number, which stands at `{count}`."""
        return self._filled(self.catalogue.ngettext(one, many, count), {"count": count, **places})

    def series(self, items: Sequence[str]) -> str:
        """Several things in one sentence: "7, 12 and 14"."""
        return format_list([self._kept_in_order(item) for item in items], locale=self.style)

    def row(self, parts: Sequence[str], between: str) -> str:
        """Several short things beside each other; those that are empty are left out."""
        return between.join(self._kept_in_order(part) for part in parts if part)

    def number(self, value: float) -> str:
        """A number with the language's decimal sign and at most one digit after it."""
        return format_decimal(value, format="0.#", locale=self.style)

    def day(self, wall_ms: int, time_zone: str) -> str:
        """A day by weekday and date, like "Tue 24 Nov"; `wall_ms` since 1970 UTC."""
        return self._written("MMMEd", wall_ms, time_zone)

    def day_and_time(self, wall_ms: int, time_zone: str) -> str:
        """A moment by date and time, like "Tue 24 Nov, 14:03"."""
        pattern = str(get_datetime_format("medium", self.style))
        return pattern.replace("{0}", self.time(wall_ms, time_zone)).replace(
            "{1}", self.day(wall_ms, time_zone)
        )

    def time(self, wall_ms: int, time_zone: str) -> str:
        """A time of day, like "14:03"."""
        return self._written("Hm", wall_ms, time_zone)

    def _written(self, skeleton: str, wall_ms: int, time_zone: str) -> str:
        moment = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
        return format_skeleton(skeleton, moment, locale=self.style)

    def _filled(self, sentence: str, places: dict[str, object]) -> str:
        if not places:
            return sentence
        kept = {name: self._kept_in_order(str(value)) for name, value in places.items()}
        return sentence.format(**kept)

    def _kept_in_order(self, part: str) -> str:
        """Mark a number, code or name, so that the words around it cannot turn it over."""
        turns = has_rtl_letters(part)
        if not part or not (self.is_rtl or turns):
            return part
        mark = _AS_ITS_LETTERS if self.is_rtl and turns else _LEFT_TO_RIGHT
        return f"{mark}{part}{_END}"


def has_rtl_letters(text: str) -> bool:
    """Whether a text has Hebrew, Arabic or other letters that are read from right to left."""
    return _RTL_LETTER.search(text) is not None


def needs_order(text: str) -> bool:
    """Whether a text cannot be painted as it is: it has such letters, or marks of its order."""
    return _NEEDS_ORDER.search(text) is not None


def display_lines(text: str, fits: Callable[[str], bool] | None = None) -> str:
    """A text as it is painted from left to right: letters joined, each line in reading order.

    Kivy paints characters in the order in which it gets them, so the lines are made here: a line
    takes words as long as it `fits`, which is asked with the joined letters. Lines without letters
    of a language read from right to left stay as they are.
    """
    from arabic_reshaper import reshape
    from bidi import get_display

    def painted(line: str) -> str:
        # A name from right to left turns no sentence over that is read from left to right.
        base = "R" if has_rtl_letters(_KEPT_LEFT_TO_RIGHT.sub("", line)) else "L"
        return str(get_display(reshape(line), base_dir=base)).translate(_MARKS)

    if fits is None:
        return "\n".join(map(painted, text.split("\n")))
    lines = []
    for paragraph in text.split("\n"):
        lines += _wrapped(paragraph, lambda line: fits(joined(line)))
    return "\n".join(map(painted, lines))


def joined(text: str) -> str:
    """A text with its letters joined, as wide as it will be, in the order in which it is read."""
    from arabic_reshaper import reshape

    return str(reshape(text)).translate(_MARKS)


def _wrapped(paragraph: str, fits: Callable[[str], bool]) -> list[str]:
    lines: list[str] = []
    for word in paragraph.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and fits(longer):
            lines[-1] = longer
        else:
            lines.append(word)
    return [_closed(line, lines[:number]) for number, line in enumerate(lines)]


def _closed(line: str, before: list[str]) -> str:
    """A line with the marks that were opened in the lines before, and with its own closed."""
    opened: list[str] = []
    for character in "".join(before):
        _follow(opened, character)
    prefix = "".join(opened)
    for character in line:
        _follow(opened, character)
    return prefix + line + _END * len(opened)


def _follow(opened: list[str], character: str) -> None:
    if character in (_LEFT_TO_RIGHT, _AS_ITS_LETTERS):
        opened.append(character)
    elif character == _END and opened:
        opened.pop()


class _PseudoCatalogue(gettext.NullTranslations):
    """Invents a language: every sentence with accents and two letters for every fifth of it."""

    def gettext(self, message: str) -> str:
        return lengthened(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return lengthened(msgid1 if n == 1 else msgid2)


_ACCENTS = str.maketrans("AEIOUCNSYZaeiounscyz", "ÅËÎÖÛÇÑŠÝŽåëîöûñšçýž")


def lengthened(sentence: str) -> str:
    """A sentence with 40 % more letters, all with accents that can have them; places stay."""
    parts, owed, is_place = [], 0.0, False
    for character in sentence:
        is_place = (is_place or character == "{") and character != "}"
        if is_place or not character.isalpha():
            parts.append(character)
            continue
        owed += 0.4
        parts.append(character.translate(_ACCENTS) * (1 + int(owed)))
        owed -= int(owed)
    return "".join(parts)


@cache
def speech(code: str) -> Speech:
    """A language by its code. Raises `UnknownLanguageError` when there is none of that code."""
    if code not in (PSEUDO, *languages()):
        raise UnknownLanguageError(
            f"no language {code!r}: there is no {code}.po in assets/locale;"
            f" there are {', '.join(languages())}"
        )
    style = Locale.parse(_STYLES.get(code, code))
    readers = {SOURCE: gettext.NullTranslations, PSEUDO: _PseudoCatalogue}
    return Speech(code, style, readers.get(code, partial(_catalogue, code)))


def _catalogue(code: str) -> gettext.NullTranslations:
    # Imported here: a site that speaks English never needs them.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (CATALOGUES / f"{code}.po").open("rb") as file:
        read = read_po(file, locale=Locale.parse(code), abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


ENGLISH = speech(SOURCE)
