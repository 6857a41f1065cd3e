"""Which location is of which region.

Each region asks the others once a minute, by an address and an API key that stand in its settings,
and keeps what they said last: cut off, it goes on with that. Where somebody is sent is the address
of the settings, never one that another region names; and what a region says of a location that is
known here is not heeded. A kiosk is not moved by any of this: it hears where its location is, and a
person has it enrol there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Annotated, Any, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import ColumnElement, Connection, Row, delete, literal, or_, select
from sqlalchemy.exc import SQLAlchemyError

from central import schema
from central.carriers import places
from central.context import Central
from central.database.bulk import upsert, upsert_many
from central.errors import RequestError
from central.globe import HALF_ROUND_KM, Shape, box_around, distance_km
from central.regions.tables import directory, directory_age
from central.settings import Region, Settings
from central.simulated import IS_SANDBOX
from kiosk.model.carriers import OPERATOR

LOG = logging.getLogger("central.regions")
EVERY_S: Final = 60.0
ANSWERED_WITHIN_S: Final = 20.0
PAGE: Final = 1000
PAGES_MAX: Final = 1000
PATH: Final = "/v1/directory"
FIRST_BOX_KM: Final = 50.0
FREE_MAX: Final = 1_000_000
"""Doors of one size at a location; a number that no database takes comes from no region."""


class Place(BaseModel):
    """A location, as its region says it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    name: str = Field(default="", max_length=400)
    address: str = Field(default="", max_length=800)
    latitude: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    longitude: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    free_by_size: dict[str, Annotated[int, Field(le=FREE_MAX)]] = Field(
        default_factory=dict, max_length=64
    )


class Page(BaseModel):
    """Some of a region's locations, in the order of their ids."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    region: str
    locations: tuple[Place, ...] = Field(max_length=PAGE)
    has_more: bool


# --- what this region says -----------------------------------------------------------------------


def own_page(connection: Connection, region: str, after: str, carrier: str = OPERATOR) -> Page:
    """This region's locations behind an id, as far as a carrier works there."""
    location, size = schema.location, schema.location_size
    query = select(location).where(
        location.c.id > after, location.c.revoked_ms.is_(None), ~IS_SANDBOX
    )
    if places.is_limited(connection, carrier):
        query = query.where(places.works_at(literal(carrier)))
    rows = connection.execute(query.order_by(location.c.id).limit(PAGE + 1)).all()
    some = rows[:PAGE]
    ids = [row.id for row in some]
    free: dict[str, dict[str, int]] = {}
    for each in connection.execute(select(size).where(size.c.location.in_(ids))):
        free.setdefault(each.location, {})[each.size] = max(0, each.free - each.promised)
    found = tuple(
        Place(
            id=row.id,
            name=row.name,
            address=row.address,
            latitude=row.latitude,
            longitude=row.longitude,
            free_by_size=free.get(row.id, {}),
        )
        for row in some
    )
    return Page(region=region, locations=found, has_more=len(rows) > PAGE)


# --- what others say -----------------------------------------------------------------------------


async def follow(central: Central) -> None:
    """Ask the other regions, for ever; with none in the settings there is nothing to do."""
    problems: dict[str, str] = {}
    while central.settings.regions:
        for name, region in central.settings.regions.items():
            try:
                problem = await refresh(central, name, region)
            except SQLAlchemyError as error:
                problem = f"it could not be written down: {type(error).__name__}"
            if problem and problem != problems.get(name):
                LOG.warning("region %s: %s; what it said last goes on counting", name, problem)
            problems[name] = problem
        await asyncio.sleep(EVERY_S)


async def refresh(central: Central, name: str, region: Region) -> str:
    """Ask a region for its locations, and keep what it says; why it could not be asked, or ""."""
    try:
        said = await _ask(name, region)
    except (httpx.HTTPError, ValidationError, _WrongRegionError) as error:
        return f"{region.url}: {type(error).__name__}: {str(error)[:200]}"
    await central.database.write(keep, name, said, central.clock.now_ms())
    return ""


class _WrongRegionError(Exception):
    """What answers is not the region that the settings say."""


async def _ask(name: str, region: Region) -> list[Place]:
    headers, found = {"authorization": f"Bearer {region.key}"}, list[Place]()
    async with httpx.AsyncClient(timeout=ANSWERED_WITHIN_S, follow_redirects=False) as client:
        for _ in range(PAGES_MAX):
            after = found[-1].id if found else ""
            answer = await client.get(
                f"{region.url}{PATH}", params={"after": after}, headers=headers
            )
            answer.raise_for_status()
            page = Page.model_validate_json(answer.content)
            if page.region != name:
                raise _WrongRegionError(f"it says that it is {page.region[:40]!r}")
            found += page.locations
            if not page.has_more or not page.locations:
                break
    return found


