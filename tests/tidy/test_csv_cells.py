"""No cell of a CSV file that is written runs as a formula in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.command_line import print_rows
from kiosk.console.report import Line, as_text
from kiosk.model.cells import safe_cell

ROOT = Path(__file__).parents[2]
WRITES = re.compile(r"csv\.(writer|DictWriter)\(")
COPIES_ITS_OWN = {
    "kiosk/demo/demo.py": "the demo's labels, from the file that comes with the program"
}
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "＝1+1")


def test_every_file_that_writes_csv_makes_its_cells_safe() -> None:
    written = {
        str(path.relative_to(ROOT))
        for room in ("kiosk", "central", "config", "drivers")
        for path in (ROOT / room).rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8"))
    }
    unsafe = {
        name
        for name in written
        if "safe_cell(" not in (text := (ROOT / name).read_text(encoding="utf-8"))
        and "safe_cell, " not in text
    }
    assert unsafe == set(COPIES_ITS_OWN)


def only_row(text: str) -> dict[str, str]:
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    return row


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_in_what_the_kiosk_exports_and_reports(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    safe = "'" + text.replace("\r", "\n")
    print_rows("csv", iter([{"name": text, "count": -2}]))
    assert only_row(capsys.readouterr().out) == {"name": safe, "count": "-2"}
    row = only_row(as_text("csv", {}, [Line(text, text, -2, "times")]))
    assert (row["figure"], row["of"], row["value"]) == (safe, safe, "-2")


def test_a_carriage_return_begins_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("csv", iter([{"name": "Kim\r=1+1"}]))
    assert only_row(capsys.readouterr().out) == {"name": "Kim\n=1+1"}


@given(st.text() | st.integers() | st.floats(allow_nan=False) | st.none())
def test_a_cell_begins_like_no_formula_and_loses_nothing(value: object) -> None:
    safe = safe_cell(value)
    if isinstance(value, str):
        assert not str(safe).lstrip().startswith(tuple("=+-@＝＋－＠"))
        assert not str(safe).startswith(("\t", "\r", "\n"))
        kept = value.replace("\r\n", "\n").replace("\r", "\n")
        assert safe in (kept, f"'{kept}")
    else:
        assert safe is value
