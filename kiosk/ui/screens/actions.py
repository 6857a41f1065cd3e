"""Where the actions of a screen stand: in rows at the bottom, or in a column beside the words."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.flows.views.choices import Choice
from kiosk.ui.screens.turning import Area
from kiosk.ui.theme import TARGET_MM, Theme, Tone
from kiosk.ui.widgets.buttons import WordButton

LEAVING = (Choice.BACK, Choice.CANCEL)
MANY_IN_A_COLUMN = 8
_COLUMN_SHARE = 0.42
"""A column of buttons that is wider takes two lines for long words, if they have room."""
_TWO_LINES = 2.5
"""The height of two lines on a button, as a part of the size of their type."""
_MANY_ROWS = 4
_BUTTONS_SHARE = 0.62
"""Rows of buttons that would take more of the height are lower, and stand closer."""


def place_in_rows(theme: Theme, buttons: Sequence[WordButton], inner: Area) -> float:
    """Put these at the bottom, leaving left and main right; return their top."""
    if not buttons:
        return inner.y
    height, gap = theme.button_height, theme.gap
    order = in_reading_order(buttons)
    least = max(theme.least_button_width, *(b.least_width() for b in order))
    per_row = max(1, min(len(order), int((inner.width + gap) / (least + gap))))
    if theme.is_portrait and per_row == 1 and len(order) > _MANY_ROWS:
        # A row for each would leave the rest no room: their words take two lines.
        least = max(theme.least_button_width, *(b.two_lines_width() for b in order))
        per_row = max(1, int((inner.width + gap) / (least + gap)))
    if theme.is_portrait:
        per_row = min(per_row, 2)
    width = (inner.width - (per_row - 1) * gap) / per_row
    lowest = max(theme.mm(TARGET_MM), *(button.height_at(width) for button in order))
    usual = height = float(round(max(height, lowest)))
    rows = _rows_from_the_end(order, per_row)
    most = inner.height * _BUTTONS_SHARE
    if len(rows) * (height + gap) - gap > most:
        gap = theme.space(7)
        height = max(lowest, (most - (len(rows) - 1) * gap) / len(rows))
        height = float(round(min(height, usual)))
    y = inner.y
    for row in reversed(rows):
        is_last = row is rows[-1]
        halves = inner.width > theme.mm(90) and 2 * least + gap <= inner.width
        columns = max(per_row, 2 if halves else 1) if is_last else len(row)
        width = (inner.width - (columns - 1) * gap) / columns
        # A lone main button stands where the main one always stands: right.
        first = columns - len(row) if row[-1].tone is Tone.ACT else 0
        for column, button in enumerate(row, first):
            button.size = (round(width), height)
            button.pos = (round(inner.x + column * (width + gap)), y)
        y += height + gap
    return y - gap


def size_in_a_column(
    theme: Theme, buttons: Sequence[WordButton], inner: Area, gap: float
) -> tuple[float, float]:
    """How wide and high the actions are under each other, at the most in this room."""
    count = max(1, len(buttons))
    is_narrow = theme.is_small or count >= MANY_IN_A_COLUMN
    wide = [b.least_width() if is_narrow else b.natural_width() for b in buttons]
    width = max(theme.mm(42), *wide)
    most = (inner.height - (count - 1) * gap) / count
    height = min(theme.button_height, most)
    if width > inner.width * _COLUMN_SHARE and most >= _TWO_LINES * theme.font("text"):
        # Long words on two lines leave the room to what they are about.
        width = max(theme.mm(42), inner.width * _COLUMN_SHARE)
        height = max(height, _TWO_LINES * theme.font("text"))
    return width, height


def in_reading_order(buttons: Sequence[WordButton]) -> list[WordButton]:
    """From left to right: leaving first, the main one last."""
    leaving = [b for b in buttons if b.choice in LEAVING]
    others = [b for b in buttons if b not in leaving]
    return leaving + others[1:] + others[:1]


def _rows_from_the_end(buttons: list[WordButton], per_row: int) -> list[list[WordButton]]:
    """Rows of at most `per_row`; the last row is full and holds leaving and main."""
    if len(buttons) <= per_row:
        return [buttons]
    if per_row == 1:
        return [[button] for button in reversed(buttons)]
    last = [buttons[0], *buttons[-(per_row - 1) :]]
    rest = buttons[1 : -(per_row - 1)]
    rows = [rest[start : start + per_row] for start in range(0, len(rest), per_row)]
    return [*rows, last]
