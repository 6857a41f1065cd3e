"""The kiosk's window: shows views handed in from any thread, reports what people do.

Call `kiosk.ui.environment.prepare` before importing this module.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from kivy.app import App
from kivy.base import ExceptionHandler, ExceptionManager
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels
from kivy.uix.widget import Widget

from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.model.location import Location
from kiosk.ui.drawing_probe import DrawingProbe
from kiosk.ui.focus import AGAIN, BEFORE, NEXT, VOLUME, VOLUME_DOWN, VOLUME_UP
from kiosk.ui.frame_rate import FrameRate
from kiosk.ui.panel import Panel
from kiosk.ui.picture import Pixels
from kiosk.ui.screen_manager import ScreenManager, Sound
from kiosk.ui.screens.page import Event
from kiosk.ui.strikes import HeldKey, Strikes
from kiosk.ui.theme import SiteLook
from kiosk.ui.wedge import GROUP_SEPARATOR, WedgeKeys
from kiosk.ui.widgets.keypad import CLEAR, ENTER, ERASE

_KEYS = {13: ENTER, 8: ERASE, 127: ERASE}
"""SDL's key numbers: return, backspace, delete."""
_TAB = 9
_LARGEST_SIGN = 128
"""Kivy's key numbers below are the characters that the keys type."""
_PAD = {256 + digit: str(digit) for digit in range(10)}
_PAD |= {266: CLEAR, 267: VOLUME, 268: AGAIN, 269: BEFORE, 270: NEXT, 271: ENTER}
"""Kivy's key numbers of a number pad, whether its lock is on or off."""
_VOLUME = {1_073_741_952: VOLUME_UP, 1_073_741_953: VOLUME_DOWN}
"""SDL's key numbers of the volume; keypads made for kiosks have them."""
_PAD_CHARACTERS = {256 + digit: str(digit) for digit in range(10)}
_PAD_CHARACTERS |= {266: ".", 267: "/", 268: "*", 269: "-", 270: "+"}
_CLOSING_BRACKET = 93
"""With Ctrl held, this is how a scanner types the group separator."""
_PAD_SIGNS = "0123456789.,/*-+"
_SHORTCUT = {"ctrl", "alt", "meta"}
"""Keys that are held make another key a shortcut; there are none here."""
_MISTAKEN = {64: "ctrl", 256: "alt"}
"""Keys that Kivy 2.3 takes for a modifier, for their numbers are its masks: @, and the pad's 0."""
_HOLDERS = {305: "ctrl", 306: "ctrl", 307: "alt", 308: "alt"}
"""Kivy's key numbers of the modifiers that another key is mistaken for."""
_PROBE_EVERY_S = 1.0
"""So often a few pixels are drawn out of sight and read back: a window that cannot draw is missed,
and a whole frame would cost a machine without a graphics card two percent of a core."""
_FRAME_EVERY_S = 30.0
"""A whole frame is drawn at least so often, though nothing changed."""
_PAD_TEXT_S = 0.1
"""A character so soon after a key of the pad is that key once more, as text."""


def _heard() -> tuple[float, float]:
    """When a key is heard, now, and when it can have been struck: since the frame before."""
    return Clock.time(), Clock.get_time() - Clock.frametime


class _Faults(ExceptionHandler):
    """Turns an error in any handler into the fault screen instead of a dead window."""

    def __init__(self, screen_manager: ScreenManager) -> None:
        super().__init__()
        self._screen_manager = screen_manager

    def handle_exception(self, error: BaseException) -> int:
        if not isinstance(error, Exception):
            return int(ExceptionManager.RAISE)
        page = self._screen_manager.page
        self._screen_manager.fail(error, page.view if page is not None else View())
        return int(ExceptionManager.PASS)


