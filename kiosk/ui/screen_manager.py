"""The one screen that is shown, in the language, palette and mode of the moment.

Keeps touches from meaning the wrong screen, and makes screens again when a person wants another
language or the access mode, or when night falls.
"""

from __future__ import annotations

import logging
import traceback
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from kivy.clock import Clock
from kivy.core.text import LabelBase
from kivy.input.motionevent import MotionEvent
from kivy.uix.image import Image
from kivy.uix.widget import Widget

from drivers.scanner import ScannerRead
from kiosk.flows.events import Preference, Pressed, Scanned, Stirred
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.model.location import Location
from kiosk.model.scanner_test import scanner_findings
from kiosk.ui import fonts, texts
from kiosk.ui import theme as look
from kiosk.ui.announcer import Announcer
from kiosk.ui.focus import Focus
from kiosk.ui.jack import Jack
from kiosk.ui.language import speech
from kiosk.ui.loudspeaker import Loudspeaker, next_volume
from kiosk.ui.panel import Panel
from kiosk.ui.screens.access.page import AccessPage
from kiosk.ui.screens.choose import page_class, stays
from kiosk.ui.screens.entry.page import CodePage
from kiosk.ui.screens.first.page import FirstPage
from kiosk.ui.screens.language.page import LanguagePage
from kiosk.ui.screens.notice.page import FaultPage, MoreTimePage
from kiosk.ui.screens.page import Context, Event, Page, Settings, Tools
from kiosk.ui.screens.saver import Saver
from kiosk.ui.theme import SiteLook, Theme
from kiosk.ui.widgets.keypad import CLEAR, ENTER, ERASE
from kiosk.ui.widgets.text import ICONS

log = logging.getLogger(__name__)

_LOST_TOUCH_S = 5.0
"""A finger of which nothing more was heard for so long has left the panel."""
_FAULT_S = 10.0
"""How long the screen that says that another broke stays, before the first one is wanted."""
_WAYS_OUT = (Choice.BACK, Choice.CANCEL, Choice.DONE)
_NIGHT_CHECK_S = 60.0
_JACK_CHECK_S = 0.5
_loaded = ExitStack()
_is_loaded = False


def _load_look() -> None:
    """Register the fonts, once per process."""
    global _is_loaded
    if _is_loaded:
        return
    files = {ICONS: "lucide-subset.ttf"}
    for typeface in fonts.typefaces():
        files |= typeface.files
    for name, file_name in files.items():
        path = _loaded.enter_context(resources.as_file(fonts.FONTS / file_name))
        LabelBase.register(name, str(path))
    _is_loaded = True


@dataclass(frozen=True)
class Sound:
    """What the screen manager is heard by, and what it hears of the jack."""

    loudspeaker: Loudspeaker = field(default_factory=Loudspeaker)
    jack: Jack | None = None
    """None where the machine cannot tell whether a plug is in."""
    speaks_directions: bool = True
    """Whether the way to an open door is spoken to everybody."""


