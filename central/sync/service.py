"""One sync of one kiosk, in one transaction: what it sends is taken in, what waits goes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, false, func, insert, or_, select, update

from central import schema, staffing
from central.errors import RequestError
from central.parts import Central, alarm, audit
from central.secrets import new_token, same, token_hash
from central.sync import commands, ingest
from central.sync.projection import configure, count_free
from central.upserts import update_many, upsert
from kiosk.model.events import EventKind
from kiosk.sync.contract import (
    EnrolAnswer,
    EnrolRequest,
    EventsAnswer,
    Place,
    Status,
    SyncAnswer,
    SyncRequest,
    WireEvent,
)

WATCHED_SYNC_S = 2.0
"""How often a kiosk comes while an operator looks at it, or while a command waits."""
ENROL_VALID_MS = 7 * 24 * 3_600_000
MINUTE_MS = 60_000
DENIED = RequestError(401, "unauthorised", "this token is not known, or it was revoked")

_LOCATION = select(schema.location).where(schema.location.c.id == bindparam("id"))
_EPOCH = select(schema.location_epoch).where(
    schema.location_epoch.c.location == bindparam("location"),
    schema.location_epoch.c.epoch == bindparam("epoch"),
)
_MINUTE = (
    update(schema.minute_status)
    .where(
        schema.minute_status.c.location == bindparam("of_location"),
        schema.minute_status.c.minute_ms == bindparam("of_minute_ms"),
    )
    .values(
        syncs=schema.minute_status.c.syncs + 1,
        events=schema.minute_status.c.events + bindparam("new_events"),
        queue=bindparam("queue"),
        doors_open=bindparam("doors_open"),
        boards_away=bindparam("boards_away"),
    )
)


def _location_of(connection: Connection, location: str, token: str) -> Any:
    """The location whose kiosk this is; raises when the token is not its own."""
    row = connection.execute(_LOCATION, {"id": location}).first()
    if row is None or row.revoked_ms is not None or not row.token_hash:
        raise DENIED
    if not same(row.token_hash, token_hash(token)):
        raise DENIED
    return row


def sync(
    connection: Connection, central: Central, location: str, token: str, request: SyncRequest
) -> SyncAnswer:
    """Take in what a kiosk sends and answer. Raises `RequestError` for a wrong token."""
    now_ms = central.clock.now_ms()
    row = _location_of(connection, location, token)
    last = Place(epoch=row.epoch, seq=row.seq, hash=row.head_hash)
    rules = central.settings.notifications
    taken = ingest.take(connection, location, request.events, last, rules, now_ms)
    is_late = _is_late(row, request.status)
    if request.is_idle and taken.want_after is None and not is_late:
        taken.want_after = _witness(connection, location, request, taken.acked, now_ms)
    if request.layout is not None:
        configure(connection, location, request.layout, request.status.layout_hash)
    if taken.changed_slots or request.layout is not None:
        count_free(connection, location)
    has_come_to_head = not is_late and taken.acked.seq >= request.head.seq
    cursor = _cursor(connection, row, request, has_come_to_head=has_come_to_head)
    _note(connection, row, request, taken, cursor, now_ms, is_late=is_late)
    waiting = commands.waiting(connection, central.secrets, location, request.cursor, now_ms)
    is_watched = waiting or (row.watched_until_ms or 0) > now_ms
    return SyncAnswer(
        acked=taken.acked,
        want_after=taken.want_after,
        parked=taken.parked,
        commands=waiting,
        now_ms=now_ms,
        next_sync_s=WATCHED_SYNC_S if is_watched else float(central.settings.sync_s),
        want_layout=request.layout is None
        and request.status.layout_hash not in ("", row.layout_hash),
    )


FORMER_BOOTS = "former_boots"
BOOTS_KEPT = 5
HEAD_SEQ = "head_seq"
"""How long the kiosk's journal was when it wrote its last message."""


def _is_late(row: Any, status: Status) -> bool:
    """Whether a message was written before one that is known already: the network held it up, and
    what it tells of the moment is over."""
    if not status.boot_id:
        return False
    known = json.loads(row.status or "{}")
    if known.get("boot_id") == status.boot_id:
        return bool(known["monotonic_ms"] > status.monotonic_ms)
    return status.boot_id in known.get(FORMER_BOOTS, ())


def _kept(row: Any, request: SyncRequest) -> str:
    """What is kept of a status: it, how long the journal was, and the boots before, from which only
    late messages come."""
    status = request.status
    known = json.loads(row.status or "{}")
    former = list(known.get(FORMER_BOOTS, ()))
    if known.get("boot_id") and known["boot_id"] != status.boot_id:
        former = [*former, known["boot_id"]][-BOOTS_KEPT:]
    more = {FORMER_BOOTS: former, HEAD_SEQ: request.head.seq}
    return json.dumps(status.model_dump(mode="json") | more)


