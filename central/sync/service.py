"""One sync of one kiosk, in one transaction: what it sends is taken in, what waits goes back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from central import kept, limits, schema
from central.context import Central, alarm_daily, is_about
from central.database.bulk import update_one, upsert
from central.feed import writing as feeding
from central.notify import outbox
from central.outages.reach import silent_before_ms
from central.settings import Limits
from central.sync import addressees, commands, enrolment, ingest, signing, staff, troubles
from central.sync.projection import configure
from central.sync.quarantine import payload_of
from central.sync.room import count_free, note_room, tell_of_room
from kiosk.model.clock import MINUTE_MS
from kiosk.model.commands import WireCommand
from kiosk.model.events import journal_key
from kiosk.sync.contract import Place, Status, SyncAnswer, SyncRequest, WireEvent

WATCHED_SYNC_S = 2.0
"""How often a kiosk comes while an operator looks at it, or while a command waits."""
FORMER_BOOTS = "former_boots"
BOOTS_KEPT = 5
CURSOR_AHEAD_MAX = 1_000_000
"""So many commands a server that was restored may have forgotten; who names more was not there."""
HEAD = "head"
"""Where the kiosk's journal ended when it wrote its last message: its epoch and number."""

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


def sync(
    connection: Connection, central: Central, location: str, token: str, request: SyncRequest
) -> SyncAnswer:
    """Take in what a kiosk sends and answer. Raises `RequestError` for a wrong token."""
    now_ms = central.clock.now_ms()
    row = enrolment.arriving(connection, location, token, request.head.epoch)
    last = Place(epoch=row.epoch, seq=row.seq, hash=row.head_hash)
    rules = central.settings.notifications
    sender = ingest.Sender(location, _journal_key(central, row), row.may_begin, row.feeds)
    if request.events:
        size = sum(
            len(each.body) if isinstance(each, WireEvent) else len(payload_of(each))
            for each in request.events
        )
        limits.require_events(connection, central, location, len(request.events), size)
    if (row.last_sync_ms or now_ms) < silent_before_ms(central.settings, now_ms):
        outbox.go_on(connection, location, now_ms)
    ceilings = central.settings.limits
    taken = ingest.Taken(last)
    if request.events:
        taken = ingest.take(connection, sender, request.events, last, rules, now_ms, ceilings)
    is_late = _is_late(row, request.status)
    if request.is_idle and taken.want_after is None and not is_late:
        taken.want_after = _witness(connection, ceilings, row, request, taken, now_ms)
    if request.layout is not None:
        configure(connection, location, request.layout, request.status.layout_hash)
    if taken.changed_slots or request.layout is not None:
        count_free(connection, location)
    if taken.changed_promises:
        note_room(connection, location)
    if request.layout is not None:
        feeding.location(connection, location, now_ms)
    is_changed = taken.changed_slots or taken.changed_promises or request.layout is not None
    if is_changed and row.feeds:
        tell_of_room(connection, location, now_ms)
    acked, head = taken.acked, request.head
    has_come_to_head = not is_late and acked.epoch == head.epoch and acked.seq >= head.seq
    cursor = _cursor(connection, row, request, now_ms, has_come_to_head=has_come_to_head)
    heard: tuple[str, ...] = ()
    if request.addressees and taken.want_after is None:
        heard = addressees.take(connection, central, row, request.addressees, now_ms)
    _alarm_of_problem(connection, ceilings, row.id, request.status, now_ms)
    signer = signing.of_location(
        connection, central.secrets, location, request.status.server_key, row.signing_key, now_ms
    )
    signing.announce(connection, row, now_ms)
    if request.status.staff_version is None:
        staff.tell_older(connection, row, now_ms)
    # Behind everything that gives commands numbers: most kiosks have come to the last one.
    troubles_now = row.troubles
    if not is_late:
        troubles_now = troubles.note(connection, central.settings, row, request.status, now_ms)
    last_n = _note(connection, row, request, taken, cursor, now_ms, troubles_now, is_late=is_late)
    waiting: tuple[WireCommand, ...] = ()
    if last_n > request.cursor:
        waiting = commands.waiting(
            connection, central.secrets, signer, location, request.cursor, now_ms
        )
    is_watched = waiting or (row.watched_until_ms or 0) > now_ms
    return SyncAnswer(
        acked=taken.acked,
        want_after=taken.want_after,
        parked=taken.parked,
        commands=tuple(each.model_dump(mode="json") for each in waiting),
        now_ms=now_ms,
        next_sync_s=WATCHED_SYNC_S
        if is_watched
        else central.settings.next_sync_s(waits=request.waits),
        want_layout=request.layout is None
        and request.status.layout_hash not in ("", row.layout_hash),
        staff_version=row.staff_counts,
        public_url=central.settings.base_url if central.settings.public_url else "",
        silent_after_s=central.settings.silent_after_s,
        directory_version=row.directory_counts or 0,
        addressees=heard,
    )


