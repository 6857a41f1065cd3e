"""What is a sandbox: a location whose id no real one can have. Whoever has a sandbox's key is there
and nowhere else, and nobody else is."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from central import schema
from central.auth import Program
from central.errors import not_found
from kiosk.model.carriers import OPERATOR

PREFIX: Final = "sandbox~"
"""Ids of real locations have no tilde."""
READER: Final = "webhooks"
"""The one reader of the feed to whom a sandbox is of interest: its own programmer's systems."""
IS_SANDBOX: Final = schema.location.c.id.like(f"{PREFIX}%")


def is_sandbox(location: str | None) -> bool:
    """Whether a location is simulated."""
    return location is not None and location.startswith(PREFIX)


def carriers(connection: Connection) -> frozenset[str]:
    """The carriers that are sandboxes: no real kiosk hears of them."""
    table = schema.api_key
    found = select(table.c.carrier).where(table.c.sandbox != "", table.c.carrier != OPERATOR)
    return frozenset(connection.execute(found).scalars())


def require_own(program: Program, location: str) -> None:
    """Refuse a sandbox's key anything real, and any other key a sandbox, as if it were not there.
    Raises `RequestError`."""
    if not _is_own(program.sandbox, location):
        raise not_found("location", location)


def _is_own(sandbox: str, location: str) -> bool:
    return location == sandbox if sandbox else not is_sandbox(location)


def place_of(sandbox: str, location: str) -> str:
    """The location that a program means, by the sandbox of its key: the nearest of that is its own.
    Raises `RequestError`."""
    if location == "nearest":
        return sandbox or location
    if not _is_own(sandbox, location):
        raise not_found("location", location)
    return location
