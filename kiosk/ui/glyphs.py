"""Which letters the screen's fonts have: Kivy draws a box for one that its font lacks."""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from importlib import resources

from kiosk.ui.language import has_rtl_letters, joined

FONT_FILES = {False: "atkinson-hyperlegible-regular.ttf", True: "kiosk-arabic-regular.ttf"}
"""The file of the font for a text without and with letters that are read from right to left. The
bold ones have the same letters."""


def letters_missing(text: str) -> str:
    """Each letter of a text that would be a box on the screen, once, in the text's order."""
    is_rtl = has_rtl_letters(text)
    drawn = joined(text) if is_rtl else text
    there = _letters(FONT_FILES[is_rtl])
    missing = [sign for sign in drawn if ord(sign) not in there and not _is_unseen(sign)]
    return "".join(dict.fromkeys(missing))


def _is_unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf")


@cache
def _letters(file_name: str) -> frozenset[int]:
    """The code points that a font has glyphs for, from its table `cmap` (OpenType)."""
    font = (resources.files("assets") / "fonts" / file_name).read_bytes()
    (table_count,) = struct.unpack_from(">H", font, 4)
    tables = (struct.unpack_from(">4sIII", font, 12 + 16 * each) for each in range(table_count))
    start = next(offset for tag, _, offset, _ in tables if tag == b"cmap")
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
