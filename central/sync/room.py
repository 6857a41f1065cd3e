"""How much room a location has: kept with it, in the transaction of whatever changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    ScalarSelect,
    bindparam,
    func,
    select,
    union_all,
    update,
)

from central import schema
from central.database.bulk import upsert_many
from central.database.own_clock import NowMs
from central.feed import writing as feeding
from central.feed.document import Change

IsHere = Callable[[ColumnElement[str]], ColumnElement[bool]]
"""Which locations are meant, of a column of them."""
_SLOT = schema.slot
_IS_FREE = (_SLOT.c.status == "EMPTY") & (_SLOT.c.service == "IN_SERVICE") & _SLOT.c.is_reachable
_FREE = (
    select(
        _SLOT.c.size,
        func.count().label("total"),
        func.count().filter(_IS_FREE).label("free"),
        func.count().filter(_IS_FREE & _SLOT.c.is_low).label("free_low"),
        func.count().filter(_SLOT.c.status != "EMPTY").label("taken"),
        func.count().filter(_SLOT.c.status == "SUSPECT").label("suspect"),
    )
    .where(_SLOT.c.location == bindparam("location"))
    .group_by(_SLOT.c.size)
)
_NOTE_FREE = (
    update(schema.location)
    .where(schema.location.c.id == bindparam("of_location"))
    .values(free=bindparam("new_free"), listed_ms=NowMs())
)


def count_free(connection: Connection, location: str) -> None:
    """Bring the numbers of free slots of a location up to date."""
    rows = connection.execute(_FREE, {"location": location}).mappings().all()
    sizes = [{"location": location, **row} for row in rows]
    upsert_many(connection, schema.location_size, ("location", "size"), sizes)
    free = sum(row["free"] for row in rows)
    connection.execute(_NOTE_FREE, {"of_location": location, "new_free": free})


def promises(location: IsHere) -> CompoundSelect[Any]:
    """Who has doors of a location promised, and of which size, None where the courier chooses: each
    package that is announced and has not come, each reservation."""
    package, kept = schema.package, schema.reservation
    announced = select(package.c.location, package.c.size, package.c.sender).where(
        location(package.c.location),
        package.c.status == schema.fixed("PENDING"),
        package.c.is_announced,
    )
    reserved = select(kept.c.location, kept.c.size, kept.c.sender).where(
        location(kept.c.location), kept.c.state == schema.fixed("HELD")
    )
    return union_all(announced, reserved)


def _here(column: ColumnElement[str]) -> ColumnElement[bool]:
    return column == bindparam("of_location")


def _promised(*, of_size: bool) -> dict[str, ColumnElement[int]]:
    """How many are promised in all, and to the sender who has most."""
    every = promises(_here).subquery()
    number = select(func.count()).select_from(every)
    if of_size:
        is_of_size = (every.c.size == schema.location_size.c.size) | every.c.size.is_(None)
        number = number.where(is_of_size).correlate(schema.location_size)
    of_one = number.group_by(every.c.sender).order_by(func.count().desc()).limit(1)
    return {
        "promised": number.scalar_subquery(),
        "promised_to_one": func.coalesce(of_one.scalar_subquery(), 0),
    }


def _of_place(name: str) -> ScalarSelect[float]:
    column = schema.location.c[name]
    return select(column).where(schema.location.c.id == bindparam("of_location")).scalar_subquery()


_NOTE_SIZES = (
    update(schema.location_size)
    .where(schema.location_size.c.location == bindparam("of_location"))
    .values(
        latitude=_of_place("latitude"), longitude=_of_place("longitude"), **_promised(of_size=True)
    )
)
_NOTE_ALL = (
    update(schema.location)
    .where(schema.location.c.id == bindparam("of_location"))
    .values(listed_ms=NowMs(), **_promised(of_size=False))
)


def note_room(connection: Connection, location: str) -> None:
    """Keep what the nearest free location is found by: how many doors of each size are promised,
    and where they are. For whatever announces, recalls or takes in a package, in its transaction;
    for whatever changes a location's sizes or its place, too."""
    connection.execute(_NOTE_SIZES, {"of_location": location})
    connection.execute(_NOTE_ALL, {"of_location": location})


_LOCATION = schema.location
_IS_FULL = _LOCATION.c.free <= _LOCATION.c.promised
_TURNED = (
    update(_LOCATION)
    .where(
        _LOCATION.c.id == bindparam("of_location"),
        _LOCATION.c.feeds != "",
        _LOCATION.c.is_full != _IS_FULL,
        select(_SLOT.c.label).where(_SLOT.c.location == _LOCATION.c.id).exists(),
    )
    .values(is_full=_IS_FULL)
    .returning(_LOCATION.c.is_full)
)


def tell_of_room(connection: Connection, location: str, now_ms: int) -> None:
    """Tell who reads of this location that it is full now, or has room again: no door is free that
    is not promised. For whatever changed one of the two, behind it."""
    turned = connection.execute(_TURNED, {"of_location": location}).first()
    if turned is not None:
        change = Change.FULL if turned.is_full else Change.ROOM_AGAIN
        feeding.location(connection, location, now_ms, change)
