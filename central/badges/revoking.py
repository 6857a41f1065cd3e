"""The short list of badges that are good no more though they have not ended."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, delete, func, select

from central import schema
from central.adapters import new_id
from central.badges.issuing import AHEAD_DAYS_MAX
from central.carriers.carriers import require_known
from central.context import Central, audit
from central.database.bulk import insert_once
from central.errors import RequestError, not_found
from central.sync.staff_list import count_change
from kiosk.model.clock import DAY_MS
from kiosk.model.signed_badge import (
    ID_BYTES,
    PSEUDONYM,
    VALID_DAYS_MAX,
    BadgeError,
    is_signed_badge,
    read,
)
from kiosk.sync.contract import REVOKED_BADGES_MAX

OF_A_CARRIER_MAX = 500
"""How much a carrier may have revoked at once; for more, its key is the thing to end."""
LONGEST_MS = (AHEAD_DAYS_MAX + VALID_DAYS_MAX) * DAY_MS
"""After so long whatever badge was made until now has ended."""


def revoke(
    connection: Connection,
    central: Central,
    by: str,
    carrier: str,
    badge: str = "",
    pseudonym: str = "",
    until_ms: int | None = None,
) -> str:
    """Have a badge, by its text or id, or all of a courier's be good no more; the id of that.
    `until_ms`: when the last of them ends by itself. Raises `RequestError`."""
    now_ms = central.clock.now_ms()
    require_known(connection, carrier)
    badge, pseudonym, ends_ms = _named(carrier, badge.strip(), pseudonym.strip())
    until_ms = until_ms or ends_ms or now_ms + LONGEST_MS
    if until_ms <= now_ms:
        raise RequestError(422, "invalid", "until_ms: it has ended by itself already")
    # Counted first: whoever revokes something else meanwhile waits for it.
    count_change(connection, now_ms)
    _require_room(connection, carrier, now_ms)
    revocation = {
        "id": new_id(),
        "carrier": carrier,
        "badge": badge,
        "pseudonym": pseudonym,
        "created_ms": now_ms,
        "until_ms": until_ms,
    }
    _forget(connection, carrier, badge, pseudonym)
    insert_once(connection, schema.revoked_badge, revocation)
    subject = f"{carrier}:{pseudonym}" if pseudonym else f"{carrier} {badge}"
    audit(connection, now_ms, by, "badge.revoke", subject, until_ms=until_ms)
    return str(revocation["id"])


def take_back(
    connection: Connection, central: Central, by: str, carrier: str, revocation: str
) -> None:
    """Have what was revoked be good again. Raises `RequestError`."""
    table, now_ms = schema.revoked_badge, central.clock.now_ms()
    is_it = (table.c.id == revocation) & (table.c.carrier == carrier)
    row = connection.execute(select(table).where(is_it)).first()
    if row is None:
        raise not_found("revocation", revocation)
    connection.execute(delete(table).where(is_it))
    count_change(connection, now_ms)
    audit(connection, now_ms, by, "badge.good_again", f"{carrier} {row.badge or row.pseudonym}")


def rows(connection: Connection, carrier: str, now_ms: int) -> list[dict[str, Any]]:
    """What a carrier has revoked and has not ended, the newest first."""
    table = schema.revoked_badge
    mine = select(table).where(table.c.carrier == carrier, table.c.until_ms > now_ms)
    found = connection.execute(mine.order_by(table.c.created_ms.desc(), table.c.id)).mappings()
    return [dict(row) for row in found]


def _named(carrier: str, badge: str, pseudonym: str) -> tuple[str, str, int | None]:
    """The id of a badge or a courier's pseudonym, and when the badge ends where it says so. Raises
    `RequestError`."""
    if bool(badge) is bool(pseudonym):
        raise RequestError(422, "invalid", "badge, pseudonym: one of them is right, not both")
    if pseudonym:
        if re.fullmatch(PSEUDONYM, pseudonym) is None:
            raise RequestError(422, "invalid", f"pseudonym {pseudonym[:40]!r}: no badge has it")
        return "", pseudonym, None
    if is_signed_badge(badge):
        try:
            says = read(badge).says
        except BadgeError as error:
            raise RequestError(422, "invalid", "badge: its text is not whole") from error
        if says.carrier != carrier:
            raise RequestError(422, "invalid", "badge: it is of another carrier")
        return says.id, "", says.until_s * 1000
    if re.fullmatch(f"[0-9a-f]{{{2 * ID_BYTES}}}", badge) is None:
        right = f"its text, or its id of {2 * ID_BYTES} hexadecimal digits"
        raise RequestError(422, "invalid", f"badge {badge[:40]!r}: right is {right}")
    return badge, "", None


def _require_room(connection: Connection, carrier: str, now_ms: int) -> None:
    table = schema.revoked_badge
    of_all = select(func.count()).where(table.c.until_ms > now_ms)
    mine = connection.execute(of_all.where(table.c.carrier == carrier)).scalar_one()
    if mine >= OF_A_CARRIER_MAX:
        problem = f"{mine} of {carrier} are revoked: end the key that signed them instead"
        raise RequestError(409, "full", problem)
    if connection.execute(of_all).scalar_one() >= REVOKED_BADGES_MAX:
        problem = "kiosks take no more: take back what is needed no more, or ask the operator"
        raise RequestError(409, "full", problem)


def _forget(connection: Connection, carrier: str, badge: str, pseudonym: str) -> None:
    """What was revoked under this before: another end counts from now on."""
    table = schema.revoked_badge
    same = (table.c.carrier == carrier) & (table.c.badge == badge)
    connection.execute(delete(table).where(same, table.c.pseudonym == pseudonym))
