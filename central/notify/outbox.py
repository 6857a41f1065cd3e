"""The outbox: what people are to be sent, as rows that are written with the fact they tell of.

A notification waits until it is due. Whether its reason still holds is asked when it is sent, so a
package that was fetched meanwhile reminds nobody. No row holds a code: it is made when it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from central import addresses, kept, people, schema
from central.adapters import new_id
from central.database.bulk import insert_once
from central.feed import writing as feeding
from central.feed.document import ServerKind
from central.notify.tables import message_stop
from central.outages.reach import WAITS
from central.outages.tables import package_outage
from central.settings import Notifications
from central.simulated import is_sandbox
from kiosk.model.actor import SERVER, actor_of
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.events import EventKind
from kiosk.sync.contract import WireEvent

OPERATORS = "operators"
"""The channel of those who run the lockers."""


class Kind(StrEnum):
    """What a message tells."""

    STORED = "stored"
    CODE = "code"
    REISSUED = "reissued"
    REMINDER = "reminder"
    ABOUT_TO_EXPIRE = "about_to_expire"
    EXPIRED = "expired"
    DELEGATE = "delegate"
    OUT_OF_REACH = "out_of_reach"
    WORKS_AGAIN = "works_again"
    RETRIEVED = "retrieved"
    CANCELLED = "cancelled"
    DOOR_FAULT = "door_fault"
    MISSING = "missing"
    DISPUTED = "disputed"
    SILENT = "silent"
    HEARD_AGAIN = "heard_again"
    TROUBLE = "trouble"
    TROUBLE_OVER = "trouble_over"
    CHANNEL_DOWN = "channel_down"
    CHANNEL_BACK = "channel_back"
    GUESSING = "guessing"
    STOPPED = "stopped"
    STARTED = "started"
    UNREACHABLE = "unreachable"
    HANDED_IN = "handed_in"
    """To the guest who put a package in."""


class Stop(StrEnum):
    """What people may ask for no more of."""

    SMS = "sms"
    REMINDERS = "reminders"


WITH_CODE = (
    Kind.STORED,
    Kind.CODE,
    Kind.REISSUED,
    Kind.REMINDER,
    Kind.ABOUT_TO_EXPIRE,
    Kind.WORKS_AGAIN,
    Kind.DELEGATE,
)
"""The messages that tell a pickup code."""
IN_REACH_ONLY = (Kind.REMINDER, Kind.ABOUT_TO_EXPIRE, Kind.EXPIRED, Kind.WORKS_AGAIN)
"""What is said only while the package can be fetched."""

OF_PACKAGES = frozenset(
    {
        EventKind.PACKAGE_STORED.value,
        EventKind.PACKAGE_EXPIRED.value,
        EventKind.PACKAGE_RETRIEVED.value,
        EventKind.PACKAGE_CANCELLED.value,
    }
)
"""The frequent events that only a package's recipient is notified of, where it has one."""


_PACKAGE = select(schema.package).where(schema.package.c.id == bindparam("id"))
_HAS_STOPPED = exists(
    select(message_stop.c.what).where(
        message_stop.c.address_index == schema.recipient.c.phone_index,
        message_stop.c.what == Stop.SMS.value,
        schema.recipient.c.phone_index != "",
    )
)
_PERSON = (
    select(
        schema.recipient,
        schema.location.c.channels.label("of_location"),
        _HAS_STOPPED.label("has_stopped"),
    )
    .join_from(schema.recipient, schema.location, schema.location.c.id == bindparam("location"))
    .where(schema.recipient.c.id == bindparam("id"))
)
_INSERT = insert(schema.notification)
_FORWARD = (
    update(schema.notification)
    .where(
        schema.notification.c.location == bindparam("of_location"),
        schema.notification.c.kind == Kind.STORED.value,
        schema.notification.c.status == schema.fixed("queued"),
        schema.notification.c.attempts == 0,
        schema.notification.c.due_ms > bindparam("now_ms"),
    )
    .values(due_ms=bindparam("now_ms"))
)
_SENT = (
    select(schema.notification.c.id)
    .where(
        schema.notification.c.package == bindparam("of_package"),
        schema.notification.c.status == "sent",
        schema.notification.c.endpoint == schema.fixed(""),
    )
    .limit(1)
)
_MOVED = (
    update(schema.notification)
    .where(
        schema.notification.c.package == bindparam("of_package"),
        schema.notification.c.kind == Kind.ABOUT_TO_EXPIRE.value,
        schema.notification.c.status == "queued",
    )
    .values(due_ms=bindparam("new_due_ms"))
)
EQUAL_WITHIN_MS = 10 * 60_000
"""How much later than one that waits a message may be due and still be the same."""
_EQUALS_LOOKED_AT = 200
_WAITING = (
    select(schema.notification)
    .where(
        schema.notification.c.status == schema.fixed("queued"),
        *(
            schema.notification.c[name].is_not_distinct_from(bindparam(name))
            for name in ("location", "kind", "package", "recipient")
        ),
    )
    .order_by(schema.notification.c.created_ms.desc())
    .limit(_EQUALS_LOOKED_AT)
)
_DOWN = "channel_down:"
"""What stands before a channel's name in `meta` while operators know that it is down."""


