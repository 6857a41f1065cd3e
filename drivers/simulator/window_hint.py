"""The one sentence over the bank: what is going on, and what a person can do about it or try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the hint follows."""

    open_slots: Sequence[str] = ()
    jammed_slots: Sequence[str] = ()
    is_powered: bool = True
    is_networked: bool = True
    is_cabled: bool = True
    has_scanner: bool = True
    has_code: bool = False
    """Whether a phone shows a code to fetch a package with."""
    has_fetched: bool = False
    """Whether somebody has taken a package out while the window was there."""
    has_brought: bool = False
    """Whether somebody has put one in."""


def hint(scene: Scene) -> str:
    """What to say: what keeps the kiosk from working first, then what waits for a hand, and when
    nothing does, what to try next."""
    if not scene.is_powered:
        return "The power is off. Turn it on: the kiosk starts and says what it finds."
    if scene.open_slots:
        return _shut(scene.open_slots)
    if not scene.is_cabled:
        return "The cable is unplugged: the kiosk can’t reach its doors. Plug it in again."
    if scene.jammed_slots:
        return _free(scene.jammed_slots)
    if not scene.is_networked:
        return "The network is off: codes still open doors. Turn it on to send what is waiting."
    return _try_next(scene)


def _shut(slots: Sequence[str]) -> str:
    if len(slots) == 1:
        return f"Door {slots[0]} is open. Touch it to close it."
    return f"{len(slots)} doors are open. Touch each one to close it."


def _free(slots: Sequence[str]) -> str:
    if len(slots) == 1:
        return f"The lock of door {slots[0]} is jammed. Try to open it, or touch it to release it."
    return f"{len(slots)} locks are jammed. Try to open the doors, or touch one to release it."


def _try_next(scene: Scene) -> str:
    if scene.has_code and not scene.has_fetched:
        if scene.has_scanner:
            return "Enter a code from a phone at the kiosk, or touch a phone’s QR code to scan it."
        return "Enter a code from a phone at the kiosk."
    if not scene.has_brought:
        if scene.has_scanner:
            return (
                "Deliver a package: sign in as the courier at the kiosk, then touch a label here."
            )
        return "Deliver a package: sign in as the courier at the kiosk and enter a label’s number."
    return "Now cause trouble: jam a lock, unplug the cable, or cut the power with a door open."
