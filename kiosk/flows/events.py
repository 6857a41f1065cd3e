"""What can come back from a screen: each event that a flow may wait for."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.flows.views.choices import Choice
from kiosk.model.scanner_test import ScannerFinding


@dataclass(frozen=True, slots=True)
class Preference:
    """How the person wants the screens from now on; it comes as an event from any of them."""

    language: str = ""
    """One of the site's languages; empty for its usual one."""
    is_access: bool = False
    """The access mode: large text, high contrast, speech, more time."""
    volume_percent: int | None = None
    """How loud speech and tones are, from 0 to 200, of which 100 is usual; None for as loud as the
    owner wants it."""
    same_key_s: float | None = None
    """So soon after a key the same one counts as one strike with it; None for what is usual."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The person pressed a choice."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class Entered:
    """Digits or text typed by hand: a code, a PIN, phone digits, a barcode."""

    text: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of a list: a size, a slot, a reason."""

    value: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """A barcode or QR code, as read; already held to the scanner's rules."""

    text: str
    seems_misread: bool = False
    """Whether its check digit is wrong."""
    findings: tuple[ScannerFinding, ...] = field(default=(), compare=False, repr=False)
    """What the technician's test code says about the scanner; empty for every other code."""


@dataclass(frozen=True, slots=True)
class RemoteOpen:
    """The server opens a slot; it was allowed to. Heard on the first screen only."""

    slot: str
    command: str
    """The id of the server's command."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """What the first screen says may be otherwise by now: it looks."""


@dataclass(frozen=True, slots=True)
class Stirred:
    """The person touched the screen or a key, and nothing is decided yet: they are still here."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session that was locked goes on: what is shown may be otherwise by now."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nothing came within the time the flow gave."""
