"""What the flows know of time: a wall clock that may be wrong, and a monotonic one that is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment, as every clock of the machine shows it."""

    wall_ms: int
    """Milliseconds since 1970-01-01 UTC, as the wall clock says."""
    monotonic_ms: int
    """Milliseconds since the boot that `boot_id` names."""
    boot_id: str
    is_trusted: bool
    """Whether the wall clock may be believed: nothing expires while it may not."""

    @property
    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.wall_ms / 1000, UTC)


class Clock(Protocol):
    """Where the flows and the store get the time from."""

    def now(self) -> Instant: ...

    def confirm(self) -> None:
        """A technician has looked at the time that is shown and says that it is right."""
        ...


NOT_BEFORE_MS = 1_767_225_600_000
"""2026-01-01 UTC: a clock that shows an earlier time was never set."""
JUMP_MS = 60_000
"""By how much the wall clock may leave the monotonic one, or fall behind what it showed before."""


class Doubt(StrEnum):
    """Why the wall clock is not believed."""

    NEVER_SET = "NEVER_SET"
    JUMPED = "JUMPED"
    STEPPED_BACK = "STEPPED_BACK"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the machine's clocks showed at one moment."""

    wall_ms: int
    monotonic_ms: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class ClockTrust:
    """Whether the wall clock is believed, and what that is judged by."""

    believed: Reading | None = None
    """The last reading that was believed; None before the first."""
    doubt: Doubt | None = None

    def judge(self, reading: Reading, is_synchronised: Callable[[], bool]) -> ClockTrust:
        """The trust after one more reading.

        A clock that gives no cause for doubt is believed, so one that starts no earlier than it
        was left is, too. One in doubt is believed again when it is back where it should be, or
        when `is_synchronised()` says that the kernel keeps it in time with a time server; that is
        asked only then.
        """
        doubt = self._doubt(reading)
        if doubt is None or (doubt is not Doubt.NEVER_SET and is_synchronised()):
            return ClockTrust(reading)
        return replace(self, doubt=doubt)

    def _doubt(self, reading: Reading) -> Doubt | None:
        if reading.wall_ms < NOT_BEFORE_MS:
            return Doubt.NEVER_SET
        before = self.believed
        if before is None:
            return None
        if reading.boot_id == before.boot_id:
            should_be_ms = before.wall_ms + reading.monotonic_ms - before.monotonic_ms
            if abs(reading.wall_ms - should_be_ms) > JUMP_MS:
                return Doubt.JUMPED
        elif reading.wall_ms < before.wall_ms - JUMP_MS:
            return Doubt.STEPPED_BACK
        return None


def hold_until_ms(stored: Instant, hold_days: int, time_zone: str) -> int:
    """The end of the local day `hold_days` after the deposit, in milliseconds since 1970 UTC.

    A hold ends with a local day, so that "until Friday" means what it says; counted in calendar
    days, so a change to or from summer time does not move it.
    """
    zone = ZoneInfo(time_zone)
    return _midnight_ms(_local_date(stored.wall_ms, zone) + timedelta(days=hold_days + 1), zone)


def paused_hold_until_ms(
    hold_until_ms: int, paused_before_ms: int, pause_ms: int, time_zone: str
) -> int:
    """When a hold ends that stood still for another `pause_ms`: again with a local day.

    It is reckoned from the end without any pause, so that many short pauses lengthen a hold by no
    more days than one long one of the same sum.
    """
    promised_ms = promised_hold_until_ms(hold_until_ms, paused_before_ms, time_zone)
    return end_of_day_ms(promised_ms + paused_before_ms + pause_ms, time_zone)


def promised_hold_until_ms(hold_until_ms: int, paused_ms: int, time_zone: str) -> int:
    """When a hold would have ended without the pauses of `paused_ms` in all."""
    zone = ZoneInfo(time_zone)
    return _midnight_ms(_local_date(hold_until_ms - paused_ms, zone), zone)


def days_later_ms(midnight_ms: int, days: int, time_zone: str) -> int:
    """The local midnight some calendar days after another."""
    zone = ZoneInfo(time_zone)
    return _midnight_ms(_local_date(midnight_ms, zone) + timedelta(days=days), zone)


def end_of_day_ms(moment_ms: int, time_zone: str) -> int:
    """The first local midnight that is not before a moment."""
    zone = ZoneInfo(time_zone)
    begun = _midnight_ms(_local_date(moment_ms, zone), zone)
    if begun == moment_ms:
        return begun
    return _midnight_ms(_local_date(moment_ms, zone) + timedelta(days=1), zone)


def _local_date(moment_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(zone).date()


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time.min, tzinfo=zone).timestamp() * 1000)
