"""The long lists of the pages, read along an index; nothing here writes.

Each asks `central.areas.visible` what its operator may see, and reads nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Select, func, or_, select, union

from central import kept, people, schema, viewed
from central.areas import tree
from central.areas.visible import Reach, areas_visible_to, visible_to
from central.context import is_about, is_by
from central.notify import leasing, outbox
from central.pages.listing import AMONG, SHOWN, Key, Listed, Wanted, by, of_query, of_rows
from central.sync.staff_list import digits_of
from central.viewed import VIEWED
from kiosk.model.barcode import kept_key
from kiosk.model.package import PackageStatus
from kiosk.model.person import SECRET_DIGITS_MAX, Role, kept_number, typed_number

Row = dict[str, Any]
STATUSES: Final = tuple(status.value for status in PackageStatus)
BY_PACKAGE: Final[Mapping[str, Key]] = {
    **by("barcode", "status", "location", "slot"),
    "since": lambda row: row["stored_ms"] or row["announced_ms"],
}
BY_MESSAGE: Final = by("kind", "status", "channel", "due_ms", "created_ms")
BY_QUARANTINED: Final = by("location", "seq", "reason", "received_ms", "times")
BY_AUDIT: Final = by("at_ms", "by", "action", "subject")
BY_VIEW: Final = by("at_ms", "by")
BY_STAFF: Final = by("number", "name", "role", "area")


# --- packages ----------------------------------------------------------------------------------


def packages(connection: Connection, reach: Reach, wanted: Wanted, status: str = "") -> Listed:
    """Packages, the newest first: of one state, or found by a text."""
    return of_query(connection, found(connection, reach, wanted.q, status), wanted, BY_PACKAGE)


def found(connection: Connection, reach: Reach, text: str, status: str = "") -> Select[Any]:
    """Packages by barcode, id, or their recipient's name, phone or e-mail; all without."""
    package, person = schema.package, schema.recipient
    query = select(package, person.c.name.label("person")).join(
        person, person.c.id == package.c.recipient, isouter=True
    )
    query = query.where(visible_to(reach, package.c.location))
    if status:
        # That it is not fetched stands in the index that such lists are read along.
        query = query.where(*(() if status == "RETRIEVED" else (schema.is_not_fetched(),)))
        query = query.where(package.c.status == schema.fixed(status))
    if text:
        reached = select(person.c.id).where(people.reached_at(connection, [text], [text]))
        ways = (
            _begins(connection, package.c.barcode, text),
            _begins(connection, package.c.barcode_key, kept_key(text)),
            package.c.id == text,
            package.c.recipient.in_(reached),
            package.c.recipient.in_(people.named(connection, text)),
        )
        # Each by its own index: one OR over two tables would have every package read.
        query = query.where(package.c.id.in_(union(*(select(package.c.id).where(w) for w in ways))))
    return query.order_by(package.c.announced_ms.desc())


def _begins(connection: Connection, column: Any, text: str) -> Any:
    """Whether a text begins so, upper and lower case being two; on SQLite by the column's index,
    which LIKE cannot use."""
    if connection.dialect.name == "sqlite":
        return column.between(text, text + chr(sys.maxunicode))
    return column.startswith(text, autoescape=True)


def unjoined(connection: Connection, reach: Reach, wanted: Wanted) -> Listed:
    """Packages that lie in a locker and that nobody has announced."""
    package = schema.package
    query = select(package).where(*_is_unjoined(reach)).order_by(package.c.stored_ms)
    return of_query(connection, query, wanted, BY_PACKAGE)


def count_unjoined(connection: Connection, reach: Reach) -> int:
    """How many of them there are."""
    query = select(func.count()).where(*_is_unjoined(reach))
    return int(connection.execute(query).scalar_one())


def _is_unjoined(reach: Reach) -> tuple[Any, ...]:
    package = schema.package
    lying = [schema.fixed(status) for status in schema.LIVE if status != "PENDING"]
    is_visible = visible_to(reach, package.c.location)
    return package.c.status.in_(lying), package.c.recipient.is_(None), is_visible


# --- messages ----------------------------------------------------------------------------------


