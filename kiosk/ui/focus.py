"""A numeric keypad alone drives every screen: digits, Enter, Clear, and plus and minus.

Plus and minus go from choice to choice; each is spoken and ringed. Enter does what is ringed, or
the main thing where nothing is. Clear takes the last digit back, or leaves. The star speaks again.
After the slash plus and minus speak louder and quieter, until another key ends that; keypads that
have keys for the volume need no slash.
"""

from __future__ import annotations

from typing import Any

from kivy.graphics import Color, SmoothLine

from kiosk.ui import texts
from kiosk.ui.announcer import Announcer
from kiosk.ui.screens.page import Page
from kiosk.ui.widgets.buttons import Pressable
from kiosk.ui.widgets.keypad import CLEAR, ENTER, ERASE

NEXT, BEFORE, AGAIN, VOLUME = "+", "-", "*", "/"
VOLUME_UP, VOLUME_DOWN = "VOLUME_UP", "VOLUME_DOWN"


class Focus:
    """What the keypad is at on one screen."""

    def __init__(self, page: Page[Any], announcer: Announcer) -> None:
        self._page = page
        self._announcer = announcer
        self._at: Pressable | None = None
        self._sets_volume = False
        with page.canvas.after:
            self._colour = Color(*page.theme.colours.ink[:3], 0)
            self._ring = SmoothLine(width=max(2.0, 3 * page.theme.hairline))

    def press(self, name: str) -> None:
        """A key of the keypad: a digit, ENTER, CLEAR or one of the signs."""
        page = self._page
        if page.is_answered:
            return
        if name in (VOLUME_UP, VOLUME_DOWN):
            self._change_volume(louder=name == VOLUME_UP)
        elif self._sets_volume:
            self._press_setting(name)
        elif name == VOLUME:
            self._set_volume()
        elif name == AGAIN:
            self._announcer.say_again(page)
        elif name in (NEXT, BEFORE):
            self._move(1 if name == NEXT else -1)
        elif name == ENTER:
            self._enter()
        elif name == CLEAR:
            self._clear()
        else:
            self._ring_none()
            page.text_input(name)

    # --- the volume ---

    def _set_volume(self) -> None:
        percent = self._announcer.volume_percent
        if percent is not None:
            self._sets_volume = True
            speech = self._page.context.speech
            self._announcer.say(self._page, texts.access.while_setting(percent, speech))

    def _press_setting(self, name: str) -> None:
        """A key while the volume is set: those that would do something else only end it."""
        self._sets_volume = name in (NEXT, BEFORE)
        if self._sets_volume:
            self._change_volume(louder=name == NEXT)
        elif name in (ENTER, CLEAR, VOLUME):
            self._announcer.say_again(self._page)
        else:
            self.press(name)

    def _change_volume(self, *, louder: bool) -> None:
        self._page.context.tools.change_volume(1 if louder else -1)

    # --- the choices ---

    def _move(self, by: int) -> None:
        choices = self._page.in_order()
        if not choices:
            return
        at = choices.index(self._at) + by if self._at in choices else 0 if by > 0 else -1
        self._at = choices[at % len(choices)]
        pad = self._page.theme.space(8)
        x, y = self._at.pos
        width, height = self._at.size
        corner = self._at.corner + pad
        self._ring.rounded_rectangle = (
            *(x - pad, y - pad, width + 2 * pad, height + 2 * pad),
            *(corner, 64),
        )
        self._colour.a = 1
        self._announcer.say(self._page, self._at.spoken)

    def _ring_none(self) -> None:
        self._at = None
        self._colour.a = 0

    def _enter(self) -> None:
        chosen = self._at if self._at in self._page.in_order() else self._page.main_choice()
        if chosen is not None:
            chosen.action()
        else:
            self._page.key(ENTER)

    def _clear(self) -> None:
        if self._page.has_typed():
            self._page.key(ERASE)
            return
        leaving = self._page.leaving_choice()
        if leaving is not None:
            leaving.action()