def count_by_status(
    connection: Connection, now_ms: int, which: ColumnElement[bool] | None = None
) -> dict[str, int]:
    """How many messages wait, or were given up; and how many of a day went out or were dropped: of
    all, or of some of them."""
    table = schema.notification
    counts = dict.fromkeys(("queued", "leased", "sent", "dropped", "dead"), 0)
    is_message = table.c.endpoint == schema.fixed("")
    is_open = table.c.status.in_([schema.fixed("queued"), schema.fixed("leased")])
    is_done = table.c.status.in_(("sent", "dropped")) & (table.c.created_ms >= now_ms - DAY_MS)
    for some in (is_open, is_done, table.c.status == "dead"):
        query = select(table.c.status, func.count()).where(is_message, some)
        query = query.group_by(table.c.status)
        query = query if which is None else query.where(which)
        counts |= {str(status): count for status, count in connection.execute(query)}
    return {status: count for status, count in counts.items() if count}


def on_event(
    connection: Connection,
    rules: Notifications,
    location: str,
    event: WireEvent,
    body: Mapping[str, Any],
    package: str,
    now_ms: int,
) -> None:
    """Write down who is to be notified of this event."""
    match event.kind:
        case EventKind.PACKAGE_STORED:
            stored(connection, rules, package, now_ms)
        case EventKind.VISIT_ENDED:
            _bring_forward(connection, location, now_ms)
        case EventKind.PACKAGE_EXPIRED:
            tell(connection, rules, Kind.EXPIRED, package, now_ms)
        case EventKind.PACKAGE_RETRIEVED:
            tell(connection, rules, Kind.RETRIEVED, package, now_ms)
        case EventKind.PACKAGE_CANCELLED:
            if _was_notified(connection, package):
                tell(connection, rules, Kind.CANCELLED, package, now_ms)
        case EventKind.CODE_REISSUED if actor_of(body) != SERVER:
            tell(connection, rules, Kind.REISSUED, package, now_ms)
        case EventKind.CODE_ASKED if package:
            tell(connection, rules, Kind.CODE, package, now_ms)
        case EventKind.HOLD_EXTENDED | EventKind.HOLD_PAUSED:
            _move_warnings(connection, rules, event, body, now_ms)
        case EventKind.PACKAGE_MISSING:
            details = {"slot": _slot_of(body), "what": "missing"}
            tell_operators(connection, rules, Kind.MISSING, location, details, now_ms, package)
        case EventKind.GUESSING_NOTICED:
            _guessing(connection, rules, location, body, now_ms)
        case EventKind.DOOR_OUTCOME | EventKind.DOOR_MOVED_UNASKED | EventKind.SLOT_SERVICE_CHANGED:
            _fault(connection, rules, location, event, body, now_ms)
        case _:
            pass


_GUESSED = {
    "pin": "PINs",
    "badge": "badges",
    "typed": "codes at the keypad",
    "scanned": "codes at the scanner",
}