class _KioskApp(App):
    """Kivy's application object, with every way out for a passer-by closed."""

    title = "Parcel kiosk"
    use_kivy_settings = False

    def __init__(
        self, screen_manager: ScreenManager, on_started: Callable[[], None] | None
    ) -> None:
        super().__init__(kv_file="")
        self._screen_manager = screen_manager
        self._on_started = on_started
        self._faults = _Faults(screen_manager)
        self._keys = WedgeKeys(
            self._typed,
            screen_manager.scan,
            self._padded,
            lambda: "capslock" in Window.modifiers,
        )
        self._strikes = Strikes()
        self._struck: dict[str, tuple[float, float]] = {}
        """Keys that may yet be a scanner's: when each was heard, and when it can have been struck,
        or let go, at the earliest."""
        self._held = HeldKey()
        self._is_repeated = False
        self._pad_s = float("-inf")
        self._down: set[int] = set()
        self.drew_s: float | None = None
        """When something was drawn last, by a clock that goes on while the screen hangs; None
        before the first."""
        self._is_shortcut = False

    def build(self) -> Widget:
        Window.clearcolor = self._screen_manager.context.theme.colours.ground
        Window.bind(
            on_textinput=self._text,
            on_key_down=self._key_down,
            on_key_up=self._key_up,
            on_keyboard=self._swallow,
            on_touch_down=self._touched,
            on_mouse_down=self._heard_something,
            on_mouse_up=self._heard_something,
            on_flip=self._first_frame,
        )
        Window.bind(on_flip=self._drew)
        self._probe = DrawingProbe()
        self._frame_rate = FrameRate()
        self._looking = (
            Clock.schedule_interval(self._look_whether_it_draws, _PROBE_EVERY_S),
            Clock.schedule_interval(lambda _: Window.canvas.ask_update(), _FRAME_EVERY_S),
        )
        ExceptionManager.add_handler(self._faults)
        return self._screen_manager

    def load_kv(self, filename: str | None = None) -> bool:
        """There is no rule file of the application's own."""
        return False

    def open_settings(self, *_: object) -> bool:
        """F1 opens nothing."""
        return False

    def on_stop(self) -> None:
        self._frame_rate.stop()
        for each in self._looking:
            each.cancel()
        Window.unbind(
            on_textinput=self._text,
            on_key_down=self._key_down,
            on_key_up=self._key_up,
            on_keyboard=self._swallow,
            on_touch_down=self._touched,
            on_mouse_down=self._heard_something,
            on_mouse_up=self._heard_something,
            on_flip=self._drew,
        )
        ExceptionManager.remove_handler(self._faults)

    def _first_frame(self, *_: object) -> None:
        Window.unbind(on_flip=self._first_frame)
        if self._on_started is not None:
            # This is just before the frame is handed over; the next tick is after it.
            Clock.schedule_once(lambda _: self._on_started(), 0)

    def _drew(self, *_: object) -> None:
        self.drew_s = Clock.time()

    def _look_whether_it_draws(self, _: float) -> None:
        if self.drew_s is not None and self._probe.draws():
            self._drew()

    def _text(self, _window: object, text: str) -> None:
        if self._is_shortcut or self._is_repeated:
            return
        is_late = Clock.get_boottime() - self._pad_s > _PAD_TEXT_S
        self._pad_s = float("-inf")
        if is_late or text not in _PAD_SIGNS:
            self._struck[text] = _heard()
            self._keys.text(text)

    def _heard_something(self, *_: object) -> None:
        self._frame_rate.hurry()

    def _key_down(self, _window: object, key: int, *_: object) -> None:
        self._frame_rate.hurry()
        if key in _HOLDERS:
            self._down.add(key)
        self._is_shortcut = self._is_held_with(key)
        self._is_repeated = self._held.repeats(key, Clock.get_boottime())
        if self._is_repeated:
            return
        if self._is_shortcut:
            if key == _CLOSING_BRACKET and "ctrl" in Window.modifiers:
                self._keys.text(GROUP_SEPARATOR)
            return
        if key in _PAD:
            self._pad_down(key)
        elif key in _VOLUME:
            self._keys.person_acts()
            self._padded(_VOLUME[key])
        elif key in _KEYS or key == _TAB:
            name = _KEYS.get(key)
            if name == ERASE:
                self._keys.person_acts()
            is_scan = name != ERASE and self._keys.end()
            if name is not None and not is_scan and not self._is_double(name):
                self._screen_manager.press_key(name)

    def _key_up(self, _window: object, key: int, *_: object) -> None:
        self._down.discard(key)
        self._is_shortcut = self._is_held_with(key)
        self._held.let_go(key)
        sign = chr(key) if key < _LARGEST_SIGN else ""
        self._let_go(_PAD.get(key, _KEYS.get(key, sign)))

    def _typed(self, text: str) -> None:
        """A person typed a character."""
        if not self._is_double(text):
            self._screen_manager.type_text(text)

    def _padded(self, name: str) -> None:
        """A person pressed a key of a number pad."""
        if not self._is_double(name):
            self._screen_manager.keypad(name)

    def _let_go(self, name: str) -> None:
        _, earliest_s = _heard()
        if name in self._struck:
            self._struck[name] = (self._struck[name][0], earliest_s)
        else:
            self._strikes.let_go(name, earliest_s)

    def _is_double(self, name: str) -> bool:
        """Whether a key is one strike with the last."""
        heard_s, earliest_s = self._struck.pop(name, _heard())
        within_s = self._screen_manager.same_key_s
        return self._strikes.is_double(name, heard_s, within_s, earliest_s)

    def _is_held_with(self, key: int) -> bool:
        """Whether a key that makes shortcuts is held while this one goes down or up."""
        held = _SHORTCUT.intersection(Window.modifiers)
        mistaken = _MISTAKEN.get(key)
        if mistaken is not None and mistaken not in map(_HOLDERS.get, self._down):
            held.discard(mistaken)
        return bool(held)

    def _pad_down(self, key: int) -> None:
        name = _PAD[key]
        if name == ENTER and self._keys.end():
            return  # some scanners end a code with this one
        if name == ENTER:
            self._pad_s = float("-inf")
            self._padded(name)
        else:
            self._pad_s = Clock.get_boottime()
            self._struck[name] = _heard()
            self._keys.pad(_PAD_CHARACTERS[key], name)

    def _touched(self, *_: object) -> None:
        self._frame_rate.wake()
        # What was typed before the touch comes before it.
        self._keys.person_acts()

    def _swallow(self, *_: object) -> bool:
        # Before Kivy's own shortcuts: Escape, F1 and the like do nothing.
        return True


