"""What lies around the bank in the window: phones, labels, PINs, cables, the held QR code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import segno
from kivy.graphics import Color, Rectangle
from kivy.graphics.texture import Texture
from kivy.input.motionevent import MotionEvent
from kivy.uix.scrollview import ScrollView
from kivy.uix.widget import Widget

from drivers.simulator import window_look as look
from drivers.simulator.labels import Label
from drivers.simulator.window_barcode import bars
from drivers.simulator.window_layout import PIN_LINE, Box, label_boxes, phone_boxes, pin_columns
from drivers.simulator.window_phones import PhoneMessage
from drivers.simulator.window_site import Switch

WHEEL_STEP_PX = 90


def qr_texture(text: str) -> Texture:
    """A QR code with its quiet zone."""
    code = segno.make_qr(text, error="m")
    return look.grey_texture([[bool(dark) for dark in row] for row in code.matrix_iter(border=2)])


def phone_number(digits: str) -> str:
    """A number as people write it: `+49 171 392 0001`."""
    if len(digits) < 8:
        return digits or "unknown number"
    groups = [digits[:2], digits[2:5], digits[5:-4], digits[-4:]]
    return "+" + " ".join(group for group in groups if group)


class PhoneCard(look.Touchable):
    """A phone with one message; touching it holds the message's QR before the scanner."""

    def __init__(
        self, message: PhoneMessage, name: str, qr_text: str, hold: Callable[[PhoneCard], None]
    ) -> None:
        super().__init__(
            lambda: hold(self),
            fill=look.colour("#1B242C"),
            edge=look.colour("#0E1419"),
            pressed=look.ACT,
            corner=16,
        )
        self.message = message
        self.name = name
        self.qr = qr_texture(qr_text) if message.code else None
        with self.canvas:
            self._screen_ink = Color(*look.SURFACE)
            self._screen = Rectangle()
            Color(1, 1, 1, 1)
            self._picture = Rectangle(texture=self.qr, size=(0, 0))
        self._who = look.Words(name, 13, ink=look.INK_SOFT, halign="center")
        self._code = look.Words(message.code, 25, bold=True, halign="center")
        self._what = look.Words("", 13, ink=look.ACT, bold=True, wraps=True)
        for words in (self._who, self._code, self._what):
            self.add_widget(words)
        self.mark(scanned=False)

    def mark(self, *, scanned: bool) -> None:
        """Say whether its QR was held before the scanner already."""
        if not self.message.code:
            self._what.text = self.message.text
            self._what.color = look.INK
        else:
            self._what.text = "Scanned, touch to scan again" if scanned else "Touch to scan"
            self._what.color = look.INK_SOFT if scanned else look.ACT

    def arrange(self) -> None:
        bezel = 6.0
        screen = Box(
            self.x + bezel,
            self.y + bezel + 4,
            max(self.width - 2 * bezel, 0),
            max(self.height - 2 * bezel - 8, 0),
        )
        self._screen.pos, self._screen.size = screen.pos, screen.size
        self._who.put(Box(screen.left + 6, screen.top - 24, screen.width - 12, 20))
        self._code.resize(round(min(25.0, self.width * 0.137)))
        self._code.put(Box(screen.left + 2, screen.top - 56, screen.width - 4, 32))
        side = min(screen.height - 62, 92) if self.qr else 0
        self._picture.pos = (screen.left + 4, screen.bottom + (screen.height - 56 - side) / 2)
        self._picture.size = (side, side)
        left = screen.left + side + 10
        above = 58 if self.message.code else 24  # a message without a code has the room for itself
        room = Box(left, screen.bottom + 2, screen.right - left - 6, screen.height - 2 - above)
        self._what.put(replace(room, width=max(room.width, 0), height=max(room.height, 0)))


