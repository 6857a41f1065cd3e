"""A new kiosk: its languages, the server's address, its boards, the bank, the first PIN."""

from __future__ import annotations

from typing import Any

from kiosk.flows.events import Entered
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    NewPin,
    NotSetUp,
    PinStep,
    TypeInvitation,
)
from kiosk.model.person import NUMBER_DIGITS_MAX, NUMBER_DIGITS_MIN, SECRET_DIGITS_MAX
from kiosk.ui import texts
from kiosk.ui.screens.courier.page import TypedLine
from kiosk.ui.screens.entry.page import EntryPage
from kiosk.ui.screens.first.parts import LEAST_LANGUAGES_MM, Languages
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.screens.service.details import DetailsPage
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.bank import LEAST_DRAWING_MM, BankFigure
from kiosk.ui.widgets.buttons import Pressable, WordButton
from kiosk.ui.widgets.keypad import (
    CLEAR,
    ENTER,
    ERASE,
    SHIFT,
    KeyBoard,
    address_keyboard,
    keyboard_least_mm,
)

TEXT_MAX = 200
"""In characters: an address, or a token with what it pins."""


class NotSetUpPage(Page[NotSetUp]):
    """Which language: their names, each as its speakers know it."""

    is_compact = True
    figure_share_stacked = 0.8
    figure_least_mm = LEAST_LANGUAGES_MM
    figure_yields = True
    figure: Languages

    def build(self) -> None:
        codes = self.context.location.languages
        self.figure = Languages(self.theme, codes, self.context.tools.speak, is_alone=True)
        self.add_widget(self.figure)

    def has_language_tool(self) -> bool:
        return False  # they all stand here

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)


class TypeInvitationPage(Page[TypeInvitation]):
    """A keyboard with small and capital letters, for an address or a token."""

    has_tools = False
    is_compact = True
    takes_digits = True
    figure_share_stacked = 0.75
    figure_yields = True
    field: TypedLine
    figure: KeyBoard

    def build(self) -> None:
        self.figure_least_mm = keyboard_least_mm(self.theme)
        self.typed = self.view.text
        self._is_upper = False
        self.field = TypedLine(self.theme)
        self.add_widget(self.field)
        self._make_keys()
        self.field.show(self.typed)

    def _make_keys(self) -> None:
        self.figure = address_keyboard(self.theme, self._pressed, is_upper=self._is_upper)
        self.add_widget(self.figure)

    def take_over(self, before: Page[Any]) -> None:
        if isinstance(before, TypeInvitationPage):
            self.typed = before.typed
            self.field.show(self.typed)

    def main_choice(self) -> Pressable | None:
        return None  # Enter ends what is typed

    def has_typed(self) -> bool:
        return bool(self.typed)

    def in_order(self) -> list[Pressable]:
        """Whoever has a number pad alone goes from letter to letter."""
        keys = [key for row in self.figure.rows for key in row if not key.name.isdigit()]
        return [*keys, *super().in_order()]

    def figure_size(self, area: Area) -> tuple[float, float]:
        height = self.theme.mm(40 if self.theme.is_small else 64)
        return area.width, min(height, area.height)

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)

    def measure_field(self, room: Area) -> None:
        self.field.size = (room.width, self.theme.mm(11 if self.theme.is_small else 16))
        self.field.arrange()

    def text_input(self, text: str) -> None:
        for character in text:
            if "!" <= character <= "~":
                self._pressed(character)

    def key(self, name: str) -> None:
        self._pressed(name)

    def _pressed(self, name: str) -> None:
        if self.is_answered:
            return
        if name == SHIFT:
            self._is_upper = not self._is_upper
            self.remove_widget(self.figure)
            self._make_keys()
            self.arrange()
        elif name == ENTER:
            self._send()
        elif name == ERASE:
            self.typed = self.typed[:-1]
        elif name == CLEAR:
            self.typed = ""
        elif len(self.typed) < TEXT_MAX:
            self.typed += name
        self.field.show(self.typed)

    def _send(self) -> None:
        if self.typed:
            self.answer(Entered(self.typed))


class BoardsFoundPage(DetailsPage):
    """The site's lock boards, and which of them answer."""

    view: BoardsFound

    def has_main_choice(self) -> bool:
        return True

    def details(self) -> tuple[tuple[str, str], ...]:
        return texts.set_up.board_details(self.view, self.context.speech)


class BankDrawnPage(Page[BankDrawn]):
    """The bank as the site file has it."""

    figure_share = 0.6
    figure_least_mm = LEAST_DRAWING_MM
    figure_yields = True
    figure: BankFigure

    def build(self) -> None:
        self.figure = BankFigure(self.theme, self.context.location)
        self.add_widget(self.figure)
        self.figure.drawing.paint({})

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))


class NewPinPage(EntryPage):
    """The first technician's number, in the open, then the secret digits, as dots."""

    view: NewPin
    complete_sends = False

    def build(self) -> None:
        self.hidden = self.view.step is not PinStep.NUMBER
        speech = self.context.speech
        self._enter = WordButton(
            self.theme,
            speech.say(texts.parts.ENTER),
            "check",
            self.send_if_enough,
            tone=Tone.ACT,
        )
        super().build()

    @property
    def _least(self) -> int:
        return NUMBER_DIGITS_MIN if self.view.step is PinStep.NUMBER else SECRET_DIGITS_MAX

    def length(self) -> int:
        is_number = self.view.step is PinStep.NUMBER
        return NUMBER_DIGITS_MAX if is_number else SECRET_DIGITS_MAX

    def is_grouped(self) -> bool:
        return False

    def places(self) -> int:
        return max(self._least, len(self.digits))

    def extra_buttons(self) -> list[WordButton]:
        return [self._enter]

    def send_if_enough(self) -> None:
        if len(self.digits) >= self._least:
            self.send()

    def _show(self) -> None:
        super()._show()
        self._enter.disabled = len(self.digits) < self._least
