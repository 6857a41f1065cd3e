"""Whom a package is for: a whole telephone number, or a household of the directory."""

from __future__ import annotations

from kivy.uix.widget import Widget

from kiosk.flows.views.shared import View
from kiosk.flows.views.unannounced import EnterPhone, FindResident, PickResident
from kiosk.ui import texts
from kiosk.ui.screens.courier.page import TypeBarcodePage
from kiosk.ui.screens.entry.page import EntryPage
from kiosk.ui.screens.page import Page
from kiosk.ui.screens.service.page import AnswersPage
from kiosk.ui.texts.parts import Words
from kiosk.ui.widgets.buttons import Pressable, WordButton

DIGITS_MAX = 16
"""E.164 has fifteen at most, with the country code, and hardly a number has all of them."""
DIGITS_MIN = 5
PLACES_MIN = 11


class NumberPage(EntryPage):
    """A whole telephone number; a button says that it is all."""

    view: EnterPhone
    complete_sends = False

    def build(self) -> None:
        speech = self.context.speech
        self._enter = WordButton(
            self.theme, speech.say(texts.parts.ENTER), "check", self.send_if_enough
        )
        super().build()

    def length(self) -> int:
        return DIGITS_MAX

    def is_grouped(self) -> bool:
        return False

    def starting_digits(self) -> str:
        return self.digits if self._is_built else ""

    _is_built = False

    def extra_buttons(self) -> list[WordButton]:
        return [self._enter]

    def send_if_enough(self) -> None:
        if len(self.digits) >= DIGITS_MIN:
            self.send()

    def places(self) -> int:
        return max(PLACES_MIN, len(self.digits))

    def _show(self) -> None:
        self._is_built = True
        super()._show()
        self._enter.disabled = len(self.digits) < DIGITS_MIN


class WhomForPage(Page[View]):
    """How the recipient is named: no way is likelier than another."""

    has_tools = False

    def has_main_choice(self) -> bool:
        return False


class FindResidentPage(TypeBarcodePage):
    """A keyboard for a flat or a name."""

    view: FindResident
    takes_digits = True

    def has_main_choice(self) -> bool:
        return False

    def changed(self, before: View) -> None:
        self.typed = ""
        self.field.show(self.typed)


class PrivacyPage(Page[View]):
    """What is kept of people: words alone, which need the room of the tools."""

    has_tools = False

    def make_sign(self, words: Words) -> Widget | None:
        return super().make_sign(words) if self.theme.is_portrait else None


class PickResidentPage(AnswersPage):
    """The households that were found."""

    view: PickResident

    def answers(self) -> dict[str, str]:
        speech = self.context.speech
        return {row.household: texts.unannounced.resident(row, speech) for row in self.view.rows}

    def changed(self, before: View) -> None:
        self.remove_widget(self.figure)
        self.build()

    def has_main_choice(self) -> bool:
        return False

    def main_choice(self) -> Pressable | None:
        return None