class PhoneRow(ScrollView):
    """All phones in a row that can be pulled or wheeled sideways, the newest message first."""

    def __init__(self, hold: Callable[[PhoneCard], None]) -> None:
        super().__init__(
            size_hint=(None, None),
            do_scroll_y=False,
            bar_width=4,
            bar_color=look.EDGE,
            # It stays as it is: what is behind the edge is found, and nothing moves by itself.
            bar_inactive_color=look.EDGE,
            scroll_type=["bars", "content"],
        )
        self._hold = hold
        self._row = Widget(size_hint=(None, None))
        self.add_widget(self._row)
        self._cards: dict[str, PhoneCard] = {}
        self._nothing = look.Words(
            "No messages yet. When a package is stored, its recipient gets one here.",
            14,
            ink=look.INK_SOFT,
            wraps=True,
        )
        self._row.add_widget(self._nothing)
        self.bind(pos=self._place, size=self._place)

    def put(self, box: Box) -> None:
        """Take this place."""
        self.pos, self.size = box.pos, box.size

    @property
    def count(self) -> int:
        """How many phones there are."""
        return len(self._cards)

    @property
    def is_pulled(self) -> bool:
        """Whether some are beyond the edge."""
        return bool(self._row.width > self.width)

    def show(
        self,
        messages: Sequence[PhoneMessage],
        name_of: Callable[[PhoneMessage], str],
        qr_text_of: Callable[[PhoneMessage], str],
    ) -> None:
        """Show these messages; those that are shown already keep their card."""
        cards = {
            message.name: self._cards.get(message.name)
            or PhoneCard(message, name_of(message), qr_text_of(message), self._hold)
            for message in messages
        }
        is_new = any(name not in self._cards for name in cards)
        self._cards = cards
        self._row.clear_widgets()
        for card in cards.values():
            self._row.add_widget(card)
        if not cards:
            self._row.add_widget(self._nothing)
        if is_new:
            self.scroll_x = 0.0
        self._place()

    def on_touch_down(self, touch: MotionEvent) -> bool:
        wheel = "button" in touch.profile and touch.button.startswith("scroll")
        if wheel and self.collide_point(*touch.pos):
            hidden = self._row.width - self.width
            step = WHEEL_STEP_PX / hidden if hidden > 0 else 0.0
            back = touch.button in ("scrolldown", "scrollleft")
            self.scroll_x = min(max(self.scroll_x + (-step if back else step), 0.0), 1.0)
            return True
        return bool(super().on_touch_down(touch))

    def _place(self, *_: object) -> None:
        area = Box(0, 0, self.width, self.height)
        boxes = phone_boxes(area, len(self._cards))
        self._row.size = (max(boxes[-1].right if boxes else 0, self.width), self.height)
        self._nothing.put(Box(self._row.x, self._row.y, self.width, self.height))
        for card, box in zip(self._cards.values(), boxes, strict=True):
            card.put(Box(self._row.x + box.left, self._row.y + box.bottom, box.width, box.height))


