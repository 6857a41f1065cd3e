"""From the feed into the outbox: each fact for the receivers of its own carrier that ask for it.

The rows of the feed were written with what they tell. In one transaction a batch of them becomes
rows of the outbox and is deleted, so each is sent once for all; one process does it at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from central import kept, schema
from central.adapters import new_id
from central.areas.visible import around
from central.carriers import places
from central.context import Central, alarm
from central.database.bulk import update_many
from central.database.locks import lock_name
from central.feed import readers
from central.feed.document import Document
from central.notify import leasing
from central.schema import LIVE
from central.simulated import is_sandbox
from central.webhooks import endpoints, payloads
from central.webhooks.events import Fact, happened_in, is_wanted
from central.webhooks.tables import webhook_endpoint

LOG = logging.getLogger("central.webhooks")
BATCH: Final = 100
_PACKAGE = schema.package


@dataclass(slots=True)
class Receiver:
    """Who is sent what happens."""

    id: str
    carrier: str
    sender: str
    events: Sequence[str]
    n: int
    sandbox: str
    """The one location that there is for it, where its carrier is a sandbox's."""

    def has(self, package: Any) -> bool:
        """Whether it hears of this package: one of its carrier's, or of its sender's."""
        return bool(self.carrier == package.carrier and self.sender in ("", package.sender))

    def is_at(self, location: str, absent: Collection[str]) -> bool:
        """Whether it hears of this location: one at which its carrier works."""
        if self.sandbox or is_sandbox(location):
            return location == self.sandbox
        return self.carrier not in absent


def take(connection: Connection, central: Central, count: int = BATCH) -> int:
    """Turn what was written first into webhooks; how many rows were looked at."""
    now_ms = central.clock.now_ms()
    lock_name(connection, "webhooks")
    batch = readers.batch(connection, endpoints.READER, central.settings.region, count)
    if batch.documents:
        write(connection, batch.documents, now_ms)
    if batch.ids:
        readers.acknowledge(connection, endpoints.READER, batch)
    return len(batch.ids)


def pass_over(connection: Connection, central: Central, why: str) -> None:
    """Leave out the one fact that cannot be turned into webhooks, so that the others go on."""
    lock_name(connection, "webhooks")
    batch = readers.batch(connection, endpoints.READER, central.settings.region, 1)
    if batch.ids:
        name = batch.documents[0].name if batch.documents else "?"
        readers.acknowledge(connection, endpoints.READER, batch)
        alarm(connection, central.clock.now_ms(), "webhook-not-written", name, why=why)


def write(connection: Connection, documents: Sequence[Document], now_ms: int) -> int:
    """Write the webhooks that these documents are; how many."""
    happened, receivers = happened_in(documents), receiving(connection)
    if not happened or not receivers:
        return 0
    known = dict(_with_packages(connection, happened))
    absent: dict[str, Collection[str]] = {}
    rows: list[dict[str, Any]] = []
    for at, fact in enumerate(happened):
        is_of_package = fact.package or fact.slot
        package = known.get(at)
        if is_of_package and package is None:
            continue
        location = fact.document.location
        if package is None and location not in absent:
            absent[location] = places.absent(connection, location, around(connection, location))
        for receiver in receivers:
            is_its = (
                receiver.has(package)
                if package is not None
                else receiver.is_at(location, absent[location])
            )
            if is_its and is_wanted(fact.type, receiver.events):
                receiver.n += 1
                rows.append(_row(receiver, fact, package, now_ms))
    if rows:
        _put(connection, receivers, rows, now_ms)
    return len(rows)


