"""When telephones may ring again, by the clock on the wall of every zone there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from central.notify.worker import quiet_until_ms
from central.settings import Notifications


@pytest.mark.parametrize("zone", sorted(available_timezones()))
def test_quiet_hours_end_by_the_clock_on_the_wall(zone: str) -> None:
    """Around every change of the clock of a year, and on a day without one."""
    there, rules = ZoneInfo(zone), Notifications()
    at = datetime(2027, 1, 1, tzinfo=UTC)
    days = [at]
    for _ in range(365):
        following = at + timedelta(days=1)
        if at.astimezone(there).utcoffset() != following.astimezone(there).utcoffset():
            days += [at, following]
        at = following
    for day in days:
        for half_hours in range(48):
            now = day + timedelta(minutes=30 * half_hours, seconds=61)
            local = now.astimezone(there)
            found = quiet_until_ms(rules, zone, int(now.timestamp() * 1000))
            if 7 <= local.hour < 22:
                assert found is None
                continue
            assert found is not None
            end = datetime.fromtimestamp(found / 1000, UTC).astimezone(there)
            assert (end.hour, end.minute, end.second) == (7, 0, 0), (zone, now)
            assert timedelta(0) < end - now < timedelta(hours=11)