def is_due(
    connection: Connection,
    central: Central,
    location: str,
    token: str,
    cursor: int,
    staff_version: int | None,
    within_s: float,
) -> bool:
    """Whether a kiosk that has seen the commands up to `cursor`, and this version of the list of
    staff named, and comes by itself within so long, had better come now. Raises `RequestError` for
    a wrong token."""
    row = enrolment.kiosk_of(connection, location, token)
    if staff_version is not None and staff_version != row.staff_counts:
        return True
    is_watched = (row.watched_until_ms or 0) > central.clock.now_ms()
    if is_watched and within_s > WATCHED_SYNC_S:
        return True
    return commands.is_waiting(connection, location, cursor)


def _journal_key(central: Central, row: Any) -> bytes | None:
    return None if row.key_sealed is None else journal_key(central.secrets.open(row.key_sealed))


def _is_late(row: Any, status: Status) -> bool:
    """Whether a message was written before one that is known already: the network held it up, and
    what it tells of the moment is over."""
    if not status.boot_id:
        return False
    known = kept.status_of(row.status)
    if known.get("boot_id") == status.boot_id:
        return bool(known.get("monotonic_ms", 0) > status.monotonic_ms)
    return status.boot_id in _former_boots(known)


def _former_boots(known: dict[str, Any]) -> list[str]:
    former = known.get(FORMER_BOOTS)
    return list(former) if isinstance(former, list) else []


def _kept(row: Any, request: SyncRequest) -> str:
    """What is kept of a status: it, where the journal ended, and the boots before, from which only
    late messages come."""
    status = request.status
    known = kept.status_of(row.status)
    former = _former_boots(known)
    if known.get("boot_id") and known["boot_id"] != status.boot_id:
        former = [*former, known["boot_id"]][-BOOTS_KEPT:]
    more = {FORMER_BOOTS: former, HEAD: [request.head.epoch, request.head.seq]}
    return json.dumps(status.model_dump(mode="json") | more)


def _cursor(
    connection: Connection,
    row: Any,
    request: SyncRequest,
    now_ms: int,
    *,
    has_come_to_head: bool,
) -> int:
    """How far a kiosk has come with the commands; one that was restored comes with less.

    Only when its whole journal is here are the answers to all those commands here, too. What is
    then behind its cursor and not answered was never seen there: this server was restored, and had
    given out those numbers before.
    """
    if request.cursor > row.command_cursor + CURSOR_AHEAD_MAX:
        last = row.command_n
        if request.cursor > last + CURSOR_AHEAD_MAX:
            # Behind it no number would be left that a kiosk takes.
            said = {"cursor": request.cursor, "known": last}
            alarm_daily(connection, now_ms, "cursor-too-far", row.id, row.id, **said)
            return int(row.command_cursor)
    if request.cursor < row.command_cursor and request.epoch == row.epoch:
        # Only an older answer on its way, or a second kiosk with the same token.
        return int(row.command_cursor)
    if not has_come_to_head:
        return min(request.cursor, int(row.command_cursor))
    if request.cursor > row.command_cursor:
        commands.number_again(connection, row.id, request.cursor)
    if request.wants_people:
        commands.tell_people_again(connection, row.id, request.cursor)
    return request.cursor


