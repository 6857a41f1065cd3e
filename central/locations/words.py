"""What a location offers and whom it suits, in words that programs know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from central.errors import wrong_field

ACCESSIBILITY: Final = {
    "step_free": "no step on the way",
    "low_doors": "doors that are reached from a wheelchair",
    "audio": "the machine speaks",
    "high_contrast": "the screen has a mode of high contrast",
    "lit": "lit at night",
    "indoors": "under a roof",
}
SERVICES: Final = {
    "pickup": "packages are picked up here",
    "drop_off": "packages are handed in here",
    "returns": "returns are handed in here",
    "neighbours": "one person leaves something for another",
    "cooled": "some doors are cooled",
}


def known(field: str, wanted: Iterable[str], offered: Iterable[str]) -> list[str]:
    """The words of a list, each once, in the order of what is offered. Raises `RequestError`."""
    asked = {each.strip() for each in wanted if each.strip()}
    words = list(offered)
    for each in sorted(asked - set(words)):
        raise wrong_field(field, each, f"one or more of {', '.join(words)}")
    return [each for each in words if each in asked]