class ScreenManager(Widget, Tools):
    """Holds the one screen that is shown, and keeps touches from meaning the wrong one."""

    def __init__(
        self,
        location: Location,
        panel: Panel,
        on_event: Callable[[Event], None],
        site_look: SiteLook | None = None,
        sound: Sound | None = None,
    ) -> None:
        super().__init__()
        _load_look()
        self.panel = panel
        self.site_look = site_look or SiteLook()
        self.preference = Preference()
        self._jack = sound.jack if sound is not None else None
        self._announcer = self._made_announcer(sound or Sound())
        self._had_plug = False
        self._focus: Focus | None = None
        self.context = Context(location, self._theme(location), self._emit, self, self._make_logo)
        self.page: Page[Any] | None = None
        self.saver: Saver | None = None
        self._on_event = on_event
        self._waiting: deque[View] = deque()
        self._end_s: float | None = None
        """When the view that is shown last ends by itself, by the clock."""
        self._draw = Clock.create_trigger(self._apply, 0)
        self._shown_s = float("-inf")
        self._touch_s = float("-inf")
        self._touch: object = None
        self._typed_ahead = ""
        self._first: FirstPage | None = None
        """The first screen, whose keypad became that of the page: a finger goes on typing."""
        self._aside: Page[Any] | None = None
        self._rest = Clock.create_trigger(self._save_screen, self.site_look.saver_after_s)
        self._recovery = Clock.create_trigger(self._recover, _FAULT_S)
        self._dusk = Clock.schedule_interval(self._look_again, _NIGHT_CHECK_S)
        if self._jack is not None:
            Clock.schedule_interval(self._look_at_jack, _JACK_CHECK_S)
        self.bind(size=self._place, pos=self._place)

    def _made_announcer(self, sound: Sound) -> Announcer:
        return Announcer(
            sound.loudspeaker,
            self.site_look.is_night,
            speaks_directions=sound.speaks_directions,
            is_private=self._is_private,
        )

    def _is_private(self) -> bool:
        """Whether only the person hears what is said; asked now: the plug may just have gone."""
        return self._jack is not None and self._jack.has_plug()

    # --- views in ---

    def show(self, view: View) -> None:
        """Show this view next; may be called from any thread."""
        self._waiting.append(view)
        self._end_s = None
        self._draw()

    def ends_in(self, seconds: float) -> None:
        """The view that came last ends by itself after so long; from any thread."""
        self._end_s = Clock.time() + seconds
        self._draw()

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
        end_s, self._end_s = self._end_s, None
        if end_s is not None and self.page is not None:
            self.page.ends_in(max(0.0, end_s - Clock.time()))

    def _show_now(self, view: View) -> None:
        if view.preference is not None:
            self._settle(view.preference)
        if not isinstance(view, First):
            self._wake()
        page = self.page
        if isinstance(page, AccessPage) and _is_the_same(page.view, view):
            page.view = view  # it was shown again because something was set
        elif page is not None and page.context is self.context and stays(page, view):
            page.update(view)
            self._announcer.page_changed(page)
        else:
            self._make(view)
        self._rest_if_nobody_is_here(view)

    def _make(self, view: View) -> None:
        """Make the screen of a view; what was typed on the same one before stays."""
        before, aside = self.page, self._aside
        page = page_class(view)(self.context, view)
        for kept in (before, aside):
            if kept is not None and stays(kept, view):
                page.take_over(kept)
                break
        self._replace(page)
        if not isinstance(page, MoreTimePage):
            self._aside = None
        elif not isinstance(before, LanguagePage | AccessPage):
            self._aside = before
        self._first = None
        if isinstance(before, FirstPage) and isinstance(page, CodePage):
            page.text_input(self._typed_ahead)
            self._first = before
        self._typed_ahead = ""

    def _replace(self, page: Page[Any]) -> None:
        if self.page is not None:
            self.page.leave()
        self.clear_widgets()
        self.page = page
        self.add_widget(page)
        self._place()
        self._focus = Focus(page, self._announcer)
        self._announcer.page_came(page)
        # Not the time of the tick: on a slow machine the screen itself took a part of it to make.
        self._shown_s = Clock.time()

    def _place(self, *_: object) -> None:
        size = (self.panel.width_px, self.panel.height_px)
        for child in self.children:
            child.size = size
            child.pos = (
                self.x + (self.width - size[0]) // 2,
                self.y + (self.height - size[1]) // 2,
            )

    # --- how it looks ---

    def _theme(self, location: Location) -> Theme:
        wanted = self.preference
        spoken = speech(wanted.language or location.languages[0])
        colours = self.site_look.palette(is_access=wanted.is_access)
        moves = self.site_look.moves and not wanted.is_access
        same_key_s = self.same_key_s or look.KEY_BOUNCE_S
        return Theme(self.panel, spoken, colours, wanted.is_access, moves, same_key_s)

    @property
    def same_key_s(self) -> float:
        """So soon after a key of a keyboard the same one is one strike with it; in the usual mode
        that is the keyboard's own business."""
        if self.preference.same_key_s is not None:
            return self.preference.same_key_s
        return look.SAME_KEY_ACCESS_S if self.preference.is_access else 0.0

    def _settle(self, preference: Preference) -> None:
        """Make screens like this from now on."""
        self.preference = preference
        self._announcer.set_volume(preference.volume_percent)
        theme = self._theme(self.context.location)
        if theme != self.context.theme:
            self.context = replace(self.context, theme=theme)

    def _prefer(self, preference: Preference) -> None:
        """The person wants the screens like this: make this one again, and say so."""
        if self.page is None:
            return
        view = self.page.view
        self._settle(preference)
        self._make(view)
        self._on_event(preference)

    def _make_logo(self, height: float) -> Widget | None:
        if self.site_look.logo is None:
            return None
        return Logo(self.site_look.logo, height)

    def _look_again(self, _: float) -> None:
        if isinstance(self.page, FirstPage) and self.saver is None:
            self.show(self.page.view)

    # --- the tools of the frame ---

    def choose_language(self) -> None:
        page = self.page
        if page is not None:
            self._replace(LanguagePage(self.context, page.view, self._close_aside))
            self._aside = page

    def open_access(self) -> None:
        page = self.page
        if page is not None:
            self._replace(AccessPage(self.context, page.view, self._close_aside))
            self._aside = page

    def _close_aside(self) -> None:
        if self.page is not None:
            self._make(self.page.view)

    def speak(self, language: str) -> None:
        self._prefer(replace(self.preference, language=language))

    def switch_access(self) -> None:
        self._prefer(replace(self.preference, is_access=not self.preference.is_access))

    def settings(self) -> Settings:
        return Settings(self._announcer.volume_percent, self.context.theme.same_key_s)

    def change_volume(self, by: int) -> None:
        percent = self._announcer.volume_percent
        if self.page is not None and percent is not None:
            changed = next_volume(percent, by)
            self._set_for_oneself(replace(self.preference, volume_percent=changed))
            self._announcer.say(self.page, texts.access.volume(changed, self.context.speech))

    def change_same_key(self) -> None:
        if self.page is not None:
            longer = (each for each in look.SAME_KEY_S if each > self.same_key_s)
            changed = next(longer, look.SAME_KEY_S[0])
            self._set_for_oneself(replace(self.preference, same_key_s=changed))
            self._announcer.say(self.page, texts.access.pause(changed, self.context.speech))

    def _set_for_oneself(self, preference: Preference) -> None:
        """What the person wants from now on, and the screen stays as it is."""
        self._settle(preference)
        if isinstance(self.page, AccessPage):
            self.page.setting_changed()
        self._on_event(preference)

    def typed(self, count: int) -> None:
        page = self.page
        if page is not None:
            self._announcer.confirm(page)
            self._announcer.say(page, texts.spoken.typed(count, self.context.speech))

    def test_sound(self) -> None:
        if self.page is not None:
            self._announcer.test(self.page)

    def keypad(self, name: str) -> None:
        """A key of the number pad: a digit, ENTER, CLEAR or a sign. The first one only begins the
        access mode."""
        woke = self._somebody_is_here()
        if self.page is None or self.page.is_answered:
            return
        if not self.preference.is_access and self.page.has_tools:
            self.switch_access()
        elif name in (ENTER, CLEAR) and self._is_too_soon():
            pass
        elif not woke and self._focus is not None:
            self._focus.press(name)

    def _is_too_soon(self) -> bool:
        """Whether a screen is so new that what is pressed meant the one before."""
        guard_s = look.PRESS_GUARD_S
        if self.preference.is_access:
            guard_s = max(guard_s, self.same_key_s)
        return bool(Clock.time() - self._shown_s < guard_s)

    def _look_at_jack(self, _: float) -> None:
        """A plug that is put in begins the access mode; who pulls it out hears the loudspeaker."""
        if self._jack is None or self.page is None:
            return  # a plug that is in before the first screen is noticed with that one
        had_plug, self._had_plug = self._had_plug, self._jack.has_plug()
        if self._had_plug != had_plug and self.preference.volume_percent is not None:
            # It was set for the ear, or for the room.
            self._set_for_oneself(replace(self.preference, volume_percent=None))
        if self._had_plug and not had_plug and not self.preference.is_access:
            self._wake()
            if self.page.has_tools:
                self.switch_access()

    # --- nobody there ---

    def _rest_if_nobody_is_here(self, view: View) -> None:
        self._rest.cancel()
        if not isinstance(view, First) or self.saver is not None:
            return
        if view.preference == Preference() and not view.open_doors:
            self._rest()

    def _save_screen(self, *_: object) -> None:
        self._announcer.hush()
        self.saver = Saver(self.context)
        self.add_widget(self.saver)
        self._place()

    def _wake(self) -> bool:
        """End the rest; whether the screen was dark."""
        was_dark = self.saver is not None
        if self.saver is not None:
            self.saver.stop()
            self.remove_widget(self.saver)
            self.saver = None
            self._shown_s = Clock.time()
        return was_dark

    def _somebody_is_here(self) -> bool:
        """A touch or a key came: whether it woke the screen, and so meant nothing else."""
        was_dark = self._wake()
        page = self.page
        if page is None:
            return was_dark
        self._rest_if_nobody_is_here(page.view)
        if isinstance(page, FirstPage):
            page.point()
        if not page.is_answered and not isinstance(page, FirstPage):
            self._on_event(Stirred())
        return was_dark

    # --- what breaks ---

    def fail(self, error: BaseException, view: View) -> None:
        """The screen of this view broke: say so, with a number that finds it in the log; the first
        screen comes back by itself."""
        text = "".join(traceback.format_exception(error))
        reference = f"{zlib.crc32(text.encode()) % 1_000_000:06d}"
        log.error("screen fault, reference %s\n%s", reference, text)
        page = FaultPage(self.context, view, f"{reference[:3]} {reference[3:]}")
        self._replace(page)
        self._recovery()
        page.ends_in(_FAULT_S)

    def _recover(self, _: float) -> None:
        page = self.page
        if not isinstance(page, FaultPage):
            return
        ways_out = [choice for choice in page.view.choices if choice in _WAYS_OUT]
        if ways_out and not isinstance(page.view, First):
            self._on_event(Pressed(ways_out[0]))
        else:
            self.show(page.view)
        self._recovery()

    # --- events out ---

    def type_text(self, text: str) -> None:
        """Characters from a real keyboard or number pad."""
        if self._somebody_is_here() or self.page is None:
            return
        if self.page.is_answered:
            # Typed faster than the keypad could appear: the same person, so it is kept for it.
            if isinstance(self.page, FirstPage):
                self._typed_ahead += text
            return
        self.page.text_input(text)

    def press_key(self, name: str) -> None:
        """Enter or erase from a real keyboard."""
        if self.preference.is_access and name == ERASE:
            self.keypad(CLEAR)
        elif not self._somebody_is_here() and self.page is not None and not self.page.is_answered:
            self.page.key(name)

    def scan(self, read: ScannerRead) -> None:
        """A scanner that types as a keyboard does read a code; one that was refused has no text."""
        page = self.page
        if read.refused:
            # The first keys of a code that was cut may stand there as digits.
            self._typed_ahead = ""
            if page is not None and page.has_typed():
                page.key(CLEAR)
        found = scanner_findings(read.received or read.text, has_suffix=read.has_suffix)
        self._on_event(Scanned(read.text, bool(read.warning), found))

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if "button" in touch.profile and touch.button != "left":
            return True
        now_s = Clock.get_boottime()
        if self._touch is not None and now_s - self._touch_s < _LOST_TOUCH_S:
            return True  # a second finger means nothing
        self._touch, self._touch_s = touch, now_s
        if self._somebody_is_here():
            return True
        if self._is_too_soon():
            self._go_on_typing(touch)
            return True
        return bool(super().on_touch_down(touch))

    def _go_on_typing(self, touch: MotionEvent) -> None:
        """A touch that came just after the keypad of the first screen meant that one's key."""
        page = self.page
        digit = self._first.digit_at(touch) if self._first is not None else ""
        if digit and isinstance(page, CodePage) and not page.is_answered:
            page.text_input(digit)

    def on_touch_up(self, touch: MotionEvent) -> bool:
        if touch is self._touch:
            self._touch = None
        return bool(super().on_touch_up(touch))

    def _emit(self, event: Event) -> None:
        # A newer screen is on its way: this touch meant the old one.
        if self.page is not None and any(not stays(self.page, view) for view in self._waiting):
            return
        self._on_event(event)


def _is_the_same(view: View, other: View) -> bool:
    """Whether two views differ in nothing but how the screens are to be."""
    return replace(view, preference=other.preference) == other


class Logo(Image):
    """The site's mark, as high as the row of its name and as wide as it then is."""

    def __init__(self, path: Path, height: float) -> None:
        super().__init__(source=str(path), fit_mode="contain", size_hint=(None, None))
        self.size = (height * self.image_ratio, height)
