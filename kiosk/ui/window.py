"""The kiosk's window: shows views handed in from any thread, reports what people do.

Call `kiosk.ui.environment.prepare` before importing this module.
"""

from __future__ import annotations

import logging
import traceback
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from importlib import resources
from typing import Any

from kivy.app import App
from kivy.base import ExceptionHandler, ExceptionManager
from kivy.clock import Clock
from kivy.core.text import LabelBase
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from kivy.lang import Builder
from kivy.uix.widget import Widget

from drivers.scanner import ScannerRead
from kiosk.flows.views import Chosen, Entered, First, Pressed, Scanned, View
from kiosk.model.location import Location
from kiosk.ui import theme as look
from kiosk.ui.language import speech
from kiosk.ui.panel import Panel
from kiosk.ui.screens.choose import page_class, stays
from kiosk.ui.screens.entry.page import CodePage
from kiosk.ui.screens.first.page import FirstPage
from kiosk.ui.screens.notice.page import FaultPage
from kiosk.ui.screens.page import Context, Page
from kiosk.ui.theme import Theme
from kiosk.ui.wedge import WedgeKeys
from kiosk.ui.widgets.keypad import ENTER, ERASE

Event = Pressed | Entered | Chosen | Scanned
log = logging.getLogger(__name__)

_FONTS = {
    "Kiosk": "atkinson-hyperlegible-regular.ttf",
    "KioskBold": "atkinson-hyperlegible-bold.ttf",
    "KioskArabic": "kiosk-arabic-regular.ttf",
    "KioskArabicBold": "kiosk-arabic-bold.ttf",
    "KioskIcons": "lucide-subset.ttf",
}
_KEYS = {13: ENTER, 271: ENTER, 8: ERASE, 127: ERASE}
"""SDL's key numbers: return, enter of the number pad, backspace, delete."""
_TAB = 9
_loaded = ExitStack()
_is_loaded = False


def _load_look() -> None:
    """Register fonts and rules once per process: rules that are loaded twice apply twice."""
    global _is_loaded
    if _is_loaded:
        return
    fonts = resources.files("assets") / "fonts"
    for name, file_name in _FONTS.items():
        path = _loaded.enter_context(resources.as_file(fonts / file_name))
        LabelBase.register(name, str(path))
    rules = resources.files("kiosk.ui.widgets") / "widgets.kv"
    Builder.load_string(rules.read_text(encoding="utf-8"), filename="widgets.kv")
    _is_loaded = True


class Stage(Widget):
    """Holds the one screen that is shown, and keeps touches from meaning the wrong one."""

    def __init__(self, location: Location, panel: Panel, on_event: Callable[[Event], None]) -> None:
        super().__init__()
        _load_look()
        self.panel = panel
        self.context = Context(location, Theme(panel), self._emit)
        self._speak("")
        self.page: Page[Any] | None = None
        self._on_event = on_event
        self._waiting: deque[View] = deque()
        self._draw = Clock.create_trigger(self._apply, 0)
        self._shown_s = float("-inf")
        self._typed_ahead = ""
        self.bind(size=self._place, pos=self._place)

    def show(self, view: View) -> None:
        """Show this view next; may be called from any thread."""
        self._waiting.append(view)
        self._draw()

    def _speak(self, language: str) -> None:
        """Make screens in this language from now on; empty: the site's usual one."""
        language = language or self.context.location.languages[0]
        if language != self.context.speech.code:
            theme = replace(self.context.theme, speech=speech(language))
            self.context = replace(self.context, theme=theme)

    def fail(self, error: BaseException, view: View) -> None:
        """The screen of this view broke: say so, with a number that finds it in the log."""
        text = "".join(traceback.format_exception(error))
        reference = f"{zlib.crc32(text.encode()) % 1_000_000:06d}"
        log.error("screen fault, reference %s\n%s", reference, text)
        self._replace(FaultPage(self.context, view, f"{reference[:3]} {reference[3:]}"))

    def type_text(self, text: str) -> None:
        """Characters from a real keyboard or number pad."""
        if self.page is None:
            return
        if self.page.is_answered:
            # Typed faster than the keypad could appear: the same person, so it is kept for it.
            if isinstance(self.page, FirstPage):
                self._typed_ahead += text
            return
        self.page.text_input(text)

    def press_key(self, name: str) -> None:
        """Enter or erase from a real keyboard or number pad."""
        if self.page is not None and not self.page.is_answered:
            self.page.key(name)

    def scan(self, read: ScannerRead) -> None:
        """A scanner that types as a keyboard does read a code; one that was refused has no text."""
        self._on_event(Scanned(read.text))

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if "button" in touch.profile and touch.button != "left":
            return True
        if Clock.time() - self._shown_s < look.PRESS_GUARD_S:
            return True
        return bool(super().on_touch_down(touch))

    def _emit(self, event: Event) -> None:
        # A newer screen is on its way: this touch meant the old one.
        if self.page is not None and any(not stays(self.page, view) for view in self._waiting):
            return
        self._on_event(event)

    def _apply(self, _: float) -> None:
        while self._waiting:
            view = self._waiting[0]
            try:
                self._show_now(view)
            except Exception as error:
                log.exception("cannot show %s", type(view).__name__)
                self.fail(error, view)
            finally:
                self._waiting.popleft()

    def _show_now(self, view: View) -> None:
        if isinstance(view, First):
            self._speak(view.language)
        is_same = self.page is not None and self.page.context is self.context
        if is_same and stays(self.page, view):
            self.page.update(view)
            return
        before = self.page
        self._replace(page_class(view)(self.context, view))
        if isinstance(before, FirstPage) and isinstance(self.page, CodePage):
            self.page.text_input(self._typed_ahead)
        self._typed_ahead = ""

    def _replace(self, page: Page[Any]) -> None:
        if self.page is not None:
            self.page.leave()
        self.clear_widgets()
        self.page = page
        self.add_widget(page)
        self._place()
        # Not the time of the tick: on a slow machine the screen itself took a part of it to make.
        self._shown_s = Clock.time()

    def _place(self, *_: object) -> None:
        if self.page is None:
            return
        size = (self.panel.width_px, self.panel.height_px)
        self.page.size = size
        self.page.pos = (
            self.x + (self.width - size[0]) // 2,
            self.y + (self.height - size[1]) // 2,
        )


