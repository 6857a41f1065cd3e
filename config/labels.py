"""The labels on the steel: letters of any script, each written in one way only."""

from __future__ import annotations

import unicodedata
from typing import Final

_CYRILLIC = "\u0410\u0412\u0415\u041d\u0406\u041a\u041c\u041e\u0420\u0422\u0425\u0421\u0423"
_GREEK = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
_LATIN: Final = str.maketrans(_CYRILLIC + _GREEK, "ABEHIKMOPTXCY" + "ABEZHIKMNOPTYX")
"""The capitals of both that look like a Latin one."""


def same_label(label: object) -> object:
    """A label with each accent in its letter, as most keyboards write it; some programs put it
    behind."""
    return unicodedata.normalize("NFC", label) if isinstance(label, str) else label


def looks_like(label: str) -> str:
    """What is the same of two labels that people take for each other: in small letters, with a 0
    in front, or in another script's letters of the same look."""
    plain = unicodedata.normalize("NFKC", label).casefold().upper()
    return plain.translate(_LATIN).lstrip("0")
