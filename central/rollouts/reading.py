"""Rollouts as people look at them; nothing here writes."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Select, exists, select

from central import kept, schema
from central.areas.visible import Reach, visible_to
from central.errors import not_found
from central.outages.reach import silent_before_ms
from central.rollouts import changes
from central.rollouts.judging import ring_name
from central.rollouts.standing import Counts, Standing, counts, members, standing
from central.rollouts.tables import rollout, rollout_hold, rollout_location
from central.settings import Settings

SHOWN: Final = 100
"""How many rows a list has at most."""
ROLLOUTS_SHOWN: Final = 30
Row = dict[str, Any]
_MEMBER, _PLACE, _COMMAND = rollout_location, schema.location, schema.command


def rollouts(connection: Connection, reach: Reach, now_ms: int, settings: Settings) -> list[Row]:
    """The newest rollouts that somebody may see something of, each with how far it is."""
    of_it = (_MEMBER.c.rollout == rollout.c.id) & visible_to(reach, _MEMBER.c.location)
    query = (
        select(rollout)
        .where(exists().where(of_it))
        .order_by(rollout.c.created_ms.desc(), rollout.c.id)
        .limit(ROLLOUTS_SHOWN)
    )
    return [
        _with_counts(connection, reach, dict(row), now_ms, settings)
        for row in connection.execute(query).mappings()
    ]


def one(connection: Connection, reach: Reach, name: str, now_ms: int, settings: Settings) -> Row:
    """A rollout with its rings. Raises `RequestError`."""
    row = changes.row_of(connection, name)
    found = _with_counts(connection, reach, dict(row._mapping), now_ms, settings)
    if not found["all"].all:
        raise not_found("rollout", name)
    return found


def _with_counts(
    connection: Connection, reach: Reach, row: Row, now_ms: int, settings: Settings
) -> Row:
    silent_ms = silent_before_ms(settings, now_ms)
    by_ring = counts(connection, row["id"], silent_ms, now_ms, reach)
    rings = [
        {
            **ring._mapping,
            "name": ring_name(ring.ring, ring.percent),
            "counts": by_ring.get(ring.ring, Counts({})),
        }
        for ring in changes.rings_of(connection, row["id"])
    ]
    if not reach.covers(connection, row["area"]):
        # It counts what lies beyond what somebody may see.
        row["halted_why"] = row["halted_why"] and "too much went wrong"
    return {**row, "rings": rings, "all": _sum(list(by_ring.values()))}


def _sum(found: list[Counts]) -> Counts:
    by = {each: sum(ring.by.get(each, 0) for ring in found) for each in Standing}
    by = {each: count for each, count in by.items() if count}
    return Counts(by, sum(ring.accepted for ring in found))


def locations(
    connection: Connection,
    reach: Reach,
    name: str,
    now_ms: int,
    settings: Settings,
    wanted: str = "",
    after: str = "",
) -> list[Row]:
    """Some locations of a rollout, behind one id, each with how far it is and what its kiosk says;
    only those that are as far as is wanted."""
    query = members_wanted(reach, name, now_ms, settings, wanted, after).limit(SHOWN + 1)
    return [explained(dict(row)) for row in connection.execute(query).mappings()]


def members_wanted(
    reach: Reach, name: str, now_ms: int, settings: Settings, wanted: str = "", after: str = ""
) -> Select[Any]:
    """The locations of a rollout behind one id, only those that are as far as is wanted."""
    silent_ms = silent_before_ms(settings, now_ms)
    columns = (
        *(_MEMBER.c.location, _MEMBER.c.ring, _MEMBER.c.asked_ms, _MEMBER.c.until_ms),
        *(_MEMBER.c.why_not, _MEMBER.c.is_accepted, _PLACE.c.name, _PLACE.c.version),
        *(_PLACE.c.last_sync_ms, _PLACE.c.status, _COMMAND.c.answer),
        rollout_hold.c.why.label("held_why"),
    )
    query: Select[Any] = members(name, silent_ms, now_ms, *columns)
    query = query.where(visible_to(reach, _MEMBER.c.location), _MEMBER.c.location > after)
    if wanted:
        query = query.where(standing(silent_ms, now_ms) == wanted)
    return query.order_by(_MEMBER.c.location)


def explained(row: Row) -> Row:
    """A location with the reason of how far it is, in its kiosk's own words."""
    said = kept.status_of(row.pop("status"))
    release = said.get("release") or {}
    back = release.get("went_back") or {}
    why = {
        Standing.UNABLE: row["why_not"],
        Standing.HELD: row["held_why"],
        Standing.REFUSED: row["answer"],
        Standing.WENT_BACK: back.get("reason") or row["answer"],
        Standing.UNWELL: said.get("unwell_reason"),
    }.get(Standing(row["standing"]))
    return {**row, "why": why or ""}