class LabelCard(look.Touchable):
    """A package's label; touching it holds it before the scanner."""

    def __init__(self, label: Label, scan: Callable[[LabelCard], None]) -> None:
        super().__init__(lambda: scan(self), corner=5)
        self.label = label
        self._modules = len(bars(label.barcode))
        texture = look.grey_texture([[module == "1" for module in bars(label.barcode)]])
        with self.canvas:
            Color(1, 1, 1, 1)
            self._bars = Rectangle(texture=texture)
        self._who = look.Words(label.name or label.barcode, 14, bold=True)
        self._size = look.Words(label.size or "?", 19, bold=True, halign="center")
        self._state = look.Words(
            label.barcode, 12, ink=look.INK_SOFT, halign="right", keeps_end=True
        )
        for words in (self._who, self._size, self._state):
            self.add_widget(words)

    def mark_scanned(self) -> None:
        """It was held before the scanner; it can be again."""
        self._state.text = "scanned"
        self._state.color = look.DONE
        self._state.font_name = "Bold"
        self.paint(look.colour("#EEF2EF"), look.EDGE)

    def arrange(self) -> None:
        edge, low = 8.0, self.height < 62
        line = 17.0 if low else 19.0
        below = self.y + (4 if low else 7)
        bars_height = self.height - line - (10 if low else 16)
        size_width = 26.0
        self._bars.pos = (round(self.x + edge), round(below + line))
        room = self.width - 2 * edge - size_width
        scale = max(1, int(room // self._modules))
        self._bars.size = (min(self._modules * scale, room), bars_height)
        self._size.put(Box(self.right - edge - size_width, below + line, size_width, bars_height))
        who_width = min(look.width_of(self._who.text, 14, bold=True) + 2, self.width - 2 * edge)
        self._who.put(Box(self.x + edge, below - 1, who_width, line))
        left = self.x + edge + who_width + 8
        self._state.put(Box(left, below - 1, max(self.right - edge - left, 0), line))


class LabelStack(ScrollView):
    """The labels that lie on the courier's table."""

    def __init__(self, labels: Sequence[Label], scan: Callable[[LabelCard], None]) -> None:
        super().__init__(
            size_hint=(None, None),
            do_scroll_x=False,
            bar_width=4,
            bar_color=look.EDGE,
            bar_inactive_color=look.EDGE,
        )
        self._stack = Widget(size_hint=(None, None))
        self.add_widget(self._stack)
        self._cards = [LabelCard(label, scan) for label in labels]
        for card in self._cards:
            self._stack.add_widget(card)
        self.bind(pos=self._place, size=self._place)

    def put(self, box: Box) -> None:
        """Take this place."""
        self.pos, self.size = box.pos, box.size

    def _place(self, *_: object) -> None:
        area = Box(0, 0, self.width, self.height)
        boxes = label_boxes(area, len(self._cards))
        lowest = min((box.bottom for box in boxes), default=0.0)
        hidden = max(-lowest, 0.0)
        self._stack.size = (self.width, self.height + hidden)
        for card, box in zip(self._cards, boxes, strict=True):
            card.put(
                Box(
                    self._stack.x + box.left,
                    self._stack.y + box.bottom + hidden,
                    box.width,
                    box.height,
                )
            )


class PinCard(look.Touchable):
    """A note with the PINs of the demo's staff, one line each: who, and the digits. Touching it
    holds the courier's badge before the scanner, where there is one."""

    def __init__(
        self, pins: Sequence[tuple[str, str]], hold_badge: Callable[[], None] | None
    ) -> None:
        super().__init__(
            hold_badge or _nothing,
            fill=look.colour("#FFF9E3"),
            edge=look.colour("#D9CC9A"),
            corner=4,
        )
        self.disabled = hold_badge is None
        heading = "PINs for this demo" if hold_badge is None else "PINs, or touch to scan a badge"
        self._heading = look.Words(heading, 13, ink=look.INK_SOFT)
        self.add_widget(self._heading)
        self._lines = []
        for who, digits in pins:
            icon = look.Glyph(who if who in look.ROW_GLYPHS else "lock", 17, look.INK_SOFT)
            line = (
                icon,
                look.Words(who.capitalize(), 14),
                look.Words(digits, 17, bold=True, halign="right"),
            )
            self._lines.append(line)
            for part in line:
                self.add_widget(part)

    def arrange(self) -> None:
        edge, between = 12.0, 24.0
        self._heading.put(Box(self.x + edge, self.top - 28, max(self.width - 2 * edge, 0), 22))
        columns = pin_columns(self.width, len(self._lines))
        width = (self.width - 2 * edge - (columns - 1) * between) / columns
        for number, (icon, who, digits) in enumerate(self._lines):
            left = self.x + edge + (number % columns) * (width + between)
            bottom = self.top - 28 - (number // columns + 1) * PIN_LINE
            icon.put(Box(left, bottom, 20, 24))
            who.put(Box(left + 26, bottom, max(width - 26 - 78, 0), 24))
            digits.put(Box(left + width - 78, bottom, 78, 24))


class BadgeCard(look.Touchable):
    """A courier's badge: its QR code and whose it is. Touching it holds it before the scanner."""

    def __init__(self, name: str, text: str, scan: Callable[[], None]) -> None:
        super().__init__(scan, corner=6)
        with self.canvas:
            Color(1, 1, 1, 1)
            self._picture = Rectangle(texture=qr_texture(text))
        self._name = look.Words(name, 14, bold=True)
        self._what = look.Words("Badge, touch to scan", 12, ink=look.INK_SOFT)
        for words in (self._name, self._what):
            self.add_widget(words)

    def arrange(self) -> None:
        edge = 5.0
        side = self.height - 2 * edge
        self._picture.pos, self._picture.size = (self.x + edge, self.y + edge), (side, side)
        left = self.x + side + 3 * edge
        width = max(self.right - edge - left, 0)
        self._name.put(Box(left, self.y + self.height / 2, width, 20))
        self._what.put(Box(left, self.y + self.height / 2 - 20, width, 18))


def _nothing() -> None:
    """A card without a badge."""


class SwitchRow(look.Surface):
    """Something that is on or off, as a cable, and the hand that switches it."""

    def __init__(self, switch: Switch, toggle: Callable[[], None]) -> None:
        super().__init__()
        self._switch = switch
        self.is_on = True
        self._icon = look.Glyph(switch.icon_on, 20, look.INK_SOFT)
        self._text = look.Words("", 14)
        self.button = look.PushButton("", toggle)
        for part in (self._icon, self._text, self.button):
            self.add_widget(part)
        self.show(is_on=True)

    def show(self, *, is_on: bool) -> None:
        """Draw it on or off."""
        self.is_on, switch = is_on, self._switch
        icon = (switch.icon_on, look.INK_SOFT) if is_on else (switch.icon_off, look.FAILED)
        self._icon.show(*icon)
        self._text.text = switch.on if is_on else switch.off
        self._text.color = look.INK if is_on else look.FAILED
        self.paint(*((look.SURFACE, look.LINE) if is_on else (look.FAILED_SOFT, look.FAILED)))
        self.button.say(switch.turn_off if is_on else switch.turn_on)

    def put_row(self, row: Box, button: Box) -> None:
        """Take this row; the button its own place at the end of it."""
        self.put(row)
        self._icon.put(Box(row.left + 8, row.bottom, 24, row.height))
        self._text.put(Box(row.left + 40, row.bottom, button.left - row.left - 46, row.height))
        self.button.put(button)


class HeldQr(look.Touchable):
    """A phone's QR code as the scanner sees it, large, for a moment."""

    def __init__(self, card: PhoneCard, qr: Texture, let_go: Callable[[], None]) -> None:
        super().__init__(let_go, edge=look.ACT, pressed=look.SURFACE, corner=14)
        with self.canvas:
            Color(1, 1, 1, 1)
            self._picture = Rectangle(texture=qr)
        self._code = look.Words(card.message.code, 30, bold=True, halign="center")
        self._what = look.Words(
            "Held in front of the scanner",
            14,
            ink=look.INK_SOFT,
            halign="center",
            wraps=True,
        )
        self._qr = qr
        self.add_widget(self._code)
        self.add_widget(self._what)

    def put_within(self, bank: Box) -> None:
        """Take the middle of the bank."""
        width = min(bank.width * 0.8, 300)
        height = width + 66
        x, y = bank.middle
        self.put(Box(round(x - width / 2), round(y - height / 2), width, height))

    def arrange(self) -> None:
        modules = self._qr.width
        side = modules * max(1, int((self.width - 32) // modules))
        self._picture.pos = (
            round(self.x + (self.width - side) / 2),
            round(self.top - 14 - side),
        )
        self._picture.size = (side, side)
        below = self._picture.pos[1] - self.y
        self._code.put(Box(self.x + 8, self.y + below - 40, self.width - 16, 36))
        self._what.put(Box(self.x + 10, self.y + 8, self.width - 20, max(below - 46, 0)))