def keep(connection: Connection, region: str, found: Sequence[Place], now_ms: int) -> None:
    """What a region said now is what it is known for; only what is another is written."""
    table = directory
    known = {
        row.location: row
        for row in connection.execute(select(table).where(table.c.region == region))
    }
    said = {place.id: _row(region, place) for place in found}
    changed = [row for name, row in said.items() if not _is_known(known.get(name), row)]
    upsert_many(connection, table, ("region", "location"), changed)
    for name in sorted(known.keys() - said.keys()):
        gone = (table.c.region == region) & (table.c.location == name)
        connection.execute(delete(table).where(gone))
    upsert(connection, directory_age, {"region": region}, {"as_of_ms": now_ms})


def _row(region: str, place: Place) -> dict[str, Any]:
    values = place.model_dump(exclude={"id", "free_by_size"})
    values |= {"free": sum(max(0, count) for count in place.free_by_size.values())}
    values["free_by_size"] = json.dumps(place.free_by_size, sort_keys=True)
    return {"region": region, "location": place.id, **values}


def _is_known(row: Row[Any] | None, values: dict[str, Any]) -> bool:
    return row is not None and all(row._mapping[name] == each for name, each in values.items())


# --- where a location is -------------------------------------------------------------------------


def require_here(connection: Connection, settings: Settings, location: str) -> None:
    """Refuse what is about a location of another region, with that region and its address. Raises
    `RequestError`."""
    if not settings.regions or location == "nearest":
        return
    here = select(schema.location.c.id).where(schema.location.c.id == location)
    if connection.execute(here).first() is not None:
        return
    found = connection.execute(
        select(directory.c.region)
        .where(directory.c.location == location, directory.c.region.in_(list(settings.regions)))
        .order_by(directory.c.region)
        .limit(1)
    ).scalar()
    if found is not None:
        url = settings.regions[found].url
        raise RequestError(
            421,
            "other_region",
            f"location {location!r} is of the region {found}: its server is {url}",
            region=found,
            url=url,
        )


def nearest_elsewhere(
    connection: Connection,
    settings: Settings,
    latitude: float,
    longitude: float,
    size: str | None,
    count: int,
) -> list[dict[str, Any]]:
    """The nearest locations of other regions that had a door free when their region last said so,
    nearest first, each with its region, that region's address and how old that is."""
    if not settings.regions:
        return []
    ages = {row.region: row.as_of_ms for row in connection.execute(select(directory_age))}
    radius_km, found = FIRST_BOX_KM, list[dict[str, Any]]()
    while True:
        found = [
            place
            for row in connection.execute(_in_box(latitude, longitude, radius_km))
            if row.region in settings.regions
            and (place := _place(row, settings, latitude, longitude, size, ages)) is not None
        ]
        sure = [place for place in found if place["distance_km"] <= radius_km]
        if len(sure) >= count or radius_km >= HALF_ROUND_KM:
            break
        radius_km *= 4
    return sorted(found, key=lambda place: (place["distance_km"], place["id"]))[:count]


def _in_box(latitude: float, longitude: float, radius_km: float) -> Any:
    table = directory
    shape, sides = box_around(latitude, longitude, radius_km)
    is_inside: ColumnElement[bool] = table.c.latitude.between(sides["south"], sides["north"])
    column = table.c.longitude
    if shape is Shape.PLAIN:
        is_inside &= column.between(sides["west"], sides["east"])
    elif shape is Shape.OVER_180:
        is_inside &= or_(column >= sides["west"], column <= sides["east"])
    return select(table).where(is_inside, table.c.free > 0)


def _place(
    row: Any,
    settings: Settings,
    latitude: float,
    longitude: float,
    size: str | None,
    ages: dict[str, int],
) -> dict[str, Any] | None:
    free = row.free if size is None else json.loads(row.free_by_size).get(size, 0)
    if free <= 0 or row.longitude is None:
        return None
    away_km = distance_km(latitude, longitude, row.latitude, row.longitude)
    return {
        "id": row.location,
        "name": row.name,
        "address": row.address,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "free": free,
        "distance_km": round(away_km, 3),
        "region": row.region,
        "url": settings.regions[row.region].url,
        "as_of_ms": ages.get(row.region, 0),
    }
