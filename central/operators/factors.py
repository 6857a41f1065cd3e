"""The second factor: codes of an app (TOTP, RFC 6238), and recovery codes for when it is lost.

A code of the app is good once, and the half minutes beside its own count, too, for clocks that are
a little off. Recovery codes are random, shown once, kept as hashes and good once each.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pyotp
from pyotp.utils import strings_equal
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from central import schema
from central.adapters import RNG
from central.context import Central, alarm, audit
from central.database.locks import lock_rows
from central.errors import RequestError, not_found
from central.operators import sessions, throttle
from central.operators.sessions import Session
from central.tokens import token_hash

STEP_S = 30
NEAR = (0, -1, 1)
"""Whose codes are taken beside those of this half minute."""
RECOVERY_CODES = 10
RECOVERY_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
RECOVERY_LENGTH = 16
"""80 bits, so that a plain hash is enough and nobody guesses one."""
FEW = 3
"""With so few recovery codes left, the page says so."""


# --- the app -----------------------------------------------------------------------------------


def new_app_secret() -> str:
    """The secret that an app and the server will have in common."""
    return pyotp.random_base32()


def app_uri(central: Central, email: str, secret: str) -> str:
    """What an app reads from the QR code."""
    place = urlsplit(central.settings.base_url).hostname or ""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Parcel lockers {place}")


def step_of(secret: str, code: str, now_ms: int) -> int | None:
    """The number of the half minute whose code this is; None for a wrong one."""
    plain = "".join(code.split())
    if not (plain.isascii() and plain.isdigit()):
        return None
    totp, now = pyotp.TOTP(secret), now_ms // (STEP_S * 1000)
    # All are looked at, so that the time tells nothing of which it is.
    right = {now + near: totp.at((now + near) * STEP_S) for near in NEAR}
    found = [step for step, one in right.items() if strings_equal(plain, one)]
    return found[0] if found else None


def set_app(
    connection: Connection, central: Central, session: Session, secret: str, code: str
) -> None:
    """Take an app as the account's, once it has shown that it has the secret. Raises
    `RequestError`."""
    step = step_of(secret, code, central.clock.now_ms())
    if step is None:
        raise RequestError(
            422,
            "wrong_code",
            "this code is not the app's: type the six digits it shows now, and set the clock of"
            " the phone if they are never right",
        )
    table = schema.user
    sealed = central.secrets.seal(secret.encode())
    connection.execute(
        update(table)
        .where(table.c.id == session.account)
        .values(totp_sealed=sealed, totp_step=step)
    )
    ended = sessions.end_all(connection, session.account, but=session)
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, session.email, "factor.app", session.email, sessions_ended=ended)


def has_app(connection: Connection, account: str) -> bool:
    """Whether an account has an app."""
    table = schema.user
    sealed = connection.execute(select(table.c.totp_sealed).where(table.c.id == account)).scalar()
    return sealed is not None


def use_app_code(connection: Connection, central: Central, account: str, code: str) -> bool:
    """Whether a code is the app's and was not used before; it is used now."""
    table = schema.user
    sealed = connection.execute(select(table.c.totp_sealed).where(table.c.id == account)).scalar()
    if sealed is None:
        return False
    step = step_of(central.secrets.open(sealed).decode(), code, central.clock.now_ms())
    if step is None:
        return False
    used = connection.execute(
        update(table)
        .where(table.c.id == account, or_(table.c.totp_step.is_(None), table.c.totp_step < step))
        .values(totp_step=step)
    )
    return bool(used.rowcount)


# --- recovery codes ----------------------------------------------------------------------------


def new_recovery_codes(connection: Connection, central: Central, session: Session) -> list[str]:
    """New recovery codes in place of those before; they are kept nowhere."""
    table, now_ms = schema.recovery_code, central.clock.now_ms()
    codes = [
        "".join(RNG.choice(RECOVERY_LETTERS) for _ in range(RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    lock_rows(connection, schema.user, [session.account])
    connection.execute(delete(table).where(table.c.account == session.account))
    connection.execute(
        insert(table),
        [
            {"code_hash": token_hash(code), "account": session.account, "created_ms": now_ms}
            for code in codes
        ],
    )
    audit(connection, now_ms, session.email, "recovery.new", session.email)
    return ["-".join(code[n : n + 4] for n in range(0, RECOVERY_LENGTH, 4)) for code in codes]


def recovery_codes_left(connection: Connection, account: str) -> int:
    """How many recovery codes of an account were not used."""
    table = schema.recovery_code
    query = select(func.count()).where(table.c.account == account, table.c.used_ms.is_(None))
    return connection.execute(query).scalar_one()


def use_recovery_code(connection: Connection, central: Central, account: str, code: str) -> bool:
    """Whether a code is one of the account's and was not used before; it is used now."""
    table = schema.recovery_code
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    used = connection.execute(
        update(table)
        .where(
            table.c.code_hash == token_hash(plain),
            table.c.account == account,
            table.c.used_ms.is_(None),
        )
        .values(used_ms=central.clock.now_ms())
    )
    return bool(used.rowcount)


# --- all of them -------------------------------------------------------------------------------


def remove_app(connection: Connection, central: Central, session: Session) -> None:
    """Take the app's codes no more."""
    table, now_ms = schema.user, central.clock.now_ms()
    connection.execute(
        update(table).where(table.c.id == session.account).values(totp_sealed=None, totp_step=None)
    )
    audit(connection, now_ms, session.email, "factor.app.remove", session.email)


def reset(connection: Connection, central: Central, by: str, account: str) -> None:
    """Take every second factor of an account away, for an owner who has lost it; its sessions end.
    At the next sign-in it is set up again where it must be had. Raises `RequestError`."""
    table, now_ms = schema.user, central.clock.now_ms()
    email = connection.execute(
        update(table)
        .where(table.c.id == account)
        .values(totp_sealed=None, totp_step=None)
        .returning(table.c.email)
    ).scalar()
    if email is None:
        raise not_found("account", account)
    for other in (schema.passkey, schema.recovery_code):
        connection.execute(delete(other).where(other.c.account == account))
    ended = sessions.end_all(connection, account)
    throttle.forgive(connection, central, guessing_bucket(account))
    audit(connection, now_ms, by, "factor.reset", email, sessions_ended=ended)


def guessing_bucket(account: str) -> str:
    """Where tries of an account's second factor count that come from no known device."""
    return f"factor {account}"


def tell_of_guesses(connection: Connection, central: Central, account: Any) -> None:
    """Whoever guesses a second factor knows the password: operators hear of it, once a day."""
    bucket = guessing_bucket(account.account)
    if throttle.tries_in(connection, central, bucket) == central.settings.sign_in.tries:
        now_ms = central.clock.now_ms()
        alarm(
            connection,
            now_ms,
            "account.guessed",
            account.email,
            why="the password was right and the second factor wrong, again and again",
        )
