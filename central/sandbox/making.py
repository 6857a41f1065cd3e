"""A sandbox is made with its key: a carrier of its own, and a simulated locker."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, update

from central import schema
from central.auth import Scope
from central.context import Central, audit
from central.errors import require_plain
from central.feed import writing as feeding
from central.operators.accounts import add_key
from central.sandbox.locker import Locker
from central.simulated import PREFIX, READER
from central.sync import signing
from central.tokens import KEY_BYTES, token_hash


def make(connection: Connection, central: Central, by: str, name: str, per_minute: int) -> str:
    """Make a sandbox for somebody; its key, of which only a hash is kept. Raises `RequestError`."""
    require_plain(name=name)
    mark, now_ms = secrets.token_hex(4), central.clock.now_ms()
    carrier, location = f"sandbox-{mark}", f"{PREFIX}{mark}"
    title = f"Sandbox of {name}"[:80]
    connection.execute(insert(schema.carrier).values(id=carrier, name=title, created_ms=now_ms))
    token = central.secrets.mark("sandbox", location)
    public_key = signing.current(connection, central.secrets).public_key
    connection.execute(
        insert(schema.location).values(
            id=location,
            name=title,
            address="a simulated locker: nothing of it is anywhere",
            token_hash=token_hash(token),
            key_sealed=central.secrets.seal(secrets.token_bytes(KEY_BYTES)),
            signing_key=public_key,
            announced_key=public_key,
            feeds=READER if READER in feeding.readers(connection).split() else "",
            may_begin=True,
            created_ms=now_ms,
        )
    )
    Locker(connection, central, location).begin()
    # Also couriers' badges: it has no key to sign them with, and no real kiosk hears of a sandbox.
    key = add_key(connection, central, by, name, list(Scope), per_minute, carrier)
    table = schema.api_key
    connection.execute(
        update(table).where(table.c.key_hash == token_hash(key)).values(sandbox=location)
    )
    audit(connection, now_ms, by, "sandbox.add", location, name=name)
    return key
