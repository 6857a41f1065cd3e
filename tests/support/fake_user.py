"""A finger on the screens of the real window."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from kiosk.flows.events import Preference, Stirred
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.ui.panel import Panel
from tests.gallery.locker import sample_location


class FakeUser:
    """A screen manager on a panel, a finger, and what came of it."""

    def __init__(
        self,
        kivy: SimpleNamespace,
        panel: Panel,
        language: str = "en",
        *,
        is_access: bool = False,
        site_look: Any = None,
        sound: Any = None,
    ) -> None:
        self.kivy = kivy
        self.panel = panel
        self.events: list[Any] = []
        self.screen_manager = kivy.ui.ScreenManager(
            sample_location(language), panel, self._happened, site_look, sound
        )
        self.preference = Preference(is_access=True) if is_access else None
        if self.preference is not None:
            self.screen_manager._settle(self.preference)
        self.screen_manager.size = (panel.width_px, panel.height_px)

    def _happened(self, event: Any) -> None:
        if not isinstance(event, Stirred):
            self.events.append(event)

    @property
    def page(self) -> Any:
        return self.screen_manager.page

    def settle(self) -> None:
        for _ in range(2):
            self.kivy.Clock.tick()

    def show(self, view: View, *, fresh: bool = False) -> Any:
        if isinstance(view, First):
            view = replace(view, preference=self.preference or view.preference)
        if fresh:
            self.screen_manager.clear_widgets()
            self.screen_manager.page = None
        self.screen_manager.show(view)
        self.settle()
        self.screen_manager._shown_s = float("-inf")  # the person looked at it before touching it
        return self.page

    def down(self, at: tuple[float, float], button: str = "left") -> Any:
        touch = self.kivy.Touch(*at)
        touch.x, touch.y = touch.ox, touch.oy = touch.pos = at
        touch.profile = ["pos", "button"]
        touch.button = button
        self.screen_manager.on_touch_down(touch)
        return touch

    def up(self, touch: Any) -> None:
        self.screen_manager.on_touch_up(touch)
        for grabbed in list(touch.grab_list):
            touch.grab_current = widget = grabbed()
            if widget is not None:
                widget.dispatch("on_touch_up", touch)
        touch.grab_current = None

    def tap(self, at: tuple[float, float], button: str = "left") -> None:
        self.up(self.down(at, button))

    def press(self, choice: Choice) -> None:
        button = next(b for b in buttons_of(self.page) if b.choice is choice)
        self.tap(button.center)

    def keys(self, names: str) -> None:
        for name in names:
            key = self.page.figure.keys[{"<": "ERASE", "C": "CLEAR"}.get(name, name)]
            self.page.figure.strikes.forget()  # a second has passed
            self.tap(key.center)


def buttons_of(page: Any) -> list[Any]:
    return [b for b in (*page.buttons, *page.tools) if b.choice is not None]
