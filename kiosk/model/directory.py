"""The directory of a house: its households, and how a courier finds one of them.

The kiosk knows flats and names, sealed, and no way to reach anybody: the server has that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kiosk.model.fields import Id, Name

HOUSEHOLDS_MAX = 10_000
"""How many one location has at most."""
NAMES_MAX = 20
FLAT_LENGTH_MAX = 24
LETTERS_MIN = 2
"""A name is looked for by so many of its first letters at least."""
_WORD = re.compile(r"\w+")
_WITHOUT_MARKS = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"}
)


class Household(BaseModel):
    """Who lives together and is notified together. A field of a newer version is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Id
    flat: Annotated[Name, Field(max_length=FLAT_LENGTH_MAX)] = ""
    names: tuple[Name, ...] = Field(default=(), max_length=NAMES_MAX)

    @property
    def short_names(self) -> tuple[str, ...]:
        """The names with first names as initials, each once."""
        return tuple(dict.fromkeys(short_name(name) for name in self.names if name.strip()))


def short_name(name: str) -> str:
    """A name of which only its last word, or what stands before a comma, is whole."""
    last, comma, first = name.strip().partition(",")
    words = first.split() if comma else last.split()[:-1]
    last = last.strip() if comma else last.split()[-1]
    return " ".join([*(f"{word[0]}." for word in words), last])


def plain_letters(text: str) -> str:
    """A text as it is compared: small letters without marks, as a keyboard of A to Z has them."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_WITHOUT_MARKS))
    return "".join(each for each in folded if not unicodedata.combining(each))


def found_by(households: Iterable[Household], typed: str) -> list[Household]:
    """The households whose flat is this, or in whose names a word begins so; by their flats."""
    wanted = plain_letters(typed).strip()
    flat = flat_key(typed)
    of_flat, of_name = [], []
    for each in households:
        if flat and flat_key(each.flat) == flat:
            of_flat.append(each)
        elif len(wanted) >= LETTERS_MIN and any(_begins(wanted, name) for name in each.names):
            of_name.append(each)
    return of_flat or sorted(of_name, key=lambda each: (_natural(each.flat), each.names))


def flat_key(flat: str) -> str:
    """What a flat is compared by: 3-B, 3/B, 3 b and 03B are one."""
    parts = re.findall(r"\d+|[^\W\d_]+", plain_letters(flat))
    return " ".join(part.lstrip("0") or "0" if part.isdigit() else part for part in parts)


def _begins(wanted: str, name: str) -> bool:
    return any(word.startswith(wanted) for word in _WORD.findall(plain_letters(name)))


def _natural(flat: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", flat)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