def _guessing(
    connection: Connection,
    rules: Notifications,
    location: str,
    body: Mapping[str, Any],
    now_ms: int,
) -> None:
    """Somebody tries codes, PINs or badges out: operators hear of it."""
    times, tried = body.get("times", 0), str(body.get("tried", ""))
    number = str(body.get("number") or "")
    what = f"somebody guesses {_GUESSED.get(tried, tried)}"
    of_whom = f" of number {number}" if number else ""
    details = {"what": f"{what}{of_whom}, {times} wrong within a day"}
    tell_operators(connection, rules, Kind.GUESSING, location, details, now_ms)


def stored(connection: Connection, rules: Notifications, package: str, now_ms: int) -> None:
    """A package lies there: its code is sent soon, reminders later."""
    row = _package(connection, package)
    if row is None or row.recipient is None:
        return
    tell(connection, rules, Kind.STORED, package, now_ms, now_ms + rules.undo_wait_s * 1000)
    for days in rules.remind_after_days:
        due_ms = now_ms + days * DAY_MS
        if row.hold_until_ms is None or due_ms < row.hold_until_ms:
            tell(connection, rules, Kind.REMINDER, package, now_ms, due_ms)
    if row.hold_until_ms is not None:
        due_ms = row.hold_until_ms - rules.about_to_expire_h * HOUR_MS
        tell(connection, rules, Kind.ABOUT_TO_EXPIRE, package, now_ms, max(due_ms, now_ms))


def tell(
    connection: Connection,
    rules: Notifications,
    kind: Kind,
    package: str,
    now_ms: int,
    due_ms: int | None = None,
) -> str | None:
    """Queue a message to a package's recipient, and to all others of their household; None when
    nobody is known or can be reached."""
    row = _package(connection, package)
    if row is None or row.recipient is None:
        return None
    queued = tell_person(connection, rules, kind, row, row.recipient, now_ms, due_ms)
    # Only whom the house's directory names has others beside them, and no sender announced that.
    others = [] if row.sender is not None else people.notified_beside(connection, row.recipient)
    for each in others:
        other = tell_person(connection, rules, kind, row, each, now_ms, due_ms)
        queued = queued or other
    return queued


def tell_person(
    connection: Connection,
    rules: Notifications,
    kind: Kind,
    package: Any,
    recipient: str,
    now_ms: int,
    due_ms: int | None = None,
) -> str | None:
    """Queue a message about a package to one person; None when they cannot be reached."""
    person, ways = person_and_ways(connection, recipient, package.location, rules)
    if not ways:
        if kind is Kind.STORED and person.has_stopped:
            _tell_unreachable(connection, rules, package, now_ms)
        return None
    return queue(
        connection,
        kind=kind.value,
        package=package.id,
        location=package.location,
        recipient=recipient,
        channel=ways[0],
        language=person.language,
        created_ms=now_ms,
        due_ms=now_ms if due_ms is None else due_ms,
    )


def queue(connection: Connection, **values: Any) -> str:
    """A row of the outbox; its id is the message's identity on every try. One that waits and says
    the same to the same person becomes one with it, and counts. A simulated location has nobody to
    send anything to: of it there is no row, and no id."""
    if is_sandbox(values.get("location")) and values.get("channel") != "webhook":
        return ""
    equal = _equal(connection, values)
    if equal is not None:
        table = schema.notification
        sooner_ms = equal.due_ms if equal.held else min(equal.due_ms, values["due_ms"])
        # If a worker has taken it meanwhile it goes out as it was, and this one for itself.
        waits = update(table).where(table.c.id == equal.id, table.c.status == "queued")
        changed = waits.values(times=table.c.times + 1, due_ms=sooner_ms)
        if connection.execute(changed).rowcount:
            return str(equal.id)
    notification = new_id()
    connection.execute(_INSERT, {"id": notification, "facts": "{}", **values})
    return notification


def _equal(connection: Connection, values: Mapping[str, Any]) -> Any:
    """The message that waits and says what this one says; a reminder of another day is another."""
    rows = connection.execute(
        _WAITING, {name: values.get(name) for name in ("kind", "package", "location", "recipient")}
    )
    said = _said(values.get("facts", "{}"))
    for row in rows:
        is_soon = values["due_ms"] < row.due_ms + EQUAL_WITHIN_MS
        if row.channel == values["channel"] and is_soon and _said(row.facts) == said:
            return row
    return None


