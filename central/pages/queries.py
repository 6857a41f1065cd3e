"""What the pages show, read from the database; nothing here writes.

Each of these asks `central.areas.visible` what its operator may see, and reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, exists, func, select
from sqlalchemy import text as written

from central import kept, schema
from central.addresses import folded
from central.areas import grants, tree
from central.areas.visible import (
    Reach,
    accounts_visible_to,
    require_everywhere,
    visible_to,
)
from central.auth import Role as OperatorRole
from central.context import Central
from central.errors import not_found
from central.locations.feed import listing_of
from central.notify import leasing
from central.operators import sessions
from central.outages.tables import location_outage, package_outage
from central.remote import files
from central.settings import Settings
from central.sync import commands, troubles
from kiosk.model.actor import actor_of, in_one_form
from kiosk.model.commands import CommandType
from kiosk.model.event_reading import read_or_nothing
from kiosk.model.urls import path

SHOWN = 100
"""How many rows a list has at most."""
EVENTS_SHOWN = 30
"""Of one location."""
HEALTH = ("silent", "trouble", "late", "never", "well", "retired")
"""From what needs somebody most to what needs nobody."""

Row = dict[str, Any]


def _rows(connection: Connection, query: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _counts(connection: Connection, column: Any, *conditions: Any) -> dict[str, int]:
    query = select(column, func.count()).where(*conditions).group_by(column)
    return {str(value): count for value, count in connection.execute(query)}


# --- locations ---------------------------------------------------------------------------------


_OVERVIEW = (
    *("id", "name", "latitude", "longitude", "token_hash", "retired_ms", "last_sync_ms"),
    *("queue", "boards_away", "area", "is_well", "troubles"),
)
"""What the overview shows of a location: not its layout, which is many times as long."""


def locations(connection: Connection, reach: Reach, now_ms: int, settings: Settings) -> list[Row]:
    """Every location that somebody may see, with how full and how well it is, those that need
    somebody first."""
    counted = _slots_by_location(connection, reach)
    expired = _counts(
        connection,
        schema.package.c.location,
        schema.package.c.status == schema.fixed("EXPIRED"),
        schema.is_live(),
        visible_to(reach, schema.package.c.location),
    )
    found = []
    table = schema.location
    query = select(*(table.c[name] for name in _OVERVIEW)).order_by(table.c.id)
    query = query.where(visible_to(reach, table.c.id))
    for place in _rows(connection, query):
        place |= {"name": place["name"] or place["id"], "expired": expired.get(place["id"], 0)}
        place |= counted.get(place["id"], {"slots": 0, "taken": 0, "doubt": 0})
        place["health"] = _health(place, now_ms, settings)
        said = place["is_well"] is False or troubles.known_in(place["troubles"])
        if place["health"] == "well" and (place["doubt"] or place["boards_away"] or said):
            place["health"] = "trouble"
        found.append(place)
    return sorted(found, key=lambda each: (HEALTH.index(each["health"]), each["id"]))


def _slots_by_location(connection: Connection, reach: Reach) -> dict[str, Row]:
    """How many slots each location has, by the numbers that are kept of each size."""
    table, found = schema.location_size, dict[str, Row]()
    query = select(table.c.location, table.c.total, table.c.taken, table.c.suspect)
    query = query.where(visible_to(reach, table.c.location))
    for location_id, total, taken, suspect in connection.execute(query):
        place = found.setdefault(location_id, {"slots": 0, "taken": 0, "doubt": 0})
        place["slots"] += total
        place["taken"] += taken
        place["doubt"] += suspect
    return found


def _location(row: Mapping[str, Any], now_ms: int, settings: Settings) -> Row:
    status = kept.status_of(row["status"])
    return {
        **row,
        "status": status,
        "name": row["name"] or row["id"],
        "health": _health(row, now_ms, settings),
        "troubles": [
            {"what": troubles.SAID[each], "since_ms": known["since_ms"]}
            for each, known in troubles.known_in(row["troubles"]).items()
        ],
    }


def _health(row: Mapping[str, Any], now_ms: int, settings: Settings) -> str:
    if row["retired_ms"] is not None:
        return "retired"
    if not row["token_hash"] or row["last_sync_ms"] is None:
        return "never"
    silent_s = (now_ms - row["last_sync_ms"]) / 1000
    if silent_s > settings.silent_after_s:
        return "silent"
    return "late" if silent_s > settings.late_after_s else "well"


def location(
    connection: Connection, reach: Reach, name: str, now_ms: int, settings: Settings
) -> Row:
    """One location with its slots, packages, events and commands. Raises `RequestError`."""
    table = schema.location
    is_it = (table.c.id == name) & visible_to(reach, table.c.id)
    row = connection.execute(select(table).where(is_it)).mappings().first()
    if row is None:
        raise not_found("location", name)
    place = _location(dict(row), now_ms, settings)
    slot, package, command = schema.slot, schema.package, schema.command
    live = package.c.status.in_(schema.LIVE)
    place["inside"] = connection.execute(
        select(func.count()).where(package.c.location == name, live, package.c.slot.is_not(None))
    ).scalar_one()
    place["outage"] = connection.execute(
        select(location_outage).where(location_outage.c.location == name)
    ).first()
    place["out_of_reach"] = _rows(
        connection,
        select(package_outage.c.why, func.count().label("count"), _SINCE)
        .where(package_outage.c.location == name)
        .group_by(package_outage.c.why)
        .order_by(package_outage.c.why),
    )
    place["layout"] = kept.layout_of(row["layout"])
    place["title"], place["ways"] = row["name"], ",".join(kept.names_of(row["channels"]))
    place["slots"] = _rows(
        connection, select(slot).where(slot.c.location == name).order_by(slot.c.position)
    )
    place["packages"] = _rows(
        connection,
        select(package)
        .where(package.c.location == name, live)
        .order_by(package.c.slot.is_(None), package.c.slot)
        .limit(SHOWN),
    )
    place["events"] = newest_events(connection, reach, name)
    place["listing"] = listing_of(connection, name)
    newest = select(command).where(command.c.location == name).order_by(command.c.n.desc())
    found = _rows(connection, newest.limit(20))
    place["commands"] = [commands.as_it_stands(each, now_ms) for each in found]
    place["files"] = files.of_location(connection, name)
    hold = schema.rollout_hold
    place["hold"] = connection.execute(select(hold).where(hold.c.location == name)).first()
    place["settings"] = _remote_settings(connection, name, place["status"])
    return place


def _remote_settings(connection: Connection, name: str, status: Row) -> list[Row]:
    """The settings that a kiosk says were changed remotely, and by whom and when, where that is
    still known."""
    values = status.get("remote_settings") or {}
    table = schema.command
    if not values:
        return []
    asked = select(table).where(
        table.c.location == name, table.c.type == CommandType.CHANGE_SETTINGS.value
    )
    rows = _rows(connection, asked.order_by(table.c.n.desc()).limit(SHOWN))
    found = []
    for key, value in values.items():
        who = next((row for row in rows if key in _settings_in(row)), {})
        found.append(
            {"name": key, "value": value, "by": who.get("by"), "at_ms": who.get("created_ms")}
        )
    return found


def _settings_in(row: Row) -> Row:
    settings = kept.object_of(row["body"]).get("settings")
    return settings if isinstance(settings, dict) else {}


_SINCE = func.min(package_outage.c.since_ms).label("since_ms")


def newest_events(
    connection: Connection, reach: Reach, name: str, count: int = EVENTS_SHOWN
) -> list[Row]:
    """The newest events of a location: those of each life of its journal, along their numbers."""
    table, epoch = schema.event, schema.location_epoch
    is_here = (epoch.c.location == name) & visible_to(reach, epoch.c.location)
    lives = connection.execute(select(epoch.c.epoch).where(is_here)).scalars()
    found: list[Row] = []
    for life in lives.all():
        of_life = select(table).where(table.c.location == name, table.c.epoch == life)
        found += _rows(connection, of_life.order_by(table.c.seq.desc()).limit(count))
    found.sort(key=lambda row: (row["received_ms"], row["seq"]), reverse=True)
    return [_event(each) for each in found[:count]]


# --- packages ----------------------------------------------------------------------------------


def disputed(connection: Connection, reach: Reach) -> list[Row]:
    """The barcodes of which an operator has to say whose they are, the oldest question first: what
    lies there, and who announced it."""
    package, key = schema.package, schema.api_key
    waiting = (
        select(package.c.location, package.c.barcode_key, func.min(package.c.disputed_ms))
        .where(package.c.disputed_ms > 0, package.c.status.in_(schema.LIVE))
        .where(visible_to(reach, package.c.location))
        .group_by(package.c.location, package.c.barcode_key)
        .order_by(func.min(package.c.disputed_ms))
        .limit(SHOWN)
    )
    questions = []
    for place, barcode_key, since_ms in connection.execute(waiting).all():
        query = (
            select(package, key.c.name.label("sender_name"))
            .join(key, key.c.id == package.c.sender, isouter=True)
            .where(
                package.c.location == place,
                package.c.barcode_key == barcode_key,
                package.c.status.in_(schema.LIVE),
            )
        )
        rows = _rows(connection, query.order_by(package.c.announced_ms))
        question = {"location": place, "barcode": rows[0]["barcode"], "since_ms": since_ms}
        announced = [row for row in rows if row["sender"] is not None]
        lying = next((row for row in rows if row["status"] != "PENDING"), None)
        questions.append({**question, "lying": lying, "announced": announced})
    return questions


def count_disputed(connection: Connection, reach: Reach) -> int:
    """How many packages wait for an operator to say whose they are."""
    package = schema.package
    query = select(func.count()).where(
        package.c.disputed_ms.is_not(None),
        package.c.status.in_(schema.LIVE),
        visible_to(reach, package.c.location),
    )
    return int(connection.execute(query).scalar_one())


def package(connection: Connection, reach: Reach, name: str, now_ms: int) -> Row:
    """One package with everything that is known of it. Raises `RequestError`."""
    table, person = schema.package, schema.recipient
    is_it = (table.c.id == name) & visible_to(reach, table.c.location)
    row = connection.execute(select(table).where(is_it)).mappings().first()
    if row is None:
        raise not_found("package", name)
    event, notification, command = schema.event, schema.notification, schema.command
    return {
        **row,
        "person": connection.execute(select(person).where(person.c.id == row["recipient"]))
        .mappings()
        .first(),
        "events": [
            _event(each)
            for each in _rows(
                connection,
                select(event)
                .where(
                    event.c.package == name,
                    event.c.package != schema.fixed(""),
                    event.c.location == row["location"],
                )
                .order_by(event.c.received_ms, event.c.seq),
            )
        ],
        "notifications": _rows(
            connection,
            select(notification)
            .where(notification.c.package == name, leasing.is_message())
            .order_by(notification.c.created_ms),
        ),
        "commands": [
            commands.as_it_stands(each, now_ms)
            for each in _rows(
                connection, select(command).where(command.c.package == name).order_by(command.c.n)
            )
        ],
    }


def _event(row: Row) -> Row:
    """An event with who did it, at which door, and what came of it."""
    body = read_or_nothing(row["body"])
    changed: dict[str, Row] = {}
    for name, values in body.get("rows", ()):
        changed.setdefault(name, values)
    intent, slot = changed.get("intent", {}), changed.get("slot", {})
    return {
        **row,
        "who": actor_of(body) or in_one_form(str(intent.get("actor") or "")),
        "slot": str(body.get("slot") or slot.get("label") or intent.get("slot") or ""),
        "what": str(intent.get("outcome") or body.get("outcome") or body.get("reason") or ""),
        "at_ms": row["wall_ms"] if row["is_trusted"] else None,
    }


# --- everything else ---------------------------------------------------------------------------


def dead(connection: Connection, reach: Reach) -> int:
    """How many messages were given up."""
    table = schema.notification
    is_dead = (table.c.status == "dead") & leasing.is_message()
    is_dead &= visible_to(reach, table.c.location)
    return connection.execute(select(func.count()).where(is_dead)).scalar_one()


def alarms(connection: Connection, reach: Reach, since_ms: int) -> list[Row]:
    """What the server wants looked at, the newest first, with where to look."""
    table = schema.audit
    rows = _rows(
        connection,
        select(table)
        .where(written(schema.IS_ALARM), table.c.at_ms >= since_ms)
        .where(visible_to(reach, table.c.location))
        .order_by(table.c.at_ms.desc())
        .limit(20),
    )
    place = schema.location
    is_subject = place.c.id.in_({row["subject"] for row in rows})
    named = connection.execute(select(place.c.id, place.c.name).where(is_subject))
    called = {name: title for name, title in named if title}
    return [
        {
            **row,
            "action": row["action"].removeprefix("alarm:"),
            "called": called.get(row["subject"], row["subject"]),
            "detail": kept.object_of(row["detail"]),
            "link": _link(row["action"], row["subject"]),
        }
        for row in rows
    ]


def _link(action: str, subject: str) -> str:
    """The page about what an alarm is about."""
    if action == "alarm:unjoined":
        return path("packages", subject)
    if action == "alarm:disputed":
        return "/disputed"
    if action == "alarm:quarantine":
        return "/quarantine"
    if action.startswith("alarm:account."):
        return "/accounts"
    return path("locations", subject.partition(" ")[0])


def quarantined(connection: Connection, reach: Reach) -> int:
    """How many events wait in quarantine for somebody who settles them."""
    table = schema.quarantine
    query = select(func.count()).where(table.c.settled_ms.is_(None))
    query = query.where(visible_to(reach, table.c.location))
    return int(connection.execute(query).scalar_one())


def areas(connection: Connection, reach: Reach) -> list[Row]:
    """The areas that somebody may see, as a tree."""
    return tree.listed(connection, reach)


def accounts(connection: Connection, reach: Reach, central: Central) -> list[Row]:
    """The operators' accounts, with what they sign in by and how many sessions they have."""
    is_going_on = sessions.is_going_on(central.settings.sign_in, central.clock.now_ms())
    user, session, passkey = schema.user, schema.operator_session, schema.passkey
    of_user = session.c.account == user.c.id
    query = select(
        *(user.c[name] for name in ("id", "email", "name", "role", "disabled_ms")),
        user.c.totp_sealed.is_not(None).label("has_app"),
        exists().where(passkey.c.account == user.c.id).label("has_passkey"),
        (user.c.password_hash != "").label("has_password"),
        user.c.provider_subject.is_not(None).label("has_provider"),
        select(func.count()).where(of_user, is_going_on).scalar_subquery().label("sessions"),
    ).where(accounts_visible_to(reach))
    given = grants.of_all(connection)
    rows = [{**row, "grants": given.get(row["id"], ())} for row in _rows(connection, query)]
    return sorted(rows, key=lambda row: folded(row["email"]))


def keys(connection: Connection, reach: Reach) -> list[Row]:
    """The API keys, of which only a hash is kept; they are for all locations."""
    require_everywhere(reach, OperatorRole.ADMIN)
    rows = _rows(connection, select(schema.api_key).order_by(schema.api_key.c.created_ms))
    return [{**row, "scopes": kept.names_of(row["scopes"])} for row in rows]
