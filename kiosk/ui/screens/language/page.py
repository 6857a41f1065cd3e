"""Another language, chosen from any screen: the names large, under each other or side by side."""

from __future__ import annotations

from collections.abc import Callable

from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import View
from kiosk.ui import texts
from kiosk.ui.screens.first.parts import LEAST_LANGUAGES_MM, Languages
from kiosk.ui.screens.page import Area, Context, Page
from kiosk.ui.widgets.buttons import WordButton


class LanguagePage(Page[View]):
    """Stands for the view under it, which waits; `back` brings that one again."""

    is_compact = True
    has_tools = False
    speaks_its_view = False
    figure_share_stacked = 0.8
    figure_least_mm = LEAST_LANGUAGES_MM
    figure_yields = True
    figure: Languages

    def __init__(self, context: Context, view: View, back: Callable[[], None]) -> None:
        self._back = back
        super().__init__(context, view)

    def build(self) -> None:
        codes = self.context.location.languages
        self.figure = Languages(self.theme, codes, self.context.tools.speak, is_alone=True)
        self.add_widget(self.figure)

    def words(self) -> texts.parts.Words:
        return texts.customer.language_words(self.context.speech)

    def extra_buttons(self) -> list[WordButton]:
        back = texts.choice_labels.choice_label(Choice.BACK, self.context.speech)
        button = WordButton(self.theme, back.label, back.icon, self._back, choice=Choice.BACK)
        return [button]

    def offered(self) -> tuple[Choice, ...]:
        return ()

    def figure_size(self, area: Area) -> tuple[float, float]:
        return area.width, min(area.height, self.figure.natural_height(area.width))

    def _arrange_beside(self, inner: Area) -> None:
        self._arrange_stacked(inner)
