"""The hours in which the screens are dark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class NightHours:
    """From one local time of day to another, over midnight or not; `""` is never."""

    hours: str
    """Like "21:30-06:00"."""
    time_zone: str

    def holds(self, wall_ms: int) -> bool:
        """Whether it is night at a moment, in milliseconds since 1970 UTC."""
        if not self.hours:
            return False
        start, end = self.hours.split("-")
        moment = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(ZoneInfo(self.time_zone))
        now = f"{moment:%H:%M}"
        return start <= now < end if start <= end else now >= start or now < end
