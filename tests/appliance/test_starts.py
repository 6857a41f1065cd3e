"""A kiosk that fails again and again is helped: its serial adapters, then its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.base.parcel_starts import RESTART_AT, UP_AT_LEAST_S, help_one_that_fails


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with two ports on one adapter, one on another, and one that is not by USB."""
    (tmp_path / "run/parcel-keeper").mkdir(parents=True)
    for name, device in (
        ("ttyUSB0", "usb1/1-1/1-1:1.0/ttyUSB0"),
        ("ttyUSB1", "usb1/1-1/1-1:1.1/ttyUSB1"),
        ("ttyACM0", "usb1/1-2/1-2:1.0"),
        ("ttyS0", "serial8250"),
    ):
        place = tmp_path / "sys/devices" / device
        place.mkdir(parents=True)
        (tmp_path / "sys/class/tty" / name).mkdir(parents=True)
        (tmp_path / "sys/class/tty" / name / "device").symlink_to(place)
    for adapter in ("1-1", "1-2"):
        (tmp_path / "sys/devices/usb1" / adapter / "authorized").write_text("?")
    return tmp_path


def test_the_third_start_in_a_short_time_finds_the_adapters_again(machine: Path) -> None:
    said = [help_one_that_fails(str(machine), at_s) for at_s in (10.0, 12.0, 14.0, 16.0)]
    assert said == ["", "", "start 3 in 300 s: 2 serial adapters are found again", ""]
    for adapter in ("1-1", "1-2"):
        assert (machine / "sys/devices/usb1" / adapter / "authorized").read_text() == "1"


def test_the_tenth_restarts_a_machine_that_is_up_for_long(machine: Path) -> None:
    early = [help_one_that_fails(str(machine), 20.0 + at_s) for at_s in range(2 * RESTART_AT)]
    assert not any("restarted" in each for each in early)
    late = [help_one_that_fails(str(machine), UP_AT_LEAST_S + 9 * at_s) for at_s in range(1, 11)]
    assert [("restarted" in each) for each in late] == [False] * 9 + [True]


def test_a_kiosk_that_shows_that_it_is_out_of_order_restarts_no_machine(machine: Path) -> None:
    said = [help_one_that_fails(str(machine), UP_AT_LEAST_S + 61.0 * n) for n in range(1, 60)]
    assert not any("restarted" in each for each in said)


def test_what_was_kept_may_be_anything(machine: Path) -> None:
    (machine / "run/parcel-keeper/starts.json").write_text('{"a": 1}')
    assert help_one_that_fails(str(machine), 10.0) == ""
