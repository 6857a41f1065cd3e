"""What a kiosk says of its climate, its power and itself that somebody has to look after: when it
begins, who hears of it, and when it is over.

What is kept of it stands in the location's own row and is settled with each status, in the
transaction that takes it in. A trouble is over only when the kiosk says so: a sensor or a supply
that says nothing any more leaves it as it is. Temperatures have to come back by some degrees, so
that one about the limit is one trouble and not many.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from central import kept, limits
from central.feed import writing as feeding
from central.feed.document import ServerKind
from central.notify.outbox import Kind, tell_operators
from central.settings import Health, Settings
from kiosk.sync.contract import Status


class Trouble(StrEnum):
    """What may be wrong; each is the name of its alarm."""

    UNWELL = "kiosk-unwell"
    POWER_LOST = "power-lost"
    POWER_UNKNOWN = "power-unknown"
    """Nobody says whether there are mains: the line to the supply is lost."""
    BATTERY_LOW = "battery-low"
    PROCESSOR_HOT = "processor-hot"
    BANK_HOT = "bank-hot"
    BANK_COLD = "bank-cold"


SAID: Final = {
    Trouble.UNWELL: "its kiosk says that it is not well",
    Trouble.POWER_LOST: "the mains are gone, it runs on its battery",
    Trouble.POWER_UNKNOWN: "its uninterruptible supply does not answer",
    Trouble.BATTERY_LOW: "the battery is low, nothing is taken in",
    Trouble.PROCESSOR_HOT: "its computer is too hot",
    Trouble.BANK_HOT: "it is too hot inside the bank",
    Trouble.BANK_COLD: "it is too cold inside the bank",
}
OVER: Final = {
    Trouble.UNWELL: "its kiosk is well again",
    Trouble.POWER_LOST: "the mains are back",
    Trouble.POWER_UNKNOWN: "its uninterruptible supply answers again",
    Trouble.BATTERY_LOW: "the battery is charged again",
    Trouble.PROCESSOR_HOT: "its computer has cooled down",
    Trouble.BANK_HOT: "the bank has cooled down",
    Trouble.BANK_COLD: "the bank has warmed up",
}
_OF_SUPPLY: Final = (Trouble.POWER_LOST, Trouble.POWER_UNKNOWN, Trouble.BATTERY_LOW)
_BEGINS: Final = {Trouble.POWER_LOST: ServerKind.LOCATION_POWER_LOST}
_ENDS: Final = {Trouble.POWER_LOST: ServerKind.LOCATION_POWER_BACK}
"""What carriers hear of."""


def known_in(text: str) -> dict[Trouble, dict[str, Any]]:
    """What is kept of a location's troubles: of each `since_ms`, and `is_reported`: somebody was
    notified."""
    return {
        Trouble(name): each
        for name, each in kept.object_of(text).items()
        if name in set(Trouble) and isinstance(each, dict) and type(each.get("since_ms")) is int
    }


def note(connection: Connection, settings: Settings, row: Any, status: Status, now_ms: int) -> str:
    """Begin and end the troubles of a location by what its kiosk says now; what is kept of them."""
    known, found = known_in(row.troubles), dict[str, dict[str, Any]]()
    for trouble in Trouble:
        if trouble in _OF_SUPPLY and status.power is None:
            continue  # no supply is watched there any more: nobody will ever say that it is over
        before = known.get(trouble)
        holds = _holds(trouble, settings.health, status, is_known=before is not None)
        if holds is False or (holds is None and before is None):
            if before is not None and before.get("is_reported"):
                _end(connection, settings, row.id, trouble, int(before["since_ms"]), now_ms)
            continue
        each = before or {"since_ms": now_ms, "is_reported": False}
        lasts_ms = now_ms - each["since_ms"]
        if not each.get("is_reported") and lasts_ms >= _after_s(settings.health, trouble) * 1000:
            _begin(connection, settings, row.id, trouble, each["since_ms"], status, now_ms)
            each = {**each, "is_reported": True}
        found[trouble.value] = each
    return json.dumps(found) if found else "{}"


def _holds(trouble: Trouble, rules: Health, status: Status, *, is_known: bool) -> bool | None:
    """Whether there is such a trouble now; None where nobody can say."""
    power, back_c = status.power, rules.hysteresis_c if is_known else 0.0
    match trouble:
        case Trouble.UNWELL:
            return None if status.is_well is None else not status.is_well
        case Trouble.POWER_LOST:
            return None if power is None or power.is_on_mains is None else not power.is_on_mains
        case Trouble.POWER_UNKNOWN:
            return power is not None and power.is_on_mains is None
        case Trouble.BATTERY_LOW:
            return None if power is None else power.is_battery_low
        case Trouble.PROCESSOR_HOT:
            return _is_above(status.temperature_c, rules.processor_hot_c - back_c)
        case Trouble.BANK_HOT:
            return _is_above(status.bank_temperature_c, rules.bank_hot_c - back_c)
        case Trouble.BANK_COLD:
            is_warm = _is_above(status.bank_temperature_c, rules.bank_cold_c + back_c)
            return None if is_warm is None else not is_warm


def _is_above(value_c: float | None, limit_c: float) -> bool | None:
    return None if value_c is None else value_c > limit_c


def _after_s(rules: Health, trouble: Trouble) -> int:
    """After how long somebody hears of it."""
    return {
        Trouble.UNWELL: rules.unwell_after_s,
        Trouble.POWER_LOST: rules.power_lost_after_s,
        Trouble.POWER_UNKNOWN: rules.unwell_after_s,
        Trouble.BATTERY_LOW: 0,
    }.get(trouble, rules.climate_after_s)


def _details(trouble: Trouble, status: Status) -> Mapping[str, Any]:
    """What an alarm says beside its name."""
    power = status.power
    match trouble:
        case Trouble.UNWELL:
            return {"why": status.unwell_reason}
        case Trouble.PROCESSOR_HOT:
            return {"degrees": status.temperature_c}
        case Trouble.BANK_HOT | Trouble.BANK_COLD:
            return {"degrees": status.bank_temperature_c}
        case _ if power is not None and power.battery_percent is not None:
            return {"battery_percent": power.battery_percent}
        case _:
            return {}


def _begin(
    connection: Connection,
    settings: Settings,
    location: str,
    trouble: Trouble,
    since_ms: int,
    status: Status,
    now_ms: int,
) -> None:
    details = _details(trouble, status)
    rules = settings.limits
    limits.alarm_of_kiosk(connection, rules, now_ms, trouble.value, location, location, **details)
    shown = ", ".join(f"{value}" for value in details.values() if value is not None)
    what = f"{SAID[trouble]}: {shown}" if trouble is Trouble.UNWELL and shown else SAID[trouble]
    _tell(connection, settings, Kind.TROUBLE, location, what, now_ms)
    if trouble in _BEGINS:
        said = {"id": location, "since_ms": since_ms}
        feeding.say(connection, location, [(_BEGINS[trouble], said)], now_ms)


def _end(
    connection: Connection,
    settings: Settings,
    location: str,
    trouble: Trouble,
    since_ms: int,
    now_ms: int,
) -> None:
    _tell(connection, settings, Kind.TROUBLE_OVER, location, OVER[trouble], now_ms)
    if trouble in _ENDS:
        said = {"id": location, "since_ms": since_ms}
        feeding.say(connection, location, [(_ENDS[trouble], said)], now_ms)


def _tell(
    connection: Connection, settings: Settings, kind: Kind, location: str, what: str, now_ms: int
) -> None:
    rules = settings.notifications
    tell_operators(connection, rules, kind, location, {"what": what}, now_ms)