def _cursor(
    connection: Connection, row: Any, request: SyncRequest, *, has_come_to_head: bool
) -> int:
    """How far a kiosk has come with the commands; one that was restored comes with less.

    Only when its whole journal is here are the answers to all those commands here, too. What is
    then behind its cursor and not answered was never seen there: this server was restored, and had
    given out those numbers before.
    """
    if request.cursor < row.command_cursor and request.epoch == row.epoch:
        # Only an older answer on its way, or a second kiosk with the same token.
        return int(row.command_cursor)
    if request.cursor < row.command_cursor:
        commands.send_again(connection, row.id, request.cursor)
        return request.cursor
    if not has_come_to_head:
        return int(row.command_cursor)
    if request.cursor > row.command_cursor:
        commands.number_anew(connection, row.id, request.cursor)
    return request.cursor


def _note(
    connection: Connection,
    row: Any,
    request: SyncRequest,
    taken: ingest.Taken,
    cursor: int,
    now_ms: int,
    *,
    is_late: bool,
) -> None:
    """What is known of the location now, and in this minute."""
    status = request.status
    acked = taken.acked
    if is_late and acked.epoch == row.epoch and acked.seq < row.seq:
        acked = Place(epoch=row.epoch, seq=row.seq, hash=row.head_hash)
    values = {
        "id": row.id,
        "epoch": acked.epoch or request.epoch,
        "seq": acked.seq,
        "head_hash": acked.hash,
        "command_cursor": cursor,
        "last_sync_ms": now_ms,
        "clock_offset_ms": status.clock_ms - now_ms if status.clock_ms else 0,
        "status": row.status if is_late else _kept(row, request),
    }
    update_many(connection, schema.location, "id", [values])
    _note_minute(connection, row.id, status, taken.count, now_ms)


def _note_minute(
    connection: Connection, location: str, status: Status, count: int, now_ms: int
) -> None:
    minute_ms = now_ms - now_ms % MINUTE_MS
    facts = {
        "queue": status.queue,
        "doors_open": sum(1 for state in status.doors.values() if state == "OPEN"),
        "boards_away": sum(1 for board in status.boards if not board.is_reachable),
    }
    named = {"of_location": location, "of_minute_ms": minute_ms, "new_events": count}
    if not connection.execute(_MINUTE, named | facts).rowcount:
        key = {"location": location, "minute_ms": minute_ms}
        upsert(connection, schema.minute_status, key, {"syncs": 1, "events": count, **facts})


def _witness(
    connection: Connection, location: str, request: SyncRequest, acked: Place, now_ms: int
) -> Place | None:
    """Hold the head that a kiosk tells against what is known here of its journal.

    A head that is shorter than what was acknowledged, or another at the same number, says that the
    journal was cut or rewritten: an alarm. One that is longer, with nothing sent, says that this
    server lost events: from where it wants them.
    """
    head = request.head
    known = connection.execute(_EPOCH, {"location": location, "epoch": head.epoch}).first()
    if not head.epoch or head.seq == 0:
        return None
    if known is None:
        return acked if acked.epoch else Place()
    if head.seq > known.seq:
        return Place(epoch=known.epoch, seq=known.seq, hash=known.head_hash)
    is_cut = head.seq < known.seq
    if is_cut or (head.hash and head.hash != known.head_hash):
        what = "journal-cut" if is_cut else "journal-rewritten"
        subject = f"{location} {head.epoch} {head.seq}"
        if not _is_alarmed(connection, what, subject):
            alarm(connection, now_ms, what, subject, known_seq=known.seq, hash=head.hash)
    return None


def _is_alarmed(connection: Connection, what: str, subject: str) -> bool:
    table = schema.audit
    found = connection.execute(
        select(table.c.id)
        .where(table.c.action == f"alarm:{what}", table.c.subject == subject)
        .limit(1)
    )
    return found.first() is not None


# --- enrolment -----------------------------------------------------------------------------------


def add_location(
    connection: Connection, location: str, name: str, by: str, now_ms: int, **values: Any
) -> str:
    """Make a location known; return the one-time token with which its kiosk enrols."""
    token = new_token("enrol")
    is_there = connection.execute(
        select(func.count()).where(schema.location.c.id == location)
    ).scalar_one()
    if is_there:
        raise RequestError(409, "exists", f"there is a location {location!r} already")
    connection.execute(
        insert(schema.location).values(
            id=location,
            name=name,
            enrol_token_hash=token_hash(token),
            enrol_until_ms=now_ms + ENROL_VALID_MS,
            created_ms=now_ms,
            **values,
        )
    )
    audit(connection, now_ms, by, "location.add", location, name=name)
    return token


