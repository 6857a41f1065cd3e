"""Wrong tries are slowed, by growing waits that always end; nobody is ever shut out for good.

Each try is counted before it is checked, in a bucket: one for an account from an address, and one
of its own for a device that has signed in before, so that a guesser elsewhere never keeps the owner
out. A bucket is kept in the database: a server that starts again, or another process, goes on
counting.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any

from sqlalchemy import Connection, delete, func, select

from central import schema
from central.context import Central
from central.database.bulk import upsert
from central.database.locks import locked_rows
from central.settings import SignIn
from kiosk.model.clock import DAY_MS

FORGOTTEN_AFTER_MS = DAY_MS
"""A bucket without a try for so long is empty."""
SHARED_BITS = 64
"""One subscriber has at least so large a network of IPv6."""


def network(address: str) -> str:
    """Where a request comes from: an IPv4 address, or the network of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> SHARED_BITS << SHARED_BITS))
    return str(found)


def take(connection: Connection, central: Central, *buckets: str) -> float:
    """Count a try in the first of these buckets that lets it go; 0, or in how many seconds the
    next one may come."""
    waits_s = []
    for bucket in buckets:
        wait_s = _take(connection, central, bucket)
        if wait_s == 0:
            return 0
        waits_s.append(wait_s)
    return min(waits_s)


def _take(connection: Connection, central: Central, bucket: str) -> float:
    table, now_ms, key = schema.sign_in_try, central.clock.now_ms(), _key(central, bucket)
    row = locked_rows(connection, table, [key]).get(key)
    # A clock that was set back leaves no wait behind that lasts until it is there again.
    if row is not None and row["last_ms"] <= now_ms < row["free_ms"]:
        return float(row["free_ms"] - now_ms) / 1000
    tries = _next(row, now_ms)
    free_ms = now_ms + 1000 * wait_after_s(central.settings.sign_in, tries)
    values = {"tries": tries, "last_ms": now_ms, "free_ms": free_ms}
    upsert(connection, table, {"bucket": key}, values)
    return 0


def count(connection: Connection, central: Central, bucket: str) -> int:
    """Count a try where nobody has to wait; how many the bucket holds."""
    table, now_ms, key = schema.sign_in_try, central.clock.now_ms(), _key(central, bucket)
    tries = _next(locked_rows(connection, table, [key]).get(key), now_ms)
    values = {"tries": tries, "last_ms": now_ms, "free_ms": 0}
    upsert(connection, table, {"bucket": key}, values)
    return tries


def _next(row: Any, now_ms: int) -> int:
    """The number of the next try of a bucket, which forgets after a while."""
    is_kept = row is not None and now_ms - row["last_ms"] < FORGOTTEN_AFTER_MS
    return (int(row["tries"]) if is_kept else 0) + 1


def wait_after_s(rules: SignIn, tries: int) -> int:
    """How long to wait after so many tries: twice as long after each, up to the longest wait."""
    if tries < rules.tries:
        return 0
    doublings = min(tries - rules.tries, 30)
    return min(rules.wait_longest_s, rules.wait_first_s << doublings)


def tries_in(connection: Connection, central: Central, bucket: str) -> int:
    """How many tries a bucket holds."""
    table = schema.sign_in_try
    kept = select(table.c.tries).where(table.c.bucket == _key(central, bucket))
    return int(connection.execute(kept).scalar() or 0)


def forgive(connection: Connection, central: Central, *buckets: str) -> None:
    """Empty these buckets: a try was right."""
    table = schema.sign_in_try
    keys = [_key(central, bucket) for bucket in buckets]
    connection.execute(delete(table).where(table.c.bucket.in_(keys)))


def waiting(connection: Connection, now_ms: int) -> int:
    """How many buckets have to wait now."""
    table = schema.sign_in_try
    query = select(func.count()).where(table.c.free_ms > now_ms)
    return connection.execute(query).scalar_one()


def forget(connection: Connection, now_ms: int) -> None:
    """Delete the buckets that count no more."""
    table = schema.sign_in_try
    connection.execute(delete(table).where(table.c.last_ms < now_ms - FORGOTTEN_AFTER_MS))


def _key(central: Central, bucket: str) -> str:
    """The name of a bucket holds what somebody typed for an e-mail address, a password at times."""
    return central.secrets.mark("try", bucket)
