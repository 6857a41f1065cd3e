"""How the messages of a carrier's packages look: its name at their head, and its colour.

The operator's own have neither: they look as messages did before there were carriers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sqlalchemy import Connection, select

from central import kept, schema
from central.errors import RequestError
from central.plain_texts import plain
from kiosk.model.carriers import OPERATOR

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a message shows of a carrier; nothing of the operator."""

    name: str = ""
    colour: str = ""


def look_of(connection: Connection, carrier: str) -> Look:
    """The look of a carrier's messages."""
    if carrier == OPERATOR:
        return Look()
    table = schema.carrier
    row = connection.execute(select(table).where(table.c.id == carrier)).first()
    return Look() if row is None else Look(plain(row.name), colour_of(row.look))


def colour_of(look: str) -> str:
    """The colour that is kept of a look; "" where there is none."""
    found = kept.value_of(look)
    colour = found.get("colour", "") if isinstance(found, dict) else ""
    return colour if isinstance(colour, str) and _COLOUR.fullmatch(colour) else ""


def kept_look(colour: str) -> str:
    """A look as it is kept. Raises `RequestError`."""
    colour = colour.strip().lower()
    if colour and _COLOUR.fullmatch(colour) is None:
        raise RequestError(
            422, "invalid", f"colour {colour!r}: right are six digits, as #c40d1e, or nothing"
        )
    return json.dumps({"colour": colour} if colour else {})
