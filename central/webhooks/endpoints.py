"""A carrier's receivers: made, changed, given another secret, disabled, removed, tried."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from central import kept, schema
from central.adapters import new_id
from central.carriers.carriers import require_known
from central.carriers.visible import Visible
from central.context import Central, audit
from central.database.locks import locked
from central.errors import RequestError, not_found, one_line
from central.feed import readers
from central.webhooks import payloads, signing
from central.webhooks.destinations import Named, require_url
from central.webhooks.events import EVERYTHING, WANTED, EventType
from central.webhooks.tables import webhook_endpoint
from kiosk.model.clock import HOUR_MS

READER: Final = "webhooks"
"""The feed's reader from which they are made."""
CHANNEL: Final = "webhook"
KEEP_HOURS: Final = 24
"""So long the secret before signs as well, unless something else is asked for."""
KEEP_HOURS_MAX: Final = 7 * 24
_TABLE = webhook_endpoint


def add(
    connection: Connection,
    central: Central,
    by: str,
    whose: Visible,
    url: str,
    events: Sequence[str] = (EVERYTHING,),
) -> dict[str, Any]:
    """A receiver of a carrier, with its secret, which is shown only now; it is sent what its maker
    sees. Raises `RequestError`."""
    now_ms, secret = central.clock.now_ms(), signing.new_secret()
    wanted = require_events(events)
    require_url(url, _named(central))
    _require_room(connection, central, whose)
    # From the first one on what happens is written down for it.
    readers.begin(connection, READER, by, now_ms)
    endpoint = new_id()
    carrier = require_known(connection, whose.carrier)
    values = {"id": endpoint, "carrier": carrier, "sender": whose.sender or "", "url": url}
    values |= {"events": json.dumps(wanted), "secrets": signing.kept_text([secret])}
    connection.execute(insert(_TABLE).values(**values, created_ms=now_ms))
    audit(connection, now_ms, by, "webhook.add", endpoint, carrier=carrier, events=wanted)
    return described(find(connection, endpoint), now_ms) | {"secret": secret.shown}


def _named(central: Central) -> Named:
    return Named.of(central.settings.webhooks.addresses)


def _require_room(connection: Connection, central: Central, whose: Visible) -> None:
    most = central.settings.webhooks.receivers_by_carrier
    is_own = (_TABLE.c.carrier == whose.carrier) & (_TABLE.c.sender == (whose.sender or ""))
    count = connection.execute(select(func.count()).where(is_own, is_there())).scalar_one()
    if count >= most:
        raise RequestError(409, "too_many", f"there are {most} receivers already: remove one")


def require_events(events: Sequence[str]) -> list[str]:
    """The events that somebody asks for, each once. Raises `RequestError`."""
    wanted = list(dict.fromkeys(events))
    for each in wanted:
        if each not in WANTED:
            right = ", ".join(sorted(WANTED))
            raise RequestError(422, "invalid", f"events: {each[:60]!r}: right are {right}")
    if not wanted:
        raise RequestError(422, "invalid", f"events: name some, or {EVERYTHING!r} for all")
    return wanted


def is_there() -> Any:
    """The receivers that were not removed."""
    return _TABLE.c.removed_ms.is_(None)


def find(connection: Connection, endpoint: str, whose: Visible | None = None) -> Any:
    """A receiver's row; one that somebody may see, if they are named. Raises `RequestError`."""
    return _found(connection, endpoint, whose, is_locked=False)


def _found(connection: Connection, endpoint: str, whose: Visible | None, *, is_locked: bool) -> Any:
    query = select(_TABLE).where(_TABLE.c.id == endpoint, is_there())
    row = connection.execute(locked(query) if is_locked else query).first()
    if row is None or (whose is not None and not whose.covers(row)):
        raise not_found("receiver", endpoint)
    return row


def rows(connection: Connection, whose: Visible | None = None) -> list[Any]:
    """The receivers that there are, or those that somebody may see; the oldest first."""
    query = select(_TABLE).where(is_there()).order_by(_TABLE.c.created_ms, _TABLE.c.id)
    if whose is not None:
        query = query.where(_TABLE.c.carrier == whose.carrier)
    return [row for row in connection.execute(query) if whose is None or whose.covers(row)]


def described(row: Any, now_ms: int) -> dict[str, Any]:
    """A receiver as its carrier sees it, without its secret."""
    secrets = signing.read_secrets(row.secrets)
    in_use = signing.in_use(secrets, now_ms)
    return {
        "id": row.id,
        "url": row.url,
        "events": kept.names_of(row.events),
        "public_keys": [each.public_key for each in in_use],
        "secret_before_until_ms": in_use[1].until_ms if len(in_use) > 1 else None,
        "created_ms": row.created_ms,
        "disabled_ms": row.disabled_ms,
        "disabled_why": row.disabled_why,
    }


