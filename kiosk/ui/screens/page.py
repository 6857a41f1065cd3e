"""A screen: one view drawn in the fixed frame, and what a person does on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

from kivy.clock import Clock
from kivy.input.motionevent import MotionEvent
from kivy.uix.widget import Widget

from kiosk.flows.events import Chosen, Entered, Preference, Pressed, Scanned, Stirred
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.shared import Checking, Opening, View
from kiosk.model.location import Location
from kiosk.ui import texts
from kiosk.ui import theme as look
from kiosk.ui.language import Speech
from kiosk.ui.motion import Countdown, Motion
from kiosk.ui.screens.actions import LEAVING
from kiosk.ui.screens.frame import Frame
from kiosk.ui.screens.turning import Area
from kiosk.ui.theme import Theme, Tone
from kiosk.ui.widgets.buttons import Badge, Banner, Pressable, WordButton
from kiosk.ui.widgets.keypad import Key

__all__ = ["Area", "Context", "Page"]

Event = Pressed | Entered | Chosen | Preference | Scanned | Stirred
"""What a person did, for the flows."""

V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person sets for themselves beside language and mode."""

    volume_percent: int | None
    """Of the usual loudness; None where nothing is heard."""
    same_key_s: float
    """So soon after a key the same one is one strike with it."""


class Tools:
    """What the frame itself offers on every screen; made by the screen manager, which does it."""

    def choose_language(self) -> None:
        """Show the languages of the site."""

    def speak(self, language: str) -> None:
        """Say everything in this language from now on."""

    def switch_access(self) -> None:
        """Begin or end the access mode."""

    def open_access(self) -> None:
        """Show what the access mode can be set to, and the way out of it."""

    def settings(self) -> Settings:
        """What can be set there, as it is now."""
        raise NotImplementedError

    def change_volume(self, by: int) -> None:
        """Speak one step louder (`by` over 0) or quieter, and say so."""

    def change_same_key(self) -> None:
        """Let the same key count again later, after the longest sooner, and say so."""

    def typed(self, count: int) -> None:
        """So many digits are typed now."""

    def type_text(self, text: str) -> None:
        """Take these characters as a keyboard's; ahead of the next screen where that is due."""

    def test_sound(self) -> None:
        """Play and say something, whatever the mode and the hour."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every screen is given."""

    location: Location
    theme: Theme
    emit: Callable[[Event], None]
    tools: Tools
    make_logo: Callable[[float], Widget | None] = lambda _: None
    """The site's mark at a height in pixels; None where the name stands."""

    @property
    def speech(self) -> Speech:
        """The language of the screen."""
        return self.theme.speech


