"""The wall clock: when it is believed, when a hold ends, and what a pause does to it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.adapters import SystemClock
from kiosk.model.clock import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    ClockTrust,
    Doubt,
    Instant,
    Reading,
    end_of_day_ms,
    hold_until_ms,
    paused_hold_until_ms,
    promised_hold_until_ms,
)

BERLIN = "Europe/Berlin"
NOW_MS = 1_794_000_000_000
NEVER = lambda: False  # noqa: E731
ALWAYS = lambda: True  # noqa: E731


def reading(wall_ms: int, minutes_up: int = 0, boot: str = "boot-1") -> Reading:
    return Reading(wall_ms, minutes_up * MINUTE_MS, boot)


def doubts(*readings: Reading, synchronised: bool = False) -> list[Doubt | None]:
    trust, found = ClockTrust(), []
    for each in readings:
        trust = trust.judge(each, ALWAYS if synchronised else NEVER)
        found.append(trust.doubt)
    return found


def test_a_clock_that_starts_in_1970_is_not_believed_even_if_the_kernel_says_so() -> None:
    assert doubts(reading(0), synchronised=True) == [Doubt.NEVER_SET]


def test_a_clock_that_goes_with_the_monotonic_one_is_believed() -> None:
    assert doubts(reading(NOW_MS), reading(NOW_MS + 5 * MINUTE_MS, 5)) == [None, None]


@pytest.mark.parametrize("days", [-1, 1, 400])
def test_a_jump_within_a_boot_is_not_believed_until_it_is_undone(days: int) -> None:
    jumped = NOW_MS + days * DAY_MS + MINUTE_MS
    back = NOW_MS + 3 * MINUTE_MS
    found = doubts(reading(NOW_MS), reading(jumped, 1), reading(jumped, 2), reading(back, 3))
    assert found == [None, Doubt.JUMPED, Doubt.JUMPED, None]


def test_a_jump_by_a_time_server_is_believed() -> None:
    assert doubts(reading(NOW_MS), reading(NOW_MS + DAY_MS, 1), synchronised=True) == [None, None]


def test_a_start_behind_what_was_shown_before_is_not_believed() -> None:
    behind = reading(NOW_MS - DAY_MS, 0, "boot-2")
    again = reading(NOW_MS + DAY_MS, 1, "boot-2")
    assert doubts(reading(NOW_MS), behind, again) == [None, Doubt.STEPPED_BACK, None]


def test_a_start_not_behind_is_believed_however_long_the_machine_was_off() -> None:
    assert doubts(reading(NOW_MS), reading(NOW_MS + 9 * DAY_MS, 0, "boot-2")) == [None, None]


def test_a_small_correction_is_no_jump() -> None:
    assert doubts(reading(NOW_MS), reading(NOW_MS - 30_000, 0)) == [None, None]


def test_the_machines_own_clock_is_believed_again_when_a_technician_confirms_it() -> None:
    clock = SystemClock()
    now = clock.now()
    clock.believe(Reading(now.wall_ms + DAY_MS, now.monotonic_ms, "another boot"))
    clock._is_synchronised = NEVER
    assert not clock.now().is_trusted
    assert clock.doubt is Doubt.STEPPED_BACK
    clock.confirm()
    assert clock.now().is_trusted
    assert clock.now().boot_id == now.boot_id


# --- holds ---------------------------------------------------------------------------------------


def local(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(ZoneInfo(BERLIN))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).timestamp() * 1000)


def until(text: str, days: int = 5) -> str:
    moment = Instant(at(text), 0, "boot", True)
    return local(hold_until_ms(moment, days, BERLIN)).isoformat()


@pytest.mark.parametrize(
    ("stored", "ends"),
    [
        ("2026-11-02T09:00", "2026-11-08T00:00:00+01:00"),
        ("2026-10-23T23:59", "2026-10-29T00:00:00+01:00"),  # summer time ends on the 25th
        ("2026-03-27T00:00", "2026-04-02T00:00:00+02:00"),  # and begins on the 29th of March
        ("2027-12-29T12:00", "2028-01-04T00:00:00+01:00"),
        ("2028-02-26T12:00", "2028-03-03T00:00:00+01:00"),  # a leap day
    ],
)
def test_a_hold_ends_with_a_local_day(stored: str, ends: str) -> None:
    assert until(stored) == ends


def test_a_pause_lengthens_a_hold_to_the_end_of_the_day_it_reaches() -> None:
    ends = at("2026-11-08T00:00")
    assert paused_hold_until_ms(ends, 0, 6 * DAY_MS, BERLIN) == at("2026-11-14T00:00")
    assert paused_hold_until_ms(ends, 0, 4 * MINUTE_MS, BERLIN) == at("2026-11-09T00:00")


def test_many_short_pauses_are_no_more_than_one_long_one() -> None:
    ends, paused = at("2026-11-08T00:00"), 0
    for _ in range(10):
        ends = paused_hold_until_ms(ends, paused, 4 * MINUTE_MS, BERLIN)
        paused += 4 * MINUTE_MS
    assert ends == at("2026-11-09T00:00")
    assert promised_hold_until_ms(ends, paused, BERLIN) == at("2026-11-08T00:00")


@given(
    stored=st.integers(NOW_MS, NOW_MS + 700 * DAY_MS),
    pauses=st.lists(st.integers(1, 3 * DAY_MS), min_size=1, max_size=8),
)
def test_a_paused_hold_is_never_cut_and_ends_at_midnight(stored: int, pauses: list[int]) -> None:
    promised = hold_until_ms(Instant(stored, 0, "boot", True), 5, BERLIN)
    ends, paused = promised, 0
    for pause in pauses:
        ends = paused_hold_until_ms(ends, paused, pause, BERLIN)
        paused += pause
        assert ends >= promised + paused
        assert local(ends).timetz().isoformat().startswith("00:00:00")
    assert ends - promised - paused <= 2 * DAY_MS + HOUR_MS


def test_midnight_is_the_end_of_its_day() -> None:
    assert end_of_day_ms(at("2026-11-08T00:00"), BERLIN) == at("2026-11-08T00:00")
    assert end_of_day_ms(at("2026-11-08T00:01"), BERLIN) == at("2026-11-09T00:00")
