"""The first screen: a few large choices; a code typed or scanned here starts at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kivy.uix.widget import Widget

from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.ui import texts
from kiosk.ui.language import speech
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Pressable, WordButton, mirror
from kiosk.ui.widgets.text import Icon, Words

_LEAST_CARD_MM = 14
_CARD_MM = 66
_LARGE = (Choice.PICK_UP, Choice.COURIER, Choice.RESUME)


class ChoiceCard(Pressable):
    """A large choice: icon, word, and a line that explains it."""

    def __init__(
        self,
        theme: Theme,
        choice_label: texts.choice_labels.ChoiceLabel,
        action: Callable[[], None],
        choice: Choice,
    ) -> None:
        super().__init__(theme, action, corner=theme.space(24))
        self.choice = choice
        self.has_room_for_hint = True
        self.shows_hint = True
        self.icon = Icon(theme, choice_label.icon, theme.font(theme.title_step) * 1.35)
        self.words = Words(theme, text=choice_label.label, bold_face=True)
        self.hint = Words(theme, text=choice_label.hint)
        for part in (self.icon, self.words, self.hint):
            self.add_widget(part)
        self.restyle()

    def restyle(self) -> None:
        colours, act = self.theme.colours, self.theme.tone(Tone.ACT)
        if self.choice is Choice.PICK_UP:
            self.fill = colours.act_pressed if self.pressed else act.strong
            self.edge = self.fill
            self.icon.ink = self.words.ink = self.hint.ink = act.on_strong
        else:
            self.fill = colours.pressed if self.pressed else colours.surface
            self.edge = colours.edge
            self.icon.ink = self.words.ink = colours.ink
            self.hint.ink = colours.ink_soft

    def lay_out(self) -> None:
        theme = self.theme
        pad = theme.space(24 if theme.is_small else 40)
        self.icon.font_size = round(min(theme.font(theme.title_step) * 1.35, self.height * 0.6))
        left = self.x + 2 * pad + self.icon.width
        text_width = self.right - pad - left
        steps = tuple(dict.fromkeys((theme.title_step, "lead", "text")))
        self.words.fit(text_width, self.height, steps=steps, lines=1)
        is_fitting = self.hint.fit(text_width, steps=(theme.body_step, "lead", "text"), lines=2)
        between = theme.space(8)
        whole = self.words.height + between + self.hint.height
        self.has_room_for_hint = is_fitting and whole + pad <= self.height
        if not self.shows_hint:
            whole = self.words.height
        self.hint.opacity = 1 if self.shows_hint else 0
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
        # Either every card explains itself, or none.
        shows = all(card.has_room_for_hint for card in self.cards)
        for card in self.cards:
            if card.shows_hint != shows:
                card.shows_hint = shows
                card.arrange()
        if self.theme.is_rtl:
            mirror(self)


class Languages(Widget):
    """The site's other languages, each by the name that those who speak it know."""

    def __init__(
        self,
        theme: Theme,
        codes: tuple[str, ...],
        action: Callable[[str], None],
        *,
        is_alone: bool = False,
    ) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self._is_alone = is_alone
        """Whether they are the one thing of their screen, and as large as actions are."""
        self.buttons = [
            WordButton(
                replace(theme, speech=speech(code)),
                speech(code).own_name,
                "",
                partial(action, code),
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
        if self._is_alone:
            most = min(most, 1 if self.theme.is_portrait else 3)
        rows = -(-len(self.buttons) // most)
        return -(-len(self.buttons) // rows)

    def _gap(self) -> float:
        return self.theme.gap if self._is_alone else self.theme.gap / 2

    def _row_height(self) -> float:
        if self._is_alone:
            return self.theme.button_height
        return self.theme.mm(11 if self.theme.is_small else 13 * self.theme.large)

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

    keeps_name = True
    figure: Cards

    def build(self) -> None:
        self.figure = Cards(self.theme)
        for choice in self.view.choices:
            if choice in self._large():
                self.figure.add(self._card(choice))
        self.add_widget(self.figure)
        spoken = self.context.speech.code
        others = tuple(code for code in self.context.location.languages if code != spoken)
        self.languages = Languages(self.theme, others, self.context.tools.speak)
        self.add_widget(self.languages)

    def changed(self, before: First) -> None:
        if self.view.choices != before.choices:
            self.remove_widget(self.figure)
            self.remove_widget(self.languages)
            self.build()

    def _card(self, choice: Choice) -> ChoiceCard:
        return ChoiceCard(
            self.theme,
            texts.choice_labels.choice_label(choice, self.context.speech),
            lambda: self.answer(Pressed(choice)),
            choice,
        )

    def offered(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.view.choices if choice not in self._large())

    def _large(self) -> tuple[Choice, ...]:
        """The choices that are cards; side by side there is room for no third one."""
        return (*_LARGE, Choice.GUEST) if self.theme.is_portrait else _LARGE

    def in_order(self) -> list[Pressable]:
        return [*self.figure.cards, *self.languages.buttons, *self.tools]

    def main_choice(self) -> Pressable | None:
        return next(iter(self.figure.cards), None)

    def has_language_tool(self) -> bool:
        return False  # they all stand here

    def _offer(self) -> None:
        super()._offer()
        # Beside the cards nothing shouts: what few people look for stands with the tools.
        for button in self.buttons:
            self.remove_widget(button)
        quiet = [self._quiet(button.choice) for button in self.buttons if button.choice]
        for button in quiet:
            self.add_widget(button)
        self.buttons, self.tools = [], [*quiet, *self.tools]

    def _quiet(self, choice: Choice) -> WordButton:
        button = self._button(choice, Tone.CALM, plain=True)
        button.may_be_bare = True
        return button

    def figure_size(self, area: Area) -> tuple[float, float]:
        if not self.theme.is_portrait:
            return area.width, area.height
        count = len(self.figure.cards)
        return area.width, min(area.height, count * self.theme.mm(_CARD_MM))

    def _arrange_beside(self, inner: Area) -> None:
        # Wide and low: words above, the choices side by side under them.
        theme = self.theme
        header_bottom = self._place_header(inner)
        below = self._place_languages(inner.x, inner.y, inner.width)
        free = header_bottom - below - 2 * theme.gap
        least = theme.mm(_LEAST_CARD_MM * (1 if theme.is_small else theme.large))
        words = self._measured(Area(inner.x, below, inner.width, free - least))
        wanted = (0.46 if theme.is_small else 0.5) * free
        height = max(least, min(wanted, free - self._block_height(words)))
        self.figure.size = (inner.width, round(height))
        self.figure.pos = (inner.x, below)
        hero_bottom = self.figure.top + theme.gap
        self._set_hero(self._hero_from(hero_bottom, self.right))
        bottom = hero_bottom + theme.gap / 2
        self._place_words(Area(inner.x, bottom, inner.width, header_bottom - bottom), lift=0.6)

    def _place_languages(self, x: float, y: float, width: float) -> float:
        """Put the languages there; return what is above them."""
        height = self.languages.natural_height(width)
        self.languages.size = (width, height)
        self.languages.pos = (x, y)
        if not height:
            return y
        return y + height + (self.theme.space(32) if self.theme.is_portrait else self.theme.gap)

    def _arrange_stacked(self, inner: Area) -> None:
        theme = self.theme
        header_bottom = self._place_header(inner)
        actions_top = self._place_actions(inner)
        above = actions_top + theme.gap if actions_top > inner.y else inner.y
        bottom = self._place_languages(inner.x, above, inner.width)
        room = Area(inner.x, bottom, inner.width, header_bottom - bottom)
        self.figure.size = self.figure_size(Area(room.x, room.y, room.width, room.height * 0.6))
        self.figure.pos = (room.x, room.y)
        hero_bottom = self.figure.top + theme.space(32)
        self._set_hero(self._hero_from(hero_bottom, self.right))
        top = hero_bottom + theme.gap
        self._place_words(Area(room.x, top, room.width, room.top - top), lift=0.54)

    def text_input(self, text: str) -> None:
        digits = "".join(character for character in text if character in "0123456789")
        if digits:
            self.answer(Entered(digits))
