"""Numbers, addresses and links inside a text that is read from right to left.

The groups of `169 438 319` are drawn as `319 438 169` behind an Arabic word, and a telephone
number's plus sign at its wrong end (UAX #9). Isolates keep such a part in its own order.
"""

from __future__ import annotations

import unicodedata

CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Unicode's Bidi_Control: unseen in a name, they turn over what stands around it."""
_LEFT_TO_RIGHT, _AS_ITS_LETTERS, _END = "\u2066", "\u2068", "\u2069"


def is_right_to_left(text: str) -> bool:
    """Whether any letter or number of a text runs from right to left."""
    return any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in text)


def left_to_right(text: str) -> str:
    """A code, a number or a link, kept in its own order; nothing stays nothing."""
    return f"{_LEFT_TO_RIGHT}{text}{_END}" if text else ""


def by_its_letters(text: str) -> str:
    """A name or an address, in the direction of its own first letter; nothing stays nothing."""
    return f"{_AS_ITS_LETTERS}{text}{_END}" if text else ""
