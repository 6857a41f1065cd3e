"""Cells of the CSV files that people open in a spreadsheet."""

from __future__ import annotations

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """A value as a cell that no spreadsheet runs: a text that begins like a formula gets the `'`
    that spreadsheets take for "this is text". Numbers, and texts of digits, stay as they are."""
    if not isinstance(value, str):
        return value
    # `csv` leaves a carriage return unquoted where lines end with a line feed only, and a reader
    # begins a new row, with new cells, behind it.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith(_FORMULA_SIGNS) or text.lstrip().startswith(_FORMULA_SIGNS):
        return f"'{text}"
    return text
