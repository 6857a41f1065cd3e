"""Keys that say more than was meant: which strikes count, and when a held one counts again."""

from __future__ import annotations

import pytest

from kiosk.ui.strikes import HeldKey, Strikes


@pytest.mark.parametrize(
    ("struck", "counted"),
    [
        ("5@0 5@0.2", "5"),  # one strike, the hand trembled
        ("5@0 5@0.2 5@0.4 5@0.6", "5"),  # and trembled on
        ("5@0 5@0.31", "55"),  # a code has two of them
        ("5@0 6@0.1 5@0.2", "565"),  # the one between was meant
        ("5@0 5@0.2 5@0.7 6@0.8", "556"),
    ],
)
def test_the_same_key_so_soon_is_one_strike(struck: str, counted: str) -> None:
    strikes = Strikes()
    heard = ""
    for each in struck.split():
        name, at = each.split("@")
        heard += "" if strikes.is_double(name, float(at), within_s=0.3) else name
    assert heard == counted


def test_the_time_counts_from_when_the_key_was_let_go() -> None:
    strikes = Strikes()
    assert not strikes.is_double("5", 0.0, within_s=0.3)
    strikes.let_go("5", 0.8)
    strikes.let_go("6", 0.9)
    assert strikes.is_double("5", 1.0, within_s=0.3)
    assert not strikes.is_double("5", 1.4, within_s=0.3)


def test_a_slow_frame_costs_nobody_a_digit() -> None:
    """Heard late, 0.2 s before the next, and struck 0.6 s before it."""
    strikes = Strikes()
    assert not strikes.is_double("5", 0.4, within_s=0.3, earliest_s=0.0)
    assert not strikes.is_double("5", 0.6, within_s=0.3, earliest_s=0.57)
    assert strikes.is_double("5", 0.8, within_s=0.3, earliest_s=0.77)


def test_where_nothing_is_taken_for_trembling_every_strike_counts() -> None:
    strikes = Strikes()
    assert [strikes.is_double("5", 0.0, within_s=0.0) for _ in range(3)] == [False] * 3


def test_a_key_that_is_held_counts_once_however_long() -> None:
    held = HeldKey()
    heard_s = [0.0, 0.5, 0.53, *(0.6 + 0.04 * number for number in range(200))]
    assert [held.repeats(53, at_s) for at_s in heard_s] == [False] + [True] * 202
    held.let_go(53)
    assert not held.repeats(53, 8.7)


def test_a_key_whose_end_was_not_heard_counts_again() -> None:
    """As where the keyboard was pulled out while it was held."""
    held = HeldKey()
    assert not held.repeats(53, 0.0)
    assert held.repeats(53, 0.5)
    assert not held.repeats(53, 3.0)
