"""What guests put in: how much of it is allowed, so that nobody fills a location with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.store import tries
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer

SENDER = "guest"
"""The mark of a guest's package in the place of its sender's."""
_MARK = "guest"


@dataclass(frozen=True, slots=True)
class GuestLimits:
    """How much guests may put in."""

    an_hour: int
    a_phone: int
    """Within a day, from or to one phone."""
    doors: int
    """How many doors their packages take at once."""


class TooMuch(StrEnum):
    """Which limit is reached."""

    HOUR = "HOUR"
    PHONE = "PHONE"
    DOORS = "DOORS"


def too_much(
    writer: Writer, limits: GuestLimits, sender_phone: str = "", phone: str = ""
) -> TooMuch | None:
    """Whether a guest may not put anything in now, and why not; asked before any phone is typed,
    and with them."""
    at_ms = tries.now_ms(writer)
    if _doors_taken(writer) >= limits.doors:
        return TooMuch.DOORS
    if _count(writer, "at_ms > ?", at_ms - HOUR_MS) >= limits.an_hour:
        return TooMuch.HOUR
    for number in filter(None, dict.fromkeys((sender_phone, phone))):
        mark = _mark(writer, number)
        where = "at_ms > ? AND ? IN (sender_mark, recipient_mark)"
        if _count(writer, where, at_ms - DAY_MS, mark) >= limits.a_phone:
            return TooMuch.PHONE
    return None


def begin(writer: Writer, limits: GuestLimits, sender_phone: str, phone: str) -> TooMuch | None:
    """A guest is about to be given a door: count it, whatever comes of it, or say why not."""
    why_not = too_much(writer, limits, sender_phone, phone)
    if why_not is not None:
        return why_not
    at_ms = tries.now_ms(writer)
    tries.keep_clock(writer)
    writer.db.execute("DELETE FROM guest_deposit WHERE at_ms <= ?", (at_ms - DAY_MS,))
    writer.db.execute(
        "INSERT INTO guest_deposit (at_ms, sender_mark, recipient_mark) VALUES (?, ?, ?)",
        (at_ms, _mark(writer, sender_phone), _mark(writer, phone)),
    )
    return None


def _doors_taken(writer: Writer) -> int:
    row = writer.one(
        "SELECT count(*) AS n FROM package WHERE sender = ? AND slot IS NOT NULL", (SENDER,)
    )
    return int(row["n"]) if row else 0


def _count(writer: Writer, where: str, *values: object) -> int:
    row = writer.one(f"SELECT count(*) AS n FROM guest_deposit WHERE {where}", values)
    return int(row["n"]) if row else 0


def _mark(writer: Writer, phone: str) -> str:
    """By which a number is known again, and by nobody without the location's key."""
    if writer.sealing is None:
        raise StoreError("the store was given no location key to seal personal fields with")
    return writer.sealing.blind_index(phone, _MARK)
