"""A language is files alone: a catalogue and, for another script, fonts in `assets`. Here one is
made up in a copy of that folder, with letters that no font of the kiosk has."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.screen import own_screen

pytestmark = pytest.mark.window

ROOT = Path(__file__).parents[2]
CODE = "ka"
GEORGIAN, CYRILLIC, LETTERS = 0x10D0, 0x430, 26
SPOKEN = """
from kiosk.ui import fonts
from kiosk.ui.language import languages, speech
from config.schema import LANGUAGES
assert "ka" in languages() and "ka" in LANGUAGES
said = speech("ka").say("Door {slot} is open", slot="7")
print(said, fonts.typeface_of(said).regular, fonts.letters_missing(said) or "-")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose `assets` have a catalogue and a font more."""
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    locale, font = tmp_path / "assets" / "locale", tmp_path / "assets" / "fonts"
    german = (locale / "de.po").read_text(encoding="utf-8").replace("Language: de", "Language: ka")
    said = re.sub(r'(?<=\nmsgstr )".+"|(?<=\] )".+"', lambda line: _in_georgian(line[0]), german)
    (locale / f"{CODE}.po").write_text(said, encoding="utf-8")
    for weight in ("regular", "bold"):
        other = (font / f"kiosk-cyrillic-{weight}.ttf").read_bytes()
        (font / f"kiosk-georgian-{weight}.ttf").write_bytes(_with_georgian_letters(other))
    return tmp_path


def _in_georgian(sentence: str) -> str:
    """Each small Latin letter as a Georgian one; places stay."""
    letters = {ord("a") + each: GEORGIAN + each for each in range(LETTERS)}
    parts = re.split(r"(\{\w+\}|\\\w)", sentence)
    return "".join(part if n % 2 else part.translate(letters) for n, part in enumerate(parts))


def _with_georgian_letters(font: bytes) -> bytes:
    """A font whose Cyrillic letters are said to be Georgian, in each map of form 4 (OpenType)."""
    changed = bytearray(font)
    (table_count,) = struct.unpack_from(">H", font, 4)
    tables = (struct.unpack_from(">4sIII", font, 12 + 16 * each) for each in range(table_count))
    start = next(int(offset) for tag, _, offset, _ in tables if tag == b"cmap")
    (map_count,) = struct.unpack_from(">H", font, start + 2)
    for each in range(map_count):
        (offset,) = struct.unpack_from(">I", font, start + 4 + 8 * each + 4)
        _move_letters(changed, start + offset)
    return bytes(changed)


def _move_letters(font: bytearray, at: int) -> None:
    form, _, _, double = struct.unpack_from(">HHHH", font, at)
    if form != 4:
        return
    ends, starts = at + 14, at + 16 + double
    deltas = starts + double
    moved = GEORGIAN - CYRILLIC
    for each in range(0, double, 2):
        first, last = (struct.unpack_from(">H", font, where + each)[0] for where in (starts, ends))
        if first <= CYRILLIC <= last:
            (delta,) = struct.unpack_from(">H", font, deltas + each)
            struct.pack_into(">H", font, starts + each, first + moved)
            struct.pack_into(">H", font, ends + each, last + moved)
            struct.pack_into(">H", font, deltas + each, (delta - moved) % 0x10000)


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run this project's Python with the assets of this folder; what it wrote."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.stdout


def test_a_language_and_its_script_are_files_alone(folder: Path) -> None:
    said, typeface, missing = run(folder, "-c", SPOKEN).rsplit(maxsplit=2)
    assert said == _in_georgian("Fach 7 ist offen")
    assert (typeface, missing) == ("KioskGeorgian", "-")

    drawn = ("--panel", "540x960", "--language", CODE, "--view", "first", "--view", "door-open")
    with own_screen(600, 1000) as screen:
        display = screen.environment["DISPLAY"]
        run(folder, "-m", "tests.gallery", "--out", "out", *drawn, DISPLAY=display)
    pictures = {path.name for path in (folder / "out" / f"540x960-{CODE}").iterdir()}
    assert "first.png" in pictures
