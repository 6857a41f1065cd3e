"""Who looked at whose personal data: a line in the audit log before it is shown.

The same person looked at again by the same operator within a while is not written down again, so
that the log says who looked and not how often a page was loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, or_, select

from central import schema
from central.adapters import new_id
from central.context import Central, audit

VIEWED = "person.viewed"
EXPORTED = "person.export"
SHOWN = 200


def write_down(
    connection: Connection,
    central: Central,
    by: str,
    address: str,
    where: str,
    packages: Iterable[Mapping[str, Any]],
) -> None:
    """Write down that somebody looks at the recipients of these packages."""
    table, now_ms = schema.audit, central.clock.now_ms()
    seen = {row["recipient"]: row["id"] for row in packages if row["recipient"] is not None}
    since_ms = now_ms - central.settings.sign_in.views_once_s * 1000
    known = connection.execute(
        select(table.c.subject).where(
            table.c.subject.in_(seen),
            table.c.action == VIEWED,
            table.c.by == by,
            table.c.at_ms > since_ms,
        )
    ).scalars()
    for person in known.all():
        seen.pop(person, None)
    if seen:
        rows = [
            {
                "id": new_id(),
                "at_ms": now_ms,
                "by": by,
                "action": VIEWED,
                "subject": person,
                "detail": json.dumps({"package": package, "where": where}, sort_keys=True),
                "address": address,
            }
            for person, package in seen.items()
        ]
        connection.execute(insert(table), rows)


def exported(connection: Connection, central: Central, by: str, kept: Mapping[str, Any]) -> None:
    """Write down that everything of a person was given out, by what `privacy.export` gave."""
    package = schema.package
    ids = [each["id"] for each in kept["packages"]]
    people = connection.execute(
        select(package.c.recipient).where(package.c.id.in_(ids)).distinct()
    ).scalars()
    for person in people.all() or [""]:
        audit(connection, central.clock.now_ms(), by, EXPORTED, person)


def looks(connection: Connection, text: str) -> list[dict[str, Any]]:
    """Who looked at whose data, the newest first; of one operator, recipient or package, if a text
    is given."""
    table, package = schema.audit, schema.package
    query = select(table).where(table.c.action.in_((VIEWED, EXPORTED)))
    if text:
        of_package = select(package.c.recipient).where(package.c.id == text)
        query = query.where(
            or_(table.c.by == text, table.c.subject == text, table.c.subject.in_(of_package))
        )
    rows = connection.execute(query.order_by(table.c.at_ms.desc()).limit(SHOWN)).mappings()
    return [{**row, "detail": json.loads(row["detail"])} for row in rows]
