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
        return "The power is cut. Restore it: the kiosk starts and says what it finds."
    if scene.open_slots:
        return _shut(scene.open_slots)
    if not scene.is_cabled:
        return "The cable is out: no door answers the kiosk. Plug it in again."
    if scene.jammed_slots:
        return _free(scene.jammed_slots)
    if not scene.is_networked:
        return "The network is cut: codes open doors all the same. Restore it to send what waits."
    return _try_next(scene)


def _shut(slots: Sequence[str]) -> str:
    if len(slots) == 1:
        return f"Door {slots[0]} is open. Touch it to shut it."
    return f"{len(slots)} doors are open. Touch each of them to shut it."


def _free(slots: Sequence[str]) -> str:
    if len(slots) == 1:
        return f"The lock of door {slots[0]} is jammed. Try to open it, or touch it to free it."
    return f"{len(slots)} locks are jammed. Try to open the doors, or touch one to free it."


def _try_next(scene: Scene) -> str:
    if scene.has_code and not scene.has_fetched:
        if scene.has_scanner:
            return "Type a code from a phone at the kiosk, or touch a phone’s QR to scan it."
        return "Type a code from a phone at the kiosk."
    if not scene.has_brought:
        if scene.has_scanner:
            return "Bring a package: sign in as the courier at the kiosk, then touch a label here."
        return "Bring a package: sign in as the courier at the kiosk and type a label’s number."
    return "Now make trouble: jam a lock, pull the cable, or cut the power at an open door."
