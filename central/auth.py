"""Who is asking: a kiosk, a carrier's or shop's program, an operator, or a person with a link.

Each kind of client has its own routes and no others; what a route asks for stands at the route, so
that the table of all routes and kinds of client can be checked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from central import schema
from central.adapters import monotonic_s
from central.tokens import token_hash
from kiosk.model.carriers import OPERATOR


class Scope(StrEnum):
    """What a program may do."""

    READ = "packages:read"
    ANNOUNCE = "packages:announce"
    CHANGE = "packages:change"
    LOCATIONS = "locations:read"
    WEBHOOKS = "webhooks:manage"
    COURIERS = "couriers:badges"


BY_NAME_ALONE = frozenset({Scope.COURIERS})
"""What a new key may only where it is named: who makes couriers' badges opens doors."""


class Role(StrEnum):
    """What an operator may do: look; act on packages and doors; also staff, keys and accounts."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Program:
    """A carrier's or shop's program, by its API key."""

    id: str
    name: str
    scopes: frozenset[str]
    carrier: str = OPERATOR
    """Whose packages it sees and touches."""
    sandbox: str = ""
    """The simulated location that it is for, if it is for one: then it is nowhere else."""


SANDBOX_PATH = "/v1/sandbox"
"""Where the programmer drives a simulated locker."""
KEPT_BUCKETS = 10_000
"""From so many on, those that are full again are forgotten."""


@dataclass
class RateLimit:
    """A bucket per API key: refilled evenly, as full as one minute's share."""

    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    _sweep_at: int = KEPT_BUCKETS
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, per_minute: int) -> float:
        """Take one request; 0 when it may go, else in how many seconds the next one may."""
        now_s, rate = monotonic_s(), per_minute / 60
        with self._lock:
            level, at_s = self._levels.get(key, (float(per_minute), now_s))
            level = min(float(per_minute), level + (now_s - at_s) * rate)
            wait_s = 0.0 if level >= 1 else (1 - level) / rate
            self._levels[key] = (level - 1 if level >= 1 else level, now_s)
            if len(self._levels) >= self._sweep_at:
                self._forget_full(now_s)
            return wait_s

    def __len__(self) -> int:
        """How many buckets are kept."""
        return len(self._levels)

    def _forget_full(self, now_s: float) -> None:
        """A bucket is full again after a minute: then it says nothing."""
        kept = {key: each for key, each in self._levels.items() if now_s - each[1] < 60}
        self._levels, self._sweep_at = kept, max(KEPT_BUCKETS, 2 * len(kept))


def api_key_of(connection: Connection, token: str) -> Any:
    """The row of an API key that is in use, and of a carrier that is; None for any other token."""
    table, carrier = schema.api_key, schema.carrier
    return connection.execute(
        select(table)
        .join(carrier, carrier.c.id == table.c.carrier)
        .where(
            table.c.key_hash == token_hash(token),
            table.c.revoked_ms.is_(None),
            carrier.c.disabled_ms.is_(None),
        )
    ).first()
