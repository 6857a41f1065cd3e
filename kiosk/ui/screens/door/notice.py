"""Screens of words about certain doors: on a tall panel the drawing shows which ones, and where."""

from __future__ import annotations

from typing import Any

from kivy.uix.widget import Widget

from kiosk.flows.views.choices import Question
from kiosk.flows.views.courier import Collection
from kiosk.flows.views.customer import MorePackages
from kiosk.flows.views.service import Round
from kiosk.flows.views.set_up import DoorFailed
from kiosk.flows.views.shared import Ask, Opening, Trouble, View
from kiosk.model.invariants import present
from kiosk.ui import texts
from kiosk.ui.directions import direction_of
from kiosk.ui.screens.page import Area, Page
from kiosk.ui.theme import Tone
from kiosk.ui.widgets.bank import LEAST_DRAWING_MM, BankFigure, DoorLook
from kiosk.ui.widgets.buttons import NumberSign


def doors_of(view: View) -> tuple[str, ...]:
    """The doors that a view is about, the one to look at first."""
    match view:
        case MorePackages():
            return view.slots
        case Collection():
            return tuple(each.slot for each in view.due)
        case Trouble():
            return (view.wrong_slot or view.slot,)
        case DoorFailed():
            return (view.slot, view.wrong_slot) if view.wrong_slot else (view.slot,)
        case Opening() | Ask() | Round():
            return (view.slot,) if view.slot else ()
        case _:
            return ()


class DoorNoticePage(Page[Any]):
    """A sentence about one door or several, what to do, and the choices."""

    figure_share_stacked = 0.4
    """The words come first: what to do matters more than where."""
    figure_least_mm = LEAST_DRAWING_MM
    figure_yields = True
    figure: BankFigure | None

    def has_main_choice(self) -> bool:
        """Nothing that can be wrong is likelier than the rest."""
        is_open_question = isinstance(self.view, Ask)
        return not (is_open_question and self.view.question is Question.WHAT_IS_WRONG)

    def build(self) -> None:
        if not self.theme.is_portrait or not doors_of(self.view):
            return
        self.figure = BankFigure(self.theme, self.context.location)
        self.add_widget(self.figure)
        self._light(self.figure)

    def changed(self, before: View) -> None:
        if self.figure is not None:
            self._light(self.figure)

    def _light(self, figure: BankFigure) -> None:
        tone = self.words().tone
        colours, has_failed = self.theme.tone(tone), tone is Tone.FAILED
        icon = "triangle-alert" if has_failed else ""
        lit = DoorLook(colours.strong, colours.on_strong, icon, strong=True, hatched=has_failed)
        figure.drawing.paint(dict.fromkeys(doors_of(self.view), lit))

    def figure_size(self, area: Area) -> tuple[float, float]:
        figure = present(self.figure, "a picture that is not there is not measured")
        return area.width, min(area.height, figure.natural_height(area.width))

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        doors = doors_of(self.view)
        if len(doors) != 1 or not self.theme.is_portrait or not self._is_at_the_door():
            return super().make_sign(words)
        arrow = texts.parts.direction_icon(direction_of(doors[0], self.context.location))
        return NumberSign(self.theme, doors[0], arrow, words.tone)

    def _is_at_the_door(self) -> bool:
        """Whether the person is to look at the door, not to think about it."""
        return isinstance(self.view, Opening | Trouble)
