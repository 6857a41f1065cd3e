"""What a kiosk's event changes in the server's tables: the after-images it carries, as they are.

The kiosk is the only writer of its slots, and of its packages once they are inside. Where the
server believed something else the fact is taken all the same and marked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from central import schema
from central.notify import outbox
from central.settings import Notifications
from central.sync import commands
from central.upserts import upsert
from kiosk.model.events import EventKind
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.sync.contract import Layout, WireEvent

SLOT_COLUMNS = frozenset(
    {
        "position",
        "size",
        "is_low",
        "status",
        "suspect",
        "service",
        "service_reason",
        "service_by",
        "service_since_ms",
        "service_until_ms",
        "is_reachable",
    }
)
PACKAGE_COLUMNS = frozenset(
    {
        "barcode",
        "status",
        "size",
        "slot",
        "last_slot",
        "is_announced",
        "is_alone",
        "needs_low",
        "replaces",
        "locator",
        "announced_ms",
        "stored_ms",
        "hold_until_ms",
        "finished_ms",
    }
)
FLAGS = frozenset({"is_low", "is_reachable", "is_announced", "is_alone", "needs_low"})


@dataclass(slots=True)
class Remark:
    """What the server thinks of an event, beside taking it in."""

    package: str = ""
    is_forced: bool = False
    text: str = ""

    def disagree(self, text: str) -> None:
        """The server knew it otherwise."""
        self.is_forced = True
        self.text = f"{self.text}; {text}" if self.text else text


@dataclass(slots=True)
class _Fact:
    connection: Connection
    location: str
    event: WireEvent
    body: Mapping[str, Any]
    rules: Notifications
    now_ms: int
    remark: Remark


def project(
    connection: Connection,
    location: str,
    event: WireEvent,
    rules: Notifications,
    now_ms: int,
    remark: Remark,
) -> bool:
    """Take an event into the tables; True when a slot changed. Raises for what it cannot read."""
    body = json.loads(event.body)
    fact = _Fact(connection, location, event, body, rules, now_ms, remark)
    changed = False
    for table, values in body.get("rows", ()):
        if table == "slot":
            _slot(fact, values)
            changed = True
        elif table == "package":
            _package(fact, values)
    if not remark.package and isinstance(body.get("package"), str):
        remark.package = body["package"]
    special = _SPECIAL.get(event.kind)
    if special is not None:
        special(fact)
    outbox.on_event(connection, rules, location, event, body, remark.package, now_ms)
    return changed


def _typed(values: Mapping[str, Any], columns: frozenset[str]) -> dict[str, Any]:
    return {
        name: bool(value) if name in FLAGS else value
        for name, value in values.items()
        if name in columns
    }


def _slot(fact: _Fact, values: Mapping[str, Any]) -> None:
    key = {"location": fact.location, "label": values["label"]}
    upsert(fact.connection, schema.slot, key, _typed(values, SLOT_COLUMNS))


def _package(fact: _Fact, values: Mapping[str, Any]) -> None:
    table, package_id = schema.package, values["id"]
    fact.remark.package = package_id
    before = fact.connection.execute(select(table).where(table.c.id == package_id)).first()
    changes = _typed(values, PACKAGE_COLUMNS)
    if "code_counter" in values:
        known = before.code_counter if before is not None else 0
        changes["code_counter"] = max(known, values["code_counter"])
    if values.get("status") == PackageStatus.STORED and fact.event.kind == EventKind.PACKAGE_STORED:
        changes["acknowledged_ms"] = fact.now_ms
    if before is None:
        fact.connection.execute(
            insert(table).values(id=package_id, location=fact.location, **changes)
        )
        return
    if before.location != fact.location:
        fact.remark.disagree(f"the package was expected at {before.location}")
        changes["location"] = fact.location
    _judge(fact, before.status, values.get("status"))
    if changes:
        fact.connection.execute(update(table).where(table.c.id == package_id).values(**changes))


def _judge(fact: _Fact, before: str, after: str | None) -> None:
    if after is None or before == after:
        return
    try:
        change = (PackageStatus(before), PackageStatus(after))
    except ValueError:
        fact.remark.disagree(f"{after} is no status that is known here")
        return
    if change not in LEGAL_CHANGES:
        fact.remark.disagree(f"the package was {before} here")


def _command_applied(fact: _Fact) -> None:
    body = fact.body
    if body.get("joined") and body.get("package") and body["joined"] != body["package"]:
        _join(fact, str(body["joined"]), str(body["package"]))
    commands.answered(
        fact.connection,
        fact.location,
        str(body["id"]),
        str(body["outcome"]),
        str(body.get("detail", "")),
        fact.now_ms,
    )


def _join(fact: _Fact, announced: str, lying: str) -> None:
    """An announced package lay in the locker already, under another id: they are one."""
    table = schema.package
    wanted = fact.connection.execute(select(table).where(table.c.id == announced)).first()
    if wanted is None or wanted.status != PackageStatus.PENDING:
        return
    fact.connection.execute(
        update(table)
        .where(table.c.id == announced)
        .values(status=PackageStatus.CANCELLED.value, finished_ms=fact.now_ms, replaces=lying)
    )
    changed = fact.connection.execute(
        update(table)
        .where(table.c.id == lying)
        .values(recipient=wanted.recipient, sender=wanted.sender, owner=wanted.owner)
        .returning(table.c.status)
    ).first()
    if changed is not None and changed.status == PackageStatus.STORED:
        outbox.stored(fact.connection, fact.rules, lying, fact.now_ms)


_SPECIAL: Mapping[str, Callable[[_Fact], None]] = {
    "COMMAND_APPLIED": _command_applied,
}


# --- what is reckoned from the tables -----------------------------------------------------------


def count_free(connection: Connection, location: str) -> None:
    """Bring the numbers of free slots of a location up to date."""
    table = schema.slot
    is_free = (
        (table.c.status == "EMPTY")
        & (table.c.service == "IN_SERVICE")
        & table.c.is_reachable.is_(True)
    )
    rows = connection.execute(
        select(
            table.c.size,
            func.count().label("total"),
            func.count().filter(is_free).label("free"),
            func.count().filter(is_free & table.c.is_low.is_(True)).label("free_low"),
        )
        .where(table.c.location == location)
        .group_by(table.c.size)
    ).all()
    for row in rows:
        upsert(
            connection,
            schema.location_size,
            {"location": location, "size": row.size},
            {"free": row.free, "free_low": row.free_low, "total": row.total},
        )
    connection.execute(
        update(schema.location)
        .where(schema.location.c.id == location)
        .values(free=sum(row.free for row in rows))
    )


def configure(connection: Connection, location: str, layout: Layout, layout_hash: str) -> None:
    """A kiosk tells what its location is made of."""
    values: dict[str, Any] = {
        "layout": layout.model_dump_json(),
        "layout_hash": layout_hash,
        "time_zone": layout.time_zone,
        "languages": json.dumps(list(layout.languages)),
        "help_phone": layout.help_phone,
    }
    known = connection.execute(
        select(schema.location).where(schema.location.c.id == location)
    ).one()
    # What an operator wrote stays; what nobody wrote is taken from the site's own config.
    for name in ("name", "address"):
        if not getattr(known, name):
            values[name] = getattr(layout, name)
    if known.latitude is None and layout.latitude is not None:
        values |= {"latitude": layout.latitude, "longitude": layout.longitude}
    connection.execute(
        update(schema.location).where(schema.location.c.id == location).values(**values)
    )
    names = [size.name for size in layout.sizes]
    table = schema.location_size
    connection.execute(
        delete(table).where(table.c.location == location, table.c.size.not_in(names))
    )
    for rank, size in enumerate(layout.sizes):
        upsert(
            connection,
            table,
            {"location": location, "size": size.name},
            {"rank": rank, **size.model_dump(exclude={"name"})},
        )
