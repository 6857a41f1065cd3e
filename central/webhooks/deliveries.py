"""What was sent to a receiver, what waits, what was given up; and what was given up sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select, update

from central import schema
from central.carriers.visible import Visible
from central.context import Central, audit
from central.database.common_clock import common_ms
from central.errors import RequestError, not_found
from central.notify import leasing
from central.notify.leasing import Outcome
from central.webhooks import endpoints
from central.webhooks.tables import webhook_endpoint

BITE: Final = 500
"""So many rows are changed in one transaction."""
BITES_MAX: Final = 20
"""So many bites of a replay one request carries out."""
LISTED_MAX: Final = 200
DISABLED: Final = "its receiver is disabled"
RECEIVERS: Final = "receiver"
"""The reason of one that waits because its receiver did not answer, whatever was sent."""
_TABLE = schema.notification
_EARLIER = _TABLE.alias("earlier")


# --- sending -------------------------------------------------------------------------------------


def due(connection: Connection, now_ms: int) -> list[str]:
    """The receivers for which something is due."""
    table = webhook_endpoint
    some = select(_TABLE.c.id).where(_of(table.c.id), leasing.is_due(now_ms)).exists()
    return list(connection.execute(select(table.c.id).where(some)).scalars())


def _of(endpoint: Any) -> Any:
    return (_TABLE.c.endpoint == endpoint) & leasing.is_webhook()


def lease(
    connection: Connection, central: Central, owner: str, endpoint: str, limit: int
) -> Sequence[Any]:
    """Take what is due for a receiver: of each subject the first that is open alone."""
    now_ms = common_ms(connection, central.clock)
    is_behind = (
        select(_EARLIER.c.id)
        .where(
            _EARLIER.c.endpoint == _TABLE.c.endpoint,
            _EARLIER.c.subject == _TABLE.c.subject,
            _EARLIER.c.status.in_([schema.fixed("queued"), schema.fixed("leased")]),
            _EARLIER.c.endpoint != schema.fixed(""),
            _EARLIER.c.n < _TABLE.c.n,
        )
        .exists()
    )
    wanted = (
        select(_TABLE.c.id)
        .where(_of(endpoint), leasing.is_due(now_ms), ~is_behind)
        .order_by(_TABLE.c.due_ms)
        .limit(limit)
    )
    rows = leasing.take(connection, wanted, owner, now_ms)
    return sorted(rows, key=lambda row: (row.due_ms, row.n))


def settle(connection: Connection, owner: str, outcomes: Sequence[Outcome], now_ms: int) -> None:
    """Write down what came of webhooks. What is behind one that waits, waits with it."""
    for outcome in sorted(outcomes, key=lambda each: each.id):
        row = leasing.settle_one(connection, owner, outcome)
        if row is None or (row.status == "sent" and row.attempts == 1):
            continue
        behind = update(_TABLE).where(
            _of(row.endpoint),
            _TABLE.c.subject == row.subject,
            leasing.is_open(),
            _TABLE.c.status == "queued",
            _TABLE.c.n > row.n,
        )
        since = {"late_since_ms": func.coalesce(_TABLE.c.late_since_ms, _TABLE.c.due_ms)}
        if row.status == "queued":
            behind = behind.where(_TABLE.c.due_ms < row.due_ms)
            connection.execute(behind.values(due_ms=row.due_ms, **since))
        else:
            connection.execute(behind.where(_TABLE.c.due_ms > now_ms).values(due_ms=now_ms))


def bring_forward(connection: Connection, endpoint: str, now_ms: int) -> None:
    """A receiver answers again: what was put off is due."""
    connection.execute(
        update(_TABLE)
        .where(
            _of(endpoint),
            leasing.is_open(),
            _TABLE.c.status == "queued",
            _TABLE.c.reason == RECEIVERS,
            _TABLE.c.due_ms > now_ms,
        )
        .values(due_ms=now_ms)
    )


def give_up(connection: Connection, endpoint: str, before_ms: int | None, why: str) -> int:
    """Give up some of what waits for a receiver: what was due before then and never had its turn,
    or all of it; how many."""
    is_over = and_(_of(endpoint), leasing.is_open(), _TABLE.c.status == "queued")
    if before_ms is not None:
        is_over &= _TABLE.c.due_ms < before_ms
    some = select(_TABLE.c.id).where(is_over).order_by(_TABLE.c.due_ms).limit(BITE)
    chosen = connection.execute(some.with_for_update(skip_locked=True)).scalars().all()
    values = {"status": "dead", "error": why, "leased_until_ms": None}
    connection.execute(update(_TABLE).where(_TABLE.c.id.in_(chosen)).values(**values))
    return len(chosen)


# --- looked at -----------------------------------------------------------------------------------

STATUSES: Final = {"queued": ("queued", "leased"), "sent": ("sent",), "dead": ("dead",)}
"""What a log is asked for, and the statuses that are meant."""


def listed(
    connection: Connection,
    endpoint: str,
    status: str = "",
    before: tuple[int, str] | None = None,
    count: int = LISTED_MAX,
) -> list[Any]:
    """The webhooks of a receiver, the newest first; those behind a place, if one is named."""
    return list(connection.execute(wanted(endpoint, status, before).limit(count)))


def wanted(endpoint: str, status: str = "", before: tuple[int, str] | None = None) -> Select[Any]:
    """All of them, or those in one state."""
    query = select(_TABLE).where(_of(endpoint))
    if status == "dead":
        query = query.where(_TABLE.c.status == schema.fixed("dead"))
    elif status == "queued":
        query = query.where(leasing.is_open())
    elif status:
        query = query.where(_TABLE.c.status.in_(STATUSES[status]))
    if before is not None:
        at_ms, id_ = before
        is_older = or_(
            _TABLE.c.created_ms < at_ms, (_TABLE.c.created_ms == at_ms) & (_TABLE.c.id < id_)
        )
        query = query.where(_TABLE.c.created_ms <= at_ms, is_older)
    return query.order_by(_TABLE.c.created_ms.desc(), _TABLE.c.id.desc())


def described(row: Any) -> dict[str, Any]:
    """One webhook as its carrier sees it."""
    return {
        "id": row.id,
        "type": row.kind,
        "package": row.package,
        "location": row.location,
        "status": "queued" if row.status == "leased" else row.status,
        "attempts": row.attempts,
        "error": row.error,
        "created_ms": row.created_ms,
        "due_ms": row.due_ms if row.status in ("queued", "leased") else None,
        "sent_ms": row.sent_ms,
        "payload": row.facts,
    }


def one(connection: Connection, endpoint: str, webhook: str) -> Any:
    """A webhook of a receiver. Raises `RequestError`."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == webhook, _of(endpoint))).first()
    if row is None:
        raise not_found("webhook", webhook)
    return row


