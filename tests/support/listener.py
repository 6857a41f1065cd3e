"""Somebody who sees nothing: they hear what the kiosk says, and press the keys of a number pad.

What they do next they know from the last words alone. The flows, the texts, the screens and the
boards' protocol are the real ones; only time is virtual.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from kiosk.flows.events import Stirred
from kiosk.flows.views.shared import View
from kiosk.model.location import Location
from kiosk.ui.loudspeaker import Loudspeaker
from kiosk.ui.panel import Panel
from tests.gallery.panels import PANELS
from tests.support.flow_site import Running

STEP_S = 0.1
PATIENCE_S = 40.0
MOST_CHOICES = 30
KEYS = {"\n": "ENTER", "C": "CLEAR"}


class LostError(Exception):
    """What was said does not tell how to go on; names what was said."""


class Ear(Loudspeaker):
    """In the loudspeaker's place: what was said, in which language, and how loud."""

    is_heard = True

    def __init__(
        self, hears: Callable[[str], str] = lambda text: text, volume_percent: int = 100
    ) -> None:
        super().__init__(volume_percent=volume_percent)
        self.sounds: list[bytes] = []
        self.volumes: list[int] = []
        self.said: list[tuple[str, str]] = []
        self._hears = hears

    def say(self, text: str, language: str) -> None:
        self.said.append((language, self._hears(text)))
        self.volumes.append(self.volume_percent)

    def hush(self) -> None:
        """Nothing more is said."""

    def play(self, sound: bytes) -> None:
        """Tones say nothing that is not said."""
        self.sounds.append(sound)


class DarkPanel:
    """The real screens on a panel that shows nothing, with an ear beside it."""

    def __init__(
        self,
        kivy: SimpleNamespace,
        location: Location,
        on_event: Callable[[Any], None],
        ear: Ear,
        panel: Panel = PANELS["540x960"],
    ) -> None:
        self._clock = kivy.Clock
        self._has_plug = False
        jack = SimpleNamespace(has_plug=lambda: self._has_plug)
        sound = kivy.ui.Sound(loudspeaker=ear, jack=jack)
        self.screens = kivy.ui.ScreenManager(location, panel, on_event, None, sound)
        self.screens.size = (panel.width_px, panel.height_px)
        self.screens.opacity = 0

    def show(self, view: View) -> None:
        self.screens.show(view)

    def plug_in(self) -> None:
        """Put the plug of headphones into the jack."""
        self._has_plug = True
        self.screens._look_at_jack(0)

    def draw(self) -> None:
        """Let the screens take what is new."""
        for _ in range(2):
            self._clock.tick()
        self.screens._shown_s = float("-inf")  # the person listened before pressing a key


@dataclass(frozen=True, slots=True)
class Rule:
    """What somebody does who hears this."""

    heard: str
    """A pattern of words; what is done may use its groups."""
    act: Callable[[Listener, re.Match[str]], Awaitable[None]]


class Listener:
    """Presses keys by what was said, until the words are there that they want to hear."""

    def __init__(self, kiosk: Running, panel: DarkPanel, ear: Ear) -> None:
        self.kiosk, self.panel, self.ear = kiosk, panel, ear
        self._acted_at = 0
        """How much had been said when something was done last."""
        self.slot = ""
        """Where the last package was put in; for who jams its door, not for who finds it."""
        self.keys = ""
        """All that was pressed."""

    @property
    def transcript(self) -> str:
        return "\n--\n".join(text for _, text in self.ear.said)

    async def step(self) -> None:
        """A moment passes."""
        self.panel.draw()
        await asyncio.sleep(STEP_S)
        self.panel.draw()

    async def press(self, keys: str) -> None:
        """Press keys one after the other, at a person's speed."""
        for key in keys:
            self._acted_at = len(self.ear.said)
            self.keys += key
            self.panel.screens.keypad(KEYS.get(key, key))
            await self.step()

    async def choose(self, name: str) -> None:
        """Go from choice to choice until one of this name is spoken, and do it."""
        for _ in range(MOST_CHOICES):
            before = len(self.ear.said)
            await self.press("+")
            if re.search(name, " ".join(text for _, text in self.ear.said[before:])):
                return await self.press("\n")
        raise LostError(f"no choice is called {name!r}; this was said:\n{self.transcript}")

    async def hear(self) -> str:
        """The newest words since something was done; waits for some."""
        for _ in range(round(PATIENCE_S / STEP_S)):
            if len(self.ear.said) > self._acted_at:
                return self.ear.said[-1][1]
            await self.step()
        raise LostError(f"nothing was said any more after:\n{self.transcript}")

    async def until(self, wanted: str, rules: Sequence[Rule]) -> re.Match[str]:
        """Do what the words say until these are heard."""
        for _ in range(round(PATIENCE_S / STEP_S)):
            words = await self.hear()
            if found := re.search(wanted, words, re.DOTALL):
                return found
            for rule in rules:
                if matched := re.search(rule.heard, words, re.DOTALL):
                    self._acted_at = len(self.ear.said)
                    await rule.act(self, matched)
                    break
            else:
                await self.step()
        raise LostError(f"{wanted!r} was never said:\n{self.transcript}")


def presses(keys: str) -> Callable[[Listener, re.Match[str]], Awaitable[None]]:
    """Presses these keys."""

    async def act(listener: Listener, _: re.Match[str]) -> None:
        await listener.press(keys)

    return act


def chooses(name: str) -> Callable[[Listener, re.Match[str]], Awaitable[None]]:
    """Goes to the choice of this name."""

    async def act(listener: Listener, _: re.Match[str]) -> None:
        await listener.choose(name)

    return act


async def shuts_the_door(listener: Listener, heard: re.Match[str]) -> None:
    """Finds the door whose number was said, does what is to be done there, and shuts it."""
    slot = heard["slot"]
    assert listener.kiosk.site.steel.doors[slot].is_open, f"door {slot} was said to be open"
    await asyncio.sleep(3.0)
    listener.kiosk.site.steel.close(slot)


def listening(
    kivy: SimpleNamespace,
    location: Location,
    hears: Callable[[str], str] = lambda text: text,
) -> tuple[Ear, DarkPanel, Callable[[Running], Listener]]:
    """An ear, the screens it listens to, and how a listener begins at a kiosk that runs."""
    ear = Ear(hears)
    at: list[Running] = []

    def happened(event: Any) -> None:
        if at and not isinstance(event, Stirred):
            at[0].player.do(event)
        elif at:
            at[0].kiosk.person.happened(event)

    panel = DarkPanel(kivy, location, happened, ear)

    def begin(kiosk: Running) -> Listener:
        at.append(kiosk)
        return Listener(kiosk, panel, ear)

    return ear, panel, begin
