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
    badge: str = ""
    """The QR code of the courier's badge; empty where there is none."""
    badges: tuple[tuple[str, str], ...] = ()
    """Other badges: whose each is, and its QR code."""
    switches: tuple[str, ...] = ()
    """What can be switched off and on beside the cables, by a key of `SWITCHES`."""


@dataclass(frozen=True, slots=True)
class Switch:
    """How something that is on or off is shown."""

    icon_on: str
    icon_off: str
    on: str
    off: str
    turn_off: str
    turn_on: str


SWITCHES = {
    "power": Switch("power", "power", "Power is on", "Power is off", "Turn off", "Turn on"),
    "network": Switch(
        "cloud", "cloud-off", "Network is on", "Network is off", "Turn off", "Turn on"
    ),
}
"""What the demo's window switches beside the cables; whoever reads the events does it."""


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
