"""Typing digits: a pickup code, the last digits of a phone, a PIN."""

from __future__ import annotations

from typing import Any, ClassVar

from kiosk.flows.events import Entered
from kiosk.flows.views.customer import EnterCode
from kiosk.flows.views.shared import EnterPin
from kiosk.model.person import SECRET_DIGITS_MAX
from kiosk.ui import texts
from kiosk.ui.motion import Motion
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.buttons import Pressable, WordButton
from kiosk.ui.widgets.digits import DigitField
from kiosk.ui.widgets.keypad import CLEAR, ENTER, ERASE, KeyBoard, digit_keypad, keypad_size

PHONE_DIGITS = 4
PIN_DIGITS_MIN = 4


class EntryPage(Page[Any]):
    """A keypad and the digits typed so far.

    A refused entry keeps its digits where the view says so; the next digit then starts over, and
    erase mends the last one.
    """

    takes_digits = True
    figure_beside_actions = True
    figure_share = 0.6
    field: DigitField
    figure: KeyBoard
    hidden: bool = False
    complete_sends: ClassVar[bool] = True
    """The last digit reports the entry; else a button does."""

    def build(self) -> None:
        self.digits = self.starting_digits()
        self._fresh_refusal = self.view.refused is not None
        self.field = DigitField(
            self.theme, self.length(), hidden=self.hidden, grouped=self.is_grouped()
        )
        self.figure = digit_keypad(self.theme, self._pressed)
        self.add_widget(self.field)
        self.add_widget(self.figure)
        self._shaking = Motion(self.field.shift, shake=True)
        self.motions.append(self._shaking)
        self._show()
        self._shake_if_refused()

    def length(self) -> int:
        raise NotImplementedError

    def places(self) -> int:
        """How many places are drawn."""
        return self.length()

    def is_grouped(self) -> bool:
        """Whether the digits stand in groups."""
        return not self.hidden

    def starting_digits(self) -> str:
        return ""

    @property
    def is_waiting(self) -> bool:
        return getattr(self.view, "wait_s", 0) > 0

    def changed(self, before: Any) -> None:
        # An answer to what was sent: the view knows best what stays. Else (a countdown goes on)
        # what the person typed meanwhile stays.
        if self._sent or self.view.refused != before.refused:
            self.digits = self.starting_digits()
            self._fresh_refusal = self.view.refused is not None
            self._shake_if_refused()
        self._sent = False
        self._show()

    _sent = False

    def _shake_if_refused(self) -> None:
        """Digits that are wrong shake once."""
        if self._fresh_refusal and self.theme.moves:
            self._shaking.start()

    def has_typed(self) -> bool:
        return bool(self.digits)

    def main_choice(self) -> Pressable | None:
        return None  # Enter ends what is typed

    def take_over(self, before: Page[Any]) -> None:
        if isinstance(before, EntryPage):
            self.digits, self._fresh_refusal = before.digits, before._fresh_refusal
            self._show()

    def figure_size(self, area: Area) -> tuple[float, float]:
        return keypad_size(self.theme, area.height)

    def measure_field(self, room: Area) -> None:
        self.field.fit(room.width)

    def text_input(self, text: str) -> None:
        for character in text:
            if character in "0123456789":
                self._pressed(character)

    def key(self, name: str) -> None:
        self._pressed(name)

    def _pressed(self, name: str) -> None:
        if self.is_waiting or self.is_answered:
            return
        if name == ENTER:
            self.send_if_enough()
            return
        if name == CLEAR:
            self.digits = ""
        elif name == ERASE:
            self.digits = self.digits[:-1]
        elif self._fresh_refusal and len(self.digits) == self.length():
            self.digits = name
        elif len(self.digits) < self.length():
            self.digits += name
        self._fresh_refusal = False
        self._show()
        self.context.tools.typed(len(self.digits))
        if self.complete_sends:
            self.send_if_enough()

    def send_if_enough(self) -> None:
        """Report the entry when all its digits are there."""
        if len(self.digits) == self.length():
            self.send()

    def send(self) -> None:
        self._sent = True
        self.answer(Entered(self.digits))

    def _show(self) -> None:
        is_wrong = self._fresh_refusal and self.digits and not self.is_waiting
        tone = Tone.FAILED if is_wrong else Tone.CALM
        self.field.draw_places(self.places())
        self.field.show(self.digits, tone)
        self.figure.switch(not self.is_waiting)


class CodePage(EntryPage):
    """The pickup code, in groups of three."""

    view: EnterCode

    def length(self) -> int:
        return self.view.length

    def starting_digits(self) -> str:
        return self.view.digits[: self.view.length]


class PhonePage(EntryPage):
    """The last four digits of the phone."""

    def length(self) -> int:
        return PHONE_DIGITS


class PinPage(EntryPage):
    """A PIN, as dots; its length is nobody's business, so a button sends it, and there are as many
    places as the shortest PIN needs, or as are typed."""

    view: EnterPin
    hidden = True
    complete_sends = False

    def build(self) -> None:
        self._enter = WordButton(
            self.theme,
            self.context.speech.say(texts.parts.SIGN_IN),
            "log-in",
            self.send_if_enough,
            tone=Tone.ACT,
        )
        super().build()

    def length(self) -> int:
        return self.view.number_digits + max(SECRET_DIGITS_MAX, self.view.code_digits)

    def extra_buttons(self) -> list[WordButton]:
        return [self._enter]

    def send_if_enough(self) -> None:
        if len(self.digits) >= PIN_DIGITS_MIN:
            self.send()

    def places(self) -> int:
        return max(PIN_DIGITS_MIN, len(self.digits))

    def _show(self) -> None:
        super()._show()
        self._enter.disabled = len(self.digits) < PIN_DIGITS_MIN or self.is_waiting
