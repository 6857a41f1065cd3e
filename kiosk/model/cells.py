"""Cells of the CSV files that people open in a spreadsheet."""

from __future__ import annotations

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """A value as a cell that no spreadsheet runs: a text that begins like a formula gets the `'`
    that spreadsheets take for "this is text". Numbers, and texts of digits, stay as they are."""
    if isinstance(value, str) and (
        value.startswith(_FORMULA_SIGNS) or value.lstrip().startswith(_FORMULA_SIGNS)
    ):
        return f"'{value}"
    return value
