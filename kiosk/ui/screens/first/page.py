"""The first screen: a few large choices; a code typed or scanned here starts at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kivy.uix.widget import Widget

from kiosk.flows.views import Choice, Chosen, Entered, First, Pressed
from kiosk.ui import theme as look
from kiosk.ui import wording
from kiosk.ui.language import speech
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.plate import Pressable, WordButton, mirror
from kiosk.ui.widgets.text import Icon, Words

_LEAST_CARD_MM = 14
_LARGE = (Choice.PICK_UP, Choice.COURIER)


class ChoiceCard(Pressable):
    """A large choice: icon, word, and a line that explains it."""

    def __init__(
        self, theme: Theme, face: wording.faces.Face, action: Callable[[], None], *, main: bool
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

    def lay_out(self) -> None:
        theme = self.theme
        pad = theme.space(24 if theme.is_small else 40)
        left = self.x + 2 * pad + self.icon.width
        text_width = self.right - pad - left
        steps = tuple(dict.fromkeys((theme.title_step, "lead", "text")))
        self.words.fit(text_width, steps=steps, lines=1)
        self.hint.fit(text_width, steps=(theme.body_step, "text"), lines=2)
        between = theme.space(8)
        whole = self.words.height + between + self.hint.height
        with_hint = whole + pad <= self.height
        if not with_hint:
            whole = self.words.height
        self.hint.opacity = 1 if with_hint else 0
        self.icon.pos = (self.x + pad, self.center_y - self.icon.height / 2)
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
        if self.theme.is_rtl:
            mirror(self)


class Languages(Widget):
    """The site's other languages, each by the name that those who speak it know."""

    def __init__(self, theme: Theme, codes: tuple[str, ...], action: Callable[[str], None]) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self.buttons = [
            WordButton(
                replace(theme, speech=speech(code)),
                speech(code).own_name,
                "",
                (lambda chosen=code: action(chosen)),
            )
            for code in codes
        ]
        for button in self.buttons:
            self.add_widget(button)
        self.bind(pos=self._place, size=self._place)

    def _per_row(self, width: float) -> int:
        gap = self._gap()
        widest = max(button.least_width() for button in self.buttons)
        most = max(1, int((width + gap) / (widest + gap)))
        rows = -(-len(self.buttons) // most)
        return -(-len(self.buttons) // rows)

    def _gap(self) -> float:
        return self.theme.gap / 2

    def _row_height(self) -> float:
        return self.theme.mm(11 if self.theme.is_small else 13)

    def natural_height(self, width: float) -> float:
        """Its height at this width."""
        if not self.buttons:
            return 0.0
        rows = -(-len(self.buttons) // self._per_row(width))
        return rows * self._row_height() + (rows - 1) * self._gap()

    def _place(self, *_: object) -> None:
        if not self.buttons or self.width < 2:
            return
        per_row, gap, height = self._per_row(self.width), self._gap(), self._row_height()
        width = (self.width - (per_row - 1) * gap) / per_row
        for number, button in enumerate(self.buttons):
            row, column = divmod(number, per_row)
            button.size = (round(width), height)
            button.pos = (
                round(self.x + column * (width + gap)),
                round(self.top - (row + 1) * height - row * gap),
            )
        if self.theme.is_rtl:
            mirror(self)


class FirstPage(Page[First]):
    """Welcomes, and says if a door was left open. Digits typed here are reported as they come."""

    spare_parts = ("body",)
    keeps_name = True

    def build(self) -> None:
        self.figure = Cards(self.theme)
        for choice in self.view.choices:
            if choice in _LARGE:
                self.figure.add(self._card(choice))
        self.add_widget(self.figure)
        spoken = self.context.speech.code
        others = tuple(code for code in self.context.location.languages if code != spoken)
        self.languages = Languages(self.theme, others, lambda code: self.answer(Chosen(code)))
        self.add_widget(self.languages)

    def changed(self, before: First) -> None:
        if self.view.choices != before.choices:
            self.remove_widget(self.figure)
            self.remove_widget(self.languages)
            self.build()

    def _card(self, choice: Choice) -> ChoiceCard:
        return ChoiceCard(
            self.theme,
            wording.faces.face(choice, self.context.speech),
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
        return area.width, min(area.height, count * self.theme.mm(62))

    def _arrange_beside(self, inner: Area) -> None:
        # Wide and low: words above, the choices side by side under them.
        theme = self.theme
        header_bottom = self._place_header(inner)
        room = Area(inner.x, inner.y, inner.width, header_bottom - inner.y)
        self._place_quiet_buttons(inner.x + inner.width - self._help_width(), header_bottom)
        below = self._place_languages(room.x, room.y, room.width)
        free = room.top - below - theme.gap
        least = theme.mm(_LEAST_CARD_MM)
        words = self._measured(Area(room.x, below, room.width, free - least))
        wished = (0.46 if theme.is_small else 0.44) * free
        height = max(least, min(wished, free - self._block_height(words)))
        self.figure.size = (room.width, round(height))
        self.figure.pos = (room.x, below)
        bottom = self.figure.top + theme.gap
        self._place_words(Area(room.x, bottom, room.width, room.top - bottom), lift=0.5)

    def _place_languages(self, x: float, y: float, width: float) -> float:
        """Put the languages there; return what is above them."""
        height = self.languages.natural_height(width)
        self.languages.size = (width, height)
        self.languages.pos = (x, y)
        if not height:
            return y
        return y + height + (self.theme.space(32) if self.theme.is_portrait else self.theme.gap)

    def header_taken(self) -> float:
        if self.theme.is_portrait:
            return 0.0
        return sum(button.natural_width() for button in self.buttons)

    def _help_width(self) -> float:
        return self.help_button.width if self.help_button is not None else 0.0

    def _arrange_stacked(self, inner: Area) -> None:
        theme = self.theme
        header_bottom = self._place_header(inner)
        height = self._quiet_height() if self.buttons else 0.0
        self._place_quiet_buttons(None, inner.y)
        bottom = self._place_languages(inner.x, inner.y + height + theme.space(32), inner.width)
        room = Area(inner.x, bottom, inner.width, header_bottom - bottom)
        self.figure.size = self.figure_size(Area(room.x, room.y, room.width, room.height * 0.55))
        self.figure.pos = (room.x, room.y)
        top = self.figure.top + theme.gap
        self._place_words(Area(room.x, top, room.width, room.top - top), lift=0.5)

    def _quiet_height(self) -> float:
        return self.theme.mm(11 if self.theme.is_small else 14)

    def _place_quiet_buttons(self, right: float | None, y: float) -> None:
        """Service and the like stand small: from the left margin, or up to `right`."""
        x = self.theme.margin - self.theme.gap + self.x
        for button in self.buttons:
            button.size = (button.natural_width(), self._quiet_height())
            if right is not None:
                right -= button.width
                x = right
            button.pos = (x, y)
            x += button.width

    def text_input(self, text: str) -> None:
        digits = "".join(character for character in text if character in "0123456789")
        if digits:
            self.answer(Entered(digits))
