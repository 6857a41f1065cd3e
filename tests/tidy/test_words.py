"""The field's words, one for one thing: those that a reader would have to learn are not used.

A room joins `ROOMS` when its names, docstrings and comments are plain.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOMS = ("kiosk/flows", "drivers")

INSTEAD_OF = {
    "afar": "remote, remotely",
    "anew": "again",
    "chance": "rng, random",
    "facts": "details",
    "glass": "panel, touchscreen",
    "told": "shown, reported, notified",
    "wish": "command",
    "wishes": "commands",
}
"""A word that is not used, and what is said instead."""

SAID = (tokenize.NAME, tokenize.COMMENT)


def words_of(path: Path) -> set[str]:
    """The words of a file's names, comments and docstrings, in small letters; not what it keeps in
    the journal or shows, which are its other strings."""
    found: set[str] = set()
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and token.string.startswith('"""')
        if is_docstring or token.type in SAID:
            spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", token.string)
            found |= set(re.findall(r"[a-z]+", spaced.lower()))
    return found


@pytest.mark.parametrize(
    "path",
    sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_word_is_used_that_only_we_understand(path: Path) -> None:
    used = words_of(path) & set(INSTEAD_OF)
    assert {word: INSTEAD_OF[word] for word in sorted(used)} == {}
