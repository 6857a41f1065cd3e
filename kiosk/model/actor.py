"""Who did something: one word in one form, in each event of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, Strict

CUSTOMER = "customer"
KIOSK = "kiosk"
"""The machine itself."""
CONSOLE = "console"
"""The command line of the kiosk."""
SERVER = "server"
"""The central server, or somebody through it."""

_COURIER = "courier:"

Actor = Annotated[
    str,
    Strict(),
    Field(
        pattern=r"^(customer|kiosk|console|server|staff:[0-9A-Za-z]{1,12}"
        r"|courier:[a-z0-9][a-z0-9-]{0,31}(:[0-9A-Za-z][0-9A-Za-z._-]{0,23})?)$"
    ),
]

_EARLIER = {"centre": SERVER, "remote": SERVER, "restore": KIOSK, "start": KIOSK}
"""What earlier versions wrote."""


def staff(number: str) -> str:
    """A member of staff, by their number; who is on no list is known by nothing else."""
    return number if number.startswith(_COURIER) else f"staff:{number}"


def courier(carrier: str, pseudonym: str = "") -> str:
    """A courier who is on no list: of which carrier, and what that calls them by; without that, one
    who typed the site's code of the day."""
    return f"{_COURIER}{carrier}:{pseudonym}" if pseudonym else f"{_COURIER}{carrier}"


def in_one_form(text: str) -> str:
    """An actor that an earlier version wrote, in today's form."""
    if len(text) == 2 and text.isascii() and text.isdecimal():
        return staff(text)
    return _EARLIER.get(text, text)


def actor_of(body: Mapping[str, Any]) -> str:
    """Who did what an event tells; "" where an earlier version did not say.

    Earlier versions named who re-issued a code `by`, and who signed in only `number`.
    """
    named = body.get("actor") or body.get("by") or body.get("number") or ""
    return in_one_form(named) if isinstance(named, str) else ""
