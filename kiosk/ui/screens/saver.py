"""The screen saver: dark and still, the location's name and how to wake it, now here, now there."""

from __future__ import annotations

from itertools import cycle

from kivy.clock import Clock
from kivy.graphics import Color, Rectangle
from kivy.uix.widget import Widget

from kiosk.ui import texts
from kiosk.ui import theme as look
from kiosk.ui.screens.page import Context
from kiosk.ui.widgets.text import Icon, Words

_STEP_S = 120.0
"""How long it stays in one place: nothing burns in, and nothing is seen to move."""
_PLACES = ((0.5, 0.62), (0.25, 0.4), (0.75, 0.75), (0.4, 0.25), (0.7, 0.5), (0.3, 0.8))
"""Where the words stand, as parts of the room that they leave."""


class Saver(Widget):
    """Lies over the first screen while nobody is there."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        theme = context.theme
        self.theme = theme
        with self.canvas:
            Color(0, 0, 0, 1)
            self._ground = Rectangle()
        night = look.NIGHT
        self.icon = Icon(theme, "package-open", theme.font(theme.title_step), ink=night.ink_soft)
        self.name = Words(
            theme, text=context.location.name, ink=night.ink, bold_face=True, halign="center"
        )
        hint = context.speech.say(texts.parts.TOUCH_TO_START)
        self.hint = Words(theme, text=hint, ink=night.ink_soft, halign="center")
        for part in (self.icon, self.name, self.hint):
            self.add_widget(part)
        self._places = cycle(_PLACES)
        self._place = next(self._places)
        self._clock = Clock.schedule_interval(self._move_on, _STEP_S)
        self.bind(pos=self._arrange, size=self._arrange)

    def stop(self) -> None:
        """It is taken away."""
        self._clock.cancel()

    def _move_on(self, _: float) -> None:
        self._place = next(self._places)
        self._arrange()

    def _arrange(self, *_: object) -> None:
        theme = self.theme
        self._ground.pos, self._ground.size = self.pos, self.size
        width = self.width * 0.6
        self.name.fit(width, steps=(theme.title_step, "lead", "text"))
        self.hint.fit(width, steps=(theme.body_step, "text"))
        gap = theme.gap
        height = self.icon.height + self.name.height + self.hint.height + 1.5 * gap
        across, up = self._place
        left = self.x + (self.width - width) * across
        y = self.y + (self.height - height) * up + height
        for part, space in ((self.icon, 0.0), (self.name, gap), (self.hint, gap / 2)):
            y -= part.height + space
            part.pos = (round(left + (width - part.width) / 2), round(y))
