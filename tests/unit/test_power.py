"""What follows from what a supply says, whatever it says."""

from __future__ import annotations

import pytest

from kiosk.model.power import UNKNOWN, Power, PowerRules, power_of, power_unheard

RULES = PowerRules(low_percent=40, stop_percent=15, stop_s=180)


def said(status: str, **battery: str) -> Power:
    variables = {f"battery.{name}": value for name, value in battery.items()}
    return power_of({"ups.status": status, **variables}, RULES)


@pytest.mark.parametrize(
    ("status", "battery", "expected"),
    [
        ("OL", {"charge": "100"}, Power(True, False, False, 100.0)),
        ("OL CHRG", {"charge": "5"}, Power(True, False, False, 5.0)),
        ("OB DISCHRG", {"charge": "90"}, Power(False, False, False, 90.0)),
        ("OB DISCHRG", {"charge": "40"}, Power(False, True, False, 40.0)),
        ("OB LB", {"charge": "60"}, Power(False, True, False, 60.0)),
        ("OB", {"charge": "15"}, Power(False, True, True, 15.0)),
        ("OB", {"charge": "80", "runtime": "180"}, Power(False, True, True, 80.0, 180)),
        ("OB LB", {}, Power(False, True, True)),
        ("OB", {}, Power(False, False, False)),
        ("FSD OL", {"charge": "90"}, Power(True, True, True, 90.0)),
        ("", {}, UNKNOWN),
        ("WAIT", {"charge": "100"}, Power(battery_percent=100.0)),
        ("OB", {"charge": "nan", "runtime": "-1"}, Power(False, False, False)),
        ("OB", {"charge": "1e400", "runtime": "soon"}, Power(False, False, False)),
    ],
)
def test_what_a_supply_says(status: str, battery: dict[str, str], expected: Power) -> None:
    assert said(status, **battery) == expected


def test_a_supply_that_is_silent_says_nothing_of_mains_and_no_battery_is_fuller_for_it() -> None:
    assert power_unheard(said("OL", charge="100")) == UNKNOWN
    low = power_unheard(said("OB", charge="10"))
    assert low == Power(None, is_battery_low=True, must_stop=True)
    assert power_unheard(low) == low
