"""How often somebody may ask in a minute, counted over all servers of one database.

A bucket is refilled evenly and as full as one minute's share. One server alone, on SQLite, counts
in its memory. Several count in the database, by its clock, in one statement that is durable at
once; whoever was refused is refused from memory until the moment that the database named, for the
others can only bring that further away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from central import schema
from central.adapters import monotonic_s
from central.auth import KEPT_BUCKETS, RateLimit
from central.context import Central

MINUTE_US: Final = 60_000_000
_RATE: Final = schema.rate
_NOW_US: Final = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
_STEP_US: Final = bindparam("step_us", type_=BigInteger)
_ENDS_US: Final = func.greatest(_RATE.c.used_until_us, _NOW_US) + _STEP_US
_TAKE: Final = (
    insert(_RATE)
    .values(subject=bindparam("subject"), used_until_us=_NOW_US + _STEP_US)
    .on_conflict_do_update(
        index_elements=["subject"],
        set_={"used_until_us": _ENDS_US},
        where=_ENDS_US <= _NOW_US + MINUTE_US,
    )
    .returning(_RATE.c.subject)
)
_WAIT: Final = select(_ENDS_US - _NOW_US - MINUTE_US).where(_RATE.c.subject == bindparam("subject"))


@dataclass
class Rates:
    """The buckets of everybody who asks."""

    central: Central
    _here: RateLimit = field(default_factory=RateLimit)
    _refused_until_s: dict[str, float] = field(default_factory=dict)

    async def wait_s(self, key: str, per_minute: int) -> float:
        """Take one request; 0 when it may go, else in how many seconds the next one may."""
        if not self.central.database.is_shared:
            return self._here.take(key, per_minute)
        now_s = monotonic_s()
        known_s = self._refused_until_s.get(key, 0.0) - now_s
        if known_s > 0:
            return known_s
        subject = self.central.secrets.mark("rate", key)[:32]
        step_us = MINUTE_US // per_minute
        wait_s = await self.central.database.at_once(_take, subject, step_us)
        if wait_s > 0:
            if len(self._refused_until_s) >= KEPT_BUCKETS:
                self._refused_until_s.clear()
            self._refused_until_s[key] = now_s + wait_s
        return wait_s


def _take(connection: Connection, subject: str, step_us: int) -> float:
    values = {"subject": subject, "step_us": step_us}
    if connection.execute(_TAKE, values).first() is not None:
        return 0.0
    left_us = connection.execute(_WAIT, values).scalar()
    return max(0.001, int(left_us or 0) / 1_000_000)


def forget(connection: Connection) -> None:
    """Delete the buckets that are full again."""
    if connection.dialect.name != "sqlite":
        connection.execute(delete(_RATE).where(_RATE.c.used_until_us < _NOW_US))
