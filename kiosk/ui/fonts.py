"""The screen's fonts and which of them draws a text: the files in `assets/fonts`.

Kivy looks for a letter in one font only and draws a box for one that it lacks. So a font with
another script has the Latin letters, too, and a text is drawn in the first that has all of its
letters. A further font is found by its name: `kiosk-NAME-regular.ttf` and `kiosk-NAME-bold.ttf`.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from kiosk.ui.language import has_rtl_letters, joined

FONTS = resources.files("assets") / "fonts"
LINE_PER_EM_MAX = 1.275
"""Lines are not further apart than this: deep letters seldom meet high ones."""
_OTHERS, _REGULAR, _BOLD = "kiosk-", "-regular.ttf", "-bold.ttf"


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font in its two weights."""

    regular: str
    """The name under which it is registered."""
    file: str
    """What the names of its files begin with."""
    line_per_em: float
    """The distance of two lines, as a part of the font size."""

    @property
    def bold(self) -> str:
        """The name of its bold weight."""
        return f"{self.regular}Bold"

    @property
    def files(self) -> dict[str, str]:
        """The files of both weights, by the names."""
        return {self.regular: f"{self.file}{_REGULAR}", self.bold: f"{self.file}{_BOLD}"}

    @property
    def closeness(self) -> float:
        """How close lines stand, as a part of what the font says."""
        return min(1.0, LINE_PER_EM_MAX / self.line_per_em)


@cache
def typefaces() -> tuple[Typeface, ...]:
    """All fonts there are; the first is for Latin letters."""
    others = (
        entry.name.removesuffix(_REGULAR)
        for entry in FONTS.iterdir()
        if entry.name.startswith(_OTHERS) and entry.name.endswith(_REGULAR)
    )
    return (LATIN, *(_typeface(_camel_case(file), file) for file in sorted(others)))


@lru_cache(maxsize=1024)
def typeface_of(text: str) -> Typeface:
    """The first font that has each letter of a text, or the one that lacks the fewest."""
    if text.isascii():
        return LATIN
    drawn = _drawn(text)
    return min(typefaces(), key=lambda each: len(_missing(drawn, each)))


def letters_missing(text: str) -> str:
    """Each letter of a text that would be a box on the screen, once, in the text's order."""
    return "".join(dict.fromkeys(_missing(_drawn(text), typeface_of(text))))


def _drawn(text: str) -> str:
    return joined(text) if has_rtl_letters(text) else text


def _missing(drawn: str, typeface: Typeface) -> list[str]:
    # The bold ones have the same letters.
    there = _letters(typeface.files[typeface.regular])
    return [sign for sign in drawn if ord(sign) not in there and not _is_unseen(sign)]


def _is_unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf")


def _camel_case(file: str) -> str:
    return "".join(part.capitalize() for part in file.split("-"))


def _typeface(name: str, file: str) -> Typeface:
    """A font with the distance of lines from its tables `hhea` and `head` (OpenType)."""
    font = _font(f"{file}{_REGULAR}")
    ascent, descent, gap = struct.unpack_from(">hhh", font, _table(font, b"hhea") + 4)
    (units_per_em,) = struct.unpack_from(">H", font, _table(font, b"head") + 18)
    return Typeface(name, file, (ascent - descent + gap) / units_per_em)


@cache
def _font(file_name: str) -> bytes:
    return (FONTS / file_name).read_bytes()


def _table(font: bytes, wanted: bytes) -> int:
    """Where a table of a font begins."""
    (table_count,) = struct.unpack_from(">H", font, 4)
    tables = (struct.unpack_from(">4sIII", font, 12 + 16 * each) for each in range(table_count))
    return next(int(offset) for tag, _, offset, _ in tables if tag == wanted)


@cache
def _letters(file_name: str) -> frozenset[int]:
    """The code points that a font has glyphs for, from its table `cmap` (OpenType)."""
    font = _font(file_name)
    start = _table(font, b"cmap")
    (map_count,) = struct.unpack_from(">H", font, start + 2)
    found: set[int] = set()
    for each in range(map_count):
        platform, _, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * each)
        if platform in (0, 3):  # those that go by Unicode
            found |= _mapped(font, start + offset)
    return frozenset(found)


def _mapped(font: bytes, at: int) -> set[int]:
    """The code points of one map; of the forms that there are, fonts have these two."""
    (form,) = struct.unpack_from(">H", font, at)
    if form == 12:
        (group_count,) = struct.unpack_from(">I", font, at + 12)
        groups = (struct.unpack_from(">II", font, at + 16 + 12 * n) for n in range(group_count))
        return {code for first, last in groups for code in range(first, last + 1)}
    if form != 4:
        return set()
    (double,) = struct.unpack_from(">H", font, at + 6)
    many = f">{double // 2}H"
    ends = struct.unpack_from(many, font, at + 14)
    starts = struct.unpack_from(many, font, at + 16 + double)
    return {
        code
        for first, last in zip(starts, ends, strict=True)
        for code in range(first, last + 1)
        if code != 0xFFFF
    }


LATIN = _typeface("Kiosk", "atkinson-hyperlegible")
"""Atkinson Hyperlegible, whose zero is slashed and whose I, l and 1 differ."""