# --- once more -----------------------------------------------------------------------------------


def replay_one(
    connection: Connection,
    central: Central,
    by: str,
    endpoint: str,
    whose: Visible | None,
    webhook: str,
) -> None:
    """Send again what was given up, under its id. Raises `RequestError`."""
    endpoints.require_enabled(endpoints.find(connection, endpoint, whose))
    row, now_ms = one(connection, endpoint, webhook), central.clock.now_ms()
    if row.status != "dead":
        raise RequestError(409, "not_dead", f"this webhook is {row.status}, and was not given up")
    _replay(connection, [webhook], now_ms)
    audit(connection, now_ms, by, "webhook.replay", endpoint, webhook=webhook)


def replay_since(
    connection: Connection,
    central: Central,
    by: str,
    endpoint: str,
    whose: Visible | None,
    since_ms: int,
) -> int:
    """Send again some of what was given up, of what happened since then, the oldest first; how
    many. Raises `RequestError`."""
    endpoints.require_enabled(endpoints.find(connection, endpoint, whose))
    now_ms = central.clock.now_ms()
    is_dead = (_TABLE.c.status == schema.fixed("dead")) & (_TABLE.c.created_ms >= since_ms)
    some = select(_TABLE.c.id).where(_of(endpoint), is_dead)
    ids = connection.execute(some.order_by(_TABLE.c.created_ms).limit(BITE)).scalars().all()
    if ids:
        _replay(connection, ids, now_ms)
        audit(connection, now_ms, by, "webhook.replay", endpoint, since_ms=since_ms, count=len(ids))
    return len(ids)


def _replay(connection: Connection, ids: Sequence[str], now_ms: int) -> None:
    begun = {"status": "queued", "attempts": 0, "due_ms": now_ms, "late_since_ms": None}
    dead = (_TABLE.c.id.in_(ids)) & (_TABLE.c.status == "dead")
    connection.execute(update(_TABLE).where(dead).values(**begun, error=""))


# --- places in a log -----------------------------------------------------------------------------


def cursor_of(row: Any) -> str:
    """Where a log goes on behind this row."""
    return f"{row.created_ms}.{row.id}"


def place_of(cursor: str) -> tuple[int, str] | None:
    """The place that a cursor means; None for none. Raises `RequestError`."""
    at, _, id_ = cursor.partition(".")
    if not cursor:
        return None
    if not at.isdecimal() or len(at) > 15 or not id_:
        raise RequestError(422, "invalid", f"cursor {cursor[:80]!r}: right is `next` of an answer")
    return int(at), id_