class KioskWindow:
    """The screen of the kiosk. `show` and `stop` may be called from any thread.

    `panel` is the real screen; `window` is `(width, height, left, top)` of a window in which it is
    shown smaller, or None for the whole screen. `on_event` and `on_started` (after the first
    frame) are called on the main thread and must return at once. `site_look` is the site's own;
    `sound` is what it speaks and plays with, which the caller stops.
    """

    def __init__(
        self,
        location: Location,
        panel: Panel,
        on_event: Callable[[Event], None],
        window: tuple[int, int, int, int] | None = None,
        on_started: Callable[[], None] | None = None,
        site_look: SiteLook | None = None,
        sound: Sound | None = None,
    ) -> None:
        shown = panel.scaled_to(window[0], window[1]) if window is not None else panel
        self.screen_manager = ScreenManager(location, shown, on_event, site_look, sound)
        self.app = _KioskApp(self.screen_manager, on_started)

    @property
    def view(self) -> View | None:
        """The view that is on the screen; on the main thread."""
        return self.screen_manager.page.view if self.screen_manager.page is not None else None

    def show(self, view: View) -> None:
        """Show a view; views are shown in the order in which they come."""
        self.screen_manager.show(view)

    def ends_in(self, seconds: float) -> None:
        """The view that came last ends by itself after so long."""
        self.screen_manager.ends_in(seconds)

    def every(self, interval_s: float, action: Callable[[], None]) -> None:
        """Do this again and again on the main thread, as long as the screen's clock runs."""
        Clock.schedule_interval(lambda _: action(), interval_s)

    def drew_s_ago(self) -> float | None:
        """How long ago the window drew last; None before the first time. From any thread."""
        drew_s = self.app.drew_s
        return None if drew_s is None else Clock.time() - drew_s

    def pixels(self) -> Future[Pixels | None]:
        """What is on the screen, read on the main thread; None where that is not the first one,
        which alone shows nothing of anybody. From any thread."""
        found: Future[Pixels | None] = Future()
        Clock.schedule_once(lambda _: self._read_pixels(found), 0)
        return found

    def _read_pixels(self, found: Future[Pixels | None]) -> None:
        if not isinstance(self.view, First):
            found.set_result(None)
            return
        width, height = (int(each) for each in Window.system_size)
        values = bytes(glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE))
        found.set_result(Pixels(width, height, values).turned_back(Window.rotation))

    def run(self) -> None:
        """Open the window and stay until `stop` is called or the window is closed."""
        self.app.run()

    def stop(self) -> None:
        """Close the window; `run` then returns."""
        Clock.schedule_once(lambda _: self.app.stop(), 0)
