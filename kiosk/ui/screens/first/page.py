"""The first screen: how it goes, and the keypad; a code typed or scanned here starts at once."""

from __future__ import annotations

from dataclasses import replace

from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.ui import texts
from kiosk.ui.directions import arrow_to
from kiosk.ui.screens.first.parts import Cards, ChoiceCard, Languages, ScannerHint
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.buttons import Pressable, WordButton
from kiosk.ui.widgets.keypad import CLEAR, ERASE, KeyBoard, digit_keypad, keypad_size
from kiosk.ui.widgets.steps import Steps

_CARD_MM = 40
_HIGH_MM = 400
"""On a panel as high as this there is room for a higher card and row."""
_LEAST_CARD_MM = 14
_CARD_WIDE_MM = 62
"""Rather than a narrower card, the choice beside it goes without its icon."""
_WITH_THE_TOOLS = (Choice.SERVICE, Choice.GUEST)
"""What few look for: on a low panel it stands with the tools."""
_TILES_MM = (60, 50, 40, 30)
"""The heights of the pictures, of which the largest with room for the words is taken."""
_LOW_TILES_MM = (36, 30, 24)
"""Where there is less room: they say what the sentence says whose place they take."""
_LOW_SHARE = 2 / 3
"""Of the height of an upright panel, for what is touched in the access mode."""
_KEYS = "0123456789"


