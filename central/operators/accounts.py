"""Who may use the server: operators with a password, programs with a key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from central import schema, simulated
from central.adapters import new_id
from central.addresses import address, folded
from central.areas import grants
from central.areas.visible import EVERYWHERE, NETWORK, Grant, Reach, accounts_visible_to
from central.auth import Role, Scope
from central.carriers import carriers
from central.context import Central, audit, change_known
from central.database.locks import lock_name, lock_rows
from central.errors import RequestError, not_found, require_plain
from central.operators import passwords, sessions
from central.sealing import blind_index
from central.tokens import new_token, token_hash
from kiosk.model.carriers import OPERATOR


def add_user(
    connection: Connection,
    central: Central,
    by: str,
    email: str,
    name: str,
    role: Role,
    password: str,
    area: str = EVERYWHERE,
    reach: Reach = NETWORK,
) -> str:
    """Make an operator's account, with a role everywhere or in an area; its id. Without a password
    nobody signs in by one until its owner has set one by a link. Raises `RequestError`."""
    if password:
        passwords.require(password)
    password_hash = central.secrets.hash_password(password) if password else ""
    given = [Grant(area, role)]
    return add(connection, central, by, email, name, given, reach, password_hash=password_hash)


def add(
    connection: Connection,
    central: Central,
    by: str,
    email: str,
    name: str,
    given: Sequence[Grant],
    reach: Reach = NETWORK,
    *,
    password_hash: str = "",
    provider_subject: str | None = None,
) -> str:
    """The same with what is kept of a password, or of a provider's account."""
    table, now_ms, account = schema.user, central.clock.now_ms(), new_id()
    require_plain(email=email, name=name)
    try:
        email = address(email, is_inside=True)
    except ValueError as error:
        raise RequestError(422, "invalid", f"email: {error}") from error
    lock_accounts(connection)
    same = select(table.c.id, table.c.email, table.c.disabled_ms).where(
        _has_address(connection, email)
    )
    if known := connection.execute(same).first():
        raise _taken(connection, known, reach)
    connection.execute(
        insert(table).values(
            id=account,
            email=email,
            email_folded=_index(connection, email),
            name=name,
            password_hash=password_hash,
            provider_subject=provider_subject,
            created_ms=now_ms,
        )
    )
    grants.replace(connection, account, given, reach)
    audit(connection, now_ms, by, "user.add", email, grants=[str(each) for each in given])
    return account


def _taken(connection: Connection, known: Any, reach: Reach) -> RequestError:
    """Why an address cannot be that of another account; of one that somebody may not see, only
    that."""
    seen = select(schema.user.c.id).where(schema.user.c.id == known.id, accounts_visible_to(reach))
    if connection.execute(seen).first() is None:
        return RequestError(409, "exists", "this address cannot be used: it has an account already")
    state = " It is disabled: enable it instead." if known.disabled_ms is not None else ""
    return RequestError(409, "exists", f"there is an account {known.email!r} already.{state}")


def lock_accounts(connection: Connection) -> None:
    """Which accounts there are, and who may do what, is changed by one at a time: no address twice,
    and never the last administrator gone."""
    lock_name(connection, "accounts")


def lock(connection: Connection, account: str) -> None:
    """Lock an account, to change by what its owner proves who they are, or what they have open."""
    lock_rows(connection, schema.user, [account])


def _index(connection: Connection, email: str) -> str:
    return blind_index(connection, folded(email), "user_account.email")


def names_of(connection: Connection, emails: Iterable[str]) -> dict[str, str]:
    """What those are called who have these e-mail addresses, by them."""
    table = schema.user
    indexes = {_index(connection, email): email for email in emails}
    query = select(table.c.email_folded, table.c.name).where(table.c.email_folded.in_(indexes))
    return {indexes[index]: name for index, name in connection.execute(query) if name}


def _has_address(connection: Connection, email: str) -> ColumnElement[bool]:
    return schema.user.c.email_folded == _index(connection, email)


def find(connection: Connection, email: str) -> Any:
    """The row of the account with an e-mail address in whichever case; None without one."""
    table = schema.user
    return connection.execute(
        select(table).where(_has_address(connection, email), table.c.disabled_ms.is_(None))
    ).first()


def known(connection: Connection, email: str) -> str:
    """The id of the account with an e-mail address, the disabled ones among them. Raises
    `RequestError`."""
    table = schema.user
    query = select(table.c.id).where(_has_address(connection, email))
    found = connection.execute(query.order_by(table.c.disabled_ms.is_not(None))).scalar()
    if found is None:
        raise not_found("account", email)
    return str(found)