def change(
    connection: Connection,
    central: Central,
    by: str,
    endpoint: str,
    whose: Visible | None,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    disabled: bool | None = None,
) -> dict[str, Any]:
    """Another URL, other events, disabled or enabled again. Raises `RequestError`."""
    now_ms = central.clock.now_ms()
    row = _found(connection, endpoint, whose, is_locked=True)
    values: dict[str, Any] = {}
    if url is not None and url != row.url:
        values["url"] = require_url(url, _named(central))
    if events is not None:
        values["events"] = json.dumps(require_events(events))
    if disabled is not None and disabled is not (row.disabled_ms is not None):
        values |= {"disabled_ms": now_ms if disabled else None}
        values |= {"disabled_why": "it was disabled by hand" if disabled else ""}
    if values:
        connection.execute(update(_TABLE).where(_TABLE.c.id == endpoint).values(**values))
        shown = {name: value for name, value in values.items() if name != "disabled_ms"}
        audit(connection, now_ms, by, "webhook.change", endpoint, **shown)
    return described(find(connection, endpoint), now_ms)


def disable(connection: Connection, by: str, endpoint: str, why: str, now_ms: int) -> bool:
    """Send nothing more there, for a reason that its carrier reads; whether it was enabled."""
    values = {"disabled_ms": now_ms, "disabled_why": why}
    changed = connection.execute(
        update(_TABLE)
        .where(_TABLE.c.id == endpoint, is_there(), _TABLE.c.disabled_ms.is_(None))
        .values(**values)
    )
    if changed.rowcount:
        audit(connection, now_ms, by, "webhook.disable", endpoint, why=why)
    return bool(changed.rowcount)


def remove(
    connection: Connection, central: Central, by: str, endpoint: str, whose: Visible | None
) -> None:
    """A receiver no more; what was sent there stays in the log for a while. Raises
    `RequestError`."""
    now_ms = central.clock.now_ms()
    _found(connection, endpoint, whose, is_locked=True)
    gone = {"removed_ms": now_ms, "secrets": "[]"}
    connection.execute(update(_TABLE).where(_TABLE.c.id == endpoint).values(**gone))
    audit(connection, now_ms, by, "webhook.remove", endpoint)


def rotate(
    connection: Connection,
    central: Central,
    by: str,
    endpoint: str,
    whose: Visible | None,
    keep_hours: int = KEEP_HOURS,
) -> dict[str, Any]:
    """A new secret, which is shown only now; the one before signs as well for some hours. Raises
    `RequestError`."""
    now_ms = central.clock.now_ms()
    if not 0 <= keep_hours <= KEEP_HOURS_MAX:
        right = f"right are 0 to {KEEP_HOURS_MAX}"
        raise RequestError(422, "invalid", f"keep_hours {keep_hours}: {right}")
    row = _found(connection, endpoint, whose, is_locked=True)
    secrets = signing.rotated(signing.read_secrets(row.secrets), now_ms + keep_hours * HOUR_MS)
    kept_text = signing.kept_text(secrets)
    connection.execute(update(_TABLE).where(_TABLE.c.id == endpoint).values(secrets=kept_text))
    audit(connection, now_ms, by, "webhook.rotate", endpoint, keep_hours=keep_hours)
    return described(find(connection, endpoint), now_ms) | {"secret": secrets[0].shown}


def try_out(
    connection: Connection, central: Central, by: str, endpoint: str, whose: Visible | None
) -> str:
    """Send a receiver a test event; its id. Raises `RequestError`."""
    now_ms = central.clock.now_ms()
    row = _found(connection, endpoint, whose, is_locked=True)
    require_enabled(row)
    id_ = new_id()
    values = {"id": id_, "kind": EventType.TEST.value, "channel": CHANNEL, "endpoint": row.id}
    values |= {"subject": id_, "created_ms": now_ms, "due_ms": now_ms}
    values["facts"] = payloads.test_text(row.id, now_ms)
    connection.execute(insert(schema.notification).values(**values))
    audit(connection, now_ms, by, "webhook.test", endpoint)
    return id_


def require_enabled(row: Any) -> None:
    """Refuse to send to a receiver that is disabled. Raises `RequestError`."""
    if row.disabled_ms is not None:
        raise RequestError(
            409, "disabled", f"this receiver is disabled ({one_line(row.disabled_why)}): enable it"
        )
