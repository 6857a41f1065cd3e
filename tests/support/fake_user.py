"""A finger on the screens of the real window, and what an eye finds wrong with a screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

from kiosk.flows.events import Preference, Stirred
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.ui.panel import Panel
from kiosk.ui.theme import KEY_MM, TARGET_MM
from tests.gallery.locker import sample_location

HALF_A_PIXEL_MM = 0.15


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
            key._touched_s = float("-inf")  # a second has passed
            self.tap(key.center)


def buttons_of(page: Any) -> list[Any]:
    return [b for b in (*page.buttons, *page.tools) if b.choice is not None]


def is_seen(widget: Any) -> bool:
    while widget is not None and widget.parent is not widget:
        if getattr(widget, "opacity", 1) == 0:
            return False
        widget = widget.parent
    return True


def texts(page: Any) -> list[Any]:
    return [w for w in page.walk(restrict=True) if getattr(w, "text", "") and is_seen(w)]


def pressables(page: Any) -> list[Any]:
    return [w for w in page.walk(restrict=True) if hasattr(w, "action") and hasattr(w, "pressed")]


def is_inside(inner: Any, outer: Any) -> bool:
    slack = 1.5
    return bool(
        inner.x >= outer.x - slack
        and inner.y >= outer.y - slack
        and inner.x + inner.width <= outer.x + outer.width + slack
        and inner.y + inner.height <= outer.y + outer.height + slack
    )


def do_overlap(one: Any, other: Any) -> bool:
    across = min(one.right, other.right) - max(one.x, other.x)
    up = min(one.top, other.top) - max(one.y, other.y)
    return bool(across > 1.5 and up > 1.5)


def faults_of(page: Any, panel: Panel) -> list[str]:
    """What does not fit, overlaps, leaves the panel or is too small for a finger."""
    return [*_text_faults(page), *_place_faults(page), *_size_faults(page, panel)]


def _text_faults(page: Any) -> Iterator[str]:
    for label in texts(page):
        if label.texture_size[0] > label.width + 1 or label.texture_size[1] > label.height + 1:
            yield f"{label.text!r} does not fit its box"
        if not is_inside(label, page):
            yield f"{label.text!r} leaves the panel"
        if label.parent is not page and not is_inside(label, label.parent):
            yield f"{label.text!r} leaves its {type(label.parent).__name__}"


def _place_faults(page: Any) -> Iterator[str]:
    parts = [
        part
        for part in page.children
        if is_seen(part) and part.width > 1 and getattr(part, "text", "x") != ""
    ]
    for part in parts:
        if not is_inside(part, page):
            yield f"{describe(part)} leaves the panel"
    for one, other in combinations(parts, 2):
        if do_overlap(one, other):
            yield f"{describe(one)} lies on {describe(other)}"


def describe(widget: Any) -> str:
    words = getattr(widget, "words", None)
    return f"{type(widget).__name__} {getattr(widget, 'text', getattr(words, 'text', ''))!r}"


def _size_faults(page: Any, panel: Panel) -> Iterator[str]:
    for target in pressables(page):
        side_mm = min(target.size) / panel.px_per_mm
        if side_mm < TARGET_MM - HALF_A_PIXEL_MM:
            yield f"{describe(target)} is {side_mm:.1f} mm"
    keys = getattr(page.figure, "keys", {})
    if "5" in keys and not {"Q", "q"} & set(keys):
        side_mm = min(keys["5"].size) / panel.px_per_mm
        if side_mm < KEY_MM - HALF_A_PIXEL_MM:
            yield f"a digit key is {side_mm:.1f} mm"
    drawing = getattr(page.figure, "drawing", None)
    if drawing is not None and drawing.on_door is not None:
        for slot in page.context.location.slots:
            side_mm = min(drawing.box_of(slot.label)[2:]) / panel.px_per_mm
            if side_mm < TARGET_MM - HALF_A_PIXEL_MM:
                yield f"door {slot.label} is {side_mm:.1f} mm"
