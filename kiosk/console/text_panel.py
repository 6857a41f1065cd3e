"""A screen for the flows in a terminal: each view as words and numbered choices, lines as answers.

A line that is the number of a choice presses it. Everything else is what was typed or scanned: a
scanner on the laptop types, too.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from kiosk.flows.events import Entered, Pressed, Scanned
from kiosk.flows.person import Event, Person
from kiosk.flows.views.courier import Receipt
from kiosk.flows.views.service import ScanInside
from kiosk.flows.views.shared import EnterPin, View
from kiosk.model.location import Location
from kiosk.ui.language import ENGLISH
from kiosk.ui.texts import choice_labels, courier, words_for

RECEIPT_BYTES: Final = 1_000_000
"""On paper there is room for every package."""
ReadLine = Callable[[View], str | None]
"""Reads a line for the view that is shown; None at the end of the input."""


class TextPanel:
    """Prints the views, and hands on what is typed."""

    def __init__(
        self,
        location: Location,
        say: Callable[[str], None],
        read_line: ReadLine,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._location = location
        self._say, self._read_line, self._loop = say, read_line, loop
        self.view = View()
        self.person: Person | None = None
        self.has_ended = asyncio.Event()
        """Nothing more comes: whoever typed has gone."""

    def show(self, view: View) -> None:
        is_same = view == self.view
        self.view = view
        if is_same:
            return
        if isinstance(view, Receipt):
            self._say(courier.receipt_text(view, RECEIPT_BYTES, self._location, ENGLISH))
        else:
            words = words_for(view, self._location)
            note = words.note.text if words.note else ""
            self._say("\n".join(part for part in ("", words.title, words.body, note) if part))
        for number, choice in enumerate(view.choices, 1):
            self._say(f"  {number}  {choice_labels.choice_label(choice).label}")

    def listen(self, person: Person) -> None:
        """Begin to read lines, on a thread of its own."""
        self.person = person
        threading.Thread(target=self._listen, name="lines", daemon=True).start()

    def _listen(self) -> None:
        while (line := self._read_line(self.view)) is not None:
            view = self.view
            event = event_of(line.strip(), view)
            if event is not None:
                self._loop.call_soon_threadsafe(self._happened, event, view)
        self._loop.call_soon_threadsafe(self.has_ended.set)

    def _happened(self, event: Event, view: View) -> None:
        if self.person is not None:
            self.person.happened(event, view)


def event_of(line: str, view: View) -> Event | None:
    """What a line means at a view; None for nothing."""
    if isinstance(view, EnterPin) and line.isdigit() and len(line) > 1:
        return Entered(line)
    if line.isdigit() and 1 <= int(line) <= len(view.choices):
        return Pressed(view.choices[int(line) - 1])
    if isinstance(view, ScanInside) and line:
        return Scanned(line)
    return None
