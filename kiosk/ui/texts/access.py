"""What is said where the access mode is set: how loud, and how soon the same key counts again."""

from __future__ import annotations

from kiosk.ui.language import Speech
from kiosk.ui.texts.parts import ACCESS_ON, N_, Words

LOUDER = N_("Louder")
QUIETER = N_("Quieter")
OTHER_PAUSE = N_("Change pause")
_MOST_PERCENT = 200
"""The volume that people hear called 100 percent."""


def words(volume_percent: int | None, same_key_s: float, speech: Speech) -> Words:
    """The screen; `volume_percent` is None where nothing is heard."""
    said = [] if volume_percent is None else [volume(volume_percent, speech)]
    return Words(speech.say(ACCESS_ON), "\n".join([*said, pause(same_key_s, speech)]))


def volume(percent: int, speech: Speech) -> str:
    """How loud it is now."""
    return speech.say("Volume: {percent}%", percent=round(100 * percent / _MOST_PERCENT))


def pause(same_key_s: float, speech: Speech) -> str:
    """How soon the same key counts again."""
    seconds = speech.number(same_key_s)
    return speech.say("The same key counts again after {seconds} s.", seconds=seconds)


def how_to_set_volume(speech: Speech) -> str:
    """The prompt of who has begun to listen."""
    return speech.say("Press Slash to set the volume")


def while_setting(percent: int, speech: Speech) -> str:
    """What is said when the volume is about to be set by a keypad."""
    keys = speech.say("Press Plus for louder, Minus for quieter")
    return f"{volume(percent, speech)}.\n{keys}."