class FirstPage(Page[First]):
    """Welcomes, shows how it goes, and says if a door was left open. Digits typed here are reported
    as they come."""

    keeps_name = True
    figure: Cards
    field: ScannerHint | None

    def build(self) -> None:
        self.figure = Cards(self.theme)
        for choice in self.view.choices:
            if choice in self._large():
                self.figure.add(self._card(choice))
        spoken = self.context.speech.code
        others = tuple(code for code in self.context.location.languages if code != spoken)
        others = () if self.has_language_tool() else others
        self.languages = Languages(self.theme, others, self.context.tools.speak)
        self.keypad: KeyBoard = digit_keypad(self.theme, self._key)
        for name in (CLEAR, ERASE):
            self.keypad.keys[name].disabled = True  # nothing is typed yet
        self.steps = Steps(self.theme, texts.customer.steps(self.context.speech))
        for part in (self.figure, self.languages):
            self.add_widget(part)
        self.arrow = self._pointed() if self._takes_codes() else None
        if self.arrow is not None:
            self.add_widget(self.arrow)
            self.point()

    def changed(self, before: First) -> None:
        if self.view.choices != before.choices:
            self._end_motion()
            parts = (self.figure, self.languages, self.keypad, self.steps, self.arrow)
            for part in parts:
                if part is not None:
                    self.remove_widget(part)
            self.field = None
            self.build()

    def _takes_codes(self) -> bool:
        return Choice.PICK_UP in self.view.choices

    # --- what moves ---

    def _pointed(self) -> ScannerHint | None:
        """The arrow to the scanner, where the site says where that is."""
        place, screen = self.context.location.scanner, self.context.location.screen
        if place is None or arrow_to(place, screen) == (0, 0):
            return None
        return ScannerHint(self.theme, *arrow_to(place, screen))

    def point(self) -> None:
        """Somebody came: the arrow moves a few times, and rests then."""
        if self.arrow is not None and self.theme.moves:
            self.arrow.motion.start()

    def leave(self) -> None:
        self._end_motion()
        super().leave()

    def _end_motion(self) -> None:
        if self.arrow is not None:
            self.arrow.motion.stop()

    # --- what is offered ---

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
        """What customers come for; side by side with the rest a low panel has room for one."""
        return (Choice.PICK_UP, Choice.GUEST) if self.theme.is_portrait else (Choice.PICK_UP,)

    def has_main_choice(self) -> bool:
        return False  # that is the card

    def in_order(self) -> list[Pressable]:
        return [*self.figure.cards, *self.buttons, *self.languages.buttons, *self.tools]

    def main_choice(self) -> Pressable | None:
        return next(iter(self.figure.cards), None)

    def has_language_tool(self) -> bool:
        """They all stand here; where there is the least room, they stand behind a tool."""
        return self.theme.is_cramped and len(self.context.location.languages) > 1

    def _offer(self) -> None:
        super()._offer()
        if self.theme.is_portrait:
            return
        few = [button for button in self.buttons if button.choice in _WITH_THE_TOOLS]
        for button in few:
            self.remove_widget(button)
        self.buttons = [button for button in self.buttons if button not in few]
        quiet = [self._quiet(button.choice) for button in few if button.choice]
        for button in quiet:
            self.add_widget(button)
        self.tools = [*quiet, *self.tools]

    def _quiet(self, choice: Choice) -> WordButton:
        button = self._button(choice, Tone.CALM, plain=True)
        button.may_be_bare = True
        return button

    # --- where it stands ---

    @property
    def name_steps(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("lead", "text") if self.theme.is_tall else ("text",)

    def _place_name(self, name: Widget, room: Area) -> None:
        """The site's mark, and beside it the location's name where both have room."""
        self._is_name_cut = name is self.header and name.width > room.width
        super()._place_name(name, room)
        if name is self.header:
            return
        left = name.right + self.theme.gap
        has_room = left + self.header.width <= room.right
        self.header.opacity = 1 if has_room else 0
        self.header.pos = (left, round(name.center_y - self.header.height / 2))

    def row_height(self) -> float:
        """On a tall panel there is room for the owner's mark."""
        is_high = self.theme.is_tall and self.theme.panel.height_mm > _HIGH_MM
        return self.theme.mm(20) if is_high else super().row_height()

    def measure_field(self, room: Area) -> None:
        if self.field is not None:
            self.field.fit(room.width, self.body.step)

    def _has_keypad(self, is_wanted: bool) -> bool:
        """Put the keypad on the screen or take it away; whether it is there."""
        is_there = self.keypad.parent is self
        wanted = is_wanted and self._takes_codes()
        if wanted and not is_there:
            self.add_widget(self.keypad)
        elif is_there and not wanted:
            self.remove_widget(self.keypad)
        return wanted

    def _show_steps(self, is_wanted: bool) -> None:
        is_there = self.steps.parent is self
        if is_wanted and not is_there:
            self.add_widget(self.steps)
        elif is_there and not is_wanted:
            self.remove_widget(self.steps)

    def _arrange_once(self) -> None:
        """With the keypad where there is room for it beside everything else, else without; the
        arrow to the scanner without its words rather than another sentence left out."""
        attempts = ((True, self.theme.is_portrait), (False, True), (False, False))
        for with_keypad, with_words in attempts[self.theme.is_small :]:
            self._wants_keypad = self._has_keypad(with_keypad)
            self.field = self.arrow if with_words and not self.theme.is_small else None
            self._turning.drop_pages()
            super()._arrange_once()
            if self._is_whole():
                return

    def _is_whole(self) -> bool:
        """Whether nothing was left out and nothing cut."""
        is_fitting = all(card.has_room_for_word for card in self.figure.cards)
        is_cut = self._wants_keypad and self._is_name_cut
        is_high = self.tools_are_low() and self.languages.top > self.y + self.height * _LOW_SHARE
        return is_fitting and not (self._turning.turns_words or is_cut or is_high)

    _is_name_cut = False

    def _card_height(self) -> float:
        theme = self.theme
        return theme.mm(_CARD_MM if theme.is_tall and theme.panel.height_mm > _HIGH_MM else 26)

    def _place_languages(self, x: float, top: float, width: float) -> float:
        """Put the languages under this; return what is below them."""
        height = self.languages.natural_height(width)
        self.languages.size = (width, height)
        self.languages.pos = (x, top - height)
        return top - height if height else top

    def _arrange_stacked(self, inner: Area) -> None:
        if not self.theme.is_portrait:
            self._arrange_beside(inner)
            return
        theme = self.theme
        header_bottom = self._place_header(inner) - theme.gap / 2
        actions_top = self._place_actions(inner)
        gap = theme.space(32) if theme.is_tall else theme.gap
        low = actions_top + gap if actions_top > inner.y else inner.y
        if self._wants_keypad:
            # Where it stands on the next screen, too: a finger goes on typing.
            width, height = keypad_size(theme, inner.height)
            self.keypad.size = (width, height)
            self.keypad.pos = (round(inner.x + (inner.width - width) / 2), round(low))
            low = self.keypad.top + gap
        self.figure.size = (0.0, 0.0)
        if self.figure.cards:
            self.figure.size = (inner.width, self._card_height())
            self.figure.pos = (inner.x, round(low))
            low = self.figure.top + gap
        if self.tools_are_low() and self.languages.buttons:
            height = self.languages.natural_height(inner.width)
            self._place_languages(inner.x, low + height, inner.width)
            low += height + gap
        elif self.languages.buttons:
            header_bottom = self._place_languages(inner.x, header_bottom, inner.width)
        self._set_hero(self._hero_from(low, self.right))
        room = Area(inner.x, low + gap, inner.width, header_bottom - low - 2 * gap)
        self._place_in_hero(room, gap)

    def _place_in_hero(self, room: Area, gap: float) -> None:
        """The words, and under them the pictures, as large as the words leave room for."""
        for tiles_mm in (_TILES_MM, _LOW_TILES_MM):
            for tile_mm in tiles_mm if self._takes_codes() and self.field is self.arrow else ():
                if self._has_room_for_steps(room, self.theme.mm(tile_mm), gap):
                    self._show_steps(True)
                    low = self.steps.height + gap
                    above = Area(room.x, room.y + low, room.width, room.height - low)
                    spare = above.height - self._block_height(self._measured(above))
                    self.steps.pos = (round(room.x), round(room.y + spare / 3))
                    low = self.steps.top + gap
                    self._place_words(Area(room.x, low, room.width, room.top - low), lift=0.5)
                    return
        self._show_steps(False)
        self._place_beside_the_arrow(room)

    def _has_room_for_steps(self, room: Area, tile: float, gap: float) -> bool:
        """Whether the pictures have room under the words."""
        if not self.steps.fit(room.width, tile):
            return False
        low = self.steps.height + gap
        above = Area(room.x, room.y + low, room.width, room.height - low)
        return self._has_room_for_words(above)

    def _has_room_for_words(self, room: Area) -> bool:
        """Whether all words fit, with nothing left out."""
        self._turning.drop_pages()
        self._measured(room)
        has_room = not self._turning.turns_words
        self._turning.drop_pages()
        return has_room

    def _arrange_beside(self, inner: Area) -> None:
        # Wide and low: everything under each other, beside the keypad where that has room.
        theme = self.theme
        gap = theme.space(16 if theme.is_small else 32)
        left = inner
        if self._wants_keypad:
            width, height = keypad_size(theme, inner.height)
            self.keypad.size = (width, height)
            self.keypad.pos = (
                inner.right - width,
                round(inner.y + (inner.height - height) / 2),
            )
            left = Area(inner.x, inner.y, inner.width - width - 2 * gap, inner.height)
        self._show_steps(False)
        top = self._place_header(left)
        if self.languages.buttons:
            top = self._place_languages(left.x, top - theme.gap / 4, left.width)
        bottom = self._place_choices(left)
        edge = bottom + theme.gap / 2 if bottom > inner.y else self.y
        self._set_hero(
            self._hero_from(edge, left.right + gap if self._wants_keypad else self.right)
        )
        low = max(edge + theme.gap / 2, inner.y)
        self._place_beside_the_arrow(Area(left.x, low, left.width, top - theme.gap / 2 - low))

    def _place_beside_the_arrow(self, room: Area) -> None:
        """The words; an arrow that has no room for words of its own stands beside them."""
        if self.arrow is not None and self.field is None:
            self.arrow.fit_bare()
            right = room.right - self.arrow.width
            room = replace(room, width=right - room.x - self.theme.gap)
            self._place_words(room, lift=0.5)
            half = self.arrow.height / 2
            middle = self.title.y + self.title.height / 2
            # On a page that is turned to, the title may not stand.
            middle = min(max(middle, room.y + half), room.top - half)
            self.arrow.pos = (right, round(middle - half))
        else:
            self._place_words(room, lift=0.5)

    def _place_choices(self, room: Area) -> float:
        """Put the cards and the quieter choices in one row; return its top."""
        theme, gap, buttons = self.theme, self.theme.gap, self.buttons
        self.figure.size = (0.0, 0.0)
        if not self.figure.cards:
            return self._place_buttons(room)
        height = max(theme.button_height, theme.mm(_LEAST_CARD_MM))
        if not theme.is_small:
            height = theme.mm(20 if self._wants_keypad else 24 * theme.large)
        quiet = max((button.natural_width() for button in buttons), default=0.0)
        if room.width - len(buttons) * (quiet + gap) < theme.mm(_CARD_WIDE_MM * theme.large):
            quiet = max((button.least_width() for button in buttons), default=0.0)
        self.figure.size = (float(round(room.width - len(buttons) * (quiet + gap))), height)
        self.figure.pos = (room.x, room.y)
        x = self.figure.right + gap
        for button in buttons:
            button.size = (round(quiet), height)
            button.pos = (round(x), room.y)
            x += quiet + gap
        return room.y + height

    # --- what is typed ---

    def text_input(self, text: str) -> None:
        digits = "".join(character for character in text if character in _KEYS)
        if digits:
            self.answer(Entered(digits))

    def _key(self, name: str) -> None:
        if self.is_answered:
            self.context.tools.type_text(name)
        else:
            self.text_input(name)

    def digit_at(self, touch: MotionEvent) -> str:
        """The digit that this touch means on the keypad; "" for none."""
        if self.keypad.parent is not self:
            return ""
        keys = (key for row in self.keypad.rows for key in row if key.name in _KEYS)
        touched = next((key for key in keys if key.collide_point(*touch.pos)), None)
        return "" if touched is None or touched.is_struck_twice() else touched.name

    def on_touch_down(self, touch: MotionEvent) -> bool:
        digit = self.digit_at(touch) if self.is_answered else ""
        if digit:
            self.context.tools.type_text(digit)
            return True
        return super().on_touch_down(touch)
