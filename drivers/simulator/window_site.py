"""What the simulator's window needs to know of a site."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.door import DriverError
from drivers.simulator.window_layout import BankDrawing


@dataclass(frozen=True, slots=True)
class WindowSite:
    """A site as the window shows it."""

    location: str
    """The location's id, which stands in every QR code."""
    name: str
    drawing: BankDrawing
    has_scanner: bool
    pins: tuple[tuple[str, str], ...]
    """Who, and the digits to type."""


def parse_pins(text: str) -> tuple[tuple[str, str], ...]:
    """The lines of the card from a text like `courier 11 4711, technician 99 8080`."""
    pins = []
    for part in text.split(","):
        who, _, digits = part.strip().partition(" ")
        if not who or not digits.replace(" ", "").isdigit():
            raise DriverError(
                f"--pins {part.strip()!r} is no PIN; it looks like "
                "'courier 11 4711, technician 99 8080'"
            )
        pins.append((who, digits.strip()))
    return tuple(pins)


def qr_text(location: str, digits: str) -> str:
    """What stands in the QR code of a pickup code at a location."""
    return f"PK1:{location}:{digits}"
