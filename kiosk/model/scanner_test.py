"""The technician's test of a scanner: what came of a known code tells what is set wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import permutations
from typing import Final

GROUP_SEPARATOR: Final = "\x1d"
TEST_CODE: Final = f"PKTEST-YZ-AQWM{GROUP_SEPARATOR}0123456789"
"""Letters, digits and the minus that keyboards have in different places, and a separator."""

_LAYOUTS: Final[Mapping[str, str]] = {
    "us": "1234567890-" + "qwertyuiop" + "asdfghjkl;" + "zxcvbnm,./"
    "!@#$%^&*()_" + "QWERTYUIOP" + "ASDFGHJKL:" + "ZXCVBNM<>?",
    "german": "1234567890ß" + "qwertzuiop" + "asdfghjklö" + "yxcvbnm,.-"
    '!"§$%&/()=?' + "QWERTZUIOP" + "ASDFGHJKLÖ" + "YXCVBNM;:_",
    "french": "&é\"'(-è_çà)" + "azertyuiop" + "qsdfghjklm" + "wxcvbn,;:!"
    "1234567890°" + "AZERTYUIOP" + "QSDFGHJKLM" + "WXCVBN?./§",
}
"""The same keys in the same order, without shift and with it."""


class ScannerFinding(StrEnum):
    """What the test found."""

    RIGHT = "RIGHT"
    LAYOUT = "LAYOUT"
    CAPS_LOCK = "CAPS_LOCK"
    NO_SUFFIX = "NO_SUFFIX"
    NO_SEPARATOR = "NO_SEPARATOR"
    PREFIX = "PREFIX"


def scanner_findings(received: str, *, has_suffix: bool = True) -> tuple[ScannerFinding, ...]:
    """What is wrong with the scanner that sent this for the test code; empty for another code.

    `received` is what came before anything was put right in it, without the suffix.
    """
    for expected, layout, caps in _ways():
        head, tail = (re.escape(part) for part in expected.split(GROUP_SEPARATOR))
        found = re.search(f"(.{{0,12}}?){head}([^0-9A-Za-z]{{0,4}}){tail}$", received, re.DOTALL)
        if found is None:
            continue
        wrong = [*layout, *caps]
        if found[2] != GROUP_SEPARATOR:
            wrong.append(ScannerFinding.NO_SEPARATOR)
        if found.start() or (found[1] and not re.fullmatch(r"\][A-Za-z]\d", found[1])):
            wrong.append(ScannerFinding.PREFIX)
        if not has_suffix:
            wrong.append(ScannerFinding.NO_SUFFIX)
        return tuple(wrong) or (ScannerFinding.RIGHT,)
    return ()


Found = tuple[ScannerFinding, ...]


def _ways() -> Iterator[tuple[str, Found, Found]]:
    """What the test code becomes, and by what; the most usual first."""
    yield TEST_CODE, (), ()
    yield TEST_CODE.swapcase(), (), (ScannerFinding.CAPS_LOCK,)
    for scanner, computer in permutations(_LAYOUTS, 2):
        keys = str.maketrans(_LAYOUTS[scanner], _LAYOUTS[computer])
        typed = TEST_CODE.translate(keys)
        yield typed, (ScannerFinding.LAYOUT,), ()
        yield typed.swapcase(), (ScannerFinding.LAYOUT,), (ScannerFinding.CAPS_LOCK,)
