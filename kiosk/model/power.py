"""What an uninterruptible supply says in the words of Network UPS Tools, and what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

ON_MAINS: Final = "OL"
ON_BATTERY: Final = "OB"
BATTERY_LOW: Final = "LB"
SHUTTING_DOWN: Final = "FSD"
"""Whoever looks after the supply has the computers shut down."""


@dataclass(frozen=True, slots=True)
class PowerRules:
    """What the site's owner decided."""

    low_percent: float = 40.0
    """With less in the battery nothing is taken in, while there are no mains."""
    stop_percent: float = 15.0
    """With less the kiosk stops and waits for the mains."""
    stop_s: int = 180
    """The same where the battery lasts for less."""


@dataclass(frozen=True, slots=True)
class Power:
    """How it is now; None where nobody can say."""

    is_on_mains: bool | None = None
    is_battery_low: bool | None = None
    """Nothing is taken in."""
    must_stop: bool = False
    """The battery ends soon: the kiosk stops with everything safe."""
    battery_percent: float | None = None
    runtime_s: int | None = None


UNKNOWN: Final = Power()


def power_of(variables: Mapping[str, str], rules: PowerRules) -> Power:
    """What a supply's variables say."""
    states = variables.get("ups.status", "").split()
    is_shutting_down = SHUTTING_DOWN in states
    if ON_BATTERY not in states and not is_shutting_down:
        is_on_mains = True if ON_MAINS in states else None
        is_low = None if is_on_mains is None else False
        return Power(is_on_mains, is_low, False, *_battery(variables))
    percent, runtime_s = _battery(variables)
    is_weak = BATTERY_LOW in states or is_shutting_down
    is_low = is_weak or (percent is not None and percent <= rules.low_percent)
    ends_soon = (
        is_shutting_down
        or (percent is not None and percent <= rules.stop_percent)
        or (runtime_s is not None and runtime_s <= rules.stop_s)
        # A supply that says only so much says it when it is late.
        or (is_weak and percent is None and runtime_s is None)
    )
    return Power(ON_MAINS in states, is_low or ends_soon, ends_soon, percent, runtime_s)


def power_unheard(before: Power) -> Power:
    """What is known once a supply does not answer any more: not whether there are mains. A battery
    that was low is no fuller for that."""
    return replace(
        UNKNOWN, is_battery_low=before.is_battery_low or None, must_stop=before.must_stop
    )


def _battery(variables: Mapping[str, str]) -> tuple[float | None, int | None]:
    percent = _number(variables, "battery.charge", 100)
    runtime_s = _number(variables, "battery.runtime", 30 * 86_400)
    return percent, None if runtime_s is None else int(runtime_s)


def _number(variables: Mapping[str, str], name: str, most: float) -> float | None:
    """A number of a supply; None where it has none, or says what cannot be."""
    try:
        value = float(variables[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) and 0 <= value <= most else None