def messages(
    connection: Connection, reach: Reach, wanted: Wanted, status: str, now_ms: int
) -> tuple[dict[str, int], Listed]:
    """How many messages are in which state, those that are done with of a day; and the newest, of
    one state or of one location, or of all, each with whom it is for as far as a list says it."""
    table, person = schema.notification, schema.recipient
    is_visible = visible_to(reach, table.c.location) & leasing.is_message()
    counts = outbox.count_by_status(connection, now_ms, is_visible)
    query = select(table, person.c.name.label("person"), person.c.email, person.c.phone)
    query = query.join(person, person.c.id == table.c.recipient, isouter=True).where(is_visible)
    query = query.where(table.c.status == status) if status else query
    query = query.where(table.c.location == wanted.q) if wanted.q else query
    listed = of_query(connection, query.order_by(table.c.created_ms.desc()), wanted, BY_MESSAGE)
    for row in listed.rows:
        row["for"] = masked(row["email"] or "") or masked(row["phone"] or "")
    return counts, listed


def masked(address: str) -> str:
    """An e-mail address or a number, as a list shows it: enough to know it again, too little to
    write to it. Who needs all of it opens the message's page, which is written down."""
    if "@" in address:
        name, _, domain = address.partition("@")
        return f"{name[:1]}…@{domain}"
    return f"…{address[-3:]}" if len(address) > 4 else ""


# --- what happened -----------------------------------------------------------------------------


def quarantine(connection: Connection, reach: Reach, wanted: Wanted) -> Listed:
    """The events that were not believed and that nobody has settled, the newest first; those of
    one location, if one is named."""
    table = schema.quarantine
    query = select(table).where(table.c.settled_ms.is_(None))
    query = query.where(visible_to(reach, table.c.location))
    query = query.where(table.c.location == wanted.q) if wanted.q else query
    query = query.order_by(table.c.received_ms.desc())
    return of_query(connection, query, wanted, BY_QUARANTINED)


def audit_log(connection: Connection, reach: Reach, wanted: Wanted) -> Listed:
    """Who did what, the newest first; of one subject or person, if a text is given. Who looked at
    people's data stands at a page of its own, for administrators."""
    table = schema.audit
    query = select(table).where(table.c.action != VIEWED, visible_to(reach, table.c.location))
    if wanted.q:
        about = is_about(connection, wanted.q), is_by(connection, wanted.q)
        query = query.where(or_(*about))
    listed = of_query(connection, query.order_by(table.c.at_ms.desc()), wanted, BY_AUDIT)
    for row in listed.rows:
        row["detail"] = kept.object_of(row["detail"])
    return listed


def views(connection: Connection, reach: Reach, wanted: Wanted) -> Listed:
    """Who looked at whose data, the newest first; of one operator, recipient or package, if a text
    is given."""
    count = AMONG + 1 if wanted.sort else wanted.number * SHOWN + 1
    rows = viewed.views(connection, reach, wanted.q, count)
    return replace(of_rows(rows[:AMONG], wanted, BY_VIEW), is_cut=len(rows) > AMONG)


# --- staff -------------------------------------------------------------------------------------


def staff(connection: Connection, reach: Reach, wanted: Wanted) -> dict[str, Any]:
    """Couriers and technicians that the server lists, those whose number begins so, if some of its
    digits are given; and of how many digits numbers are."""
    table, digits = schema.staff, digits_of(connection)
    is_visible = areas_visible_to(reach, table.c.area)
    query = select(table).where(table.c.removed_ms.is_(None), is_visible)
    if wanted.q:
        query = query.where(table.c.number.startswith(kept_number(wanted.q), autoescape=True))
    query = query.order_by(func.length(table.c.number), table.c.number)
    listed = of_query(connection, query, wanted, BY_STAFF)
    for row in listed.rows:
        row["typed"] = typed_number(row["number"], digits)
        row["locations"] = kept.value_of(row["locations"]) or []
        row["carriers"] = kept.names_of(row["carriers"])
        is_short = row["pin_digits"] != SECRET_DIGITS_MAX
        row["has_short_pin"] = row["role"] == Role.TECHNICIAN and is_short
    return {"listed": listed, "digits": digits, "areas": tree.listed(connection, reach)}
