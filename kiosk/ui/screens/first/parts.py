"""What stands on the first screen: the large choices, the languages, the arrow to the scanner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kivy.graphics import PopMatrix, PushMatrix, Translate
from kivy.uix.widget import Widget

from kiosk.flows.views.choices import Choice
from kiosk.ui import texts
from kiosk.ui.language import speech
from kiosk.ui.motion import Motion
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Badge, Pressable, WordButton, mirror
from kiosk.ui.widgets.text import Icon, Words

LEAST_LANGUAGES_MM = 30.0
"""So much of the languages is shown at once at least, where they are alone."""
_ARROW_ROUNDS = 3
_ARROW_WAY_MM = 3.0


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
        self.has_room_for_word = self.has_room_for_hint = True
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
            self.edge = self.theme.edge_around(self.fill)
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
        self.has_room_for_word = self.words.fit(text_width, self.height, steps, lines=1)
        self.icon.opacity = 1 if self.has_room_for_word else 0
        if not self.has_room_for_word:
            # Rather without the picture than without a letter.
            left = self.x + pad / 2
            text_width = self.right - pad / 2 - left
            self.has_room_for_word = self.words.fit(text_width, self.height, steps, lines=2)
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
    """The large choices, side by side."""

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
        gap = self.theme.gap
        width = (self.width - (count - 1) * gap) / count
        for number, card in enumerate(self.cards):
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


class ScannerHint(Widget):
    """Points to the scanner: an arrow, and in words where there is room for them."""

    def __init__(self, theme: Theme, across: int, up: int) -> None:
        super().__init__(size_hint=(None, None))
        self.theme = theme
        self._way = (across, up)
        side = theme.mm(9.5 if theme.is_small else 18 if theme.is_tall else 12)
        self.arrow = Badge(theme, texts.parts.arrow_icon(across, up), Tone.ACT, side)
        self.words = Words(theme, text=texts.parts.to_the_scanner(across, up, theme.speech))
        with self.arrow.canvas.before:
            PushMatrix()
            self._shift = Translate(0, 0)
        with self.arrow.canvas.after:
            PopMatrix()
        self.motion = Motion(self._move, rounds=_ARROW_ROUNDS)
        self.add_widget(self.arrow)
        self.add_widget(self.words)
        self.bind(pos=self._place, size=self._place)

    def fit_bare(self) -> None:
        """Be the arrow alone."""
        self.words.opacity = 0
        self.words.size = (0.0, 0.0)
        self.size = self.arrow.size
        self._place()

    def fit(self, width: float, step: str) -> None:
        """Become as wide as arrow and words need, at most this."""
        self.words.opacity = 1
        beside = self.arrow.width + self.theme.gap
        if not self.words.fit_line((step,), width - beside):
            self.words.fit(width - beside, steps=(step,), is_even=True)
        self.size = (beside + self.words.width, max(self.arrow.height, self.words.height))
        self._place()

    def _place(self, *_: object) -> None:
        self.arrow.pos = (round(self.x), round(self.center_y - self.arrow.height / 2))
        self.words.pos = (
            round(self.arrow.right + self.theme.gap),
            round(self.center_y - self.words.height / 2),
        )
        if self.theme.is_rtl:
            mirror(self)

    def _move(self, share: float) -> None:
        way = share * self.theme.mm(_ARROW_WAY_MM)
        self._shift.x, self._shift.y = (round(part * way) for part in self._way)


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
        self.size = (0.0, 0.0)
        self._number = 0
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

    def _rows(self, width: float) -> list[list[WordButton]]:
        """The buttons in rows: as many in each as their names have room for, evened out."""
        if self._is_alone:
            gap = self._gap()
            widest = max(button.least_width() for button in self.buttons)
            most = max(1, min(int((width + gap) / (widest + gap)), self._most_alone()))
            return _in_rows(self.buttons, -(-len(self.buttons) // most))
        for count in range(1, len(self.buttons)):
            rows = _in_rows(self.buttons, count)
            if all(self._needs(row) <= width for row in rows):
                return rows
        return _in_rows(self.buttons, len(self.buttons))

    def _most_alone(self) -> int:
        if not self.theme.is_portrait:
            return 3
        return 2 if self.theme.is_access else 1  # then they are low, where hands are

    def _needs(self, row: list[WordButton]) -> float:
        gaps = (len(row) - 1) * self._gap()
        return sum(button.least_width() for button in row) + gaps

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
        rows = len(self._rows(width))
        return rows * self._row_height() + (rows - 1) * self._gap()

    @property
    def page_count(self) -> int:
        """How many pages there are in its height, where they are alone."""
        if not self._is_alone:
            return 1
        return -(-len(self._rows(self.width)) // self._rows_at_once())

    def turn_to(self, number: int) -> None:
        """Show this page, from 0."""
        self._number = number
        self._place()

    def _rows_at_once(self) -> int:
        gap = self._gap()
        return max(1, int((self.height + gap + 1) / (self._row_height() + gap)))

    def _shown(self, rows: list[list[WordButton]]) -> list[list[WordButton]]:
        """The rows of the page that is turned to; those of the others cannot be touched."""
        if not self._is_alone:
            return rows
        at_once = self._rows_at_once()
        first = min(self._number, self.page_count - 1) * at_once
        shown = rows[first : first + at_once]
        for row in rows:
            for button in row:
                is_shown = row in shown
                button.opacity, button.disabled = (1, False) if is_shown else (0, True)
                button.pos, button.size = self.pos, (0, 0)
        return shown

    def _place(self, *_: object) -> None:
        if not self.buttons or self.width < 2:
            return
        gap, height, top = self._gap(), self._row_height(), self.top
        rows = self._rows(self.width)
        for row in self._shown(rows):
            # An even share of what the names leave free; columns where they are alone.
            share = (self.width - self._needs(row)) / len(row)
            even = (self.width - (len(rows[0]) - 1) * gap) / len(rows[0])
            x = self.x
            for button in row:
                width = even if self._is_alone else button.least_width() + share
                button.size = (round(width), height)
                button.pos = (round(x), round(top - height))
                x += width + gap
            top -= height + gap
        if self.theme.is_rtl:
            mirror(self)


def _in_rows(buttons: list[WordButton], count: int) -> list[list[WordButton]]:
    """So many rows of about the same number, the first ones fuller."""
    rows, start = [], 0
    for number in range(count):
        taken = -(-(len(buttons) - start) // (count - number))
        rows.append(buttons[start : start + taken])
        start += taken
    return rows
