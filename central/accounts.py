"""Who may use the server: operators with a password, programs with a key."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from central import schema
from central.adapters import new_id
from central.addresses import address
from central.auth import Role, Scope
from central.context import Central, audit, change_known
from central.errors import RequestError, require_plain
from central.tokens import new_token, token_hash

PASSWORD_LEAST = 10
"""How many characters a password has at least."""


def add_user(
    connection: Connection,
    central: Central,
    by: str,
    email: str,
    name: str,
    role: Role,
    password: str,
) -> None:
    """Make an operator's account. Raises `RequestError`."""
    table, now_ms = schema.user, central.clock.now_ms()
    require_plain(email=email, name=name)
    if len(password) < PASSWORD_LEAST:
        raise RequestError(
            422, "invalid", f"the password is too short: {PASSWORD_LEAST} characters at least"
        )
    try:
        email = address(email, is_inside=True)
    except ValueError as error:
        raise RequestError(422, "invalid", f"email: {error}") from error
    if connection.execute(select(table.c.id).where(table.c.email == email)).first():
        raise RequestError(409, "exists", f"there is an account {email!r} already")
    connection.execute(
        insert(table).values(
            id=new_id(),
            email=email,
            name=name,
            role=role.value,
            password_hash=central.secrets.hash_password(password),
            created_ms=now_ms,
        )
    )
    audit(connection, now_ms, by, "user.add", email, role=role.value)


def disable_user(connection: Connection, central: Central, by: str, user: str) -> None:
    """End an account and its sessions. Raises `RequestError`."""
    table, now_ms = schema.user, central.clock.now_ms()
    change_known(
        connection,
        update(table)
        .where(table.c.id == user, table.c.disabled_ms.is_(None))
        .values(disabled_ms=now_ms),
        "account",
        user,
    )
    audit(connection, now_ms, by, "user.disable", user)


def add_key(
    connection: Connection,
    central: Central,
    by: str,
    name: str,
    scopes: Sequence[Scope],
    per_minute: int,
) -> str:
    """Make an API key; returns it, of which only a hash is kept."""
    require_plain(name=name)
    token, now_ms = new_token("key"), central.clock.now_ms()
    connection.execute(
        insert(schema.api_key).values(
            id=new_id(),
            name=name,
            key_hash=token_hash(token),
            scopes=json.dumps([scope.value for scope in scopes]),
            rate_per_min=per_minute,
            created_ms=now_ms,
        )
    )
    audit(connection, now_ms, by, "key.add", name)
    return token


def revoke_key(connection: Connection, central: Central, by: str, key: str) -> None:
    """End a key. Raises `RequestError`."""
    table, now_ms = schema.api_key, central.clock.now_ms()
    change_known(
        connection,
        update(table)
        .where(table.c.id == key, table.c.revoked_ms.is_(None))
        .values(revoked_ms=now_ms),
        "key",
        key,
    )
    audit(connection, now_ms, by, "key.revoke", key)