class Page(Frame, Generic[V]):
    """A screen. A family of screens sets `field` (one line under the words: typed digits) and
    `figure` (the keypad, the drawing of the bank), and says how large they are."""

    has_tools = True
    """Whether language and access mode can be switched here."""
    speaks_its_view = True
    """Whether what it says is what its view says, and not something that stands for it."""

    def __init__(self, context: Context, view: V) -> None:
        super().__init__(context.theme)
        self.context = context
        self.view = view
        self._answered = False
        self._patience = None
        self.motions: list[Motion] = []
        """What moves here; it rests when the screen is taken away."""
        self._countdown = Countdown(self._show_left)
        self._whole_s = 1.0
        self.header.text = context.location.name
        self.logo = context.make_logo(self.row_height() * 0.9)
        if self.logo is not None:
            self.add_widget(self.logo)
        for part in (self.header, self.title, self.body):
            self.add_widget(part)
        self.build()
        self._refresh()
        self._still_trying = Clock.create_trigger(self._say_still_trying, look.STILL_TRYING_S)
        self._wait_for_the_answer()
        self.bind(pos=self.arrange, size=self.arrange)

    # --- for the families ---

    def build(self) -> None:
        """Make the field and the figure."""

    def changed(self, before: V) -> None:
        """The view was replaced by another of its class; `self.view` is the new one."""

    def words(self) -> texts.parts.Words:
        return texts.words_for(self.view, self.context.location, self.context.speech)

    def required_texts(self) -> Iterator[str]:
        """Everything that is to be read here, on one page or another: what the view says, line by
        line, for the tests of what a panel has room for."""
        location, speech = self.context.location, self.context.speech
        words = texts.words_for(self.view, location, speech)
        for text in (words.title, words.body, "" if words.note is None else words.note.text):
            yield from filter(None, text.split("\n"))

    def extra_buttons(self) -> list[WordButton]:
        """Buttons of this screen that are no choices, the main one first."""
        return []

    def text_input(self, text: str) -> None:
        """Characters came from a real keyboard or keypad."""

    def key(self, name: str) -> None:
        """ENTER or ERASE came from a real keyboard or keypad."""

    def take_over(self, before: Page[V]) -> None:
        """The same screen was made again in another language or mode: keep what was typed."""

    # --- for a keypad without the panel ---

    takes_digits = False
    """Whether digits can be typed here."""

    def has_typed(self) -> bool:
        """Whether something is typed that can be taken back."""
        return False

    def in_order(self) -> list[Pressable]:
        """Everything that can be chosen, the main choice first; keys are not chosen."""
        figure = [] if self.figure is None else list(self.figure.walk(restrict=True))
        chosen = [each for each in reversed(figure) if isinstance(each, Pressable)]
        chosen = [each for each in chosen if not isinstance(each, Key)]
        others = sorted(self.buttons, key=lambda button: button.choice in LEAVING)
        turner = [] if self._turning.turner is None else [self._turning.turner]
        return [each for each in (*chosen, *others, *turner, *self.tools) if not each.disabled]

    def main_choice(self) -> Pressable | None:
        """What Enter does; none where a person has to choose. That there is one choice alone does
        not mean that most people want it."""
        able = [button for button in self.buttons if not button.disabled]
        acting = [button for button in able if button.tone is Tone.ACT]
        if acting:
            return acting[0]
        is_harmless = self.has_main_choice() or (able and able[0].choice in LEAVING)
        return able[0] if len(able) == 1 and is_harmless else None

    def leaving_choice(self) -> Pressable | None:
        """What leads away from here."""
        return next((each for each in self.buttons if each.choice in LEAVING), None)

    def prompts(self) -> tuple[str, ...]:
        """How to go on, for who does not see the screen."""
        speech, main = self.context.speech, self.main_choice()
        others = [each for each in self.in_order() if each not in (main, *self.tools)]
        said = []
        if self.takes_digits:
            said.append(texts.spoken.type_digits(speech))
        if main is not None:
            said.append(texts.spoken.enter_for(main.spoken, speech))
        if others:
            said.append(texts.spoken.more_choices(speech))
        return tuple(said)

    # --- views in, events out ---

    def update(self, view: V) -> None:
        """Take a new view of the same class; what the person typed stays."""
        said = self._said()
        before, self.view = self.view, view
        self._release()
        self.changed(before)
        self._refresh()
        if self._said() != said:
            self._turning.number = 0
        self._wait_for_the_answer()
        self.arrange()
        if self._countdown.is_running:
            self._show_left(self._countdown.left_s)

    def _said(self) -> str:
        """The words without their numbers: one that only counts is not another page."""
        words = self.words()
        note = "" if words.note is None else words.note.text
        return re.sub(r"\d+", "", f"{words.title}\n{words.body}\n{note}")

    def answer(self, event: Event) -> None:
        """Report what the person did; until something new is shown nothing more is taken."""
        if self._answered:
            return
        self._answered = True
        self._patience = Clock.schedule_once(self._release, look.ANSWER_PATIENCE_S)
        self.context.emit(event)

    def leave(self) -> None:
        """The screen is taken away: nothing may come from it any more."""
        self._release()
        self._answered = True
        self._still_trying.cancel()
        self._countdown.stop()
        for motion in self.motions:
            motion.stop()

    @property
    def is_answered(self) -> bool:
        return self._answered

    def _release(self, *_: object) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._answered = False

    def on_touch_down(self, touch: MotionEvent) -> bool:
        if self._answered:
            return True
        return bool(super().on_touch_down(touch))

    def _wait_for_the_answer(self) -> None:
        """A screen that only waits says so again when it takes long."""
        self._still_trying.cancel()
        if isinstance(self.view, Checking | Opening):
            self._still_trying()

    def _say_still_trying(self, _: float) -> None:
        said = texts.customer.still_trying(self.context.speech)
        self.body.text = "\n".join(each for each in (self.words().body, said) if each)
        self.arrange()

    # --- what ends by itself ---

    def ends_in(self, seconds: float) -> None:
        """Nobody has to do anything: it ends by itself after so long. A ring around its picture
        runs down, and where nothing moves or no picture is, words say it."""
        self._whole_s = max(self._whole_s, seconds)
        self._countdown.start(seconds)

    def _show_left(self, left_s: float) -> None:
        if not self._run_down(left_s):
            self._say_left(ceil(left_s))

    def _run_down(self, left_s: float) -> bool:
        """Let the ring say how long is left; whether there is one to be seen."""
        sign = self.sign
        if not self.theme.moves or not isinstance(sign, Badge) or not sign.opacity:
            return False
        sign.run_down(left_s / self._whole_s)
        return True

    def _say_left(self, seconds: int) -> None:
        said = texts.parts.closes_in(seconds, self.context.speech)
        body = "\n".join(each for each in (self.words().body, said) if each)
        if self.body.text != body:
            self._turning.drop_pages()
            self.body.text = body
            self.arrange()

    # --- the parts ---

    def _refresh(self) -> None:
        """Say what the view says and offer what it offers."""
        words = self.words()
        self.tone = words.tone
        self.title.text, self.body.text = words.title, words.body
        if self.note is not None:
            self.remove_widget(self.note)
            self.note = None
        if words.note is not None:
            self.note = Banner(self.theme, words.note.text, words.note.icon, words.note.tone)
            self.add_widget(self.note)
        self._set_sign(words)
        self._offer()

    def _set_sign(self, words: texts.parts.Words) -> None:
        if self.sign is not None:
            self.remove_widget(self.sign)
        self.sign = self.make_sign(words)
        if self.sign is not None:
            self.add_widget(self.sign)

    def make_sign(self, words: texts.parts.Words) -> Widget | None:
        """The picture over the words."""
        theme = self.theme
        if not words.icon or theme.is_cramped:
            return None
        wide = 52 if theme.is_tall else 28 if theme.is_portrait else 17 if theme.is_small else 24
        return Badge(theme, words.icon, words.tone, theme.mm(wide))

    def _offer(self) -> None:
        for button in (*self.buttons, *self.tools):
            self.remove_widget(button)
        self.buttons, self.tools = self.extra_buttons(), self._frame_tools()
        for choice in self.offered():
            if choice is Choice.HELP:
                self.tools.append(self._button(choice, Tone.CALM, plain=True))
                continue
            main = self.has_main_choice() and not self.buttons and choice not in LEAVING
            self.buttons.append(self._button(choice, Tone.ACT if main else Tone.CALM))
        for button in (*self.buttons, *self.tools):
            self.add_widget(button)

    def offered(self) -> tuple[Choice, ...]:
        """The choices that stand in the frame."""
        return self.view.choices

    def has_main_choice(self) -> bool:
        """Whether the first choice is what most people want; else none stands out."""
        return True

    def label_of(self, choice: Choice) -> str:
        """The word on the button of a choice."""
        return texts.choice_labels.choice_label(choice, self.context.speech).label

    def _button(self, choice: Choice, tone: Tone, *, plain: bool = False) -> WordButton:
        choice_label = texts.choice_labels.choice_label(choice, self.context.speech)
        return WordButton(
            self.theme,
            self.label_of(choice),
            choice_label.icon,
            lambda: self.answer(Pressed(choice)),
            tone=tone,
            plain=plain,
            choice=choice,
        )

    def _frame_tools(self) -> list[WordButton]:
        """Language and access mode."""
        if not self.has_tools:
            return []
        speech, tools = self.context.speech, self.context.tools
        made = []
        if self.has_language_tool():
            made.append(self._tool(speech.own_name, "languages", tools.choose_language))
        action = tools.open_access if self.theme.is_access else tools.switch_access
        made.append(self._tool(speech.say(texts.parts.ACCESS_ON), "accessibility", action))
        return made

    def has_language_tool(self) -> bool:
        """Whether another language can be chosen from the top row."""
        return len(self.context.location.languages) > 1 and not self.theme.is_cramped

    def _tool(self, text: str, icon: str, action: Callable[[], None]) -> WordButton:
        button = WordButton(self.theme, text, icon, action, plain=True)
        button.may_be_bare = True
        return button
