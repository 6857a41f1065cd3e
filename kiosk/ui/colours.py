"""Colours: how far they stand out from each other, and how far they are from each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

Colour = tuple[float, float, float, float]

_SHARES: Final = 25
"""Steps from a colour to black or white, when another is looked for."""


def colour(code: str) -> Colour:
    """A colour by its code, like "#0B4EA8"."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return (red, green, blue, 1.0)


WHITE, BLACK = colour("#FFFFFF"), colour("#000000")


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two; `share` is the other's part, 0 to 1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one[:3], other[:3], strict=True))
    return (red, green, blue, 1.0)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(shade: Colour) -> float:
    """The relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = _linear(shade)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def distance(one: Colour, other: Colour) -> float:
    """How different two colours look: their distance in Oklab. From 0.02 on it is seen beside each
    other; black and white are 1 apart."""
    return math.dist(_oklab(one), _oklab(other))


def nearest(start: Colour, is_right: Callable[[Colour], bool]) -> Colour:
    """The first colour on the way to black or to white that is right; this one, if it is."""
    for step in range(_SHARES + 1):
        for end in (BLACK, WHITE):
            found = mixed(start, end, step / _SHARES)
            if is_right(found):
                return found
    return start


def _linear(shade: Colour) -> tuple[float, float, float]:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shade[:3]
    )
    return red, green, blue


def _oklab(shade: Colour) -> tuple[float, float, float]:
    """Lightness and two axes of colour, after Björn Ottosson (2020)."""
    red, green, blue = _linear(shade)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )
