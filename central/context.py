"""The parts of a running server, handed to whoever answers a request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, insert, select
from starlette.requests import Request

from central import schema
from central.adapters import Clock, new_id
from central.database import Database
from central.errors import not_found
from central.sealing import blind_index, indexed
from central.settings import Settings
from central.tokens import Secrets
from kiosk.model.clock import DAY_MS

_AUDIT = insert(schema.audit)


@dataclass(frozen=True, slots=True)
class Central:
    """What everything works with; built by `app.py`."""

    settings: Settings
    database: Database
    secrets: Secrets
    clock: Clock


def central_of(request: Request) -> Central:
    """The server that answers this request."""
    central: Central = request.app.state.central
    return central


def audit(
    connection: Connection,
    now_ms: int,
    by: str,
    action: str,
    subject: str,
    address: str = "",
    place: str = "",
    **detail: Any,
) -> None:
    """Write down who did what to which thing; every action of a person has a line here. `place` is
    the location that it is about: a line without one is for those alone who may see everything."""
    values = {
        "id": new_id(),
        "at_ms": now_ms,
        "by": by,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail, sort_keys=True, default=str),
        "address": address,
        "location": place,
    }
    connection.execute(_AUDIT, indexed(connection, schema.audit, values))


def is_about(connection: Connection, subject: str) -> ColumnElement[bool]:
    """The lines of the audit log about a thing."""
    index = blind_index(connection, subject, "audit.subject")
    return schema.audit.c.subject_index == index


def is_about_one_of(connection: Connection, subjects: Iterable[str]) -> ColumnElement[bool]:
    """The lines of the audit log about some things."""
    indexes = [blind_index(connection, each, "audit.subject") for each in subjects]
    return schema.audit.c.subject_index.in_(indexes)


def is_by(connection: Connection, who: str) -> ColumnElement[bool]:
    """The lines of the audit log of somebody."""
    return schema.audit.c.by_index == blind_index(connection, who, "audit.by")


def change_known(connection: Connection, statement: Update, what: str, name: str) -> None:
    """Change a thing that must be there. Raises `RequestError` when nothing was changed."""
    if not connection.execute(statement).rowcount:
        raise not_found(what, name)


def alarm(
    connection: Connection, now_ms: int, what: str, subject: str, place: str = "", **detail: Any
) -> None:
    """Something that an operator must look at; shown on the pages, counted by the metrics."""
    audit(connection, now_ms, "server", f"alarm:{what}", subject, "", place, **detail)


def alarm_daily(
    connection: Connection, now_ms: int, what: str, subject: str, place: str = "", **detail: Any
) -> None:
    """The same for what goes on: once in a day."""
    table = schema.audit
    lately = select(table.c.id).where(
        is_about(connection, subject),
        table.c.action == f"alarm:{what}",
        table.c.at_ms > now_ms - DAY_MS,
    )
    if connection.execute(lately.limit(1)).first() is None:
        alarm(connection, now_ms, what, subject, place, **detail)