def disable_user(connection: Connection, central: Central, by: str, user: str) -> None:
    """End an account and its sessions. Raises `RequestError`."""
    lock_accounts(connection)
    row, now_ms = _row(connection, user), central.clock.now_ms()
    if row.disabled_ms is not None:
        raise RequestError(409, "disabled", f"the account {row.email!r} is disabled already")
    table = schema.user
    connection.execute(update(table).where(table.c.id == user).values(disabled_ms=now_ms))
    if grants.administers_everything(connection, user):
        _require_an_admin(connection, row)
    ended = sessions.end_all(connection, user)
    audit(connection, now_ms, by, "user.disable", row.email, sessions_ended=ended)


def enable_user(connection: Connection, central: Central, by: str, user: str) -> None:
    """Let a disabled account sign in again. Raises `RequestError`."""
    lock_accounts(connection)
    row, table = _row(connection, user), schema.user
    if row.disabled_ms is None:
        raise RequestError(409, "enabled", f"the account {row.email!r} is not disabled")
    other = find(connection, row.email)
    if other is not None:
        problem = f"the account {other.email!r} has the same address: disable it first"
        raise RequestError(409, "exists", problem)
    connection.execute(update(table).where(table.c.id == user).values(disabled_ms=None))
    audit(connection, central.clock.now_ms(), by, "user.enable", row.email)


def set_grants(
    connection: Connection,
    central: Central,
    by: str,
    user: str,
    given: Sequence[Grant],
    reach: Reach = NETWORK,
) -> None:
    """Let an account do this and nothing else; its sessions end. Raises `RequestError`."""
    lock_accounts(connection)
    before = grants.of(connection, user)
    if sorted(before) == sorted(given):
        return
    grants.replace(connection, user, given, reach)
    _changed(connection, central, by, user, before)


def set_role(
    connection: Connection,
    central: Central,
    by: str,
    user: str,
    role: Role,
    area: str = EVERYWHERE,
    reach: Reach = NETWORK,
) -> None:
    """Let an account do more or less everywhere, or in an area; its sessions end. Raises
    `RequestError`."""
    lock_accounts(connection)
    before = grants.of(connection, user)
    if Grant(area, role) not in before:
        grants.put(connection, user, Grant(area, role), reach)
        _changed(connection, central, by, user, before)


def take_role(connection: Connection, central: Central, by: str, user: str, area: str) -> None:
    """Take the role away that an account has right in an area; its sessions end. Raises
    `RequestError`."""
    lock_accounts(connection)
    before = grants.of(connection, user)
    grants.take(connection, user, area)
    _changed(connection, central, by, user, before)


def _changed(
    connection: Connection, central: Central, by: str, user: str, before: Sequence[Grant]
) -> None:
    row, now = _row(connection, user), grants.of(connection, user)
    if row.disabled_ms is None and Grant(EVERYWHERE, Role.ADMIN) in before:
        _require_an_admin(connection, row)
    ended = sessions.end_all(connection, user)
    details: dict[str, Any] = {
        "grants": [str(each) for each in now],
        "before": [str(each) for each in before],
    }
    now_ms = central.clock.now_ms()
    details["sessions_ended"] = ended
    audit(connection, now_ms, by, "user.role", row.email, **details)


def sign_out_everywhere(connection: Connection, central: Central, by: str, user: str) -> int:
    """End all sessions of an account; how many they were. Raises `RequestError`."""
    lock(connection, user)
    row = _row(connection, user)
    ended = sessions.end_all(connection, user)
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, by, "user.sign-out", row.email, sessions_ended=ended)
    return ended


def email_of(connection: Connection, user: str) -> str:
    """The address of an account. Raises `RequestError`."""
    return str(_row(connection, user).email)


def _row(connection: Connection, user: str) -> Any:
    table = schema.user
    row = connection.execute(select(table).where(table.c.id == user)).first()
    if row is None:
        raise not_found("account", user)
    return row


def _require_an_admin(connection: Connection, row: Any) -> None:
    """Keep the last administrator of everything: without one, nobody makes another from the pages.
    What was changed just now is not, where this raises."""
    if grants.count_administrators(connection) == 0:
        problem = f"{row.email!r} is the only administrator: make another one first"
        raise RequestError(409, "last_admin", problem)


def add_key(
    connection: Connection,
    central: Central,
    by: str,
    name: str,
    scopes: Sequence[Scope],
    per_minute: int,
    carrier: str = OPERATOR,
) -> str:
    """Make an API key of a carrier; returns it, of which only a hash is kept. Raises
    `RequestError`."""
    require_plain(name=name)
    carriers.require_known(connection, carrier)
    if carrier in simulated.carriers(connection):
        problem = f"carrier {carrier!r} is a sandbox, which has one key: make another sandbox"
        raise RequestError(422, "invalid", problem)
    token, now_ms = new_token("key"), central.clock.now_ms()
    connection.execute(
        insert(schema.api_key).values(
            id=new_id(),
            name=name,
            carrier=carrier,
            key_hash=token_hash(token),
            scopes=json.dumps([scope.value for scope in scopes]),
            rate_per_min=per_minute,
            created_ms=now_ms,
        )
    )
    audit(connection, now_ms, by, "key.add", name, carrier=carrier)
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
