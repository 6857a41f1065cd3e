"""Operators' passwords: what one is, changing it, and the link with which somebody sets a new one.

Hashing takes its time, so callers hash before they write, on a thread of their own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from central import schema
from central.context import Central, audit
from central.database.locks import lock_rows
from central.errors import RequestError, not_found
from central.operators import sessions
from central.tokens import new_token, token_hash

LEAST = 10
"""How many characters a password has at least."""
MOST = 200
_HASHING = ThreadPoolExecutor(2, "password")
"""Each hash takes 32 MB; whoever sends many tries at once waits, and no other request does."""
_KNOWN = ThreadPoolExecutor(1, "password of a known device")
"""Those who have signed in before do not wait behind those who guess."""


def require(password: str) -> None:
    """Refuse what is no good password. Raises `RequestError`."""
    if len(password) < LEAST:
        raise RequestError(
            422, "invalid", f"the password is too short: {LEAST} characters at least"
        )
    if len(password) > MOST:
        raise RequestError(422, "invalid", f"the password is too long: {MOST} characters at most")


async def hashed(central: Central, password: str) -> str:
    """The hash of a new password. Raises `RequestError`."""
    require(password)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_KNOWN, central.secrets.hash_password, password)


async def is_right(central: Central, password_hash: str, password: str, *, is_known: bool) -> bool:
    """Whether a password is the one of the hash; takes its time where there is none, too."""
    loop = asyncio.get_running_loop()
    lane = _KNOWN if is_known else _HASHING
    check = central.secrets.check_password
    return await loop.run_in_executor(lane, check, password_hash, password)


def change(
    connection: Connection,
    central: Central,
    by: str,
    account: str,
    password_hash: str,
    *,
    kept: sessions.Session | None = None,
) -> None:
    """Set a password; the account's sessions end, but for one. Raises `RequestError`."""
    table, now_ms = schema.user, central.clock.now_ms()
    email = connection.execute(
        update(table)
        .where(table.c.id == account, table.c.disabled_ms.is_(None))
        .values(password_hash=password_hash)
        .returning(table.c.email)
    ).scalar()
    if email is None:
        raise not_found("account", account)
    ended = sessions.end_all(connection, account, but=kept)
    connection.execute(delete(schema.account_link).where(schema.account_link.c.account == account))
    audit(connection, now_ms, by, "password.change", email, sessions_ended=ended)


# --- links -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A link with which the owner of an account sets a password, once."""

    account: str
    email: str


def make_link(connection: Connection, central: Central, by: str, account: str) -> str:
    """A link's token for an account, in place of any before; the password stays good until it is
    used. Raises `RequestError`."""
    table, now_ms, token = schema.account_link, central.clock.now_ms(), new_token("link")
    lock_rows(connection, schema.user, [account])
    email = _email(connection, account)
    connection.execute(delete(table).where(table.c.account == account))
    until_ms = now_ms + central.settings.sign_in.link_h * 3_600_000
    connection.execute(
        insert(table).values(
            token_hash=token_hash(token), account=account, created_ms=now_ms, until_ms=until_ms
        )
    )
    audit(connection, now_ms, by, "password.link", email)
    return token


def link_of(connection: Connection, central: Central, token: str) -> Link:
    """Whose link this is. Raises `RequestError` when it is used, too old, or was never made."""
    row = _link(connection, token, central.clock.now_ms())
    if row is None:
        raise RequestError(
            404,
            "not_found",
            "this link was used, or its time is over: ask an administrator for a new one",
        )
    return Link(row.account, row.email)


def use_link(connection: Connection, central: Central, token: str, password_hash: str) -> Link:
    """Set the password of a link's account; the link is good no more. Raises `RequestError`."""
    # It is good once: whoever comes with it at the same time waits here, and finds it used.
    lock_rows(connection, schema.account_link, [token_hash(token)])
    link = link_of(connection, central, token)
    change(connection, central, link.email, link.account, password_hash)
    return link


def forget_links(connection: Connection, now_ms: int) -> None:
    """Delete the links whose time is over."""
    table = schema.account_link
    connection.execute(delete(table).where(table.c.until_ms < now_ms))


def _link(connection: Connection, token: str, now_ms: int) -> Any:
    table, user = schema.account_link, schema.user
    return connection.execute(
        select(table.c.account, user.c.email)
        .join(user, user.c.id == table.c.account)
        .where(
            table.c.token_hash == token_hash(token),
            table.c.until_ms > now_ms,
            user.c.disabled_ms.is_(None),
        )
    ).first()


def _email(connection: Connection, account: str) -> str:
    table = schema.user
    email = connection.execute(
        select(table.c.email).where(table.c.id == account, table.c.disabled_ms.is_(None))
    ).scalar()
    if email is None:
        raise not_found("account", account)
    return str(email)
