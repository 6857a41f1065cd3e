"""What is a sandbox: a location whose id no real one can have. Whoever has a sandbox's key is there
and nowhere else, and nobody else is."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select

from central import schema
from central.auth import Program
from central.errors import not_found
from central.packages.requests import Announcement
from central.sandbox.ids import PREFIX, is_sandbox

IS_SANDBOX: Final = schema.location.c.id.like(f"{PREFIX}%")
_SANDBOX = select(schema.api_key.c.sandbox).where(schema.api_key.c.id == bindparam("key"))


def require_own(program: Program, location: str) -> None:
    """Refuse a sandbox's key anything real, and any other key a sandbox, as if it were not there.
    Raises `RequestError`."""
    if not _is_own(program.sandbox, location):
        raise not_found("location", location)


def _is_own(sandbox: str, location: str) -> bool:
    return location == sandbox if sandbox else not is_sandbox(location)


def resolved(connection: Connection, key: str, announcement: Announcement) -> Announcement:
    """An announcement with the location that is meant: the nearest of a sandbox is its own. Raises
    `RequestError`."""
    sandbox = str(connection.execute(_SANDBOX, {"key": key}).scalar() or "")
    if sandbox and announcement.location == "nearest":
        return announcement.model_copy(update={"location": sandbox})
    if announcement.location != "nearest" and not _is_own(sandbox, announcement.location):
        raise not_found("location", announcement.location)
    return announcement
