"""What is said and sounded when a screen comes: prompts in the access mode, directions for all.

Nothing that is said holds a digit of a code: only the words of a view are spoken, never what is
typed or shown in its figure. What is somebody's own is said into a headphone alone. Sounds are
never the only sign of anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kiosk.flows.views.choices import Purpose
from kiosk.flows.views.shared import DoorOpen, View
from kiosk.ui import texts
from kiosk.ui.loudspeaker import Loudspeaker, tone
from kiosk.ui.screens.page import Page
from kiosk.ui.theme import Tone

_LOUD, _QUIET = 0.5, 0.12
_CONFIRM = (880.0, 0.08)
_ERROR = (330.0, 0.26)


class Announcer:
    """Speaks and sounds for the screen manager."""

    def __init__(
        self,
        loudspeaker: Loudspeaker,
        is_night: Callable[[], bool],
        *,
        speaks_directions: bool = True,
        is_private: Callable[[], bool] = lambda: False,
    ) -> None:
        self._loudspeaker = loudspeaker
        self._is_night = is_night
        self._is_private = is_private
        self._speaks_directions = speaks_directions
        self._said = ""
        self._tells_volume = False
        """Whether this screen says how the volume is set: to who began to listen at it."""
        self._was_access = False

    @property
    def volume_percent(self) -> int | None:
        """How loud it is, of which 100 is usual; None where nothing is spoken."""
        return self._loudspeaker.volume_percent if self._loudspeaker.is_heard else None

    def set_volume(self, percent: int | None) -> None:
        """Be so loud from now on; None for as loud as the owner wants it."""
        usual = self._loudspeaker.usual_percent
        self._loudspeaker.volume_percent = usual if percent is None else percent

    def page_came(self, page: Page[Any]) -> None:
        """A new screen stands there."""
        self._said = ""
        self._tells_volume = page.theme.is_access and not self._was_access
        self._was_access = page.theme.is_access
        self.page_changed(page)
        words = page.words()
        refused = words.note is not None and words.note.tone is Tone.FAILED
        if words.tone is Tone.FAILED or refused:
            self._sound(_ERROR)
        elif words.tone is Tone.DONE:
            self._sound(_CONFIRM)

    def page_changed(self, page: Page[Any]) -> None:
        """A screen took a new view: what is new on it is said; a number that counts is not."""
        text = self._text(page)
        if texts.spoken.without_numbers(text) == self._said:
            return
        self._said = texts.spoken.without_numbers(text)
        if text:
            self._say(page, text)
        else:
            self._loudspeaker.hush()

    def say_again(self, page: Page[Any]) -> None:
        """Say the whole screen once more."""
        self._tells_volume = page.theme.is_access
        self._say(page, self._text(page))

    def say(self, page: Page[Any], text: str) -> None:
        """Say something in the access mode: what is chosen, how much is typed."""
        if page.theme.is_access:
            self._say(page, text)

    def confirm(self, page: Page[Any]) -> None:
        """A key was taken; heard in the access mode only."""
        if page.theme.is_access:
            self._sound(_CONFIRM)

    def test(self, page: Page[Any]) -> None:
        """Sound and speak as loud as by day, for who tries the loudspeaker."""
        self._loudspeaker.play(tone(*_CONFIRM, _LOUD))
        speech = page.context.speech
        self._say(page, speech.say(texts.service.SOUND_SENTENCE))

    def hush(self) -> None:
        self._said = ""
        self._loudspeaker.hush()

    def _text(self, page: Page[Any]) -> str:
        if page.theme.is_access:
            return self._all_of(page)
        is_direction = isinstance(page.view, DoorOpen) and page.view.purpose is Purpose.TAKE
        if is_direction and self._speaks_directions and not self._is_night():
            return texts.spoken.screen(page.view, page.words(), (), page.context.speech)
        return ""

    def _all_of(self, page: Page[Any]) -> str:
        """A screen in the access mode, with how to go on."""
        speech, prompts = page.context.speech, page.prompts()
        if self._tells_volume and self.volume_percent is not None:
            prompts += (texts.access.how_to_set_volume(speech),)
        view = page.view if page.speaks_its_view else View()
        is_private = self._is_private()
        return texts.spoken.screen(view, page.words(), prompts, speech, is_private=is_private)

    def _say(self, page: Page[Any], text: str) -> None:
        self._loudspeaker.say(text, page.context.speech.code)

    def _sound(self, sound: tuple[float, float]) -> None:
        self._loudspeaker.play(tone(*sound, _QUIET if self._is_night() else _LOUD))