def _said(details: str) -> dict[str, Any]:
    """What a message to operators says, but for which event it was."""
    return {name: value for name, value in kept.object_of(details).items() if name != "reference"}


def tell_operators(
    connection: Connection,
    rules: Notifications,
    kind: Kind,
    location: str | None,
    details: Mapping[str, Any],
    now_ms: int,
    package: str = "",
) -> None:
    """Queue a message to those who run the lockers, where the settings say how they are reached."""
    if not rules.operator_urls:
        return
    queue(
        connection,
        kind=kind.value,
        package=package or None,
        location=location,
        channel=OPERATORS,
        facts=json.dumps(dict(details), sort_keys=True),
        created_ms=now_ms,
        due_ms=now_ms,
    )


def is_stopped(connection: Connection, index: str, what: Stop) -> bool:
    """Whether the owner of an address, by its blind index, asked for no more of this."""
    table = message_stop
    found = select(table.c.what).where(table.c.address_index == index, table.c.what == what.value)
    return bool(index) and connection.execute(found).first() is not None


def person_and_ways(
    connection: Connection, recipient: str, location: str, rules: Notifications
) -> tuple[Any, list[str]]:
    """A person, and the ways to them, the preferred one first: as they ask, else as their location
    does it, else as the server does; only those for which there is an address."""
    person = connection.execute(_PERSON, {"id": recipient, "location": location}).one()
    address = {
        "email": person.email,
        "sms": person.phone and not person.has_stopped,
        "apprise": rules.person_url and _has_all(person, addresses.fields_of(rules.person_url)),
    }
    return person, [name for name in _wanted(person, rules) if address.get(name)]


def _has_all(person: Any, fields: Collection[str]) -> bool:
    """Whether a person has these addresses; a number that is not to be written to is none."""
    is_hushed = person.has_stopped and "phone" in fields
    return not is_hushed and all(getattr(person, field) for field in fields)


def _wanted(person: Any, rules: Notifications) -> Sequence[str]:
    of_person, of_location = kept.names_of(person.channels), kept.names_of(person.of_location)
    return of_person or of_location or rules.channels


def another_way(connection: Connection, rules: Notifications, row: Any) -> str | None:
    """The way that comes after a message's own; None when there is none."""
    if row.recipient is None or row.location is None:
        return None
    person, ways = person_and_ways(connection, row.recipient, row.location, rules)
    wanted = list(_wanted(person, rules))
    place = wanted.index(row.channel) + 1 if row.channel in wanted else len(wanted)
    return next((way for way in wanted[place:] if way in ways), None)


def _tell_unreachable(connection: Connection, rules: Notifications, row: Any, now_ms: int) -> None:
    """Somebody said STOP, and there is no other way to them: a person has to help, and the
    package's carrier hears of it."""
    said = {"id": row.id, "sender": row.sender, "why": "sms_stopped"}
    feeding.say(connection, row.location, [(ServerKind.UNREACHABLE, said)], now_ms)
    what = f"whoever package {row.barcode} is for wants no SMS, and cannot be sent its code"
    details = {"what": what}
    tell_operators(connection, rules, Kind.UNREACHABLE, row.location, details, now_ms, row.id)


def is_down_reported(connection: Connection, channel: str) -> bool:
    """Whether operators know that a channel is down, and not yet that it is back."""
    table = schema.meta
    found = connection.execute(select(table.c.key).where(table.c.key == _DOWN + channel))
    return found.first() is not None


def tell_of_channel(
    connection: Connection,
    rules: Notifications,
    kind: Kind,
    channel: str,
    what: str,
    now_ms: int,
) -> None:
    """Tell operators once that a channel is down, and once that it is back, however often the
    server is started meanwhile. Nothing is said of the channel that they read."""
    if channel == OPERATORS:
        return
    table, key = schema.meta, _DOWN + channel
    if kind is Kind.CHANNEL_DOWN:
        is_news = insert_once(connection, table, {"key": key, "value": str(now_ms)})
    else:
        is_news = connection.execute(delete(table).where(table.c.key == key)).rowcount == 1
    if is_news:
        tell_operators(connection, rules, kind, None, {"what": f"{channel} {what}"}, now_ms)


