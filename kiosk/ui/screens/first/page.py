"""The first screen: a few large choices; a code typed or scanned here starts at once."""

from __future__ import annotations

from collections.abc import Callable

from kivy.uix.widget import Widget

from kiosk.flows.views import Choice, Entered, First, Pressed
from kiosk.ui import theme as look
from kiosk.ui import wording
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.plate import Pressable
from kiosk.ui.widgets.text import Icon, Words

_LARGE = (Choice.PICK_UP, Choice.COURIER)


class ChoiceCard(Pressable):
    """A large choice: icon, word, and a line that explains it."""

    def __init__(
        self, theme: Theme, face: wording.Face, action: Callable[[], None], *, main: bool
    ) -> None:
        super().__init__(theme, action, corner=theme.space(24))
        self.main = main
        self.icon = Icon(face.icon, theme.font(theme.title_step) * 1.35)
        self.words = Words(theme, text=face.label, bold_face=True)
        self.hint = Words(theme, text=face.hint)
        for part in (self.icon, self.words, self.hint):
            self.add_widget(part)
        self.restyle()

    def restyle(self) -> None:
        act = look.TONES[Tone.ACT]
        if self.main:
            self.fill = look.ACT_PRESSED if self.pressed else act.strong
            self.edge = self.fill
            self.icon.ink = self.words.ink = self.hint.ink = act.on_strong
        else:
            self.fill = look.PRESSED if self.pressed else look.SURFACE
            self.edge = look.EDGE
            self.icon.ink = self.words.ink = look.INK
            self.hint.ink = look.INK_SOFT

    def arrange(self) -> None:
        pad = self.theme.space(32 if self.theme.is_small else 48)
        inner = self.width - 2 * pad
        steps = tuple(dict.fromkeys((self.theme.title_step, "lead", "text")))
        if self.theme.is_portrait:
            self._arrange_row(pad, inner, steps)
            return
        self.words.fit(inner, steps=steps, lines=1)
        self.hint.fit(inner, steps=("text",))
        self.icon.pos = (self.x + pad, self.top - pad - self.icon.height)
        self.hint.pos = (self.x + pad, self.y + 0.7 * pad)
        self.words.pos = (self.x + pad, self.hint.top + self.theme.space(8))

    def _arrange_row(self, pad: float, inner: float, steps: tuple[str, ...]) -> None:
        text_width = inner - self.icon.width - pad
        self.words.fit(text_width, steps=steps, lines=1)
        self.hint.fit(text_width, steps=(self.theme.body_step, "text"))
        self.icon.pos = (self.x + pad, self.center_y - self.icon.height / 2)
        left = self.icon.right + pad
        whole = self.words.height + self.hint.height + self.theme.space(8)
        self.words.pos = (left, self.center_y + whole / 2 - self.words.height)
        self.hint.pos = (left, self.center_y - whole / 2)


class Cards(Widget):
    """The large choices: under each other in portrait, side by side in landscape."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.cards: list[ChoiceCard] = []
        self.bind(pos=self._place, size=self._place)

    def add(self, card: ChoiceCard) -> None:
        self.cards.append(card)
        self.add_widget(card)

    def _place(self, *_: object) -> None:
        count = max(1, len(self.cards))
        gap = self.theme.space(32)
        for number, card in enumerate(self.cards):
            if self.theme.is_portrait:
                height = (self.height - (count - 1) * gap) / count
                card.size = (self.width, round(height))
                card.pos = (self.x, round(self.top - (number + 1) * height - number * gap))
            else:
                width = (self.width - (count - 1) * gap) / count
                card.size = (round(width), self.height)
                card.pos = (round(self.x + number * (width + gap)), self.y)


class FirstPage(Page[First]):
    """Welcomes, and says if a door was left open. Digits typed here are reported as they come."""

    def build(self) -> None:
        self.figure = Cards(self.theme)
        for choice in self.view.choices:
            if choice in _LARGE:
                self.figure.add(self._card(choice))
        self.add_widget(self.figure)

    def changed(self, before: First) -> None:
        if self.view.choices != before.choices:
            self.remove_widget(self.figure)
            self.build()

    def _card(self, choice: Choice) -> ChoiceCard:
        return ChoiceCard(
            self.theme,
            wording.face(choice),
            lambda: self.answer(Pressed(choice)),
            main=choice is Choice.PICK_UP,
        )

    def offered(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.view.choices if choice not in _LARGE)

    def _offer(self) -> None:
        super()._offer()
        # Beside the cards nothing shouts: the rest is for the few who look for it.
        for button in self.buttons:
            button.tone, button.plain = Tone.CALM, True
            button.restyle()

    def figure_size(self, area: Area) -> tuple[float, float]:
        if not self.theme.is_portrait:
            return area.width, area.height
        count = len(self.figure.cards)
        return area.width, min(area.height, count * self.theme.mm(58))

    def _arrange_beside(self, inner: Area) -> None:
        # Wide and low: words above, the choices side by side under them.
        theme = self.theme
        header_bottom = self._place_header(inner)
        bottom = self._place_quiet_buttons(inner)
        room = Area(inner.x, bottom, inner.width, header_bottom - bottom - theme.gap)
        share = 0.5 if self.note is None else 0.42
        self.figure.size = (room.width, round(room.height * share))
        self.figure.pos = (room.x, room.y)
        top = self.figure.top + theme.gap
        self._place_words(Area(room.x, top, room.width, room.top - top), lift=0.5)

    def _arrange_stacked(self, inner: Area) -> None:
        theme = self.theme
        header_bottom = self._place_header(inner)
        bottom = self._place_quiet_buttons(inner)
        width, height = self.figure_size(
            Area(inner.x, bottom, inner.width, (header_bottom - bottom) * 0.6)
        )
        self.figure.size = (width, height)
        self.figure.pos = (inner.x, bottom + theme.space(32))
        top = self.figure.top + theme.gap
        self._place_words(Area(inner.x, top, inner.width, header_bottom - top), lift=0.55)

    def _place_quiet_buttons(self, inner: Area) -> float:
        """Service and the like stand small in the bottom left corner."""
        x, height = inner.x, self.theme.mm(11 if self.theme.is_small else 14)
        for button in self.buttons:
            button.size = (button.natural_width(), height)
            button.pos = (x - self.theme.gap, inner.y)
            x += button.width + self.theme.gap
        return inner.y + (height + self.theme.space(8) if self.buttons else 0)

    def text_input(self, text: str) -> None:
        digits = "".join(character for character in text if character in "0123456789")
        if digits:
            self.answer(Entered(digits))
