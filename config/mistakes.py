"""A mistake in a site file, said so that whoever wrote the file can mend it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from config.lines import Key

_UNSEEN = "\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Unicode's ends of lines and its Bidi_Control."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    file: Path
    line: int | None
    """Counted from 1; None where it could not be found."""
    key: str
    """The path of the key, like `lockers[0].slots[3].channel`; empty for the whole file."""
    value: str
    """What stands there, as TOML; empty when nothing does."""
    problem: str
    """What is wrong with it."""
    right: str
    """What would be right."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        what = f"{self.key} = {self.value}" if self.value else self.key
        subject = f"{what}: " if what else ""
        return f"{place}: {subject}{self.problem}; should be: {self.right}"


def key_path(key: Key) -> str:
    """A key as people write it: `lockers[0].slots[3].channel`."""
    path = ""
    for part in key:
        name = part if isinstance(part, int) or part.strip() else as_toml(part)
        path += f"[{part}]" if isinstance(part, int) else f".{name}" if path else str(name)
    return path


SHOWN_CHARACTERS = 200
"""How much of a value is shown, so that a mistake can be read."""


def as_toml(value: object) -> str:
    """A value as it stands in the file; tables and lists are only hinted at."""
    text = _as_toml(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _as_toml(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return "[…]" if value else "[]"
    return str(value)


def is_control(sign: str) -> bool:
    """Whether a character ends a line, rings, or turns the text around it over: none is drawn."""
    return unicodedata.category(sign) == "Cc" or sign in _UNSEEN


def _escaped(sign: str) -> str:
    """So that a mistake stays on its line."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return short.get(sign, f"\\u{ord(sign):04x}") if is_control(sign) else sign


def one_of(names: Iterable[str], meant: str = "") -> str:
    """What may stand here; the nearest to what was written comes first."""
    known = list(names)
    if not known:
        return "nothing is defined yet"
    near = get_close_matches(meant, known, n=1, cutoff=0.6)
    quoted = ", ".join(f'"{name}"' for name in known)
    return f'"{near[0]}"? There are: {quoted}' if near else f"one of {quoted}"