def roll(connection: Connection, location: str, by: str, now_ms: int) -> str:
    """A new one-time token for a location; its kiosk goes on with the old one until it enrols."""
    token = new_token("enrol")
    changed = connection.execute(
        update(schema.location)
        .where(schema.location.c.id == location)
        .values(enrol_token_hash=token_hash(token), enrol_until_ms=now_ms + ENROL_VALID_MS)
    )
    if not changed.rowcount:
        raise RequestError(404, "not_found", f"there is no location {location!r}")
    audit(connection, now_ms, by, "location.roll", location)
    return token


def revoke(connection: Connection, location: str, by: str, now_ms: int) -> None:
    """A location's kiosk is not listened to any more, until it enrols anew."""
    changed = connection.execute(
        update(schema.location)
        .where(schema.location.c.id == location)
        .values(revoked_ms=now_ms, token_hash="", enrol_token_hash="")
    )
    if not changed.rowcount:
        raise RequestError(404, "not_found", f"there is no location {location!r}")
    audit(connection, now_ms, by, "location.revoke", location)


def enrol(connection: Connection, central: Central, request: EnrolRequest) -> EnrolAnswer:
    """Exchange a one-time token for a kiosk's own. Raises `RequestError` when it is not good."""
    now_ms = central.clock.now_ms()
    table = schema.location
    row = connection.execute(
        select(table).where(table.c.enrol_token_hash == token_hash(request.token))
    ).first()
    if row is None or (row.enrol_until_ms or 0) < now_ms:
        raise RequestError(
            401, "unauthorised", "this enrolment token is not known, was used, or is too old"
        )
    if row.id != request.location:
        raise RequestError(
            409,
            "other_location",
            f"this token is for location {row.id!r}, and this kiosk is {request.location!r}",
        )
    token = new_token("kiosk")
    connection.execute(
        update(table)
        .where(table.c.id == row.id)
        .values(
            token_hash=token_hash(token),
            key_sealed=central.secrets.seal(bytes.fromhex(request.key)),
            enrol_token_hash="",
            enrol_until_ms=None,
            revoked_ms=None,
        )
    )
    if request.layout is not None:
        configure(connection, row.id, request.layout, "")
    staffing.tell_one(connection, row.id, f"kiosk {row.id}", now_ms)
    audit(connection, now_ms, f"kiosk {row.id}", "location.enrol", row.id)
    return EnrolAnswer(
        location=row.id, token=token, public_key=central.secrets.public_key, now_ms=now_ms
    )


def events_of(
    connection: Connection, location: str, token: str, epoch: str, after: int, limit: int
) -> EventsAnswer:
    """What a kiosk's journal has behind an event, up to where it is now, through all its epochs;
    given back after it was restored.

    Nothing where that event is not on the way: a life that a restore has ended.
    """
    row = _location_of(connection, location, token)
    table = schema.event
    line = _line(connection, location, Place(epoch=row.epoch, seq=row.seq))
    is_on_line = any(part.epoch == epoch and after <= part.last for part in line)
    parts = [
        (table.c.epoch == part.epoch) & table.c.seq.between(part.first, part.last) for part in line
    ]
    rows = connection.execute(
        select(table)
        .where(table.c.location == location, table.c.seq > after, or_(false(), *parts))
        .order_by(table.c.seq)
        .limit(limit + 1)
    ).all()
    status: dict[str, Any] = json.loads(row.status or "{}")
    return EventsAnswer(
        events=tuple(_wire(each) for each in rows[:limit]) if is_on_line else (),
        has_more=is_on_line and len(rows) > limit,
        is_complete=is_on_line and status.get(HEAD_SEQ) == row.seq,
        heard_ms=row.last_sync_ms or 0,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one epoch has of the way to where a journal is now."""

    epoch: str
    first: int
    last: int


def _line(connection: Connection, location: str, head: Place) -> list[_Part]:
    """The way to a journal's head: the last epoch, what it was restored from, and so on."""
    table = schema.event
    parts: list[_Part] = []
    epoch, last = head.epoch, head.seq
    while epoch:
        first = connection.execute(
            select(table.c.seq, table.c.kind, table.c.body)
            .where(table.c.location == location, table.c.epoch == epoch)
            .order_by(table.c.seq)
            .limit(1)
        ).first()
        if first is None or first.seq > last:
            break
        parts.append(_Part(epoch, first.seq, last))
        if first.kind != EventKind.DATABASE_RESTORED:
            break
        body = json.loads(first.body)
        epoch, last = str(body["from_epoch"]), min(int(body["from_seq"]), first.seq - 1)
    return parts


def _wire(row: Any) -> WireEvent:
    names = ("epoch", "seq", "kind", "body", "wall_ms", "monotonic_ms", "boot_id", "is_trusted")
    return WireEvent(hash=row.hash, **{name: getattr(row, name) for name in names})