def _note(
    connection: Connection,
    row: Any,
    request: SyncRequest,
    taken: ingest.Taken,
    cursor: int,
    now_ms: int,
    troubles_now: str,
    *,
    is_late: bool,
) -> int:
    """Write down what is known of the location now, and in this minute; the number of the last
    command to it."""
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
        "may_begin": row.may_begin and not taken.count,
        "troubles": troubles_now,
        **{name: getattr(row, name) + count for name, count in taken.sums.items()},
    }
    if not is_late:
        values |= _counted(status) | _said(row, status, now_ms)
        values["holds_stand_still"] = status.holds_stand_still
        values["is_closed"] = status.pause is not None and status.pause.is_closed
    last_n: int = update_one(connection, schema.location, "id", values, "command_n")
    _note_minute(connection, row.id, status, taken.count, now_ms)
    return last_n


def _counted(status: Status) -> dict[str, int]:
    """What is counted of how a machine is."""
    return {
        "queue": status.queue,
        "doors_open": sum(1 for state in status.doors.values() if state == "OPEN"),
        "boards_away": sum(1 for board in status.boards if not board.is_reachable),
    }


def _said(row: Any, status: Status, now_ms: int) -> dict[str, Any]:
    """What a kiosk says of itself, as locations are found by it."""
    release, power = status.release, status.power
    is_unwell = status.is_well is False
    return {
        "version": status.version,
        "release_state": "" if release is None else release.state,
        "went_back": "" if release is None or not release.went_back else release.went_back.version,
        "is_well": status.is_well,
        "unwell_ms": (row.unwell_ms or now_ms) if is_unwell else None,
        "temperature_c": status.temperature_c,
        "bank_temperature_c": status.bank_temperature_c,
        "is_on_mains": None if power is None else power.is_on_mains,
        "battery_percent": None if power is None else power.battery_percent,
    }


def _alarm_of_problem(
    connection: Connection, rules: Limits, location: str, status: Status, now_ms: int
) -> None:
    """A kiosk says what is wrong with its journal: an alarm for each problem, once."""
    subject = f"{location} {status.journal_problem}"
    if status.journal_problem and not _is_alarmed(connection, "journal-problem", subject):
        limits.alarm_of_kiosk(connection, rules, now_ms, "journal-problem", location, subject)


def _note_minute(
    connection: Connection, location: str, status: Status, count: int, now_ms: int
) -> None:
    minute_ms = now_ms - now_ms % MINUTE_MS
    details = _counted(status)
    named = {"of_location": location, "of_minute_ms": minute_ms, "new_events": count}
    if not connection.execute(_MINUTE, named | details).rowcount:
        key = {"location": location, "minute_ms": minute_ms}
        upsert(connection, schema.minute_status, key, {"syncs": 1, "events": count, **details})


def _witness(
    connection: Connection,
    rules: Limits,
    row: Any,
    request: SyncRequest,
    taken: ingest.Taken,
    now_ms: int,
) -> Place | None:
    """Hold the head that a kiosk tells against what is known here of its journal.

    A head that is shorter than what was acknowledged, or another at the same number, says that the
    journal was cut or rewritten: an alarm. One that is longer, with nothing sent, says that this
    server lost events: from where it wants them.
    """
    head, location = request.head, row.id
    if not head.epoch or head.seq == 0:
        return None
    known_seq, known_hash = row.known_seq, row.known_hash
    if request.events:
        known_seq, known_hash = taken.heads.get(head.epoch, (None, ""))
    if known_seq is None:
        return taken.acked if taken.acked.epoch else Place()
    if head.seq > known_seq:
        return Place(epoch=head.epoch, seq=known_seq, hash=known_hash)
    is_cut = head.seq < known_seq
    if is_cut or (head.hash and head.hash != known_hash):
        what = "journal-cut" if is_cut else "journal-rewritten"
        subject = f"{location} {head.epoch} {head.seq}"
        if not _is_alarmed(connection, what, subject):
            detail = {"known_seq": known_seq, "hash": head.hash}
            limits.alarm_of_kiosk(connection, rules, now_ms, what, location, subject, **detail)
    return None


def _is_alarmed(connection: Connection, what: str, subject: str) -> bool:
    table = schema.audit
    found = connection.execute(
        select(table.c.id)
        .where(table.c.action == f"alarm:{what}", is_about(connection, subject))
        .limit(1)
    )
    return found.first() is not None
