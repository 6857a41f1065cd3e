"""What the flows know of time: a wall clock that may be wrong, and a monotonic one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


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


def hold_until_ms(stored: Instant, hold_days: int, time_zone: str) -> int:
    """The end of the local day `hold_days` after the deposit, in milliseconds since 1970 UTC.

    A hold ends with a local day, so that "until Friday" means what it says; counted in calendar
    days, so a change to or from summer time does not move it.
    """
    zone = ZoneInfo(time_zone)
    last_day: date = stored.utc.astimezone(zone).date() + timedelta(days=hold_days)
    midnight = datetime.combine(last_day + timedelta(days=1), time.min, tzinfo=zone)
    return int(midnight.timestamp() * 1000)


def local_text(wall_ms: int, time_zone: str) -> str:
    """A moment as a person at the machine reads it: weekday and time, "Tue 14:03"."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return moment.strftime("%a %H:%M")
