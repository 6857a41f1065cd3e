"""The keys that a carrier's badges are signed with: made here, or given by a carrier who keeps the
private part; and the change to another one.

A new key is announced to the kiosks at once, and signs as soon as every kiosk that still lets
couriers in must have heard of it, unless there is no other. An old one is ended at a moment, or
now.
"""

from __future__ import annotations

import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, insert, or_, select, update

from central import schema
from central.carriers.carriers import require_known
from central.context import Central, audit
from central.errors import RequestError, not_found
from central.sync.staff_list import count_change
from kiosk.model.signed_badge import LIST_VALID_MS, key_id
from kiosk.sync.contract import CARRIER_KEYS_MAX

KEYS_OF_A_CARRIER = 4
"""So many count at once: what is needed for a change, and one more of each kind."""


def add(
    connection: Connection, central: Central, by: str, carrier: str, public_key: str = ""
) -> str:
    """Have another key of a carrier's count; its public part, in hexadecimal. Without one given,
    one is made, and its private part kept here, sealed. Raises `RequestError`."""
    now_ms = central.clock.now_ms()
    require_known(connection, carrier)
    sealed = None
    if public_key.strip():
        public_key = _public(public_key)
    else:
        key = Ed25519PrivateKey.generate()
        public_key = key.public_key().public_bytes_raw().hex()
        sealed = central.secrets.seal(key.private_bytes_raw())
    # Counted first: whoever adds another one meanwhile waits for it.
    count_change(connection, now_ms)
    _require_room(connection, carrier, public_key, now_ms)
    connection.execute(
        insert(schema.carrier_key).values(
            public_key=public_key, carrier=carrier, key_sealed=sealed, created_ms=now_ms
        )
    )
    kept_by = "server" if sealed is not None else "carrier"
    audit(connection, now_ms, by, "badge.key.add", carrier, key=public_key, kept_by=kept_by)
    return public_key


def end(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    public_key: str,
    until_ms: int | None = None,
) -> None:
    """Have a key count no more from a moment on, or from now on: no badge that it signed is good
    then. Raises `RequestError`."""
    table, now_ms = schema.carrier_key, central.clock.now_ms()
    at_ms = now_ms if until_ms is None else max(now_ms, until_ms)
    is_it = (table.c.public_key == public_key) & (table.c.carrier == carrier)
    changed = connection.execute(update(table).where(is_it, _counts(now_ms)).values(until_ms=at_ms))
    if not changed.rowcount:
        raise not_found("key", public_key[:64])
    count_change(connection, now_ms)
    audit(connection, now_ms, by, "badge.key.end", carrier, key=public_key, until_ms=at_ms)


def rows(connection: Connection, carrier: str, now_ms: int) -> list[dict[str, Any]]:
    """The keys of a carrier that count, the oldest first: what each is called, who signs with it,
    until when, and whether it is the one that the server signs with now."""
    signing = _signing_row(connection, carrier, now_ms)
    return [
        {
            "public_key": row.public_key,
            "key_id": key_id(bytes.fromhex(row.public_key)),
            "kept_by": "carrier" if row.key_sealed is None else "server",
            "created_ms": row.created_ms,
            "until_ms": row.until_ms,
            "signs": signing is not None and signing.public_key == row.public_key,
        }
        for row in _rows(connection, carrier, now_ms)
    ]


def signer(
    connection: Connection, central: Central, carrier: str, now_ms: int
) -> tuple[Ed25519PrivateKey, int | None]:
    """The key that the server signs a carrier's badges with now, and when it ends. Raises
    `RequestError` where the server has none."""
    row = _signing_row(connection, carrier, now_ms)
    if row is None:
        raise RequestError(
            409,
            "no_key",
            f"carrier {carrier!r} has no key here to sign badges with: make one, or sign with the"
            " carrier's own",
        )
    key = Ed25519PrivateKey.from_private_bytes(central.secrets.open(row.key_sealed))
    return key, row.until_ms


def _rows(connection: Connection, carrier: str, now_ms: int) -> list[Any]:
    table = schema.carrier_key
    mine = select(table).where(table.c.carrier == carrier, _counts(now_ms))
    return list(connection.execute(mine.order_by(table.c.created_ms, table.c.public_key)))


def _signing_row(connection: Connection, carrier: str, now_ms: int) -> Any:
    """The newest of the server's that every kiosk knows, or else the oldest."""
    own = [row for row in _rows(connection, carrier, now_ms) if row.key_sealed is not None]
    known = [row for row in own if row.created_ms <= now_ms - LIST_VALID_MS]
    return known[-1] if known else (own[0] if own else None)


def _counts(now_ms: int) -> Any:
    table = schema.carrier_key
    return or_(table.c.until_ms.is_(None), table.c.until_ms > now_ms)


def _require_room(connection: Connection, carrier: str, public_key: str, now_ms: int) -> None:
    table = schema.carrier_key
    known = select(table.c.public_key, table.c.carrier)
    taken = connection.execute(known.where(table.c.public_key == public_key)).first()
    if taken is not None:
        raise RequestError(409, "exists", "this key is known already, or was: make another")
    mine = _rows(connection, carrier, now_ms)
    if len(mine) >= KEYS_OF_A_CARRIER:
        raise RequestError(
            409, "full", f"{carrier} has {len(mine)} keys that count: end one of them first"
        )
    name = key_id(bytes.fromhex(public_key))
    if any(key_id(bytes.fromhex(row.public_key)) == name for row in mine):
        raise RequestError(
            409,
            "exists",
            "a badge could not tell this key from another one of the carrier's: make another",
        )
    count = connection.execute(select(func.count()).where(_counts(now_ms))).scalar_one()
    if count >= CARRIER_KEYS_MAX:
        raise RequestError(409, "full", f"{count} keys count: end some of them first")


def _public(text: str) -> str:
    """A public key as it is kept. Raises `RequestError` for what is none, and for the few with
    which everybody can sign."""
    plain = text.strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", plain) is None:
        raise RequestError(
            422,
            "invalid",
            "public_key: it is an Ed25519 key (RFC 8032), 64 hexadecimal digits",
        )
    if _signs_everything(bytes.fromhex(plain)):
        raise RequestError(
            422,
            "invalid",
            "public_key: it is of a small order, everybody could sign with it: make another",
        )
    return plain


def _signs_everything(public_key: bytes) -> bool:
    """Whether a signature that nobody made with any key is good of one of many texts: so it is of
    points of a small order, and of nobody's key."""
    identity = bytes([1]) + bytes(63)
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        return True
    for number in range(256):
        try:
            key.verify(identity, bytes([number]))
        except InvalidSignature:
            continue
        return True
    return False
