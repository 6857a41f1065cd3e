"""Who runs the lockers writes down what people are shown of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from central import schema
from central.context import audit
from central.database.bulk import upsert
from central.errors import not_found, require_plain, wrong_field
from central.feed import writing as feeding
from central.locations.words import ACCESSIBILITY, SERVICES, known
from central.opening_hours import hours_of

DIRECTIONS_MAX: Final = 500
PHOTO_URL_MAX: Final = 500


def describe(
    connection: Connection,
    location: str,
    by: str,
    now_ms: int,
    *,
    directions: str = "",
    photo_url: str = "",
    opening_hours: str = "",
    accessibility: Iterable[str] = (),
    services: Iterable[str] = (),
) -> None:
    """Write all of it down, in place of what was there. Raises `RequestError`."""
    table = schema.location
    if connection.execute(select(table.c.id).where(table.c.id == location)).first() is None:
        raise not_found("location", location)
    require_plain(directions=directions, photo_url=photo_url, opening_hours=opening_hours)
    if len(directions) > DIRECTIONS_MAX:
        raise wrong_field("directions", directions[:60], f"{DIRECTIONS_MAX} characters at most")
    _require_address(photo_url)
    hours_of(opening_hours)
    values = {
        "directions": directions.strip(),
        "photo_url": photo_url.strip(),
        "opening_hours": opening_hours.strip(),
        "accessibility": json.dumps(known("accessibility", accessibility, ACCESSIBILITY)),
        "services": json.dumps(known("services", services, SERVICES)),
    }
    upsert(connection, schema.location_listing, {"location": location}, values)
    feeding.location(connection, location, now_ms)
    audit(connection, now_ms, by, "location.describe", location, **values)


def _require_address(url: str) -> None:
    """What browsers of others' customers load comes by TLS, from a place that has a name."""
    parts = urlsplit(url.strip())
    if url and (parts.scheme != "https" or not parts.hostname or len(url) > PHOTO_URL_MAX):
        right = f"an https address of a picture, {PHOTO_URL_MAX} characters at most"
        raise wrong_field("photo_url", url[:60], right)
