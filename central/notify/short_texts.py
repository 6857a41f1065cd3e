"""SMS in as few parts as they need: a part costs, and one that is cut off says nothing.

A part has 160 letters of GSM 03.38, or 70 of any alphabet; of several parts each has a little less.
Where an accent alone would make two parts of one, it is left out, as people do who write by hand;
where an address would, the location's name stays.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE: Final = frozenset("^{}\\[~]|€\f")
"""Letters of its extension table, which take the room of two."""
_PLAIN: Final = {
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    "đ": "d",
    "Đ": "D",
    "œ": "oe",
    "Œ": "OE",
    "ẞ": "SS",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "\u00a0": " ",
    "\u202f": " ",
    "·": "-",
}


def parts(text: str) -> int:
    """In how many parts a text goes out as SMS."""
    if all(each in _GSM or each in _GSM_TWICE for each in text):
        return _parts(len(text) + sum(each in _GSM_TWICE for each in text), 160, 153)
    return _parts(len(text.encode("utf-16-be")) // 2, 70, 67)


def _parts(length: int, alone: int, together: int) -> int:
    return 1 if length <= alone else -(-length // together)


def shortest(some: Iterable[str]) -> str:
    """The first of those texts that say it in the fewest parts, each as it is written rather than
    without its accents."""
    candidates = list(some)
    return min([*candidates, *map(without_accents, candidates)], key=parts)


def without_accents(text: str) -> str:
    """A text in the letters of GSM 03.38 as far as it has those letters without their accents."""
    return "".join(each if each in _GSM else _bare(each) for each in text)


def _bare(letter: str) -> str:
    if letter in _PLAIN:
        return _PLAIN[letter]
    bare = "".join(
        each for each in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(each)
    )
    return bare if bare and all(each in _GSM for each in bare) else letter
