"""How loud it speaks, and how soon the same key counts again; set from any screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import View
from kiosk.ui import texts
from kiosk.ui.screens.page import Context, Page
from kiosk.ui.widgets.buttons import Pressable, WordButton

LOUDER, QUIETER = 1, -1


class AccessPage(Page[View]):
    """Stands for the view under it, which waits; `back` brings that one again. What is set counts
    at once, and is said."""

    has_tools = False
    speaks_its_view = False

    def __init__(self, context: Context, view: View, back: Callable[[], None]) -> None:
        self._back = back
        super().__init__(context, view)

    def words(self) -> texts.parts.Words:
        settings = self.context.tools.settings()
        return texts.access.words(settings.volume_percent, settings.same_key_s, self.context.speech)

    def required_texts(self) -> Iterator[str]:
        words = self.words()
        yield from (words.title, *words.body.split("\n"))

    def setting_changed(self) -> None:
        """Something was set: show it. The buttons stay, for one of them may be ringed."""
        self.body.text = self.words().body
        self.arrange()

    def has_main_choice(self) -> bool:
        return False

    def extra_buttons(self) -> list[WordButton]:
        tools = self.context.tools
        pause = self._setter(texts.access.OTHER_PAUSE, "timer", tools.change_same_key)
        usual = self._setter(texts.parts.ACCESS_OFF, "accessibility", tools.switch_access)
        label = texts.choice_labels.choice_label(Choice.BACK, self.context.speech)
        back = WordButton(self.theme, label.label, label.icon, self._back, choice=Choice.BACK)
        self._by_sense = [pause, usual, back]
        if tools.settings().volume_percent is None:
            return self._by_sense
        louder = self._setter(texts.access.LOUDER, "arrow-up", lambda: tools.change_volume(LOUDER))
        quieter = self._setter(
            texts.access.QUIETER, "arrow-down", lambda: tools.change_volume(QUIETER)
        )
        self._by_sense = [louder, quieter, *self._by_sense]
        return [louder, usual, pause, quieter, back]  # where they are stacked, by sense as well

    def in_order(self) -> list[Pressable]:
        others = [each for each in super().in_order() if each not in self._by_sense]
        return [*self._by_sense, *others]

    def _setter(self, text: str, icon: str, action: Callable[[], None]) -> WordButton:
        return WordButton(self.theme, self.context.speech.say(text), icon, action)

    def offered(self) -> tuple[Choice, ...]:
        return ()
