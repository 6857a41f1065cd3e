"""What is spoken: the words of a screen as one text, and how to go on without seeing it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.service import DoorPage, Doors, ScanInside
from kiosk.flows.views.shared import View
from kiosk.flows.views.unannounced import ConfirmPhone, PickResident, WhomFor
from kiosk.ui.language import Speech
from kiosk.ui.texts.courier import run_count
from kiosk.ui.texts.parts import Words

_TITLE_ONLY = (
    *(ChooseSize, Collection, DoorPage, Doors, Receipt, ScanInside, ScanPackage),
    *(PickResident, WhomFor),
)
"""Views for staff with barcodes in them: only what they are is spoken."""


def screen(
    view: View, words: Words, prompts: Iterable[str], speech: Speech, *, is_private: bool = False
) -> str:
    """What a screen says aloud; of somebody's number nothing, unless only they hear it."""
    title = words.title
    if isinstance(view, ConfirmPhone):
        # Who does not see a number can only hear that it is right: figure by figure.
        number = " ".join(sign for sign in title if sign.isdigit() or sign == "+")
        title = number if is_private else speech.say("Plug in headphones to hear the number.")
    parts = [title]
    if isinstance(view, ScanPackage) and not view.typing:
        parts.append(run_count(view, speech))
    if not isinstance(view, _TITLE_ONLY):
        parts += words.body.split("\n")
        if words.note is not None:
            parts.append(words.note.text)
    return "\n".join(_ended(part) for part in (*parts, *prompts) if part.strip())


def _ended(part: str) -> str:
    """With a full stop, so that a voice pauses."""
    part = part.strip()
    return part if part[-1] in ".?!…:؟" else f"{part}."


def enter_for(label: str, speech: Speech) -> str:
    """The prompt for the main choice."""
    return speech.say("Press Enter for {choice}", choice=label)


def more_choices(speech: Speech) -> str:
    """The prompt where there are other choices."""
    return speech.say("Press Plus for more options")


def type_digits(speech: Speech) -> str:
    """The prompt where digits are typed."""
    return speech.say("Enter the digits on the keypad")


def typed(count: int, speech: Speech) -> str:
    """How much is typed; never what."""
    return speech.say_count(count, "{count} digit entered", "{count} digits entered")


def without_numbers(text: str) -> str:
    """A text without its numbers and the words after them, whose form goes with the number: what
    differs in nothing else only counts, and is not said again."""
    return re.sub(r"\d+\W*[^\s.]*", "", text)