class _Faults(ExceptionHandler):
    """Turns an error in any handler into the fault screen instead of a dead window."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def handle_exception(self, error: BaseException) -> int:
        if not isinstance(error, Exception):
            return int(ExceptionManager.RAISE)
        page = self._stage.page
        self._stage.fail(error, page.view if page is not None else View())
        return int(ExceptionManager.PASS)


class _KioskApp(App):
    """Kivy's application object, with every way out for a passer-by closed."""

    title = "Parcel kiosk"
    use_kivy_settings = False

    def __init__(self, stage: Stage, on_started: Callable[[], None] | None) -> None:
        super().__init__(kv_file="")
        self._stage = stage
        self._on_started = on_started
        self._faults = _Faults(stage)
        self._keys = WedgeKeys(stage.type_text, stage.scan)

    def build(self) -> Widget:
        Window.clearcolor = look.GROUND
        Window.bind(
            on_textinput=self._text,
            on_key_down=self._key_down,
            on_keyboard=self._swallow,
            on_touch_down=self._touched,
            on_flip=self._first_frame,
        )
        ExceptionManager.add_handler(self._faults)
        return self._stage

    def load_kv(self, filename: str | None = None) -> bool:
        """There is no rule file of the application's own."""
        return False

    def open_settings(self, *_: object) -> bool:
        """F1 opens nothing."""
        return False

    def on_stop(self) -> None:
        Window.unbind(
            on_textinput=self._text,
            on_key_down=self._key_down,
            on_keyboard=self._swallow,
            on_touch_down=self._touched,
        )
        ExceptionManager.remove_handler(self._faults)

    def _first_frame(self, *_: object) -> None:
        Window.unbind(on_flip=self._first_frame)
        if self._on_started is not None:
            # This is just before the frame is handed over; the next tick is after it.
            Clock.schedule_once(lambda _: self._on_started(), 0)

    def _text(self, _window: object, text: str) -> None:
        self._keys.text(text)

    def _key_down(self, _window: object, key: int, *_: object) -> None:
        if key in _KEYS or key == _TAB:
            name = _KEYS.get(key)
            if name == ERASE:
                self._keys.release()
            is_scan = name != ERASE and self._keys.end()
            if name is not None and not is_scan:
                self._stage.press_key(name)

    def _touched(self, *_: object) -> None:
        # What was typed before the touch comes before it.
        self._keys.release()

    def _swallow(self, *_: object) -> bool:
        # Before Kivy's own shortcuts: Escape, F1 and the like do nothing.
        return True


class KioskWindow:
    """The screen of the kiosk. `show` and `stop` may be called from any thread.

    `panel` is the real glass; `window` is `(width, height, left, top)` of a window in which it is
    shown smaller, or None for the whole screen. `on_event` and `on_started` (after the first
    frame) are called on the main thread and must return at once.
    """

    def __init__(
        self,
        location: Location,
        panel: Panel,
        on_event: Callable[[Event], None],
        window: tuple[int, int, int, int] | None = None,
        on_started: Callable[[], None] | None = None,
    ) -> None:
        shown = panel.scaled_to(window[0], window[1]) if window is not None else panel
        self.stage = Stage(location, shown, on_event)
        self.app = _KioskApp(self.stage, on_started)

    @property
    def view(self) -> View | None:
        """The view that is on the screen; on the main thread."""
        return self.stage.page.view if self.stage.page is not None else None

    def show(self, view: View) -> None:
        """Show a view; views are shown in the order in which they come."""
        self.stage.show(view)

    def run(self) -> None:
        """Open the window and stay until `stop` is called or the window is closed."""
        self.app.run()

    def stop(self) -> None:
        """Close the window; `run` then returns."""
        Clock.schedule_once(lambda _: self.app.stop(), 0)
