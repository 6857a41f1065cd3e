"""The key that the server's commands are signed with, and the change to another one.

The first one is made from the server's own key file. Each later one is random, and lies in the
database, sealed under that key, so that a backup holds it. A kiosk trusts the one it was given when
it enrolled, until a command that is signed with that names another: so commands to a location are
signed with the key which its kiosk says it trusts.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select, update

from central import schema
from central.context import Central, alarm, audit, is_about
from central.database import wake_all
from central.database.locks import lock_name
from central.sync import commands
from central.tokens import Secrets
from kiosk.model.commands import TrustKey

KEYS = "signing keys"
"""What is locked while a kiosk is given the newest key, or another one is made."""


class Signer:
    """Signs for one location."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> str:
        """What its signatures are checked with, in hexadecimal."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """The Ed25519 signature of a message, in hexadecimal (RFC 8032)."""
        return self._key.sign(message).hex()


def current(connection: Connection, secrets: Secrets) -> Signer:
    """The newest key: what kiosks are given when they enrol."""
    table = schema.signing_key
    newest = select(table.c.key_sealed).order_by(table.c.number.desc()).limit(1)
    sealed = connection.execute(newest).scalar()
    return Signer(secrets.signing if sealed is None else _opened(secrets, sealed))


def trusted(connection: Connection, secrets: Secrets, public_key: str) -> Signer | None:
    """The key with this public part; None when it is none of this server's."""
    if public_key in ("", secrets.public_key):
        return Signer(secrets.signing)
    table = schema.signing_key
    known = select(table.c.key_sealed).where(table.c.public_key == public_key)
    sealed = connection.execute(known).scalar()
    return None if sealed is None else Signer(_opened(secrets, sealed))


def _opened(secrets: Secrets, sealed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secrets.open(sealed))


def of_location(
    connection: Connection, secrets: Secrets, location: str, named: str, known: str, now_ms: int
) -> Signer:
    """Whose signature a location's kiosk believes: that of the key which it `named`; where it is of
    a version that names none, that of the one it is `known` to have been given."""
    if named and named != known:
        signer = trusted(connection, secrets, named)
        if signer is None:
            _alarm_unknown(connection, location, named, now_ms)
        else:
            table = schema.location
            connection.execute(
                update(table).where(table.c.id == location).values(signing_key=named)
            )
            return signer
    return trusted(connection, secrets, known) or current(connection, secrets)


def _alarm_unknown(connection: Connection, location: str, public_key: str, now_ms: int) -> None:
    table, subject = schema.audit, f"{location} {public_key}"
    action = "alarm:signing-key-unknown"
    alarmed = select(table.c.id).where(table.c.action == action, is_about(connection, subject))
    if connection.execute(alarmed.limit(1)).first() is None:
        alarm(connection, now_ms, action.removeprefix("alarm:"), subject)


def rotate(connection: Connection, central: Central, by: str) -> tuple[str, int]:
    """Make a new key, which is announced to every enrolled kiosk when it comes; it, and how many
    they are."""
    now_ms, secrets = central.clock.now_ms(), central.secrets
    lock_name(connection, KEYS)
    key = Ed25519PrivateKey.generate()
    signer = Signer(key)
    connection.execute(
        insert(schema.signing_key).values(
            public_key=signer.public_key,
            key_sealed=secrets.seal(key.private_bytes_raw()),
            created_ms=now_ms,
        )
    )
    wake_all(connection)
    audit(connection, now_ms, by, "signing-key.rotate", signer.public_key)
    is_enrolled = schema.location.c.token_hash != ""
    count = connection.execute(select(func.count()).where(is_enrolled)).scalar_one()
    return signer.public_key, count


def announce(connection: Connection, row: Any, now_ms: int) -> None:
    """A kiosk comes to which the newest key was not announced: it is, once, signed with the one
    that it trusts. `row` is its location's."""
    if row.newest_key is None or row.newest_key in (row.announced_key, row.signing_key):
        return
    table = schema.location
    announced = update(table).where(table.c.id == row.id).values(announced_key=row.newest_key)
    connection.execute(announced)
    commands.queue(connection, row.id, TrustKey(public_key=row.newest_key), "server", now_ms)


def states(connection: Connection, secrets: Secrets) -> tuple[str, list[tuple[str, str]]]:
    """The newest key, and which one each enrolled location's kiosk trusts."""
    table = schema.location
    rows = connection.execute(
        select(table.c.id, table.c.signing_key).where(table.c.token_hash != "").order_by(table.c.id)
    )
    known = [(row.id, row.signing_key or secrets.public_key) for row in rows]
    return current(connection, secrets).public_key, known
