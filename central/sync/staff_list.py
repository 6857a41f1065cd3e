"""The list of a kiosk's people, as it is known when it is sent: a command keeps nobody's name."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, select

from central import kept, schema
from central.sealing import open_sealed
from kiosk.model.commands import ListedStaff, ListStaff
from kiosk.model.sealing import UnsealError

LOG = logging.getLogger("central.sync")

EVERYWHERE = "*"
HASHES = ("pin_hash", "badge_hash")
"""What is sealed for its own row."""


def staff_of(connection: Connection, location: str) -> ListStaff:
    """Whom a location's kiosk is to know."""
    table = schema.staff
    rows = connection.execute(
        select(table).where(table.c.removed_ms.is_(None)).order_by(table.c.number)
    ).mappings()
    known = [_person(connection, row) for row in rows if _is_of(row, location)]
    return ListStaff(staff=tuple(person for person in known if person is not None))


def _is_of(row: Any, location: str) -> bool:
    places = kept.value_of(row["locations"])
    return places == EVERYWHERE or (isinstance(places, list) and location in places)


def _person(connection: Connection, row: Any) -> ListedStaff | None:
    """One of them; None where the row is damaged: the others are sent all the same."""
    values = {name: row[name] for name in ListedStaff.model_fields}
    try:
        for name in HASHES:
            context = f"staff.{name}/{row['number']}"
            values[name] = open_sealed(connection, row[name], context)
        return ListedStaff(**values)
    except (UnsealError, ValidationError) as error:
        LOG.error("staff %s is on no kiosk's list: %s", row["number"], type(error).__name__)
        return None
