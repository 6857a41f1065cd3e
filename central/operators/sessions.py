"""Operators' sessions, kept at the server: each can be ended, one by one or all of an account.

The browser holds a random token, of which only a hash is kept. A session ends with sign-out, after
its idle or its whole time, when its account is disabled, and when the account's password, role or
second factor changes. Its token changes whenever somebody proves more than before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update

from central import schema
from central.adapters import new_id
from central.areas import grants
from central.areas.visible import Grant
from central.auth import Role
from central.context import Central
from central.database.locks import lock_rows
from central.settings import SignIn
from central.tokens import new_token, token_hash

HALF_S = 600
"""How long a session waits for the second factor."""
TOUCHED_EVERY_MS = 60_000
"""A session's last use is written down once in so long."""
KNOWN_S = 86_400
"""So long it is known whose a session was that has ended by its time."""
DEVICE_MAX = 200


class Way(StrEnum):
    """How somebody signed in."""

    PASSWORD = "password"
    PROVIDER = "provider"
    PROVIDER_WITH_FACTOR = "provider with a second factor"


class Proof(StrEnum):
    """By what somebody proves who they are once more."""

    NONE = "none"
    PASSWORD = "password"
    FACTOR = "second factor"


class Standing(StrEnum):
    """How far a session has come."""

    FULL = "full"
    ASKS_FACTOR = "asks for the second factor"
    ASKS_ENROLMENT = "asks to set a second factor up"


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has not ended, with its account."""

    id: str
    account: str
    email: str
    name: str
    role: Role
    """The most that its operator may do anywhere."""
    grants: tuple[Grant, ...]
    way: Way
    created_ms: int
    seen_ms: int
    proved_ms: int
    """When its operator last proved who they are, by the most that they have."""
    factor_ms: int | None
    """When a second factor was last given."""
    has_app: bool
    has_passkey: bool
    has_password: bool

    @property
    def has_factor(self) -> bool:
        """Whether the account has a second factor here."""
        return self.has_app or self.has_passkey

    def ends_ms(self, rules: SignIn) -> int:
        """When it ends if nobody uses it any more."""
        by_use_ms = self.seen_ms + rules.idle_s * 1000
        ends_ms = min(by_use_ms, self.created_ms + rules.session_s * 1000)
        if self.standing(rules) is Standing.ASKS_FACTOR:
            return min(ends_ms, self.created_ms + HALF_S * 1000)
        return ends_ms

    def standing(self, rules: SignIn) -> Standing:
        """How far it has come, by the rules as they are now."""
        if self.has_factor:
            return Standing.FULL if self.factor_ms is not None else Standing.ASKS_FACTOR
        if self.way is Way.PROVIDER_WITH_FACTOR or not rules.needs_factor(self.role is Role.ADMIN):
            return Standing.FULL
        return Standing.ASKS_ENROLMENT


def begin(
    connection: Connection,
    central: Central,
    account: str,
    way: Way,
    address: str,
    device: str,
    *,
    replaced: str = "",
) -> str:
    """Begin a session, in place of the one of a token that the browser had; its own token."""
    table, now_ms, token = schema.operator_session, central.clock.now_ms(), new_token("session")
    if replaced:
        connection.execute(delete(table).where(table.c.id == token_hash(replaced)))
    connection.execute(
        insert(table).values(
            id=token_hash(token),
            name=new_id(),
            account=account,
            way=way.value,
            address=address,
            device=device[:DEVICE_MAX],
            created_ms=now_ms,
            seen_ms=now_ms,
            proved_ms=now_ms,
            factor_ms=now_ms if way is Way.PROVIDER_WITH_FACTOR else None,
        )
    )
    return token


def find(connection: Connection, central: Central, token: str) -> Session | None:
    """The session of a token; None when there is none, or its time is over."""
    table, user, passkey = schema.operator_session, schema.user, schema.passkey
    has_passkey = exists().where(passkey.c.account == user.c.id)
    row = connection.execute(
        select(
            table,
            user.c.email,
            user.c.name.label("person"),
            user.c.role,
            user.c.totp_sealed.is_not(None).label("has_app"),
            (user.c.password_hash != "").label("has_password"),
            has_passkey.label("has_passkey"),
        )
        .join(user, user.c.id == table.c.account)
        .where(table.c.id == token_hash(token), user.c.disabled_ms.is_(None))
    ).first()
    if row is None:
        return None
    found = Session(
        id=row.id,
        account=row.account,
        email=row.email,
        name=row.person or row.email,
        role=Role(row.role),
        grants=grants.of(connection, row.account),
        way=Way(row.way),
        created_ms=row.created_ms,
        seen_ms=row.seen_ms,
        proved_ms=row.proved_ms,
        factor_ms=row.factor_ms,
        has_app=bool(row.has_app),
        has_passkey=bool(row.has_passkey),
        has_password=bool(row.has_password),
    )
    is_over = central.clock.now_ms() > found.ends_ms(central.settings.sign_in)
    return None if is_over else found


def account_of(connection: Connection, token: str) -> str | None:
    """Whose the session of a token is, or was until it ended by its time."""
    table, user = schema.operator_session, schema.user
    query = select(table.c.account).join(user, user.c.id == table.c.account)
    query = query.where(table.c.id == token_hash(token), user.c.disabled_ms.is_(None))
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def touch(connection: Connection, session: Session, now_ms: int) -> None:
    """Write down that a session is used."""
    table = schema.operator_session
    connection.execute(update(table).where(table.c.id == session.id).values(seen_ms=now_ms))


def renew(connection: Connection, central: Central, session: Session, proof: Proof) -> str | None:
    """A new token for a session, with what its operator has proved just now; the one before is good
    no more. None when the session has ended meanwhile."""
    table, now_ms, token = schema.operator_session, central.clock.now_ms(), new_token("session")
    values: dict[str, Any] = {"id": token_hash(token), "seen_ms": now_ms}
    if proof is not Proof.NONE:
        values["proved_ms"] = now_ms
    if proof is Proof.FACTOR:
        values["factor_ms"] = now_ms
    changed = connection.execute(update(table).where(table.c.id == session.id).values(**values))
    return token if changed.rowcount else None


def end(connection: Connection, session: Session) -> None:
    """End one session."""
    table = schema.operator_session
    connection.execute(delete(table).where(table.c.id == session.id))


def end_all(connection: Connection, account: str, *, but: Session | None = None) -> int:
    """End the sessions of an account, but for one; how many they were. One that is begun just now
    comes before, or finds what was changed."""
    lock_rows(connection, schema.user, [account])
    table = schema.operator_session
    where = table.c.account == account
    if but is not None:
        where &= table.c.id != but.id
    return connection.execute(delete(table).where(where)).rowcount


def is_going_on(rules: SignIn, now_ms: int, *, known_s: int = 0) -> ColumnElement[bool]:
    """The sessions whose time is not over, or ended so lately."""
    table = schema.operator_session
    used_ms = now_ms - (rules.idle_s + known_s) * 1000
    return (table.c.seen_ms >= used_ms) & (
        table.c.created_ms >= now_ms - (rules.session_s + known_s) * 1000
    )


def of_account(
    connection: Connection, account: str, rules: SignIn, now_ms: int
) -> list[dict[str, Any]]:
    """The sessions of an account, the last used first."""
    table = schema.operator_session
    mine = (table.c.account == account) & is_going_on(rules, now_ms)
    query = select(table).where(mine).order_by(table.c.seen_ms.desc())
    return [dict(row) for row in connection.execute(query).mappings()]


def forget(connection: Connection, rules: SignIn, now_ms: int) -> None:
    """Delete the sessions whose time has been over for a day."""
    is_known = is_going_on(rules, now_ms, known_s=KNOWN_S)
    connection.execute(delete(schema.operator_session).where(~is_known))


# --- what a session was offered ----------------------------------------------------------------


def offer(connection: Connection, central: Central, session: Session, kind: str, text: str) -> None:
    """Keep something for the next request of a session: a secret to confirm, a challenge."""
    lock_rows(connection, schema.operator_session, [session.id])
    kept = _offers(connection, central, session) | {kind: text}
    _keep(connection, central, session, kept)


def offered(connection: Connection, central: Central, session: Session, kind: str) -> str | None:
    """What a session was offered."""
    return _offers(connection, central, session).get(kind)


def take_offer(connection: Connection, central: Central, session: Session, kind: str) -> str | None:
    """What a session was offered, which can be taken once."""
    lock_rows(connection, schema.operator_session, [session.id])
    kept = _offers(connection, central, session)
    found = kept.pop(kind, None)
    _keep(connection, central, session, kept)
    return found


def _offers(connection: Connection, central: Central, session: Session) -> dict[str, str]:
    table = schema.operator_session
    sealed = connection.execute(select(table.c.offers).where(table.c.id == session.id)).scalar()
    return {} if sealed is None else dict(json.loads(central.secrets.open(sealed)))


def _keep(
    connection: Connection, central: Central, session: Session, offers: dict[str, str]
) -> None:
    table = schema.operator_session
    sealed = central.secrets.seal(json.dumps(offers).encode())
    connection.execute(update(table).where(table.c.id == session.id).values(offers=sealed))
