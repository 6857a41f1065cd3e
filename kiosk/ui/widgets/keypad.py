"""The keypad for digits, and the keyboard for barcodes."""

from __future__ import annotations

from collections.abc import Callable

from kivy.clock import Clock
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.ui import texts
from kiosk.ui import theme as look
from kiosk.ui.strikes import Strikes
from kiosk.ui.theme import KEY_MM, Theme, Tone
from kiosk.ui.widgets.buttons import Pressable
from kiosk.ui.widgets.text import Icon, Words

CLEAR = "CLEAR"
ERASE = "ERASE"
ENTER = "ENTER"
SHIFT = "SHIFT"
_KEY_GAP_MM = 1.4
_DIGIT_ROWS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"), (CLEAR, "0", ERASE))
_LETTER_ROWS = (
    tuple("1234567890"),
    tuple("QWERTYUIOP"),
    (*"ASDFGHJKL", "-"),
    (*"ZXCVBNM", "/", ERASE, ENTER),
)
_ADDRESS_ROWS = (
    (*"1234567890", "-"),
    (*"qwertyuiop", "_"),
    (*"asdfghjkl", ".", ":"),
    (SHIFT, *"zxcvbnm", "/", ERASE, ENTER),
)
_PICTURES = {ERASE: "delete", SHIFT: "arrow-up"}


class Key(Pressable):
    """One key: acts at the touch, so that nothing waits for the finger to leave."""

    def __init__(
        self,
        theme: Theme,
        name: str,
        action: Callable[[str], None],
        step: str,
        strikes: Strikes,
    ) -> None:
        super().__init__(theme, lambda: action(name), on_down=True, edge=theme.colours.edge)
        self.name = name
        self.step = step
        self._strikes = strikes
        self.label: Icon | Words
        if name in _PICTURES:
            self.label = Icon(theme, _PICTURES[name], theme.font(step) * 0.95)
        else:
            named = {CLEAR: texts.parts.CLEAR, ENTER: texts.parts.ENTER}
            text = theme.speech.say(named[name]) if name in named else name
            self.label = Words(theme, text=text, bold_face=len(name) == 1)
        self.add_widget(self.label)
        self.restyle()

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if self.collide_point(*touch.pos) and self.is_struck_twice():
            touch.grab(self)  # it is let go, too
            return True
        return bool(super().on_touch_down(touch))

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch.grab_current is self and self.theme.is_access:
            self._strikes.let_go(self.name, _earliest_s())
        return bool(super().on_touch_up(touch))

    def is_struck_twice(self) -> bool:
        """Whether this touch, which is noted, is one with the last: a finger that bounces, or one
        that trembles."""
        heard_s, within_s = Clock.time(), self.theme.same_key_s
        # A bounce is shorter than most frames; a hand that trembles is not.
        earliest_s = _earliest_s() if self.theme.is_access else heard_s
        return self._strikes.is_double(self.name, heard_s, within_s, earliest_s)

    def restyle(self) -> None:
        colours, act = self.theme.colours, self.theme.tone(Tone.ACT)
        if self.name == ENTER and not self.disabled:
            self.fill = colours.act_pressed if self.pressed else act.strong
            self.edge, self.label.ink = self.theme.edge_around(self.fill), act.on_strong
            return
        if self.disabled:
            self.fill, self.edge, self.label.ink = colours.ground, colours.line, colours.edge
            return
        self.fill = colours.pressed if self.pressed else colours.surface
        self.edge = act.strong_ink if self.pressed else colours.edge
        self.label.ink = colours.ink

    def arrange(self) -> None:
        if isinstance(self.label, Words):
            small = self.name in (CLEAR, ENTER)
            fits = self.label.fit_line(("text",) if small else (self.step, "text"), self.width)
            if small and not fits:
                self._show_icon()
        self.label.center = self.center

    def _show_icon(self) -> None:
        """The word of this language is wider than the key: a picture says it."""
        self.remove_widget(self.label)
        icon = "check" if self.name == ENTER else "x"
        self.label = Icon(self.theme, icon, self.theme.font("text") * 1.15)
        self.add_widget(self.label)
        self.restyle()