def receiving(connection: Connection) -> list[Receiver]:
    """The receivers that are enabled, of carriers and keys that are."""
    table, carrier, key = webhook_endpoint, schema.carrier, schema.api_key
    is_key_in_use = (table.c.sender == "") | (key.c.id.is_not(None) & key.c.revoked_ms.is_(None))
    every = schema.api_key.alias("every")
    sandbox = select(func.max(every.c.sandbox)).where(every.c.carrier == table.c.carrier)
    sandbox_of = sandbox.scalar_subquery()
    rows = connection.execute(
        select(
            *(table.c[name] for name in ("id", "carrier", "sender", "events", "n")),
            sandbox_of.label("sandbox"),
        )
        .join(carrier, carrier.c.id == table.c.carrier)
        .outerjoin(key, key.c.id == table.c.sender)
        .where(
            endpoints.is_there(),
            table.c.disabled_ms.is_(None),
            carrier.c.disabled_ms.is_(None),
            is_key_in_use,
        )
        .order_by(table.c.id)
    )
    return [
        Receiver(
            row.id, row.carrier, row.sender, kept.names_of(row.events), row.n, row.sandbox or ""
        )
        for row in rows
    ]


def _with_packages(connection: Connection, happened: Sequence[Fact]) -> Iterator[tuple[int, Any]]:
    """The package that each fact is about, by the fact's place."""
    named = _packages(connection, {fact.package for fact in happened if fact.package})
    for at, fact in enumerate(happened):
        if fact.package in named:
            yield at, named[fact.package]
        elif fact.slot and not fact.package:
            lying = _lying(connection, fact.document.location, fact.slot)
            if lying is not None:
                yield at, lying


_NAMES = ("id", "carrier", "sender", "known_as", "barcode")
_COLUMNS = tuple(_PACKAGE.c[name] for name in _NAMES)


def _packages(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    rows = connection.execute(select(*_COLUMNS).where(_PACKAGE.c.id.in_(sorted(ids))))
    return {row.id: row for row in rows}


def _lying(connection: Connection, location: str, slot: str) -> Any:
    here = (_PACKAGE.c.location == location) & _PACKAGE.c.status.in_(LIVE)
    return connection.execute(select(*_COLUMNS).where(here, _PACKAGE.c.slot == slot)).first()


def _row(receiver: Receiver, fact: Fact, package: Any, now_ms: int) -> dict[str, Any]:
    location = fact.document.location
    return {
        "id": new_id(),
        "kind": fact.type.value,
        "package": None if package is None else package.id,
        "location": location,
        "channel": endpoints.CHANNEL,
        "endpoint": receiver.id,
        "subject": f"location {location}" if package is None else package.id,
        "n": receiver.n,
        "facts": payloads.text_of(fact, package, receiver.n),
        "created_ms": now_ms,
        "due_ms": now_ms,
        "late_since_ms": None,
    }


def _put(
    connection: Connection,
    receivers: Sequence[Receiver],
    rows: Sequence[dict[str, Any]],
    now_ms: int,
) -> None:
    """Write rows; one behind another that waits for its next try is due with that."""
    waiting = _waiting(connection, rows, now_ms)
    for row in rows:
        due_ms = waiting.get((row["endpoint"], row["subject"]))
        if due_ms is not None:
            row |= {"due_ms": due_ms, "late_since_ms": now_ms}
    connection.execute(insert(schema.notification), list(rows))
    numbers = [{"id": each.id, "n": each.n} for each in receivers]
    update_many(connection, webhook_endpoint, "id", numbers)


def _waiting(
    connection: Connection, rows: Sequence[dict[str, Any]], now_ms: int
) -> dict[tuple[str, str], int]:
    table = schema.notification
    found = connection.execute(
        select(table.c.endpoint, table.c.subject, func.max(table.c.due_ms).label("due_ms"))
        .where(
            table.c.endpoint.in_(sorted({row["endpoint"] for row in rows})),
            table.c.subject.in_(sorted({row["subject"] for row in rows})),
            leasing.is_open(),
            leasing.is_webhook(),
            table.c.due_ms > now_ms,
        )
        .group_by(table.c.endpoint, table.c.subject)
    )
    return {(row.endpoint, row.subject): row.due_ms for row in found}