def go_on(connection: Connection, location: str, now_ms: int) -> None:
    """A kiosk is heard of again before anybody took it for out: what waited for that goes now."""
    table, out = schema.notification, package_outage
    connection.execute(
        update(table)
        .where(
            table.c.location == location,
            table.c.status == schema.fixed("queued"),
            table.c.reason == WAITS,
            ~exists(select(out.c.package).where(out.c.package == table.c.package)),
        )
        .values(due_ms=now_ms)
    )


def try_another_way(connection: Connection, rules: Notifications, row: Any) -> None:
    """One way did not reach a person: queue the same message on the next, if there is one."""
    way = another_way(connection, rules, row)
    if way is None and row.kind in WITH_CODE and row.package is not None:
        person, _ = person_and_ways(connection, row.recipient, row.location, rules)
        if person.has_stopped:
            found = _package(connection, row.package)
            _tell_unreachable(connection, rules, found, max(row.due_ms, row.created_ms))
    if way is not None:
        queue(
            connection,
            kind=row.kind,
            package=row.package,
            location=row.location,
            recipient=row.recipient,
            channel=way,
            language=row.language,
            reason=f"{row.channel} did not reach them",
            created_ms=row.created_ms,
            due_ms=row.due_ms,
        )


def _package(connection: Connection, package: str) -> Any:
    return connection.execute(_PACKAGE, {"id": package}).first()


def _bring_forward(connection: Connection, location: str, now_ms: int) -> None:
    """The courier has left: what he put in stays, so its messages need not wait."""
    connection.execute(_FORWARD, {"of_location": location, "now_ms": now_ms})


def _was_notified(connection: Connection, package: str) -> bool:
    return connection.execute(_SENT, {"of_package": package}).first() is not None


def _move_warnings(
    connection: Connection,
    rules: Notifications,
    event: WireEvent,
    body: Mapping[str, Any],
    now_ms: int,
) -> None:
    """A hold ends later now, and so does the warning before its end; where it was given already,
    one who asked for more time is warned again."""
    for name, values in body.get("rows", ()):
        if name != "package" or not values.get("hold_until_ms"):
            continue
        due_ms = max(values["hold_until_ms"] - rules.about_to_expire_h * HOUR_MS, now_ms)
        moved = connection.execute(_MOVED, {"of_package": values["id"], "new_due_ms": due_ms})
        if not moved.rowcount and event.kind == EventKind.HOLD_EXTENDED:
            tell(connection, rules, Kind.ABOUT_TO_EXPIRE, values["id"], now_ms, due_ms)


def _slot_of(body: Mapping[str, Any]) -> str:
    for table, values in body.get("rows", ()):
        if table == "slot":
            return str(values["label"])
        if table == "intent" and "slot" in values:
            return str(values["slot"])
    return str(body.get("slot", ""))


def _fault(
    connection: Connection,
    rules: Notifications,
    location: str,
    event: WireEvent,
    body: Mapping[str, Any],
    now_ms: int,
) -> None:
    """A door jammed, moved by itself, or was taken out of service by the machine."""
    what = ""
    rows = dict(body.get("rows", ()))
    if event.kind == EventKind.DOOR_OUTCOME:
        outcome = str(rows.get("intent", {}).get("outcome", ""))
        what = outcome if outcome in ("JAMMED", "WRONG_DOOR") else ""
    elif event.kind == EventKind.DOOR_MOVED_UNASKED:
        what = "opened by itself"
    elif rows.get("slot", {}).get("service") not in (None, "IN_SERVICE"):
        what = f"out of service: {rows['slot'].get('service_reason', '')}"
    if what:
        details = {"slot": _slot_of(body), "what": what, "reference": event.seq}
        tell_operators(connection, rules, Kind.DOOR_FAULT, location, details, now_ms)
