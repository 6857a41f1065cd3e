"""What a customer is shown, from the first screen to the thanks."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.flows.events import Preference
from kiosk.flows.views.choices import Refused
from kiosk.flows.views.shared import View
from kiosk.store.remote_help import Paused


@dataclass(frozen=True, slots=True, kw_only=True)
class First(View):
    """The first screen. Digits typed here come as `Entered` (one or more digits)."""

    preference: Preference = field(default_factory=Preference)
    """What somebody who stands here chose; the screens keep to it until this one comes again."""

    open_doors: tuple[str, ...] = ()
    """Doors found standing open that nobody uses: "please close door 7"."""
    unreachable_boards: int = 0
    """How many do not answer; whoever's own door works hears nothing of that."""
    no_door_works: bool = False
    """None of them answers: nothing can be fetched or brought."""
    paused: Paused | None = None
    """Nothing is taken in, or nothing is given out either, and why."""
    is_battery_low: bool = False
    """Nothing is taken in until there are mains again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterCode(View):
    """The keypad for a pickup code. Comes back as `Entered` when `length` digits are there."""

    length: int = 9
    digits: str = ""
    """What is already typed: a wrong code keeps its digits, and a key pressed on the first screen
    is not lost."""
    refused: Refused | None = None
    wait_s: int = 0
    """The countdown while tries are used up; the keypad is off until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPhoneDigits(View):
    """The keypad for the last four digits of the phone. Comes back as `Entered`."""

    refused: Refused | None = None
    wait_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterTracking(View):
    """The keyboard for a package's tracking number, for who has no code. Comes back as `Entered`,
    or as `Scanned` from a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAsked(View):
    """The answer to who has no code: the same whether the package is known here or not."""

    reference: str
    is_reached: bool = True
    """Whether what sends messages can be reached now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks(View):
    """The package was taken and the door is shut."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MorePackages(View):
    """The same person has more packages here; they are opened one after another."""

    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExtended(View):
    """The package is kept longer."""

    until_ms: int | None
    """The midnight at which the hold ends, in milliseconds since 1970 UTC; None while no clock can
    be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerAsked(View):
    """A courier will move the package to a door within reach; its code stays."""

    slot: str
    until_ms: int | None
    """When its hold ends now, in milliseconds since 1970 UTC; None: no clock can be trusted."""