def _earliest_s() -> float:
    """When the touch that is heard now can have been made: since the frame before."""
    return float(Clock.get_time() - Clock.frametime)


class KeyBoard(Widget):
    """Rows of keys, filled evenly; `action` gets each key's name."""

    def __init__(
        self,
        theme: Theme,
        rows: tuple[tuple[str, ...], ...],
        action: Callable[[str], None],
        *,
        step: str,
        gap: float,
    ) -> None:
        super().__init__(size_hint=(None, None))
        self.gap = gap
        self.strikes = Strikes()
        self.rows = [[Key(theme, name, action, step, self.strikes) for name in row] for row in rows]
        for row in self.rows:
            for key in row:
                self.add_widget(key)
        self.bind(pos=self._place, size=self._place)

    @property
    def keys(self) -> dict[str, Key]:
        return {key.name: key for row in self.rows for key in row}

    def switch(self, on: bool) -> None:
        """Switch all keys on or off."""
        for row in self.rows:
            for key in row:
                key.disabled = not on

    def _place(self, *_: object) -> None:
        height = (self.height - (len(self.rows) - 1) * self.gap) / len(self.rows)
        for number, row in enumerate(self.rows):
            width = (self.width - (len(row) - 1) * self.gap) / len(row)
            bottom = self.top - (number + 1) * height - number * self.gap
            for column, key in enumerate(row):
                left = self.x + column * (width + self.gap)
                key.size = (round(width), round(height))
                key.pos = (round(left), round(bottom))


def digit_keypad(theme: Theme, action: Callable[[str], None]) -> KeyBoard:
    """The keypad: ten digits, clear and erase."""
    return KeyBoard(theme, _DIGIT_ROWS, action, step="title", gap=theme.mm(_KEY_GAP_MM))


def keypad_size(theme: Theme, height: float) -> tuple[float, float]:
    """Its size in pixels: keys of 20 mm, a little larger where the panel has room for it."""
    gaps_mm = _KEY_GAP_MM * 3
    room_mm = height / theme.panel.px_per_mm
    key_mm = min(KEY_MM * 1.25, max(KEY_MM, (room_mm - gaps_mm) / 4))
    if theme.is_small:
        key_mm = min(KEY_MM, (room_mm - gaps_mm) / 4)
    width_mm = key_mm * (1.3 if theme.is_portrait else 1)
    size_mm = (width_mm * 3 + _KEY_GAP_MM * 2, key_mm * 4 + gaps_mm)
    return theme.mm(size_mm[0]), min(height, theme.mm(size_mm[1]))


def _board_gap_mm(theme: Theme) -> float:
    return 0.8 if theme.is_small else 1.4


def keyboard_least_mm(theme: Theme) -> float:
    """The height of four rows of keys that can still be hit."""
    return 4 * (look.TARGET_MM + 0.05) + 3 * _board_gap_mm(theme)


def letter_keyboard(theme: Theme, action: Callable[[str], None]) -> KeyBoard:
    """The keyboard for barcodes: digits, capital letters, hyphen and slash."""
    gap = theme.mm(_board_gap_mm(theme))
    return KeyBoard(theme, _LETTER_ROWS, action, step="text", gap=gap)


def address_keyboard(
    theme: Theme, action: Callable[[str], None], *, is_upper: bool = False
) -> KeyBoard:
    """The keyboard for an address or a token, in which capitals are other letters."""
    rows = tuple(
        tuple(name.upper() if is_upper and len(name) == 1 else name for name in row)
        for row in _ADDRESS_ROWS
    )
    gap = theme.mm(_board_gap_mm(theme))
    return KeyBoard(theme, rows, action, step="text", gap=gap)
