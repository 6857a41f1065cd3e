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
from central.areas.visible import Reach, visible_to
from central.context import Central, audit, is_about_one_of, is_by
from central.database.locks import lock_name
from central.sealing import indexed

VIEWED = "person.viewed"
EXPORTED = "person.export"


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
    lock_name(connection, f"{VIEWED} {by}")
    seen = {row["recipient"]: row for row in packages if row["recipient"] is not None}
    since_ms = now_ms - central.settings.sign_in.views_once_s * 1000
    known = connection.execute(
        select(table.c.subject_index).where(
            is_about_one_of(connection, seen),
            table.c.action == VIEWED,
            is_by(connection, by),
            table.c.at_ms > since_ms,
        )
    ).scalars()
    rows = [
        indexed(
            connection,
            table,
            {
                "id": new_id(),
                "at_ms": now_ms,
                "by": by,
                "action": VIEWED,
                "subject": person,
                "detail": json.dumps({"package": row["id"], "where": where}, sort_keys=True),
                "address": address,
                "location": row["location"],
            },
        )
        for person, row in seen.items()
    ]
    lately = set(known.all())
    if new := [row for row in rows if row["subject_index"] not in lately]:
        connection.execute(insert(table), new)


def exported(connection: Connection, central: Central, by: str, kept: Mapping[str, Any]) -> None:
    """Write down that everything of a person was given out, by what `privacy.export` gave."""
    package = schema.package
    ids = [each["id"] for each in kept["packages"]]
    people = connection.execute(
        select(package.c.recipient).where(package.c.id.in_(ids)).distinct()
    ).scalars()
    for person in people.all() or [""]:
        audit(connection, central.clock.now_ms(), by, EXPORTED, person)


def views(connection: Connection, reach: Reach, text: str, count: int) -> list[dict[str, Any]]:
    """Who looked at whose data lately, the newest first; of one operator, recipient or package, if
    a text is given."""
    table, package = schema.audit, schema.package
    is_visible = visible_to(reach, table.c.location)
    query = select(table).where(is_visible).order_by(table.c.at_ms.desc()).limit(count)
    if text:
        known = select(package.c.recipient).where(
            package.c.id == text, visible_to(reach, package.c.location)
        )
        of_package = connection.execute(known)
        people = [text, *(each for each in of_package.scalars() if each)]
        query = query.where(or_(is_by(connection, text), is_about_one_of(connection, people)))
    # Each by itself along its index: both at once, few as they are, may have the whole log read.
    found = (query.where(table.c.action == each) for each in (VIEWED, EXPORTED))
    rows = [row for each in found for row in connection.execute(each).mappings()]
    rows.sort(key=lambda row: row["at_ms"], reverse=True)
    return [{**row, "detail": json.loads(row["detail"])} for row in rows[:count]]
