"""Passkeys as the second factor (WebAuthn): keys of a phone, a computer or a stick.

They belong to the name in `public_url`: a browser gives them to no other site, so nobody is talked
into typing one elsewhere. Each challenge is made for one session and good once.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import Connection, delete, select, update
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

from central import schema
from central.context import Central, audit
from central.database.bulk import insert_once
from central.database.locks import lock_rows
from central.errors import RequestError, not_found, require_plain
from central.operators import sessions
from central.operators.sessions import Session

LOG = logging.getLogger("central.passkeys")
ADD, GIVE = "passkey to add", "passkey to give"
MOST = 20
"""How many passkeys an account has at most."""
NAME_MAX = 60
_BROKEN = (WebAuthnException, ValueError, TypeError, LookupError, struct.error, RecursionError)
"""What answers that no browser gives end with."""


def are_possible(central: Central) -> bool:
    """Whether browsers give passkeys to this server: it needs a name, and https beyond loopback."""
    url = urlsplit(central.settings.base_url)
    name = url.hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return url.scheme == "https" or name == "localhost" or name.endswith(".localhost")
    return False


def _place(central: Central) -> tuple[str, str]:
    """The name that the passkeys belong to, and the pages' origin."""
    url = urlsplit(central.settings.base_url)
    return url.hostname or "", f"{url.scheme}://{url.netloc}"


@contextmanager
def _refused() -> Iterator[None]:
    """Refuse an answer that is not right. Raises `RequestError`."""
    try:
        yield
    except _BROKEN as error:
        LOG.info("a passkey was refused: %s", error)
        raise RequestError(
            422, "passkey", "this passkey was not accepted; load the page again and try once more"
        ) from error


def of_account(connection: Connection, account: str) -> list[dict[str, Any]]:
    """The passkeys of an account, the oldest first."""
    table = schema.passkey
    query = select(table).where(table.c.account == account).order_by(table.c.created_ms)
    return [dict(row) for row in connection.execute(query).mappings()]


def _descriptors(rows: list[dict[str, Any]]) -> list[PublicKeyCredentialDescriptor]:
    known = {each.value: each for each in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            base64url_to_bytes(row["id"]),
            transports=[known[name] for name in json.loads(row["transports"]) if name in known],
        )
        for row in rows
    ]


# --- adding one --------------------------------------------------------------------------------


def options_to_add(connection: Connection, central: Central, session: Session) -> str:
    """What the browser needs to make a passkey, as JSON."""
    name, _ = _place(central)
    options = webauthn.generate_registration_options(
        rp_id=name,
        rp_name="Parcel lockers",
        user_name=session.email,
        user_id=session.account.encode(),
        exclude_credentials=_descriptors(of_account(connection, session.account)),
    )
    challenge = bytes_to_base64url(options.challenge)
    sessions.offer(connection, central, session, ADD, challenge)
    return webauthn.options_to_json(options)


def add(connection: Connection, central: Central, session: Session, answer: str, name: str) -> None:
    """Take a passkey as the account's; its other sessions end. Raises `RequestError`."""
    require_plain(name=name)
    table, now_ms = schema.passkey, central.clock.now_ms()
    lock_rows(connection, schema.user, [session.account])
    if len(of_account(connection, session.account)) >= MOST:
        raise RequestError(
            409, "too_many", f"an account has {MOST} passkeys at most: remove one first"
        )
    challenge = sessions.take_offer(connection, central, session, ADD)
    place, origin = _place(central)
    with _refused():
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(challenge or ""),
            expected_rp_id=place,
            expected_origin=origin,
        )
        transports = json.loads(answer)["response"].get("transports", [])
        texts = [each for each in transports if isinstance(each, str)][:8]
    key = bytes_to_base64url(found.credential_id)
    row = {
        "id": key,
        "account": session.account,
        "name": name.strip()[:NAME_MAX] or "Passkey",
        "public_key": found.credential_public_key,
        "sign_count": found.sign_count,
        "transports": json.dumps(texts),
        "created_ms": now_ms,
    }
    if not insert_once(connection, table, row):
        raise RequestError(409, "exists", "this passkey is one of an account already")
    ended = sessions.end_all(connection, session.account, but=session)
    audit(connection, now_ms, session.email, "factor.passkey", session.email, sessions_ended=ended)


def remove(connection: Connection, central: Central, session: Session, key: str) -> None:
    """Take one passkey no more. Raises `RequestError`."""
    table = schema.passkey
    gone = connection.execute(
        delete(table).where(table.c.id == key, table.c.account == session.account)
    )
    if not gone.rowcount:
        raise not_found("passkey", key)
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, session.email, "factor.passkey.remove", session.email)


# --- giving one --------------------------------------------------------------------------------


def options_to_give(connection: Connection, central: Central, session: Session) -> str:
    """What the browser needs to give a passkey of the account, as JSON."""
    name, _ = _place(central)
    options = webauthn.generate_authentication_options(
        rp_id=name, allow_credentials=_descriptors(of_account(connection, session.account))
    )
    challenge = bytes_to_base64url(options.challenge)
    sessions.offer(connection, central, session, GIVE, challenge)
    return webauthn.options_to_json(options)


def use(connection: Connection, central: Central, session: Session, answer: str) -> bool:
    """Whether an answer is that of a passkey of the account, to the challenge of this session; that
    is used up either way."""
    challenge = sessions.take_offer(connection, central, session, GIVE)
    table, (place, origin) = schema.passkey, _place(central)
    try:
        with _refused():
            key = str(json.loads(answer)["id"])
            row = connection.execute(
                select(table).where(table.c.id == key, table.c.account == session.account)
            ).first()
            if row is None or not challenge:
                return False
            found = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=place,
                expected_origin=origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=row.sign_count,
            )
    except RequestError:
        return False
    connection.execute(
        update(table)
        .where(table.c.id == key)
        .values(sign_count=found.new_sign_count, used_ms=central.clock.now_ms())
    )
    return True
